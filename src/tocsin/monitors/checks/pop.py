"""Checks a mailbox server that speaks POP3: does it greet, and offer the encryption that it should?"""

from __future__ import annotations

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import MailPorts, MailSettings, Outcome, goodbye, mail_server, words

KINDS = ("pop",)
PORTS = MailPorts(usual=110, encrypted=frozenset({995}), plain=frozenset({110}))
Settings = MailSettings
encrypted_from_the_start = PORTS.encrypted_from_the_start
MAX_CAPABILITIES = 100
"""Lines of what a server says it can; a dozen is usual."""


async def check(settings: MailSettings, net: Net) -> Outcome:
    """Greeting, STLS when it is offered, and a polite goodbye, on every port (RFC 1939, RFC 2595)."""
    return await mail_server(settings, net, PORTS, _talk)


async def _talk(settings: MailSettings, secured: bool, stream: Stream) -> str | None:
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
