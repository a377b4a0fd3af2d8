"""Mailbox servers that speak IMAP: a real one, rude ones and silent ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme

from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.dovecot import Mailboxes, dovecot
from tests.monitors.checks.servers import free_port, says, scripted, silent
from tocsin.monitors.checks import imap
from tocsin.monitors.model import Verdict


@pytest.fixture(scope="module")
def mailboxes(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailboxes]:
    with dovecot(tmp_path_factory.mktemp("dovecot"), authority.issue_cert("mail.example")) as ports:
        yield ports


def test_a_real_mailbox_server_is_up_with_starttls_and_encrypted_from_the_first_byte(
    check: Check, names: NameServer, mailboxes: Mailboxes
) -> None:
    names.zone["mail.example"] = ["127.0.0.1"]
    for port, tls in ((mailboxes.imap, None), (mailboxes.imaps, True)):
        outcome = check("imap", url="mail.example", port=str(port), tls=tls)
        assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
        assert outcome.tls_handshake_time is not None
        assert outcome.certificate_expires_ms is not None


def test_a_certificate_for_another_name_is_down(check: Check, names: NameServer, mailboxes: Mailboxes) -> None:
    names.zone["other.example"] = ["127.0.0.1"]
    outcome = check("imap", url="other.example", port=str(mailboxes.imap))
    assert outcome.verdict is Verdict.DOWN
    assert "other.example" in (outcome.cause or "")
    assert check("imap", url="other.example", port=str(mailboxes.imap), verify_ssl=False).verdict is Verdict.UP
    assert check("imap", url="other.example", port=str(mailboxes.imap), tls=False).verdict is Verdict.UP


@pytest.mark.parametrize(
    ("tls", "port", "first"), [(None, 993, True), (None, 143, False), (True, 143, False), (True, 9930, True)]
)
def test_the_port_says_whether_encryption_comes_first(tls: bool | None, port: int, first: bool) -> None:
    assert imap.encrypted_from_the_start(tls, port) is first


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((b"* BYE Too many connections\r\n",), "The server does not greet: BYE Too many connections"),
        ((b"+OK POP3 ready\r\n",), "Not an IMAP server: it says '+OK POP3 ready'"),
        ((b"* OK hi\r\n", b"t1 BAD what?\r\n"), "The server does not answer CAPABILITY: BAD what?"),
        (
            (b"* OK hi\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\nt1 OK\r\n", b"t2 NO certificate is lost\r\n"),
            "The server refuses STARTTLS that it offers: NO certificate is lost",
        ),
        (
            (b"* OK hi\r\n", b"* x\r\n" * 101),
            "The server does not answer CAPABILITY: an answer of more than 100 lines",
        ),
    ],
)
def test_a_server_that_is_not_well_is_down_in_its_own_words(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("imap", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


@pytest.mark.slow
def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("imap", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("imap", port=str(port), request_timeout=500).cause or "")
