"""Checks that a host answers pings."""

from __future__ import annotations

import msgspec

from tocsin.kernel.net import Net, Ping, Reply
from tocsin.monitors.checks import SERVER_TIMEOUT_MS, Outcome, ip_version_of, replied, timeout_of
from tocsin.monitors.model import Verdict

KINDS = ("ping",)
_UP = Verdict.UP


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a ping."""

    url: str
    """A name or an address."""
    request_timeout: float | None = SERVER_TIMEOUT_MS
    """Milliseconds."""
    ip_version: str | None = None


def request(settings: Settings) -> Ping:
    """The one ping that this monitor sends, again and again."""
    return Ping(
        host=settings.url,
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=ip_version_of(settings.ip_version),
    )


def outcome(settings: Settings, reply: Reply) -> Outcome:
    """One answered echo is enough."""
    if reply.failure is None:
        return Outcome(verdict=_UP, response_time=reply.response_time, name_lookup_time=reply.name_lookup_time)
    return replied(reply, settings.url)


async def check(settings: Settings, net: Net) -> Outcome:
    """The whole check once, for "test now"."""
    return outcome(settings, await net.ask(request(settings)))
