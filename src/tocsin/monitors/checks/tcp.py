"""Checks that ports of a host take connections."""

from __future__ import annotations

import msgspec

from tocsin.kernel.net import Connect, Net, Reply
from tocsin.monitors.checks import SERVER_TIMEOUT_MS, Outcome, ip_version_of, replied, timeout_of
from tocsin.monitors.model import Verdict
from tocsin.monitors.rules.kinds import read_ports

KINDS = ("tcp",)
_UP = Verdict.UP


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a TCP check."""

    url: str
    """A name or an address."""
    port: str
    """One, or several with commas between them: `80,443`."""
    request_timeout: float | None = SERVER_TIMEOUT_MS
    """Milliseconds."""
    ip_version: str | None = None


def request(settings: Settings) -> Connect:
    """What this monitor connects to, again and again. Raises ValueError."""
    return Connect(
        host=settings.url,
        ports=read_ports(settings.port),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=ip_version_of(settings.ip_version),
    )


def outcome(settings: Settings, reply: Reply) -> Outcome:
    """Every port must have taken the connection."""
    if reply.failure is None:
        return Outcome(
            verdict=_UP,
            response_time=reply.response_time,
            name_lookup_time=reply.name_lookup_time,
            connection_time=reply.connection_time,
        )
    return replied(reply, f"{settings.url}:{settings.port}")


async def check(settings: Settings, net: Net) -> Outcome:
    """The whole check once, for "test now"."""
    return outcome(settings, await net.ask(request(settings)))
