"""An hour of measurements in four numbers."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.monitors.model import HourFigures


def hour_figures(hour_ms: int, times: Sequence[float]) -> HourFigures:
    """Count, average, 95th percentile (nearest rank) and maximum of response times in seconds (at least one)."""
    ordered = sorted(times)
    rank = max(1, -(-95 * len(ordered) // 100))
    return HourFigures(hour_ms, len(ordered), sum(ordered) / len(ordered), ordered[rank - 1], ordered[-1])
