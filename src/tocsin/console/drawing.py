"""Pictures that the server draws: each is plain numbers, from which a template makes SVG without any style in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.console.words import lasting

_LOOKS = {
    "operational": ("good", "nothing was wrong"),
    "downtime": ("bad", "down"),
    "degraded": ("held", "degraded"),
    "maintenance": ("calm", "maintenance"),
    "not_monitored": ("idle", "not watched"),
}
STEP = 4
"""Units from one bar to the next; a bar is three wide."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One day."""

    x: int
    look: str
    """The class of its colour."""
    words: str
    """What it says when somebody points at it."""


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """A row of days, the oldest first."""

    items: tuple[Bar, ...]
    width: int
    words: str
    """The whole of it in a sentence, for who cannot see it."""


def bars(days: Sequence[Mapping[str, Any]]) -> Bars:
    """`days`: each with `date`, `status` (operational, downtime, degraded, maintenance, not_monitored) and `downtime`
    (seconds)."""
    items = tuple(
        Bar(x=place * STEP, look=_LOOKS.get(day["status"], ("idle", ""))[0], words=f"{day['date']}: {_said(day)}")
        for place, day in enumerate(days)
    )
    bad = [day for day in days if day["status"] == "downtime"]
    down = lasting(sum(day["downtime"] for day in bad))
    said = f"down on {len(bad)} of {len(days)} days, {down} in all" if bad else f"no downtime in {len(days)} days"
    return Bars(items=items, width=max(1, len(items) * STEP - 1), words=said[:1].upper() + said[1:])


def _said(day: Mapping[str, Any]) -> str:
    words = _LOOKS.get(day["status"], ("idle", str(day["status"])))[1]
    return f"{words} for {lasting(day['downtime'])}" if day["status"] == "downtime" else words
