"""Checks an MQTT broker: does it let a client in?"""

from __future__ import annotations

from functools import partial

import msgspec

from tocsin.kernel.net import Net, Stream
from tocsin.monitors.checks import Outcome, conversation, goodbye, ports_of, timeout_of, words

KINDS = ("mqtt",)
USUAL_PORT = 1883
TLS_PORTS = frozenset({8883})
"""Registered for MQTT over TLS."""
CONNECT, CONNACK, DISCONNECT = 0x10, 0x20, 0xE0
PROTOCOL = b"\x00\x04MQTT\x04"
"""MQTT 3.1.1 (its section 3.1.2), which brokers of version 5 speak too."""
CLEAN, WITH_PASSWORD, WITH_USERNAME = 0x02, 0x40, 0x80
KEEP_ALIVE_SECONDS = 30
REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not take our client identifier",
    3: "it is unavailable",
    4: "wrong user name or password",
    5: "not authorised",
}
"""Return codes of CONNACK (MQTT 3.1.1, table 3.1)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up an MQTT check."""

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
    """CONNECT with a clean session, CONNACK, DISCONNECT (MQTT 3.1.1, section 3)."""
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
    await stream.write(connect(settings.auth_username or "", settings.auth_password or ""))
    head = await stream.read_exactly(2)
    if head != bytes([CONNACK, 2]):
        return f"Not an MQTT broker: it says '{words(head + await stream.read_some(200))}'"
    code = (await stream.read_exactly(2))[1]
    if code:
        return f"The broker refuses: {REFUSALS.get(code, f'return code {code}')}"
    await goodbye(stream, bytes([DISCONNECT, 0]))
    return None


def connect(username: str, password: str) -> bytes:
    """The packet with which a client introduces itself; the broker gives it a name."""
    flags, payload = CLEAN, _text("")
    if username:
        flags |= WITH_USERNAME
        payload += _text(username)
        if password:  # a password without a name is not allowed (MQTT 3.1.1, 3.1.2.9)
            flags |= WITH_PASSWORD
            payload += _text(password)
    body = PROTOCOL + bytes([flags]) + KEEP_ALIVE_SECONDS.to_bytes(2, "big") + payload
    return bytes([CONNECT]) + _length(len(body)) + body


def _text(text: str) -> bytes:
    data = text.encode()[:65_535]
    return len(data).to_bytes(2, "big") + data


def _length(count: int) -> bytes:
    """Seven bits a byte, the lowest first (MQTT 3.1.1, 2.2.3)."""
    digits = bytearray()
    while True:
        count, digit = divmod(count, 128)
        digits.append(digit | (128 if count else 0))
        if not count:
            return bytes(digits)
