"""Checks a mailbox server that speaks POP3: does it greet, and offer the encryption that it should?"""

from __future__ import annotations

from functools import partial

import msgspec

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import Outcome, conversation, each_port, goodbye, ports_of, timeout_of, words

KINDS = ("pop",)
USUAL_PORT = 110
TLS_PORTS = frozenset({995})
"""On these the conversation is encrypted from its first byte (RFC 8314, 3.3)."""
PLAIN_PORTS = frozenset({110})
"""On these it begins in clear, and STARTTLS follows; on others, `tls` says which it is."""
MAX_CAPABILITIES = 100
"""Lines of what a server says it can; a dozen is usual."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a POP3 check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """True: it must be encrypted, on ports of one's own from the first byte; False: STLS is not tried; None: as the
    port says, and STLS where it is offered."""


async def check(settings: Settings, net: Net) -> Outcome:
    """Greeting, STLS when it is offered, and a polite goodbye, on every port (RFC 1939, RFC 2595)."""
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
    if not greeting.startswith(b"+OK"):
        if greeting.startswith(b"-ERR"):
            return f"The server does not greet: {words(greeting)}"
        return f"Not a POP3 server: it says '{words(greeting)}'"
    if not secured and settings.tls is not False:
        if b"STLS" in await _capabilities(stream):
            answer = await _command(stream, b"STLS")
            if not answer.startswith(b"+OK"):
                return f"The server refuses STLS that it offers: {words(answer)}"
            await stream.start_tls(verify_tls=settings.verify_ssl)
        elif settings.tls:
            return "The server does not offer STLS"
    await goodbye(stream, b"QUIT\r\n")
    return None


async def _capabilities(stream: Stream) -> set[bytes]:
    """What the server says it can (RFC 2449); nothing when it does not know the question."""
    if not (await _command(stream, b"CAPA")).startswith(b"+OK"):
        return set()
    found: set[bytes] = set()
    for _ in range(MAX_CAPABILITIES):
        line = (await stream.read_line()).strip()
        if line == b".":
            break
        found.add(line.upper())
    return found


async def _command(stream: Stream, line: bytes) -> bytes:
    await stream.write(line + b"\r\n")
    return (await stream.read_line()).rstrip(b"\r\n")
