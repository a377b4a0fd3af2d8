"""Keeps everything moving that must happen by itself, and knows when something has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog

from tocsin.kernel.clock import Clock
from tocsin.storage import Bus

log = structlog.get_logger()

IDLE_LOOK_SECONDS = 15.0
"""The longest sleep of a worker: a lost ring or a jump of the clock costs at most this."""
PATIENT_LOOK_SECONDS = 600.0
"""The same for a worker whose work nobody waits for."""
SHORTEST_SLEEP_SECONDS = 0.02
"""A worker that always says "again at once" may not starve the others."""
RUN_TIMEOUT_SECONDS = 180.0
"""A look that takes longer is cut off and begun anew: longer than a slow mail server's whole conversation."""
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits after one, two, … failures in a row; then always the last."""
STOP_TIMEOUT_SECONDS = 2.0
"""What workers get to put down what they hold; after that the database has the truth anyway."""


class Worker(Protocol):
    """What happens by itself: claim what is due, act, say when to look again."""

    name: str
    """Label in metrics and logs, e.g. `deliveries`."""
    topic: str
    """The bus topic that means "look now"."""
    lag_seconds: float
    """Age of the oldest overdue thing at the last look."""

    async def run_once(self) -> datetime | None:
        """Do what is due (bounded); returns when to look again, None = when rung or at the idle look."""
        ...


class Progress:
    """How one worker is doing. Instants are seconds of the monotonic clock."""

    def __init__(self, worker: Worker, started: float) -> None:
        self.worker = worker
        self.last_finished = started
        self.running_since: float | None = None
        self.runs = 0
        self.failures = 0
        self.failures_in_a_row = 0
        self.last_error = ""

    def idle_seconds(self, now: float) -> float:
        """Seconds since this worker last finished a look without failing."""
        return max(0.0, now - self.last_finished)


class Supervisor:
    """Runs each worker when its topic rings or its time has come; a failing one is tried again, for ever."""

    def __init__(
        self,
        workers: Sequence[Worker],
        bus: Bus,
        clock: Clock,
        *,
        patient: Sequence[Worker] = (),
        run_timeout_seconds: float = RUN_TIMEOUT_SECONDS,
    ) -> None:
        """`workers` look at least every `IDLE_LOOK_SECONDS`, whatever they said; `patient` ones, for which a lost ring
        costs nobody anything (packing, tidying), come when they said, at most `PATIENT_LOOK_SECONDS` later."""
        self._bus = bus
        self._clock = clock
        self._run_timeout_seconds = run_timeout_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._longest_sleep = {worker.name: IDLE_LOOK_SECONDS for worker in workers}
        self._longest_sleep |= {worker.name: PATIENT_LOOK_SECONDS for worker in patient}
        everybody = [*workers, *patient]
        self.progress = {worker.name: Progress(worker, clock.monotonic()) for worker in everybody}
        if len(self.progress) != len(everybody):
            raise ValueError("two workers have the same name")

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._tasks = [
            asyncio.create_task(self._keep_running(progress), name=f"worker-{name}")
            for name, progress in self.progress.items()
        ]

    async def stop(self) -> None:
        """Cancel every worker and wait a little; what was cut off is still a row and is found again."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_SECONDS)
        self._tasks = []

    def dead(self) -> list[str]:
        """Names of workers whose task has ended though nobody stopped it (a bug: readiness shows it)."""
        return [task.get_name().removeprefix("worker-") for task in self._tasks if task.done()]

    async def _keep_running(self, progress: Progress) -> None:
        worker = progress.worker
        self._bus.listen(worker.topic, worker.name)  # a topic may have several: each hears every ring
        while True:
            sleep_seconds = await self._look(progress)
            if progress.failures_in_a_row:
                await asyncio.sleep(sleep_seconds)  # a ring must not turn a failing worker into a busy one
            else:
                await self._bus.wait(worker.topic, sleep_seconds, worker.name)

    async def _look(self, progress: Progress) -> float:
        """One look; returns the seconds to sleep after it."""
        worker = progress.worker
        progress.running_since = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._run_timeout_seconds):
                next_at = await worker.run_once()
        except Exception as error:
            progress.failures += 1
            progress.failures_in_a_row += 1
            progress.last_error = f"{type(error).__name__}: {error}"[:300] or type(error).__name__
            wait = BACKOFF_SECONDS[min(progress.failures_in_a_row, len(BACKOFF_SECONDS)) - 1]
            log.error("a worker failed and is tried again", worker=worker.name, again_in_seconds=wait, exc_info=error)
            return wait
        finally:
            progress.running_since = None
        progress.runs += 1
        progress.failures_in_a_row = 0
        progress.last_finished = self._clock.monotonic()
        longest = self._longest_sleep[worker.name]
        if next_at is None:
            return longest
        due_in = (next_at - self._clock.now()).total_seconds()
        return min(max(due_in, SHORTEST_SLEEP_SECONDS), longest)
