"""A real SMTP server on loopback that does what a test tells it to: accept, put off, refuse, dawdle."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbox:
    """What arrived, and how the server is to behave."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.senders: list[str] = []
        """Of the envelopes."""
        self.tls: list[bool] = []
        self.signed_in: list[bool] = []
        self.answer_recipient: Callable[[str], str | None] = lambda address: None
        """A refusal such as `550 no such user`, or None to accept."""
        self.answer_sender: Callable[[str], str | None] = lambda address: None
        self.answer_data: Callable[[], str | None] = lambda: None
        self.dawdle_seconds = 0.0
        self.in_progress = 0
        self.most_at_once = 0
        self.connections: list[SMTP] = []
        self.port = 0

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.answer_sender(address)
        if refusal:
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.answer_recipient(address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.in_progress += 1
        self.most_at_once = max(self.most_at_once, self.in_progress)
        try:
            if self.dawdle_seconds:
                await asyncio.sleep(self.dawdle_seconds)
        finally:
            self.in_progress -= 1
        refusal = self.answer_data()
        if refusal:
            return refusal
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.extend(envelope.rcpt_tos)
        self.senders.append(envelope.mail_from or "")
        self.tls.append(session.ssl is not None)
        self.signed_in.append(bool(session.authenticated))
        return "250 2.0.0 Ok: taken"

    def message_ids(self) -> list[str]:
        """No property: aiosmtpd looks at every attribute of its handler with each connection."""
        return [mail["Message-ID"] for mail in self.mails]


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    from_the_first_byte: bool = False,
    password: str | None = None,
    port: int = 0,
) -> AsyncIterator[Mailbox]:
    """Run a server for `mailbox` while the block lasts; `tls` offers STARTTLS, or is spoken from the first byte."""
    box = mailbox or Mailbox()

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.password.decode() == password
        return AuthResult(success=right, handled=False)

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a password without TLS: here, on purpose
            made = SMTP(
                box,
                hostname="mail.test",
                enable_SMTPUTF8=True,
                tls_context=None if from_the_first_byte else tls,
                authenticator=check if password else None,
                auth_required=bool(password),
                auth_require_tls=False,
                loop=asyncio.get_running_loop(),
            )
            box.connections.append(made)
            return made

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", port, ssl=tls if from_the_first_byte else None
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
