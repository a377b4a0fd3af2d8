"""Whether the pager itself works: its own tests, and the switch that others watch, as `/readyz` and `/metrics` show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta

from tocsin.kernel.net import Net
from tocsin.notify.rules.self_tests import sinks
from tocsin.notify.worker import SelfTests
from tocsin.runtime import health
from tocsin.runtime.dead_man import DeadMan
from tocsin.runtime.foundation import Foundation


class PagerProof:
    """The workers that prove it, and what they know."""

    def __init__(
        self,
        ground: Foundation,
        net: Net,
        report: Callable[[], Awaitable[health.Report]],
        with_receipts: Collection[str],
    ) -> None:
        """`report`: the whole judgement of `/readyz`. `with_receipts`: the channels that tell of arrival here."""
        settings = ground.settings
        self.self_tests = SelfTests(
            ground.database,
            ground.clock,
            sinks=sinks(settings.self_test_to),
            alarms=sinks(settings.self_test_alarm),
            every=timedelta(hours=settings.self_test_hours),
            with_receipts=with_receipts,
        )
        self.dead_man = DeadMan(settings.dead_man_url, net, ground.clock, report) if settings.dead_man_url else None

    @property
    def workers(self) -> list[SelfTests | DeadMan]:
        """What is to be kept running."""
        return [self.self_tests] if self.dead_man is None else [self.self_tests, self.dead_man]

    def findings(self) -> tuple[Mapping[str, health.Finding], Mapping[str, health.Finding]]:
        """(what must be ok for us to be ready, what is only shown)."""
        shown = {} if self.dead_man is None else {"dead_man": self.dead_man.finding()}
        results = [(test.sink.channel, test.passed, test.why) for test in self.self_tests.results]
        if not results:
            return {}, shown
        finding, broken = health.tried_out(results)
        return ({"self_test": finding}, shown) if broken else ({}, {"self_test": finding, **shown})

    def figures(self) -> dict[str, Callable[[], float]]:
        """Growing numbers for the metrics."""
        man = self.dead_man
        return {} if man is None else {"dead_man_pings": lambda: man.pings, "dead_man_failures": lambda: man.failures}

    def tried_out(self) -> list[tuple[str, bool]]:
        """(channel, passed) of the latest tests that ended."""
        return [(test.sink.channel, test.passed) for test in self.self_tests.results if test.passed is not None]
