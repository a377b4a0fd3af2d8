"""A monitor that we ourselves cannot check is not forgotten."""

from __future__ import annotations

import pytest

from tests.monitors.test_worker_engine import Watch, watch
from tocsin.monitors.model import Verdict

__all__ = ["watch"]


@pytest.mark.slow
async def test_each_monitor_that_cannot_be_checked_is_said_and_after_ten_minutes_people_are_told_once(
    watch: Watch,
) -> None:
    ids = []
    for name in ("one", "two", "three"):
        watch.site.create(url=f"https://{name}.example.com", recovery_period=0)
        ids.append(watch.site.id)
    await watch.beat()
    for id in ids:
        watch.site.id = id
        watch.see(Verdict.UP)
    for minute in range(12):
        watch.clock.wind(minutes=1)
        for id in ids[1:] if minute else ids[1:2]:
            watch.site.id = id
            watch.see(Verdict.UNKNOWN)
        await watch.beat()
        assert watch.count("incidents") == (0 if minute < 10 else 1)
    watch.site.id = ids[1]
    assert watch.site.incident is not None
    assert watch.site.incident.cause.startswith(
        "Cannot be checked, through our own fault: Connection refused; nor can "
    )
    watch.clock.wind(minutes=1)
    for id in ids[1:]:
        watch.site.id = id
        watch.see(Verdict.UP)
    await watch.beat()
    told = watch.database.submit_read(
        lambda tx: tx.connection.exec_driver_sql("SELECT name FROM events WHERE resource_type = 'probe'").all()
    ).result(10)
    assert [row[0] for row in told] == ["probe.blind", "probe.blind", "probe.seeing"]
    for watch.site.id in ids:
        assert watch.site.incident is None
