"""Trying settings out before they are kept: what would be checked, judged like a monitor that is created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.monitors.actions.monitors import find
from tocsin.monitors.model import CheckSpec, Settings
from tocsin.monitors.rules.kinds import KINDS
from tocsin.monitors.rules.settings import Limits, apply
from tocsin.monitors.store import monitors as shelf
from tocsin.storage import Tx

MAX_SECONDS = 60
"""A try waits no longer, whatever the monitor would: somebody looks at the page meanwhile."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One check to be run once, for whoever asked; nothing is kept of it."""

    team_id: int
    spec: CheckSpec


def prepare(tx: Tx, team_id: int, monitor_id: int | None, given: Mapping[str, Any], limits: Limits) -> Trial:
    """`monitor_id`: whose settings are the ground on which `given` is laid. Raises NotFound, Invalid."""
    old = None if monitor_id is None else find(tx, monitor_id, (team_id,))
    settings = Settings() if old is None else old.settings
    settings, url, errors = apply(
        settings, "" if old is None else old.url, given, limits, new=old is None or bool(old.unreadable)
    )
    if errors:
        raise Invalid.of(errors)
    return Trial(
        team_id=team_id,
        spec=CheckSpec(
            monitor_id=0, revision=0, kind=settings.monitor_type, frequency_seconds=settings.check_frequency,
            settings=shelf.settings_of(_impatient(settings), url),
        ),
    )  # fmt: skip


def _impatient(settings: Settings) -> Settings:
    """The same, waiting no longer than a person does."""
    kind = KINDS[settings.monitor_type]
    longest = MAX_SECONDS * (1000 if kind.milliseconds else 1)
    return msgspec.structs.replace(settings, request_timeout=min(settings.request_timeout, longest))
