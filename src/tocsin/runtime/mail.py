"""Receives e-mail: a small SMTP server that takes mail for the addresses we have handed out, and for nobody else."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from tocsin import __version__
from tocsin.inbound.model import ReceivedMail
from tocsin.inbound.rules.mime import parse_mail
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError
from tocsin.runtime.settings import OperatorError, Settings

log = structlog.get_logger()

MAX_CONNECTIONS = 30
"""At once; each may hold a whole mail in memory. Further ones are told to come back."""
MAX_CONNECTIONS_PER_ADDRESS = 15
MAX_RECIPIENTS = 10
"""Of one mail."""
MAX_UNKNOWN_RECIPIENTS = 5
"""Of one connection, then it is closed: somebody is guessing."""
COMMAND_TIMEOUT_SECONDS = 120.0
"""From one command to the next, and for the whole of a mail's content: nobody may hold a connection for longer."""
SESSION_SECONDS = 600.0
"""For a whole connection, whatever it does."""
HANDLER_TIMEOUT_SECONDS = 30.0
"""For keeping one mail; the sender tries again later."""
MAX_LINE_BYTES = 256 * 1024
"""The standard's 1,000 are exceeded by programs that write HTML in one line, and an alert of theirs is one too."""
MAX_COMMANDS = 100
"""Of each kind in one connection."""
BACKLOG = 50

_LATER = "451 4.3.0 It could not be kept just now, try again later"
_UNKNOWN = "550 5.1.1 No such address here"


class Recipient(Protocol):
    """Whoever takes mail for some of our addresses."""

    async def takes_mail(self, token: str) -> bool: ...
    async def receive_mail(self, token: str, mail: ReceivedMail) -> bool:
        """Keep it durably; False: the address is not ours after all. Raises when it could not be kept."""
        ...


class CannotReceiveMail(OperatorError):
    """The address cannot be listened on, or the certificate cannot be read; the message says what to do."""


def mail_listener(settings: Settings, recipients: Sequence[Recipient], clock: Clock) -> MailListener | None:
    """The listener that the settings ask for, listening already; None when they ask for none."""
    if not settings.inbound_smtp_port:
        return None
    return MailListener(
        recipients,
        clock,
        host=settings.inbound_smtp_host,
        port=settings.inbound_smtp_port,
        domain=settings.mail_domain,
        max_bytes=settings.inbound_email_max_bytes,
        certificate=settings.inbound_smtp_certificate,
    )


class MailListener:
    """Listens from the moment it is made, answers from `start` to `stop`."""

    def __init__(
        self,
        recipients: Sequence[Recipient],
        clock: Clock,
        *,
        host: str,
        port: int,
        domain: str,
        max_bytes: int,
        certificate: Path | None = None,
        timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
    ) -> None:
        """`domain`: what follows the @; mail for any other is refused. `certificate`: a PEM file with chain and key,
        offers STARTTLS. Raises CannotReceiveMail."""
        self._recipients = recipients
        self._clock = clock
        self.domain = domain.lower()
        self.max_bytes = max_bytes
        self.timeout_seconds = timeout_seconds
        self.tls = None if certificate is None else _tls(certificate)
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._open: dict[Connection, str] = {}
        # It writes down whole commands, with the addresses, which are secret.
        logging.getLogger("mail.log").setLevel(logging.ERROR)

    async def start(self) -> None:
        """Begin to answer, on the running loop."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, loop), sock=self._socket, backlog=BACKLOG)
        log.info("receiving mail", port=self.port, domain=self.domain, starttls=self.tls is not None)

    async def stop(self) -> None:
        """Take no more. A mail whose end was not answered is sent again by its sender."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._socket.close()
        for protocol in list(self._open):
            protocol.hang_up()

    # --- Asked by each connection -------------------------------------------------------------------------------------

    def admits(self, protocol: Connection, address: str) -> bool:
        """Whether there is room for one more connection from there."""
        if len(self._open) >= MAX_CONNECTIONS or Counter(self._open.values())[address] >= MAX_CONNECTIONS_PER_ADDRESS:
            return False
        self._open[protocol] = address
        return True

    def left(self, protocol: Connection) -> None:
        """A connection has ended."""
        self._open.pop(protocol, None)

    async def handle_RCPT(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Whether we have handed out this address: judged before the content is sent."""
        token, _, domain = address.strip("<>").rpartition("@")
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_SECONDS):
                known = domain.lower() == self.domain and token.isascii() and await self._known(token)
        except (TocsinError, TimeoutError):
            return _LATER
        if known:
            envelope.rcpt_tos.append(token)
            return "250 2.1.5 Ok"
        server.unknown_recipients += 1
        if server.unknown_recipients >= MAX_UNKNOWN_RECIPIENTS:
            server.hang_up_soon()
            return "421 4.7.0 Too many unknown addresses"
        return _UNKNOWN

    async def handle_DATA(self, server: Connection, session: Session, envelope: Envelope) -> str:
        """Keep the mail for each of its recipients; answered with 250 only when all of that is durable."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            async with asyncio.timeout(HANDLER_TIMEOUT_SECONDS):
                mail = await asyncio.to_thread(
                    parse_mail, content, sender=envelope.mail_from or "", recipient="", at=self._clock.now()
                )
                for token in dict.fromkeys(envelope.rcpt_tos):
                    to_this = msgspec.structs.replace(mail, recipient=f"{token}@{self.domain}")
                    if not await self._deliver(token, to_this):
                        return _UNKNOWN  # its owner deleted it while the mail was on its way
        except (TocsinError, TimeoutError) as error:
            log.warning("a mail could not be kept and will be sent again", why=str(error) or "it took too long")
            return _LATER
        except Exception:
            log.exception("a mail could not be taken in and will be sent again")
            return _LATER
        return "250 2.0.0 Ok: taken"

    async def _known(self, token: str) -> bool:
        for recipient in self._recipients:
            if await recipient.takes_mail(token):
                return True
        return False

    async def _deliver(self, token: str, mail: ReceivedMail) -> bool:
        for recipient in self._recipients:
            if await recipient.receive_mail(token, mail):
                return True
        return False


class Connection(SMTP):
    """One connection."""

    line_length_limit = MAX_LINE_BYTES

    def __init__(self, listener: MailListener, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            listener,
            data_size_limit=listener.max_bytes,
            enable_SMTPUTF8=True,
            decode_data=False,
            hostname=listener.domain,
            ident=f"Tocsin {__version__.partition('+')[0]}",
            tls_context=listener.tls,
            timeout=listener.timeout_seconds,
            command_call_limit=MAX_COMMANDS,
            loop=loop,
        )
        self._listener = listener
        self._session_end: asyncio.TimerHandle | None = None
        self.unknown_recipients = 0

    def connection_made(self, transport: Any) -> None:
        if self.transport is not None:  # STARTTLS: the same connection once more
            super().connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        if not self._listener.admits(self, str(peer[0]) if peer else ""):
            transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
            transport.close()
            return
        super().connection_made(transport)
        self._session_end = self.loop.call_later(SESSION_SECONDS, self.hang_up)

    def connection_lost(self, error: Exception | None) -> None:
        if self._session_end is None:
            return  # it was turned away
        self._session_end.cancel()
        self._listener.left(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Close it now."""
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]

    def hang_up_soon(self) -> None:
        """Close it when what was answered has been sent."""
        self.loop.call_later(1.0, self.hang_up)


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise CannotReceiveMail(
            f"{certificate} cannot be used for STARTTLS ({error.strerror or error}). "
            "--inbound-smtp-certificate must name a PEM file with the certificate chain and its private key."
        ) from error
    return context


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotReceiveMail(
            f"Cannot listen for mail on {host}, port {port} ({error.strerror}). Below 1024 needs the right to do so: "
            "give another --inbound-smtp-port and lead port 25 there, or grant it."
        ) from error
    listener.setblocking(False)
    return listener
