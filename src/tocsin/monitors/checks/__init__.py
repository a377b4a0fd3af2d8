"""What can be checked: one module per family of monitor types, found by looking into this folder.

A check module declares

    KINDS: tuple[str, ...]                       the monitor types it serves
    Settings                                     a msgspec struct of the wire attributes it reads
    async check(settings, net) -> Outcome        the check itself, for anyone who can wait

and, when it is one HTTP request, the two halves that the probe runs without a coroutine per check:

    request(settings) -> HttpRequest
    outcome(settings, response) -> Outcome
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import msgspec

from tocsin.kernel.net import Net
from tocsin.monitors.model import Evidence, Verdict


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a check found; the probe makes an `Observation` of it. Times are seconds, None for a phase not reached."""

    verdict: Verdict
    cause: str | None = None
    response_time: float = 0.0
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None
    status_code: int | None = None
    evidence: Evidence | None = None
    certificate_expires_ms: int | None = None
    degraded: str | None = None
    """Of what is up all the same: why it is not as it should be."""


class Check(Protocol):
    """A check module."""

    KINDS: tuple[str, ...]
    Settings: type[msgspec.Struct]

    async def check(self, settings: Any, net: Net) -> Outcome: ...


@cache
def checks() -> dict[str, Check]:
    """Every monitor type that can be checked here, with its module."""
    found: dict[str, Check] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module: Any = import_module(f"{__name__}.{module_info.name}")
        for kind in getattr(module, "KINDS", ()):
            if kind in found:
                raise ValueError(f"monitor type {kind} is declared twice")
            found[kind] = module
    return found


def read_settings(kind: str, attributes: dict[str, Any]) -> msgspec.Struct:
    """The settings of one monitor as its check reads them. Raises `KeyError`, `msgspec.ValidationError`."""
    module = checks()[kind]
    return msgspec.convert({**attributes, "monitor_type": kind}, module.Settings, strict=False)
