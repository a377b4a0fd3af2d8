"""Checks a time server: does it tell a time that it is itself sure of?"""

from __future__ import annotations

import secrets
import struct

import msgspec

from tocsin.kernel.net import Broken, Net
from tocsin.monitors.checks import Outcome, broken, ip_version_of, place, ports_of, said, timeout_of, words
from tocsin.monitors.model import Verdict

KINDS = ("ntp",)
USUAL_PORT = 123
PACKET_BYTES = 48
"""An NTP header without extensions (RFC 5905, 7.3)."""
CLIENT, SERVER = 3, 4
VERSION = 4
UNSYNCHRONISED = 3
"""Leap indicator of a server whose clock is not set."""
MAX_STRATUM = 15
"""16 means unsynchronised (RFC 5905, 7.3)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up a check of a time server."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None


async def check(settings: Settings, net: Net) -> Outcome:
    """One request of a client, and an answer to just that request (RFC 5905, 7.3 and 9.2)."""
    port = ports_of(settings.port, USUAL_PORT)[0]
    # A random transmit time: it comes back as the origin, so an answer to another request, or a forged one, shows
    # itself, and nobody learns our clock.
    cookie = secrets.token_bytes(8)
    payload = bytes([VERSION << 3 | CLIENT]) + bytes(PACKET_BYTES - 9) + cookie
    where = place(settings.url, port)
    try:
        answer = await net.exchange(
            settings.url,
            port,
            payload,
            timeout_seconds=timeout_of(settings.request_timeout),
            ip_version=ip_version_of(settings.ip_version),
            accept=lambda data: answers(data, cookie),
        )
    except Broken as error:
        return broken(error, where)
    cause = complaint(answer.data)
    return Outcome(
        verdict=Verdict.UP if cause is None else Verdict.DOWN,
        cause=cause,
        response_time=answer.response_time,
        name_lookup_time=answer.name_lookup_time,
        evidence=None if cause is None else said(where, answer.data.hex(" ").encode(), answer.remote_ip),
    )


def answers(data: bytes, cookie: bytes) -> bool:
    """Whether `data` is a server's answer to the request that carried `cookie`."""
    return len(data) >= PACKET_BYTES and data[0] & 7 == SERVER and data[24:32] == cookie


def complaint(data: bytes) -> str | None:
    """What is wrong with a server's answer of at least `PACKET_BYTES`, in words; None if nothing is."""
    leap, stratum = data[0] >> 6, data[1]
    kiss = words(data[12:16].rstrip(bytes(1)))
    if stratum == 0 and kiss:  # its reason for not answering stands where a reference would (RFC 5905, 7.4)
        return f"The time server refuses: {kiss} (kiss of death)"
    if leap == UNSYNCHRONISED or not 1 <= stratum <= MAX_STRATUM:
        return "The time server says that its own clock is not synchronised"
    (transmitted,) = struct.unpack(">Q", data[40:48])
    return None if transmitted else "The time server's answer holds no time"
