"""MQTT brokers: a real one that is open, locked and encrypted, and servers that are none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, listens, program, running, says, scripted, silent
from tocsin.monitors.checks import mqtt
from tocsin.monitors.model import Verdict


@contextmanager
def mosquitto(folder: Path, *lines: str) -> Iterator[int]:
    executable = program("mosquitto")
    port = free_port()
    (folder / "mosquitto.conf").write_text("\n".join([f"listener {port} 127.0.0.1", "user root", *lines]) + "\n")
    with running([executable, "-c", str(folder / "mosquitto.conf")], lambda: listens(port), folder):
        yield port


def test_a_real_broker_is_up(check: Check, tmp_path: Path) -> None:
    with mosquitto(tmp_path, "allow_anonymous true") as port:
        outcome = check("mqtt", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_a_login_is_sent_and_a_wrong_one_told_in_words(check: Check, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    command = [program("mosquitto_passwd"), "-b", "-c", str(passwords), "watch", "sesame"]
    subprocess.run(command, check=True, timeout=20, capture_output=True)
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as port:
        right = check("mqtt", port=str(port), auth_username="watch", auth_password="sesame")
        wrong = check("mqtt", port=str(port), auth_username="watch", auth_password="open")
        none = check("mqtt", port=str(port))
    assert (right.verdict, right.cause) == (Verdict.UP, None)
    assert (wrong.verdict, wrong.cause) == (Verdict.DOWN, "The broker refuses: not authorised")
    assert none.verdict is Verdict.DOWN


def test_tls_is_spoken(check: Check, names: NameServer, authority: trustme.CA, tmp_path: Path) -> None:
    names.zone["broker.example"] = ["127.0.0.1"]
    certificate = authority.issue_cert("broker.example")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    tls = [f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem"]
    with mosquitto(tmp_path, "allow_anonymous true", *tls) as port:
        outcome = check("mqtt", url="broker.example", port=str(port), tls=True)
        stranger = check("mqtt", url="127.0.0.1", port=str(port), tls=True)
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.certificate_expires_ms is not None
    assert stranger.verdict is Verdict.DOWN


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((b"", b"\x20\x02\x00\x03"), "The broker refuses: it is unavailable"),
        ((b"", b"\x20\x02\x00\x99"), "The broker refuses: return code 153"),
        ((b"HTTP/1.1 400 Bad Request\r\n",), "Not an MQTT broker: it says 'HTTP/1.1 400 Bad Request'"),
    ],
)
def test_a_server_that_is_not_well_is_down(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("mqtt", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("mqtt", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("mqtt", port=str(port), request_timeout=500).cause or "")


@given(st.text(max_size=200), st.text(max_size=200))
def test_the_packet_says_how_long_it_is(username: str, password: str) -> None:
    packet = mqtt.connect(username, password)
    length, shift, at = 0, 0, 1
    while True:
        length |= (packet[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if not packet[at - 1] & 128:
            break
    assert len(packet) == at + length
