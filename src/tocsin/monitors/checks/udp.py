"""Checks that a service on UDP answers what it is sent, with a given word."""

from __future__ import annotations

import msgspec

from tocsin.kernel.net import Broken, Net
from tocsin.monitors.checks import SERVER_TIMEOUT_MS, Outcome, broken, ip_version_of, place, said, timeout_of
from tocsin.monitors.model import Verdict
from tocsin.monitors.rules.kinds import read_ports

KINDS = ("udp",)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a UDP check."""

    url: str
    """A name or an address."""
    port: str
    request_body: str | None = None
    """What is sent, in UTF-8; an empty datagram when there is none."""
    required_keyword: str | None = None
    """What the answer must contain; any answer will do when there is none."""
    request_timeout: float | None = SERVER_TIMEOUT_MS
    """Milliseconds."""
    ip_version: str | None = None


async def check(settings: Settings, net: Net) -> Outcome:
    """Send it, up to three times, and look at the first answer."""
    port = read_ports(settings.port)[0]
    where = place(settings.url, port)
    try:
        answer = await net.exchange(
            settings.url,
            port,
            (settings.request_body or "").encode(),
            timeout_seconds=timeout_of(settings.request_timeout),
            ip_version=ip_version_of(settings.ip_version),
        )
    except Broken as error:
        return broken(error, where)
    missing = (settings.required_keyword or "").encode() not in answer.data
    return Outcome(
        verdict=Verdict.DOWN if missing else Verdict.UP,
        cause="Keyword missing" if missing else None,
        response_time=answer.response_time,
        name_lookup_time=answer.name_lookup_time,
        evidence=said(where, answer.data, answer.remote_ip) if missing else None,
    )
