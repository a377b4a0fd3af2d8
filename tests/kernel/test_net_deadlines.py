"""Thousands of alarms on one timer: each rings once, not before its time, and one that was put off rings later."""

from __future__ import annotations

import asyncio
import time

from tocsin.kernel.net.deadlines import NEVER, Deadlines


class Sleeper:
    def __init__(self, name: str) -> None:
        self.name = name
        self.alarm = NEVER


async def test_each_is_woken_once_in_order_of_its_time() -> None:
    woken: list[str] = []
    deadlines: Deadlines[Sleeper] = Deadlines(
        asyncio.get_running_loop(), time.monotonic, lambda sleeper: woken.append(sleeper.name)
    )
    now = time.monotonic()
    for name, seconds in (("third", 0.3), ("first", 0.05), ("second", 0.15)):
        deadlines.set(Sleeper(name), now, seconds)
    while len(woken) < 3:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert woken == ["first", "second", "third"]


async def test_who_is_over_or_put_off_is_not_woken_at_the_old_time() -> None:
    woken: list[str] = []
    deadlines: Deadlines[Sleeper] = Deadlines(
        asyncio.get_running_loop(), time.monotonic, lambda sleeper: woken.append(sleeper.name)
    )
    now = time.monotonic()
    over, later, last = Sleeper("over"), Sleeper("later"), Sleeper("last")
    deadlines.set(over, now, 0.02)
    deadlines.set(later, now, 0.02)
    over.alarm = NEVER
    deadlines.set(later, now, 0.2)
    deadlines.set(last, now, 0.1)
    while len(woken) < 2:
        await asyncio.sleep(0.01)
    assert woken == ["last", "later"]


async def test_one_that_cannot_be_woken_does_not_keep_the_others_asleep() -> None:
    woken: list[str] = []

    def wake(sleeper: Sleeper) -> None:
        if sleeper.name == "broken":
            raise RuntimeError
        woken.append(sleeper.name)

    deadlines: Deadlines[Sleeper] = Deadlines(asyncio.get_running_loop(), time.monotonic, wake)
    now = time.monotonic()
    for name in ("broken", "well"):
        deadlines.set(Sleeper(name), now, 0.02)
    while not woken:
        await asyncio.sleep(0.01)
    assert woken == ["well"]


async def test_what_is_forgotten_is_let_go_of() -> None:
    deadlines: Deadlines[Sleeper] = Deadlines(asyncio.get_running_loop(), time.monotonic, lambda sleeper: None)
    for _ in range(1_000):
        sleeper = Sleeper("x")
        deadlines.set(sleeper, time.monotonic(), 0.02)
        sleeper.alarm = NEVER
    async with asyncio.timeout(20):
        while deadlines._queues:
            await asyncio.sleep(0.01)
