"""Mail servers that take mail: real ones, rude ones and silent ones."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator

import pytest
import trustme
from aiosmtpd.smtp import SMTP

from tests.kernel.conftest import tls_context
from tests.kernel.servers import LoopThread, NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, says, scripted, silent
from tocsin.monitors.checks import smtp
from tocsin.monitors.model import Verdict

MailServer = Callable[..., int]


class Nobody:
    """Takes no mail: a check sends none."""


@pytest.fixture
def mail_server(loop: LoopThread) -> Iterator[MailServer]:
    """`mail_server(starttls=…, tls=…)` starts one and gives its port."""
    servers: list[asyncio.Server] = []

    def start(*, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None) -> int:
        async def listen() -> asyncio.Server:
            running = asyncio.get_running_loop()
            return await running.create_server(
                lambda: SMTP(Nobody(), tls_context=starttls, hostname="mail.example", loop=running),
                "127.0.0.1",
                0,
                ssl=tls,
            )

        server: asyncio.Server = loop.run(listen())
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        loop.loop.call_soon_threadsafe(server.close)


def test_a_mail_server_that_greets_is_up(check: Check, mail_server: MailServer) -> None:
    port = mail_server()
    outcome = check("smtp", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.connection_time is not None
    assert outcome.tls_handshake_time is None


def test_starttls_is_done_where_it_is_offered_and_the_certificate_watched(
    check: Check, mail_server: MailServer, names: NameServer, authority: trustme.CA
) -> None:
    names.zone["mail.example"] = ["127.0.0.1"]
    port = mail_server(starttls=tls_context(authority.issue_cert("mail.example")))
    outcome = check("smtp", url="mail.example", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.tls_handshake_time is not None
    assert outcome.certificate_expires_ms is not None


def test_a_certificate_that_nobody_should_trust_is_down_unless_it_does_not_matter(
    check: Check, mail_server: MailServer, names: NameServer
) -> None:
    names.zone["mail.example"] = ["127.0.0.1"]
    stranger = tls_context(trustme.CA().issue_cert("mail.example"))
    port = mail_server(starttls=stranger)
    outcome = check("smtp", url="mail.example", port=str(port))
    careless = check("smtp", url="mail.example", port=str(port), verify_ssl=False)
    plain = check("smtp", url="mail.example", port=str(port), tls=False)
    assert outcome.verdict is Verdict.DOWN
    assert "TLS" in (outcome.cause or "")
    assert careless.verdict is plain.verdict is Verdict.UP
    assert plain.tls_handshake_time is None


def test_a_port_of_ones_own_may_be_encrypted_from_its_first_byte(
    check: Check, mail_server: MailServer, names: NameServer, authority: trustme.CA
) -> None:
    names.zone["mail.example"] = ["127.0.0.1"]
    port = mail_server(tls=tls_context(authority.issue_cert("mail.example")))
    outcome = check("smtp", url="mail.example", port=str(port), tls=True)
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.tls_handshake_time is not None


@pytest.mark.parametrize(
    ("tls", "port", "first"),
    [(None, 465, True), (None, 25, False), (True, 587, False), (True, 2465, True), (False, 465, False)],
)
def test_the_port_says_whether_encryption_comes_first(tls: bool | None, port: int, first: bool) -> None:
    assert smtp.encrypted_from_the_start(tls, port) is first


def test_all_ports_must_be_well_and_the_one_that_is_not_is_named(check: Check, mail_server: MailServer) -> None:
    port = mail_server()
    dead = free_port()
    outcome = check("smtp", port=f"{port},{dead}")
    assert outcome.verdict is Verdict.DOWN
    assert outcome.cause == f"Port {dead}: Connection refused"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((b"554 5.7.1 No service \x1b[31mfor you\r\n",), "The server does not greet: 554 5.7.1 No service [31mfor you"),
        ((b"421-busy\r\n421 Try later\r\n",), "The server does not greet: 421 Try later"),
        ((b"SSH-2.0-OpenSSH_9\r\n",), "Not a mail server: it says 'SSH-2.0-OpenSSH_9'"),
        ((b"220 hi\r\n", b"550 go away\r\n"), "The server does not answer EHLO: 550 go away"),
        (
            (b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"454 no certificate\r\n"),
            "The server refuses STARTTLS that it offers: 454 no certificate",
        ),
        ((b"220-x\r\n" * 101,), "Not a mail server: it says 'an answer of more than 100 lines'"),
    ],
)
def test_a_server_that_is_not_well_is_down_in_its_own_words(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("smtp", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


def test_an_old_server_that_knows_no_ehlo_is_up(check: Check) -> None:
    with scripted(says(b"220 old\r\n", b"502 what?\r\n", b"250 hello\r\n")) as port:
        assert check("smtp", port=str(port)).verdict is Verdict.UP


def test_a_silent_server_is_down_when_the_time_is_up(check: Check) -> None:
    with scripted(silent) as port:
        outcome = check("smtp", port=str(port), request_timeout=500)
    assert outcome.verdict is Verdict.DOWN
    assert "Timed out after 0.5 s" in (outcome.cause or "")
