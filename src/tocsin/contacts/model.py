"""The nouns of reaching a person: an address that is theirs, and one message as their own rules want it."""

from __future__ import annotations

import msgspec


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One message that is to go to one person: by which channel, where to, and how long after the page is due."""

    channel: str
    """The channel's kind: `email`, `sms`, `call`, `push`, `telegram` …"""
    address: str
    """How the address is shown, e.g. `+420777123456` or `Pixel 9 (push)`."""
    endpoint: str | None = None
    """What the channel really needs, when that is a secret or is not for reading; None = `address` itself."""
    after_seconds: int = 0


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """How a person is reached about one thing: never empty, because everybody has an e-mail address."""

    messages: tuple[Reach, ...]
    remarks: tuple[str, ...] = ()
    """What people should know, e.g. that somebody has no verified phone and gets an e-mail instead."""
