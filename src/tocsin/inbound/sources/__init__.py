"""How outside systems speak: one file in this folder per system, found by looking at what is there.

A source module declares

    KIND: str                                    the integration's kind, e.g. `prometheus`: the file's name
    NAME: str                                    what people call it, e.g. `Prometheus Alertmanager`
    read(received, settings) -> list[Alert]      what one message says; raises `Unreadable` and nothing else

and, when the system expects more of its receiver,

    confirm(received) -> str | None              a URL that must be fetched to confirm a subscription (SNS)
    answer(received, alerts) -> (status, json)   the answer that the sender understands, when it has a form of its own

`payload` is no source: it holds what they share.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from tocsin.inbound.model import Alert, Received, SourceSettings


class Unreadable(Exception):
    """A message that is not what this source sends. The text says what was expected, for whoever set it up."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Source(Protocol):
    """A source module."""

    KIND: str
    NAME: str

    def read(self, received: Received, settings: SourceSettings) -> list[Alert]: ...


@cache
def sources() -> dict[str, Source]:
    """Every source by its kind."""
    found: dict[str, Source] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module: Any = import_module(f"{__name__}.{module_info.name}")
        if not hasattr(module, "KIND"):
            continue  # what the sources share
        if module.KIND in found:
            raise ValueError(f"two sources are called {module.KIND}")
        found[module.KIND] = module
    return found


def confirmation_url(source: Source, received: Received) -> str | None:
    """The URL that must be fetched before the sender delivers anything; None when there is nothing to confirm."""
    confirm = getattr(source, "confirm", None)
    found: str | None = None if confirm is None else confirm(received)
    return found


def own_answer(source: Source, received: Received, alerts: list[Alert]) -> tuple[int, Any] | None:
    """(HTTP status, JSON) in the sender's own form; None when ours will do."""
    answer = getattr(source, "answer", None)
    found: tuple[int, Any] | None = None if answer is None else answer(received, alerts)
    return found
