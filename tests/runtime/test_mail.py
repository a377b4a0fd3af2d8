"""The mail server: takes mail for addresses of ours, keeps it before it says so, and lets nobody hold it up."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
import trustme
import uvloop

from tests.time import FakeClock
from tocsin.inbound.model import ReceivedMail
from tocsin.kernel.errors import Unavailable
from tocsin.runtime import mail as mail_module
from tocsin.runtime.doctor import examine
from tocsin.runtime.mail import CannotReceiveMail, MailListener, mail_listener
from tocsin.runtime.settings import load

DOMAIN = "alerts.example.com"
TOKEN = "k3vt9qmzr2lwxb7nchy5tdpak3vt9qmz"


class Shelf:
    """Takes mail for one token, and keeps it as it is told to."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.mails: list[ReceivedMail] = []
        self.trouble: Exception | None = None
        self.gone = False

    async def takes_mail(self, token: str) -> bool:
        return token.lower() == self.token

    async def receive_mail(self, token: str, mail: ReceivedMail) -> bool:
        if token.lower() != self.token or self.gone:
            return False
        if self.trouble is not None:
            raise self.trouble
        self.mails.append(mail)
        return True


@contextlib.asynccontextmanager
async def listening(*recipients: Any, **more: Any) -> AsyncIterator[MailListener]:
    listener = MailListener(
        recipients,
        FakeClock(),
        host="127.0.0.1",
        port=0,
        domain=DOMAIN,
        max_bytes=more.pop("max_bytes", 100_000),
        **more,
    )
    await listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


@contextlib.asynccontextmanager
async def connected(listener: MailListener, **more: Any) -> AsyncIterator[aiosmtplib.SMTP]:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=listener.port, timeout=10, start_tls=False, **more)
    await client.connect()
    try:
        yield client
    finally:
        client.close()


def message(text: str = "Disk full on host 7", to: str = f"{TOKEN}@{DOMAIN}", subject: str = "Ärger") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Cron <cron@host-7.example>", to, subject
    mail.set_content(text)
    return mail


async def test_a_mail_to_an_address_of_ours_is_kept_before_it_is_accepted() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, connected(listener) as client:
        await client.send_message(message())
    (mail,) = shelf.mails
    assert (mail.sender, mail.recipient, mail.subject, mail.text.strip()) == (
        "cron@host-7.example", f"{TOKEN}@{DOMAIN}", "Ärger", "Disk full on host 7",
    )  # fmt: skip


async def test_capitals_do_not_matter_in_an_address() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, connected(listener) as client:
        await client.sendmail("a@b.example", f"{TOKEN.upper()}@{DOMAIN.upper()}", b"Subject: a\r\n\r\nb\r\n")
    assert len(shelf.mails) == 1


@pytest.mark.parametrize(
    "address", [f"unknown@{DOMAIN}", f"{TOKEN}@elsewhere.example", f"{TOKEN}x@{DOMAIN}", f"x+{TOKEN}@{DOMAIN}"]
)
async def test_any_other_address_is_refused_before_its_content(address: str) -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, connected(listener) as client:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
            await client.sendmail("a@b.example", address, b"Subject: a\r\n\r\nb\r\n")
    assert refused.value.recipients[0].code == 550
    assert shelf.mails == []


async def test_whoever_guesses_addresses_is_hung_up_on() -> None:
    async with listening(Shelf()) as listener, connected(listener) as client:
        await client.ehlo()
        await client.mail("a@b.example")
        codes = []
        for number in range(6):
            try:
                await client.rcpt(f"guess-{number}@{DOMAIN}")
            except aiosmtplib.SMTPResponseException as error:
                codes.append(error.code)
            except aiosmtplib.SMTPServerDisconnected:
                break
        assert codes[:5] == [550, 550, 550, 550, 421]


async def test_what_could_not_be_kept_is_asked_for_again() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, connected(listener) as client:
        for trouble in (Unavailable("locked"), RuntimeError("a bug")):
            shelf.trouble = trouble
            with pytest.raises(aiosmtplib.SMTPDataError) as failed:
                await client.send_message(message())
            assert failed.value.code == 451
        shelf.trouble = None
        await client.send_message(message())
    assert len(shelf.mails) == 1


async def test_an_address_that_ended_while_its_mail_was_on_its_way_is_refused() -> None:
    shelf = Shelf()
    shelf.gone = True
    async with listening(shelf) as listener, connected(listener) as client:
        with pytest.raises(aiosmtplib.SMTPDataError) as failed:
            await client.send_message(message())
    assert failed.value.code == 550


async def test_recipients_are_asked_in_turn_and_one_mail_may_be_for_several() -> None:
    first, second = Shelf("a" * 32), Shelf("b" * 32)
    async with listening(first, second) as listener, connected(listener) as client:
        to = [f"{'a' * 32}@{DOMAIN}", f"{'b' * 32}@{DOMAIN}"]
        await client.sendmail("a@b.example", to, b"Subject: a\r\n\r\nb\r\n")
    assert (len(first.mails), len(second.mails)) == (1, 1)


async def test_a_mail_that_is_too_large_is_refused_and_long_lines_are_not() -> None:
    shelf = Shelf()
    async with listening(shelf) as listener, connected(listener) as client:
        line = b"Subject: a\r\n\r\n" + b"x" * 50_000 + b"\r\n"
        await client.sendmail("a@b.example", f"{TOKEN}@{DOMAIN}", line)
        assert len(shelf.mails[0].text.strip()) == 50_000
        with pytest.raises(aiosmtplib.SMTPException):
            await client.sendmail("a@b.example", f"{TOKEN}@{DOMAIN}", b"Subject: a\r\n\r\n" + b"y" * 200_000 + b"\r\n")
    assert len(shelf.mails) == 1


async def test_html_is_read_as_text_and_attachments_are_left_aside() -> None:
    shelf = Shelf()
    mail = message()
    mail.clear_content()
    mail.set_content("<style>p{}</style><h1>Alert</h1><p>Disk <b>full</b></p>", subtype="html")
    mail.add_attachment(b"secret text", maintype="text", subtype="plain", filename="log.txt")
    async with listening(shelf) as listener, connected(listener) as client:
        await client.send_message(mail)
    assert shelf.mails[0].text == "Alert\nDisk full"


async def test_too_many_connections_are_told_to_come_back() -> None:
    async with listening(Shelf()) as listener, contextlib.AsyncExitStack() as stack:
        for _ in range(mail_module.MAX_CONNECTIONS_PER_ADDRESS):
            await stack.enter_async_context(connected(listener))
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert (await reader.readline()).startswith(b"421 ")
        assert await reader.read() == b""
        writer.close()
        await stack.aclose()
        async with asyncio.timeout(20):  # the server has its own time to see that they are gone
            while not (await _greeting(listener)).startswith(b"220 "):
                await asyncio.sleep(0.01)
        async with connected(listener) as client:
            assert (await client.noop()).code == 250


async def _greeting(listener: MailListener) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    greeting = await reader.readline()
    writer.close()
    return greeting


@pytest.mark.parametrize(
    "beginning", [b"", b"EHLO a\r\n", b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<%b>\r\nDATA\r\nSubj"]
)
async def test_whoever_dawdles_is_hung_up_on(beginning: bytes) -> None:
    shelf = Shelf()
    async with listening(shelf, timeout_seconds=0.2) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(beginning.replace(b"%b", f"{TOKEN}@{DOMAIN}".encode()))
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert shelf.mails == []


def _certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    path = directory / "mail.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(path)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return path, context


async def _encrypted(directory: Path) -> list[ReceivedMail]:
    path, trust = _certificate(directory)
    shelf = Shelf()
    async with listening(shelf, certificate=path) as listener, connected(listener) as client:
        await client.starttls(tls_context=trust)
        await client.send_message(message())
        await client.quit()
    return shelf.mails


async def test_mail_can_come_encrypted(tmp_path: Path) -> None:
    assert len(await _encrypted(tmp_path)) == 1


def test_mail_can_come_encrypted_on_the_loop_that_the_server_runs(tmp_path: Path) -> None:
    assert len(uvloop.run(_encrypted(tmp_path))) == 1


def test_a_certificate_or_an_address_that_cannot_be_used_is_said_to_be_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    settings = {"host": "127.0.0.1", "port": 0, "domain": DOMAIN, "max_bytes": 100_000}
    with pytest.raises(CannotReceiveMail, match="PEM file"):
        MailListener([], FakeClock(), certificate=broken, **settings)  # type: ignore[arg-type]
    with pytest.raises(CannotReceiveMail, match="--inbound-smtp-port"):
        MailListener([], FakeClock(), **{**settings, "host": "192.0.2.1", "port": 2525})  # type: ignore[arg-type]


def test_no_mail_is_received_unless_it_is_asked_for_and_doctor_says_so(tmp_path: Path) -> None:
    settings = load({"data": str(tmp_path)}, {})
    assert mail_listener(settings, [], FakeClock()) is None
    (finding,) = [finding for finding in examine(settings) if finding.subject == "Inbound mail"]
    assert (finding.state, "--inbound-smtp-port" in finding.mend) == ("ok", True)
    settings = load({"data": str(tmp_path), "inbound_smtp_port": "2525", "base_url": "http://localhost:80"}, {})
    (finding,) = [finding for finding in examine(settings) if finding.subject == "Inbound mail"]
    assert finding.state == "warning"
