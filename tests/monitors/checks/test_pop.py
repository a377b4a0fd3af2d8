"""Mailbox servers that speak POP3: a real one, rude ones and silent ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme

from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.dovecot import Mailboxes, dovecot
from tests.monitors.checks.servers import free_port, says, scripted, silent
from tocsin.monitors.checks import pop
from tocsin.monitors.model import Verdict


@pytest.fixture(scope="module")
def mailboxes(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailboxes]:
    with dovecot(tmp_path_factory.mktemp("dovecot"), authority.issue_cert("mail.example")) as ports:
        yield ports


def test_a_real_mailbox_server_is_up_with_starttls_and_encrypted_from_the_first_byte(
    check: Check, names: NameServer, mailboxes: Mailboxes
) -> None:
    names.zone["mail.example"] = ["127.0.0.1"]
    for port, tls in ((mailboxes.pop3, None), (mailboxes.pop3s, True)):
        outcome = check("pop", url="mail.example", port=str(port), tls=tls)
        assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
        assert outcome.tls_handshake_time is not None
        assert outcome.certificate_expires_ms is not None


def test_a_certificate_for_another_name_is_down(check: Check, names: NameServer, mailboxes: Mailboxes) -> None:
    names.zone["other.example"] = ["127.0.0.1"]
    outcome = check("pop", url="other.example", port=str(mailboxes.pop3))
    assert outcome.verdict is Verdict.DOWN
    assert "other.example" in (outcome.cause or "")
    assert check("pop", url="other.example", port=str(mailboxes.pop3), verify_ssl=False).verdict is Verdict.UP
    assert check("pop", url="other.example", port=str(mailboxes.pop3), tls=False).verdict is Verdict.UP


@pytest.mark.parametrize(
    ("tls", "port", "first"), [(None, 995, True), (None, 110, False), (True, 110, False), (True, 9950, True)]
)
def test_the_port_says_whether_encryption_comes_first(tls: bool | None, port: int, first: bool) -> None:
    assert pop.encrypted_from_the_start(tls, port) is first


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((b"-ERR [SYS/TEMP] come back later\r\n",), "The server does not greet: -ERR [SYS/TEMP] come back later"),
        ((b"* OK IMAP ready\r\n",), "Not a POP3 server: it says '* OK IMAP ready'"),
        (
            (b"+OK hi\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"-ERR certificate is lost\r\n"),
            "The server refuses STLS that it offers: -ERR certificate is lost",
        ),
    ],
)
def test_a_server_that_is_not_well_is_down_in_its_own_words(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("pop", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("pop", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("pop", port=str(port), request_timeout=500).cause or "")


@pytest.mark.slow
def test_an_old_server_that_knows_no_capabilities_is_up(check: Check) -> None:
    with scripted(says(b"+OK hi\r\n", b"-ERR what?\r\n")) as port:
        assert check("pop", port=str(port)).verdict is Verdict.UP
