"""The loop that keeps workers moving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tocsin.kernel.clock import SystemClock
from tocsin.runtime.health import STALLED_QUIETLY_SECONDS, STALLED_SECONDS
from tocsin.runtime.loop import IDLE_LOOK_SECONDS, PATIENT_LOOK_SECONDS, Supervisor
from tocsin.storage import MemoryBus

CLOCK = SystemClock()


class Worker:
    """Does what the test says at each look."""

    def __init__(self, look: Callable[[int], datetime | None], name: str = "worker", topic: str = "topic") -> None:
        self.name = name
        self.topic = topic
        self.lag_seconds = 0.0
        self.looks = 0
        self._look = look
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def run_once(self) -> datetime | None:
        self.looks += 1
        for count, event in self._waiting:
            if self.looks >= count:
                event.set()
        return self._look(self.looks)

    async def looked(self, times: int) -> None:
        event = asyncio.Event()
        self._waiting.append((times, event))
        if self.looks < times:
            await asyncio.wait_for(event.wait(), 10)


async def test_a_worker_looks_at_the_start_and_again_when_its_topic_rings() -> None:
    bus, worker = MemoryBus(), Worker(lambda _: None)
    supervisor = Supervisor([worker], bus, CLOCK)
    supervisor.start()
    await worker.looked(1)
    bus.ring("topic")
    await worker.looked(2)
    await supervisor.stop()


async def test_a_worker_looks_again_at_the_instant_it_named() -> None:
    worker = Worker(lambda _: CLOCK.now() + timedelta(milliseconds=30))
    supervisor = Supervisor([worker], MemoryBus(), CLOCK)
    supervisor.start()
    await worker.looked(4)
    await supervisor.stop()


async def test_a_failing_worker_is_tried_again_and_its_failure_is_kept_for_readiness() -> None:
    def look(times: int) -> datetime | None:
        if times == 1:
            raise RuntimeError("the moon is in the way")
        return None

    worker = Worker(look)
    supervisor = Supervisor([worker], MemoryBus(), CLOCK)
    supervisor.start()
    await worker.looked(1)
    await asyncio.sleep(0)
    progress = supervisor.progress["worker"]
    assert progress.failures == 1
    assert progress.failures_in_a_row == 1
    assert progress.last_error == "RuntimeError: the moon is in the way"
    await worker.looked(2)
    await asyncio.sleep(0)
    assert progress.failures_in_a_row == 0
    assert progress.failures == 1
    await supervisor.stop()


async def test_one_workers_failure_or_hang_does_not_stop_the_others() -> None:
    class Hangs(Worker):
        async def run_once(self) -> datetime | None:
            await super().run_once()
            await asyncio.Event().wait()
            return None

    def fail(times: int) -> datetime | None:
        raise ValueError("always")

    hanging, failing = Hangs(lambda _: None, "hanging"), Worker(fail, "failing")
    well = Worker(lambda _: CLOCK.now(), "well")
    supervisor = Supervisor([hanging, failing, well], MemoryBus(), CLOCK)
    supervisor.start()
    await well.looked(5)
    assert supervisor.progress["hanging"].running_since is not None
    assert supervisor.dead() == []
    await supervisor.stop()


async def test_a_look_that_takes_too_long_is_cut_off_and_begun_anew() -> None:
    class HangsOnce(Worker):
        async def run_once(self) -> datetime | None:
            await super().run_once()
            if self.looks == 1:
                await asyncio.Event().wait()
            return None

    worker = HangsOnce(lambda _: None)
    supervisor = Supervisor([worker], MemoryBus(), CLOCK, run_timeout_seconds=0.05)
    supervisor.start()
    await worker.looked(2)
    assert supervisor.progress["worker"].failures == 1
    await supervisor.stop()


async def test_stopping_ends_every_task_even_in_the_middle_of_a_look() -> None:
    cut_off = asyncio.Event()

    class Works(Worker):
        async def run_once(self) -> datetime | None:
            await super().run_once()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cut_off.set()
                raise
            return None

    worker = Works(lambda _: None)
    supervisor = Supervisor([worker], MemoryBus(), CLOCK)
    supervisor.start()
    await worker.looked(1)
    await supervisor.stop()
    assert cut_off.is_set()


def test_two_workers_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Supervisor([Worker(lambda _: None), Worker(lambda _: None)], MemoryBus(), CLOCK)


async def test_only_a_patient_worker_sleeps_as_long_as_it_said() -> None:
    slept: dict[str, float] = {}

    class Watched(MemoryBus):
        async def wait(self, topic: str, timeout_seconds: float, listener: str = "") -> bool:
            slept[topic] = timeout_seconds
            return await super().wait(topic, timeout_seconds, listener)

    def later(_: int) -> datetime:
        return CLOCK.now() + timedelta(minutes=5)

    urgent, patient = Worker(later, "urgent", "urgent"), Worker(later, "patient", "patient")
    supervisor = Supervisor([urgent], Watched(), CLOCK, patient=[patient])
    supervisor.start()
    await urgent.looked(1)
    await patient.looked(1)
    while len(slept) < 2:
        await asyncio.sleep(0)
    await supervisor.stop()
    assert slept["urgent"] == IDLE_LOOK_SECONDS
    assert 290 < slept["patient"] <= 300


def test_the_idle_look_is_well_within_what_readiness_calls_stalled() -> None:
    assert IDLE_LOOK_SECONDS * 2 <= STALLED_SECONDS
    assert PATIENT_LOOK_SECONDS * 1.5 <= STALLED_QUIETLY_SECONDS
