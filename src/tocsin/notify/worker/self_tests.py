"""Tries out the pager on a schedule, so that people hear of a broken one before they need it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from tocsin.kernel.clock import Clock
from tocsin.notify import actions
from tocsin.notify.model.self_tests import SelfTest, Sink
from tocsin.storage import Database

log = structlog.get_logger()


class SelfTests:
    """Sends test pages when they are due and judges them; `results` is what is known, for `/readyz` and `/metrics`."""

    name = "self_tests"
    topic = "self_tests"

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        sinks: Sequence[Sink],
        alarms: Sequence[Sink] = (),
        every: timedelta = timedelta(hours=24),
        with_receipts: Collection[str] = (),
    ) -> None:
        """`sinks`: where test pages go, none = there are none. `alarms`: who is told of a failure; none = the first
        team by mail. `with_receipts`: the channels that tell of arrival."""
        self.lag_seconds = 0.0
        self.results: list[SelfTest] = []
        self._database = database
        self._clock = clock
        self._sinks = tuple(sinks)
        self._alarms = tuple(alarms)
        self._every = every
        self._idle = False
        self._with_receipts = frozenset(with_receipts)

    async def run_once(self) -> datetime | None:
        """Do what is due; returns when there is more."""
        if self._idle:
            return None
        failing = {test.sink for test in self.results if test.passed is False}
        self.results = await self._database.write(
            actions.tend_self_tests, self._sinks, self._alarms, self._every, self._with_receipts
        )
        for test in self.results:
            if test.passed is False and test.sink not in failing:
                log.error("the pager's self-test failed", channel=test.sink.channel, why=test.why)
        self._idle = not self._sinks  # what an earlier start had wanted is forgotten now
        next_at = min((test.due_at for test in self.results), default=None)
        self.lag_seconds = max(0.0, (self._clock.now() - next_at).total_seconds()) if next_at is not None else 0.0
        return next_at
