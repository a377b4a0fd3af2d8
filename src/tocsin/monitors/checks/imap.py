"""Checks a mailbox server that speaks IMAP: does it greet, and offer the encryption that it should?"""

from __future__ import annotations

from functools import partial

import msgspec

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import Outcome, conversation, each_port, goodbye, ports_of, timeout_of, words

KINDS = ("imap",)
USUAL_PORT = 143
TLS_PORTS = frozenset({993})
"""On these the conversation is encrypted from its first byte (RFC 8314, 3.2)."""
PLAIN_PORTS = frozenset({143})
"""On these it begins in clear, and STARTTLS follows; on others, `tls` says which it is."""
MAX_LINES = 100
"""Lines before the one that ends an answer."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up an IMAP check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """True: it must be encrypted, on ports of one's own from the first byte; False: STARTTLS is not tried; None: as the
    port says, and STARTTLS where it is offered."""


async def check(settings: Settings, net: Net) -> Outcome:
    """Greeting, CAPABILITY, STARTTLS when it is offered, and a polite goodbye, on every port (RFC 9051)."""
    return await each_port(ports_of(settings.port, USUAL_PORT), partial(_check_port, settings, net))


def encrypted_from_the_start(tls: bool | None, port: int) -> bool:
    """Whether TLS comes first on this port, before any word of the server."""
    if tls is None:
        return port in TLS_PORTS
    return tls and port not in PLAIN_PORTS


async def _check_port(settings: Settings, net: Net, port: int) -> Outcome:
    implicit = encrypted_from_the_start(settings.tls, port)
    return await conversation(
        net,
        settings.url,
        port,
        partial(_talk, settings, implicit),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=settings.ip_version,
        tls=implicit,
        verify_tls=settings.verify_ssl,
    )


async def _talk(settings: Settings, secured: bool, stream: Stream) -> str | None:
    greeting = (await stream.read_line()).rstrip(b"\r\n")
    kind = greeting.upper()
    if not kind.startswith((b"* OK", b"* PREAUTH")):
        if kind.startswith(b"* BYE"):
            return f"The server does not greet: {words(greeting[2:])}"
        return f"Not an IMAP server: it says '{words(greeting)}'"
    # Asked although many greetings tell it: an answer to a question proves more than a banner.
    status, told = await _command(stream, b"t1", b"CAPABILITY")
    if status != b"OK":
        return f"The server does not answer CAPABILITY: {words(told[-1])}"
    if not secured and settings.tls is not False:
        if any(b"STARTTLS" in line.upper().split() for line in told):
            status, told = await _command(stream, b"t2", b"STARTTLS")
            if status != b"OK":
                return f"The server refuses STARTTLS that it offers: {words(told[-1])}"
            await stream.start_tls(verify_tls=settings.verify_ssl)
        elif settings.tls:
            return "The server does not offer STARTTLS"
    await goodbye(stream, b"t3 LOGOUT\r\n")
    return None


async def _command(stream: Stream, tag: bytes, line: bytes) -> tuple[bytes, list[bytes]]:
    """How the tagged answer begins (`OK`, `NO`, `BAD`), and all lines of the answer without the tag."""
    await stream.write(tag + b" " + line + b"\r\n")
    told: list[bytes] = []
    for _ in range(MAX_LINES):
        answer = (await stream.read_line()).rstrip(b"\r\n")
        mark, _, rest = answer.partition(b" ")
        told.append(rest)
        if mark == tag:
            return rest.partition(b" ")[0].upper(), told
    return b"", [b"an answer of more than 100 lines"]
