"""A page comes when the confirmation period ends, however seldom the monitor is checked."""

from __future__ import annotations

import pytest

from tests.world import World


@pytest.mark.slow
async def test_an_hourly_monitor_pages_a_minute_after_its_first_failure(world: World) -> None:
    await world.monitor("shop", check_frequency=3600, confirmation_period=60, recovery_period=120)
    await world.fast_forward(seconds=5)
    world.site("shop").down()
    for _ in range(70):
        await world.fast_forward(minutes=1)
        if await world.incidents(resolved="false"):
            break
    assert world.mails() == []
    await world.fast_forward(seconds=65)
    assert {to for to, _ in world.new_mails()} == {"alice", "bob"}
