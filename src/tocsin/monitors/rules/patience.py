"""When a monitor must be looked at before its next turn: somebody's patience ends then."""

from __future__ import annotations

from tocsin.monitors.model import MonitorStatus, Standing
from tocsin.monitors.rules.flapping import recovery_seconds


def look_again_ms(standing: Standing, confirmation_period: int, recovery_period: int) -> int | None:
    """The instant (ms) at which the confirmation or recovery period (seconds) that runs now is over; None: none runs.

    A check that begins then decides (contract part 1, 3.3): a page does not wait for the check after it.
    """
    if standing.recovering_since_ms is not None and standing.status is MonitorStatus.VALIDATING:
        return standing.recovering_since_ms + recovery_seconds(standing, recovery_period, standing.observed_ms) * 1000
    if standing.failing_since_ms is not None:
        return standing.failing_since_ms + confirmation_period * 1000
    return None
