"""The instant at which a period that runs is over is known beforehand."""

from __future__ import annotations

import pytest

from tocsin.monitors.model import MonitorStatus, Standing
from tocsin.monitors.rules.patience import look_again_ms


@pytest.mark.parametrize(
    ("standing", "at_ms"),
    [
        (Standing(status=MonitorStatus.UP), None),
        (Standing(status=MonitorStatus.DOWN, incident_id=1), None),
        (Standing(status=MonitorStatus.UP, failing_since_ms=5_000, incident_id=1), 65_000),
        (Standing(status=MonitorStatus.PENDING, failing_since_ms=5_000, incident_id=1), 65_000),
        (Standing(status=MonitorStatus.VALIDATING, recovering_since_ms=5_000, incident_id=1), 185_000),
    ],
)
def test_only_what_runs_ends(standing: Standing, at_ms: int | None) -> None:
    assert look_again_ms(standing, 60, 180) == at_ms
