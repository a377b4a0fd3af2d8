"""How much of the time a monitor worked, by the arithmetic that it shares with heartbeats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tocsin.kernel import availability as arithmetic
from tocsin.kernel.availability import Interval, clipped, merged, total, without
from tocsin.monitors.model import Availability

__all__ = ["Interval", "availability", "clipped", "merged", "total", "without"]


def availability(
    period: Interval, outages: Sequence[tuple[int, int | None]], unwatched: Iterable[Interval]
) -> Availability:
    """The figures of `monitor_sla` (contract part 1, 3.6); see `kernel.availability`."""
    return Availability(*msgspec.structs.astuple(arithmetic.availability(period, outages, unwatched)))
