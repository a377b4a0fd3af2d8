"""Checks an SSH server: does it introduce itself as one?"""

from __future__ import annotations

from functools import partial

import msgspec

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import Outcome, conversation, each_port, ports_of, timeout_of, words

KINDS = ("ssh",)
USUAL_PORT = 22
BANNER = b"SSH-2.0-Tocsin\r\n"
MAX_LINES = 50
"""Lines of welcome that a server may send before its identification (RFC 4253, 4.2)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up an SSH check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    required_keyword: str | None = None
    """What its identification must contain, e.g. `OpenSSH_9`."""


async def check(settings: Settings, net: Net) -> Outcome:
    """Identifications are exchanged, and the server's first packet is awaited (RFC 4253, 4.2 and 7.1)."""
    return await each_port(ports_of(settings.port, USUAL_PORT), partial(_check_port, settings, net))


async def _check_port(settings: Settings, net: Net, port: int) -> Outcome:
    return await conversation(
        net,
        settings.url,
        port,
        partial(_talk, settings),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=settings.ip_version,
    )


async def _talk(settings: Settings, stream: Stream) -> str | None:
    for _ in range(MAX_LINES):
        line = (await stream.read_line()).rstrip(b"\r\n")
        if line.startswith(b"SSH-"):
            break
    else:
        return "Not an SSH server: it does not identify itself"
    if not line.startswith((b"SSH-2.0-", b"SSH-1.99-")):
        return f"The server speaks an old SSH: {words(line)}"
    if settings.required_keyword and settings.required_keyword not in line.decode("utf-8", "replace"):
        return f"Keyword missing in '{words(line)}'"
    await stream.write(BANNER)
    # A server with no free places sends its name and hangs up; one that is well offers its algorithms.
    packet = await stream.read_exactly(6)
    if packet[5] != MSG_KEXINIT:
        return "The server identifies itself and then does not offer a key exchange"
    return None


MSG_KEXINIT = 20
"""The first message of every SSH connection (RFC 4253, 7.1)."""
