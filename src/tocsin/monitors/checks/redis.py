"""Checks a Redis (or Valkey, KeyDB, Dragonfly): does it answer PING, logged in when it asks for that?"""

from __future__ import annotations

from functools import partial

import msgspec

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import Outcome, conversation, ports_of, timeout_of, words

KINDS = ("redis",)
USUAL_PORT = 6379
TLS_PORTS = frozenset({6380})
"""By the custom of those who rent out Redis; there is no registered one."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up a Redis check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """None: as the port says."""
    auth_username: str | None = None
    auth_password: str | None = None


async def check(settings: Settings, net: Net) -> Outcome:
    """AUTH when a password is given, then PING (RESP2, which every server speaks first)."""
    port = ports_of(settings.port, USUAL_PORT)[0]
    return await conversation(
        net,
        settings.url,
        port,
        partial(_talk, settings),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=settings.ip_version,
        tls=port in TLS_PORTS if settings.tls is None else settings.tls,
        verify_tls=settings.verify_ssl,
        secrets=(settings.auth_password,),
    )


async def _talk(settings: Settings, stream: Stream) -> str | None:
    if settings.auth_password:
        login = [settings.auth_username] if settings.auth_username else []
        answer = await _command(stream, "AUTH", *login, settings.auth_password)
        # A server without a password says so; it is well all the same.
        if answer.startswith(b"-") and b"without any password" not in answer and b"no password is set" not in answer:
            return f"The server refuses the login: {words(answer[1:])}"
    answer = await _command(stream, "PING")
    if answer == b"+PONG":
        return None
    if answer.startswith(b"-"):
        return f"The server does not answer PING: {words(answer[1:])}"
    return f"Not a Redis server: it says '{words(answer)}'"


async def _command(stream: Stream, *parts: str) -> bytes:
    """Sends a command; returns the first line of the answer without its end."""
    encoded = [part.encode() for part in parts]
    await stream.write(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded))
    return (await stream.read_line()).rstrip(b"\r\n")
