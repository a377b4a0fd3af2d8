"""The ways to reach a person: one file in this folder per way, found by looking at what is there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol, cast

import msgspec

from tocsin.notify.model import Answer, Message


class Channel(Protocol):
    """What a module in this folder must have."""

    KIND: str
    """The word in the column `channel`, e.g. `email`."""
    Settings: type[msgspec.Struct]
    """What the operator configures once for the installation; `Settings()` = not configured."""
    CONNECTIONS: int
    """Messages in flight at once: what one provider bears without turning us away."""

    # A module may also have `Session(settings)`, with `send(message, net)` and `close()`: what is kept while there is
    # more to send, e.g. connections. Then messages go through that, and `send` is for a single one.

    async def send(self, message: Message, settings: Any, net: object) -> Answer:
        """Try once. Never raises for what the outer world does: that is an `Answer`, with the reason in words.

        `message.key` is the idempotency key: the same message may be sent again after a crash, under the same key.
        """
        ...


@cache
def discover() -> Mapping[str, Channel]:
    """Every channel by its kind."""
    found: dict[str, Channel] = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        channel = cast(Channel, importlib.import_module(module.name))
        if channel.KIND in found:
            raise ValueError(f"two channels are called {channel.KIND}")
        found[channel.KIND] = channel
    return found
