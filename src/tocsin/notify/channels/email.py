"""Sends e-mail through the operator's own mail server."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib
import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from tocsin.notify.channels.letters import blank, is_address, line, wire_address
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "email"
CONNECTIONS = 10
"""Connections to the mail server at once; small providers refuse more than that."""
CONNECT_TIMEOUT_SECONDS = 10.0
COMMAND_TIMEOUT_SECONDS = 30.0
"""Less than RFC 5321 4.5.3.2 grants: a page that is stuck for minutes is better tried again."""
KEPT_SECONDS = 2.0
"""How long a connection waits for the next mail of a burst: servers want idle ones gone."""
MAILS_PER_CONNECTION = 50
"""After so many a fresh connection is made: servers limit it, and balancers in front of them want it."""
QUIT_TIMEOUT_SECONDS = 1.0
"""The mail is accepted by then; the farewell is only politeness."""
UNCONFIGURED = "no SMTP server is configured: start with --smtp-url smtp://…"
UNCONFIGURED_WAIT_SECONDS = 60
MAX_FACTS = 20
MAX_VALUE_CHARACTERS = 500
MAX_WORDS_CHARACTERS = 300
"""Of a server's reply that go into the log."""

_PLAIN_REFUSALS = (550, 551, 553)
"""Of a recipient, by a server that gives no enhanced code: there is no such mailbox (RFC 5321, 4.2.3)."""
_ENHANCED = re.compile(r"\s*5\.(\d{1,3})\.(\d{1,3})\b")
"""An enhanced status code of a permanent failure (RFC 3463)."""
_SENDERS_FAULTS = (7, 8)
"""5.1.7 and 5.1.8 speak of the sender's address, which an operator can mend (RFC 3463, 3.2)."""

_TONES: dict[str, str] = {
    Kind.PAGE: "#c62828",
    Kind.ACKNOWLEDGED: "#a15c00",
    Kind.RESOLVED: "#1b7f4b",
    Kind.NOTICE: "#3b5bdb",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the mail server; drawn from one URL by `settings`. No host = not configured."""

    host: str = ""
    port: int = 25
    tls: bool = False
    """TLS from the first byte (`smtps://`)."""
    starttls: Literal["auto", "required", "off"] = "auto"
    username: str = ""
    password: str = ""
    from_name: str = "Tocsin"
    from_address: str = ""
    verify: bool = True
    """Whether the server's certificate must be valid where we insist on TLS."""
    ca_file: str = ""
    connections: int = CONNECTIONS
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS
    command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port}, from_address={self.from_address!r})"

    @property
    def insists_on_tls(self) -> bool:
        """A password never crosses a network in clear unless the operator says `starttls=off` (RFC 8314, 4.1)."""
        if self.tls or self.starttls == "required":
            return True
        return self.starttls == "auto" and bool(self.username) and not _is_loopback(self.host)


def settings(url: str) -> Settings:
    """`smtp://user:pass@host:587?from=…&starttls=auto|required|off&verify=off&ca=FILE&connections=N`, or `smtps://…`.

    User and password are percent-encoded. An empty URL gives the settings of "not configured". Raises ValueError with
    a sentence that names what is wrong and never contains the password.
    """
    if not url:
        return Settings()
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps"):
        raise ValueError("the SMTP URL must begin with smtp:// or smtps://")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the SMTP URL has no usable port (a # : / or @ in the password is written %23 …)") from None
    if not host:
        raise ValueError("the SMTP URL names no host")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = set(options) - {"from", "starttls", "verify", "ca", "connections", "connect_timeout", "timeout"}
    if unknown:
        raise ValueError(f"the SMTP URL has an unknown option: {', '.join(sorted(unknown))}")
    starttls = options.get("starttls", "auto")
    if starttls not in ("auto", "required", "off"):
        raise ValueError("starttls in the SMTP URL must be auto, required or off")
    from_name, from_address = parseaddr(options.get("from", f"Tocsin <tocsin@{_mail_domain(host)}>"))
    if not is_address(from_address):
        raise ValueError("from in the SMTP URL is not an e-mail address")
    try:
        return Settings(
            host=host,
            port=port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25),
            tls=parts.scheme == "smtps",
            starttls=starttls,  # type: ignore[arg-type]
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            from_name=from_name or "Tocsin",
            from_address=from_address,
            verify=options.get("verify", "on") != "off",
            ca_file=options.get("ca", ""),
            connections=max(1, int(options.get("connections", CONNECTIONS))),
            connect_timeout_seconds=float(options.get("connect_timeout", CONNECT_TIMEOUT_SECONDS)),
            command_timeout_seconds=float(options.get("timeout", COMMAND_TIMEOUT_SECONDS)),
        )
    except ValueError:
        raise ValueError("connections and timeouts in the SMTP URL must be numbers") from None


async def send(message: Message, settings: Settings, net: object = None) -> Answer:
    """Hand one mail to the server. A refused recipient gives up; what an operator can mend is tried again."""
    office = Session(settings)
    try:
        return await office.send(message)
    finally:
        await office.close()


class Session:
    """The connections of one burst of mails: each is used again while there is more to send, then closed.

    Connecting costs more than the mail itself. A mail counts as accepted by the server's answer to it alone; whatever
    goes wrong on a connection ends that connection. Belongs to one event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: list[tuple[aiosmtplib.SMTP, int, asyncio.TimerHandle]] = []
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, message: Message, net: object = None) -> Answer:
        """Hand one mail to the server, as `send` does for a single one."""
        return await self.post(lambda: compose(message, self._settings), message.address)

    async def post(self, composed: Callable[[], EmailMessage], address: str, *, sender: str = "") -> Answer:
        """The same for a mail of any content, made by `composed` from a `blank`.

        `sender`: where the server returns what cannot be delivered, when that is not the author of the mail.
        """
        settings = self._settings
        if not settings.host:
            return Retry(UNCONFIGURED, UNCONFIGURED_WAIT_SECONDS)
        if not is_address(address):
            return GiveUp(f"“{line(address)}” is not an e-mail address")
        client = None
        try:
            mail = composed()
            client, used = await self._connection()
            answer = await _hand_over(client, mail, address, sender or settings.from_address, settings)
        except BaseException as error:
            if client is not None:
                await _say_goodbye(client)
            if isinstance(error, (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError)):
                return _verdict(error, settings)
            raise
        self._keep(client, used + 1)
        return answer

    async def close(self) -> None:
        """Take leave of the server."""
        for client, _, timer in self._idle:
            timer.cancel()
            self._let_go(client)
        self._idle.clear()
        await asyncio.gather(*self._closing)

    async def _connection(self) -> tuple[aiosmtplib.SMTP, int]:
        """A connection that answers, and how many mails went over it."""
        while self._idle:
            client, used, timer = self._idle.pop()
            timer.cancel()
            try:
                await client.rset(timeout=self._settings.command_timeout_seconds)
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                client.close()  # the server has hung up meanwhile; nothing was under way
            else:
                return client, used
        client = _client(self._settings)
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        client.timeout = self._settings.command_timeout_seconds
        return client, 0

    def _keep(self, client: aiosmtplib.SMTP, used: int) -> None:
        if used >= MAILS_PER_CONNECTION:
            self._let_go(client)
            return
        timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._expire, client)
        self._idle.append((client, used, timer))

    def _expire(self, client: aiosmtplib.SMTP) -> None:
        self._idle = [kept for kept in self._idle if kept[0] is not client]
        self._let_go(client)

    def _let_go(self, client: aiosmtplib.SMTP) -> None:
        task = asyncio.get_running_loop().create_task(_say_goodbye(client))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def greet(settings: Settings) -> Answer:
    """Connect, encrypt and sign in as for a mail, and leave without sending one: what `tocsin doctor` asks."""
    if not settings.host:
        return Retry(UNCONFIGURED, UNCONFIGURED_WAIT_SECONDS)
    client = None
    try:
        client = _client(settings)
        await client.connect()
        return Sent(f"{settings.host}:{settings.port} lets us in")
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        return _verdict(error, settings)
    finally:
        if client is not None:
            await _say_goodbye(client)


def compose(message: Message, settings: Settings) -> EmailMessage:
    """The mail itself: HTML and plain text, in the thread of its incident, with nothing that could break a header."""
    notice = message.notice
    mail = blank(
        author=settings.from_name, sender=settings.from_address, recipient=message.recipient, address=message.address,
        subject=notice.subject, at=message.at, key=message.key, thread=message.thread,
    )  # fmt: skip
    if notice.critical:
        mail["X-Priority"] = "1"
        mail["Importance"] = "high"
    words = {
        "headline": line(notice.headline),
        "cause": line(notice.cause),
        "facts": [
            (line(label), line(value)[:MAX_VALUE_CHARACTERS]) for label, value in notice.facts[:MAX_FACTS] if value
        ],
        "url": notice.url if _is_link(notice.url) else "",
        "link_text": notice.link_text or "See the incident",
        "answer_url": message.answer_url or "",
        "verb": " or ".join(notice.actions).capitalize(),
        "recipient": line(message.recipient),
        "tone": _TONES.get(notice.kind, _TONES[Kind.NOTICE]),
    }
    mail.set_content(_templates().get_template("email.txt").render(words))
    mail.add_alternative(_templates().get_template("email.html").render(words), subtype="html")
    return mail


async def _hand_over(
    client: aiosmtplib.SMTP, mail: EmailMessage, address: str, sender: str, settings: Settings
) -> Answer:  # fmt: skip
    recipient = wire_address(address)
    utf8 = not (recipient + settings.from_address).isascii()
    try:
        refused, words = await client.sendmail(
            wire_address(sender),
            [recipient],
            mail.as_bytes(),
            mail_options=["SMTPUTF8"] if utf8 else [],
            timeout=settings.command_timeout_seconds,
        )
    except aiosmtplib.SMTPSenderRefused:
        if sender == settings.from_address:
            raise  # else: the mail matters more than what becomes of it
        return await _hand_over(client, mail, address, settings.from_address, settings)
    assert not refused  # of a single recipient, a refusal is raised
    return Sent(f"accepted by {settings.host}: 250 {_words(words, settings)}")


def _client(settings: Settings) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        timeout=settings.connect_timeout_seconds,
        local_hostname=_own_name(),
        use_tls=settings.tls,
        start_tls=_starttls(settings),
        tls_context=_tls(settings.ca_file, settings.verify and settings.insists_on_tls),
        username=settings.username or None,
        password=settings.password or None,
    )


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    try:
        if client.is_connected:
            async with asyncio.timeout(QUIT_TIMEOUT_SECONDS):
                await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        pass
    finally:
        client.close()


def _verdict(error: Exception, settings: Settings) -> Answer:
    """Whether trying again can help, and the reason in words."""
    where = f"{settings.host}:{settings.port}"
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            refusal = error.recipients[0]
            reply = f"{refusal.code} {_words(refusal.message, settings)}"
            if _no_such_mailbox(refusal.code, refusal.message, of_recipient=True):
                return GiveUp(f"{settings.host} refused the recipient: {reply}")
            deed = "refused the recipient" if refusal.code >= 500 else "put the recipient off"
            return Retry(f"{settings.host} {deed}: {reply}", refused=True)
        case aiosmtplib.SMTPAuthenticationError():
            return Retry(f"the server refused our sign-in: {error.code} {_words(error.message, settings)}")
        case aiosmtplib.SMTPDataError() if error.code >= 500:
            why = f"{settings.host} refused the message: {error.code} {_words(error.message, settings)}"
            return GiveUp(why) if _no_such_mailbox(error.code, error.message, of_recipient=False) else Retry(why)
        case aiosmtplib.SMTPResponseException():
            return Retry(f"{settings.host} answered {error.code} {_words(error.message, settings)}")
        case aiosmtplib.SMTPNotSupported() if "SMTPUTF8" in error.message:
            return GiveUp(f"{settings.host} cannot carry an address with such letters (no SMTPUTF8)")
        case aiosmtplib.SMTPConnectTimeoutError():
            return Retry(f"no connection to {where} within {settings.connect_timeout_seconds:g} s")
        case TimeoutError():
            return Retry(f"{where} did not answer in time")
    cause: BaseException | None = error
    for _ in range(5):  # the library wraps what happened, a few layers deep at the most
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Retry(f"the certificate of {where} is not valid: {_words(cause.verify_message, settings)}")
        if isinstance(cause, ssl.SSLError):
            return Retry(f"no TLS with {where}: {_words(cause.reason or str(cause), settings)}")
        if isinstance(cause, socket.gaierror):
            return Retry(f"the name {settings.host} could not be found: {_words(cause.strerror or '', settings)}")
        if isinstance(cause, ConnectionRefusedError):
            return Retry(f"{where} refused the connection")
        cause = cause.__cause__ or cause.__context__ if cause is not None else None
    return Retry(f"{where}: {_words(str(error), settings)}")


def _no_such_mailbox(code: int, words: str, *, of_recipient: bool) -> bool:
    """Whether a refusal is about the address itself. A policy (relaying, sign-in, limits, spam) can be mended."""
    enhanced = _ENHANCED.match(words)
    if enhanced is not None:
        return code >= 500 and int(enhanced[1]) == 1 and int(enhanced[2]) not in _SENDERS_FAULTS
    return of_recipient and code in _PLAIN_REFUSALS


def _starttls(settings: Settings) -> bool | None:
    if settings.tls or settings.starttls == "off":
        return False
    return True if settings.insists_on_tls else None


@cache
def _tls(ca_file: str, verify: bool) -> ssl.SSLContext:
    """Encryption where it is offered is better than none, so without insistence any certificate will do (RFC 7435)."""
    context = ssl.create_default_context(cafile=ca_file or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _own_name() -> str:
    """What we call ourselves to the server: our host name, or an address literal as RFC 5321 4.1.3 has it."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name) else "[127.0.0.1]"


def _words(text: str, settings: Settings) -> str:
    """A server's reply as one line, cut, and without our password should it be quoted there."""
    words = line(text)
    if settings.password:
        words = words.replace(settings.password, "…")
    return words[:MAX_WORDS_CHARACTERS]


def _is_link(url: str) -> bool:
    return url.startswith(("http://", "https://")) and line(url) == url


def _mail_domain(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host if "." in host else "localhost"
    return "localhost"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
