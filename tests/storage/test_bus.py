"""A ring is heard by everybody who listens, once each, also by who was busy when it rang."""

from __future__ import annotations

import asyncio

from tocsin.storage import MemoryBus


async def test_every_listener_hears_a_ring_whether_it_sleeps_or_is_busy() -> None:
    bus = MemoryBus()
    bus.listen("events", "webhooks")
    asleep = asyncio.create_task(bus.wait("events", 5, "pages"))
    await asyncio.sleep(0)
    bus.ring("events")
    assert await asleep
    assert await bus.wait("events", 0.01, "webhooks"), "it was busy when it rang"
    assert not await bus.wait("events", 0.01, "webhooks"), "and hears it once"
    assert not await bus.wait("events", 0.01, "pages")


async def test_a_ring_from_another_thread_wakes_all_and_those_of_one_name_are_one_listener() -> None:
    bus = MemoryBus()
    waiting = [asyncio.create_task(bus.wait("events", 5, name)) for name in ("pages", "webhooks", "webhooks", "")]
    await asyncio.sleep(0)
    await asyncio.to_thread(bus.ring, "events")
    assert await asyncio.gather(*waiting) == [True] * 4
    assert not await bus.wait("monitors", 0.01, "pages"), "another topic was not rung"


async def test_what_rang_before_anybody_listened_is_kept_for_who_gives_no_name() -> None:
    bus = MemoryBus()
    bus.ring("events")
    assert not await bus.wait("events", 0.01, "pages"), "a listener's first look comes before its first wait"
    assert await bus.wait("events", 0.01)
