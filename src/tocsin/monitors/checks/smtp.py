"""Checks a mail server that takes mail: does it greet, speak SMTP and offer the encryption that it should?"""

from __future__ import annotations

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import MailPorts, MailSettings, Outcome, goodbye, mail_server, words

KINDS = ("smtp",)
PORTS = MailPorts(usual=25, encrypted=frozenset({465}), plain=frozenset({25, 587, 2525}))
Settings = MailSettings
encrypted_from_the_start = PORTS.encrypted_from_the_start
MAX_LINES = 100
"""Lines of one answer: an EHLO has a dozen."""
NAME = b"tocsin.invalid"
"""Whom we say we are: a name that belongs to nobody (RFC 2606), for we deliver nothing."""


async def check(settings: MailSettings, net: Net) -> Outcome:
    """Greeting, EHLO, STARTTLS when it is offered, and a polite goodbye, on every port (RFC 5321, RFC 3207)."""
    return await mail_server(settings, net, PORTS, _talk)


async def _talk(settings: MailSettings, secured: bool, stream: Stream) -> str | None:
    code, lines = await _answer(stream)
    if code != 220:
        return _complaint("The server does not greet", code, lines)
    code, lines = await _hello(stream)
    if code != 250:
        return _complaint("The server does not answer EHLO", code, lines)
    if not secured and settings.tls is not False:
        if any(line.strip().upper() == b"STARTTLS" for line in lines):
            code, lines = await _command(stream, b"STARTTLS")
            if code != 220:
                return _complaint("The server refuses STARTTLS that it offers", code, lines)
            await stream.start_tls(verify_tls=settings.verify_ssl)
            code, lines = await _hello(stream)
            if code != 250:
                return _complaint("The server does not answer EHLO after STARTTLS", code, lines)
        elif settings.tls:
            return "The server does not offer STARTTLS"
    await goodbye(stream, b"QUIT\r\n")
    return None


async def _hello(stream: Stream) -> tuple[int, list[bytes]]:
    code, lines = await _command(stream, b"EHLO " + NAME)
    if code in (500, 501, 502, 504):  # an old server (RFC 5321, 3.2)
        code, lines = await _command(stream, b"HELO " + NAME)
    return code, lines


async def _command(stream: Stream, line: bytes) -> tuple[int, list[bytes]]:
    await stream.write(line + b"\r\n")
    return await _answer(stream)


async def _answer(stream: Stream) -> tuple[int, list[bytes]]:
    """The code and the texts of one answer of perhaps several lines; code 0 for what is not SMTP."""
    texts: list[bytes] = []
    for _ in range(MAX_LINES):
        line = (await stream.read_line()).rstrip(b"\r\n")
        if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b""):
            return 0, [line]
        texts.append(line[4:])
        if line[3:4] != b"-":
            return int(line[:3]), texts
    return 0, [b"an answer of more than 100 lines"]


def _complaint(what: str, code: int, lines: list[bytes]) -> str:
    text = words(lines[-1]) if lines else ""
    if code == 0:
        return f"Not a mail server: it says '{text}'" if text else "Not a mail server"
    return f"{what}: {code} {text}".rstrip()
