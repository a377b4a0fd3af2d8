"""When something breaks and recovers again and again, its recovery is believed later; its first page never waits."""

from __future__ import annotations

import msgspec

from tocsin.monitors.model import Standing

OUTAGES = 4
"""Confirmed outages within `WINDOW_MS` that make a monitor flap: three may be a bad deployment and two repairs."""
WINDOW_MS = 3_600_000
"""An hour: four pages in it are more than anybody answers with care."""
CALM_MS = 3_600_000
"""After an hour without an outage it flaps no more."""
RECOVERY_SECONDS = 900
"""The least recovery period while it flaps: a quarter of an hour in one incident, instead of a page each time."""


def flapping(standing: Standing, now_ms: int) -> bool:
    """Whether it flaps at this instant (ms since 1970 UTC)."""
    return standing.flapping_since_ms is not None and bool(standing.outages) and now_ms - standing.outages[-1] < CALM_MS


def undamped(standing: Standing) -> Standing:
    """The standing of a monitor whose flapping is not to be damped: however often it fails, it does not flap."""
    return standing if standing.flapping_since_ms is None else msgspec.structs.replace(standing, flapping_since_ms=None)


def note_outage(standing: Standing, at_ms: int) -> Standing:
    """The standing after one more outage was confirmed, or an outage that seemed over went on while it flaps."""
    still = flapping(standing, at_ms)
    outages = (*(min(outage, at_ms) for outage in standing.outages), at_ms)[-OUTAGES:]
    often = len(outages) == OUTAGES and outages[-1] - outages[0] <= WINDOW_MS
    since = standing.flapping_since_ms if still else at_ms if often else None
    return msgspec.structs.replace(standing, outages=outages, flapping_since_ms=since)


def recovery_seconds(standing: Standing, recovery_period: int, now_ms: int) -> int:
    """How long a success must last to be believed: the monitor's own recovery period, longer while it flaps."""
    return max(recovery_period, RECOVERY_SECONDS) if flapping(standing, now_ms) else recovery_period
