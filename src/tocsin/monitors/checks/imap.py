"""Checks a mailbox server that speaks IMAP: does it greet, and offer the encryption that it should?"""

from __future__ import annotations

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import MailPorts, MailSettings, Outcome, goodbye, mail_server, words

KINDS = ("imap",)
PORTS = MailPorts(usual=143, encrypted=frozenset({993}), plain=frozenset({143}))
Settings = MailSettings
encrypted_from_the_start = PORTS.encrypted_from_the_start
MAX_LINES = 100
"""Lines before the one that ends an answer."""


async def check(settings: MailSettings, net: Net) -> Outcome:
    """Greeting, CAPABILITY, STARTTLS when it is offered, and a polite goodbye, on every port (RFC 9051)."""
    return await mail_server(settings, net, PORTS, _talk)


async def _talk(settings: MailSettings, secured: bool, stream: Stream) -> str | None:
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
