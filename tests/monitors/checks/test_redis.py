"""Redis: a real one in clear, with a password and with TLS, and servers that are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, listens, program, running, says, scripted, silent
from tocsin.monitors.model import Verdict


@contextmanager
def redis(folder: Path, *options: str, port: int | None = None) -> Iterator[int]:
    executable = program("redis-server")
    port = port or free_port()
    plain = ["--port", str(port)] if "--tls-port" not in options else []
    command = [executable, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *plain, *options]
    with running(command, lambda: listens(port), folder):
        yield port


def test_a_real_server_is_up(check: Check, tmp_path: Path) -> None:
    with redis(tmp_path) as port:
        outcome = check("redis", port=str(port))
        needless = check("redis", port=str(port), auth_password="nobody asked for it")
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert (needless.verdict, needless.cause) == (Verdict.UP, None)


def test_the_password_is_sent_and_a_wrong_one_is_told_without_showing_it(check: Check, tmp_path: Path) -> None:
    with redis(tmp_path, "--requirepass", "sesame open") as port:
        right = check("redis", port=str(port), auth_password="sesame open")
        by_name = check("redis", port=str(port), auth_username="default", auth_password="sesame open")
        wrong = check("redis", port=str(port), auth_password="sesame shut")
        none = check("redis", port=str(port))
    assert right.verdict is by_name.verdict is Verdict.UP
    assert wrong.verdict is none.verdict is Verdict.DOWN
    assert (wrong.cause or "").startswith("The server refuses the login: WRONGPASS")
    assert none.cause == "The server does not answer PING: NOAUTH Authentication required."
    assert "shut" not in repr(wrong)


def test_a_server_that_repeats_what_it_was_sent_does_not_give_the_password_away(check: Check, tmp_path: Path) -> None:
    with redis(tmp_path, "--rename-command", "AUTH", "") as port:
        outcome = check("redis", port=str(port), auth_username="watch", auth_password="sesame open")
    assert outcome.verdict is Verdict.DOWN
    assert "unknown command 'AUTH'" in (outcome.cause or "")
    assert "sesame" not in repr(outcome)


def test_tls_is_spoken_and_the_certificate_watched(
    check: Check, names: NameServer, authority: trustme.CA, tmp_path: Path
) -> None:
    names.zone["cache.example"] = ["127.0.0.1"]
    file = tmp_path / "cert.pem"
    authority.issue_cert("cache.example").private_key_and_cert_chain_pem.write_to_path(str(file))
    port = free_port()
    tls = ["--port", "0", "--tls-port", str(port), "--tls-cert-file", str(file), "--tls-key-file", str(file)]
    with redis(tmp_path, *tls, "--tls-ca-cert-file", str(file), "--tls-auth-clients", "no", port=port):
        outcome = check("redis", url="cache.example", port=str(port), tls=True)
        plain = check("redis", url="cache.example", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.certificate_expires_ms is not None
    assert plain.verdict is Verdict.DOWN


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            (b"", b"-LOADING Redis is loading the dataset in memory\r\n"),
            "The server does not answer PING: LOADING Redis is loading the dataset in memory",
        ),
        ((b"220 mail.example ESMTP\r\n",), "Not a Redis server: it says '220 mail.example ESMTP'"),
        ((b"x" * 9_000,), "The server sent a line of more than 8192 bytes"),
    ],
)
def test_a_server_that_is_not_well_is_down_in_its_own_words(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("redis", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("redis", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("redis", port=str(port), request_timeout=500).cause or "")
