"""What Tocsin measures about itself, in the form that Prometheus reads."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from tocsin import __version__
from tocsin.kernel.clock import Clock
from tocsin.monitors.model import Observation
from tocsin.monitors.probe import Figures
from tocsin.runtime.loop import Progress

CONTENT_TYPE = CONTENT_TYPE_LATEST
CHECK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
WRITE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

_Numbers = dict[tuple[str, ...], float]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Checks:
    """Counts and times checks as they pass by, in well under a microsecond each: there may be thousands a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_verdict: dict[str, int] = {"up": 0, "down": 0, "unknown": 0}
        self._buckets = [0] * (len(CHECK_SECONDS) + 1)
        self._seconds = 0.0

    def observe(self, batch: Iterable[Observation]) -> None:
        """Count a batch on its way from the probe. Callable from any thread."""
        with self._lock:
            for seen in batch:
                self._by_verdict[seen.verdict] = self._by_verdict.get(seen.verdict, 0) + 1
                self._buckets[bisect_left(CHECK_SECONDS, seen.response_time)] += 1
                self._seconds += seen.response_time

    def families(self) -> Iterator[Family]:
        with self._lock:
            verdicts, buckets, seconds = dict(self._by_verdict), list(self._buckets), self._seconds
        counts = CounterMetricFamily("tocsin_checks", "Checks that ended, by what they found.", labels=["verdict"])
        for verdict, count in verdicts.items():
            counts.add_metric([str(verdict)], count)
        yield counts
        total, shown = 0, []
        for limit, count in zip((*CHECK_SECONDS, float("inf")), buckets, strict=True):
            total += count
            shown.append(("+Inf" if limit == float("inf") else str(limit), total))
        durations = HistogramMetricFamily("tocsin_check_duration_seconds", "How long checks took, whatever they found.")
        durations.add_metric([], shown, seconds)
        yield durations


class ProbeView(Protocol):
    """What we show of the check engine."""

    def figures(self) -> Figures: ...


class Counts(msgspec.Struct, frozen=True):
    """What only the database knows; read once per scrape."""

    deliveries: Mapping[str, int] = {}
    incidents: Mapping[str, int] = {}
    monitors: Mapping[str, int] = {}
    groups: int = 0
    webhook_deliveries: Mapping[str, int] = {}
    status_page_notices: Mapping[str, int] = {}
    page_breaches: int = 0


class Metrics:
    """All of it. `text(counts)` is the answer of `/metrics`."""

    def __init__(self, clock: Clock) -> None:
        self.checks = Checks()
        self._clock = clock
        self._started = clock.monotonic()
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "tocsin_http_requests",
            "Answered requests by operation and status.",
            ["operation", "status"],
            registry=self._registry,
        )
        self.write_seconds = Histogram(
            "tocsin_database_write_seconds",
            "Time until an empty write was durable, probed by /readyz and /metrics.",
            buckets=WRITE_SECONDS,
            registry=self._registry,
        )
        self._counts = Counts()
        self._progress: Mapping[str, Progress] = {}
        self._probe: ProbeView | None = None
        self._counters: Mapping[str, Callable[[], float]] = {}
        self._tried_out: Callable[[], Iterable[tuple[str, bool]]] = tuple
        self._registry.register(_Live(self._families))

    def watch(
        self, progress: Mapping[str, Progress], probe: ProbeView | None, counters: Mapping[str, Callable[[], float]]
    ) -> None:
        """Say whose state to show. `counters`: name (without `tocsin_`) to a function that reads a growing number."""
        self._progress, self._probe, self._counters = progress, probe, counters

    def watch_self_tests(self, tried_out: Callable[[], Iterable[tuple[str, bool]]]) -> None:
        """Say where (channel, passed) of the pager's own tests are read."""
        self._tried_out = tried_out

    def text(self, counts: Counts) -> bytes:
        """The exposition text. Called on the event loop, one at a time."""
        self._counts = counts
        return generate_latest(self._registry)

    def _families(self) -> Iterator[Family]:
        yield _gauge("tocsin_info", "The running version.", ["version"], {(__version__,): 1})
        now = self._clock.monotonic()
        yield _gauge("tocsin_uptime_seconds", "Seconds since the start.", [], {(): now - self._started})
        yield from self.checks.families()
        yield from self._workers(now)
        if self._probe is not None:
            yield from _probe(self._probe.figures())
        for name, read in self._counters.items():
            growing = CounterMetricFamily(f"tocsin_{name}", name.replace("_", " ").capitalize() + ".")
            growing.add_metric([], read())
            yield growing
        for noun, words, numbers in (
            ("deliveries", "Messages to people, by state.", self._counts.deliveries),
            ("incidents", "Incidents, by status.", self._counts.incidents),
            ("webhook_deliveries", "Messages to outgoing webhooks, by state.", self._counts.webhook_deliveries),
            (
                "status_page_notices",
                "Messages to subscribers of status pages, by state.",
                self._counts.status_page_notices,
            ),
        ):
            label = "status" if noun == "incidents" else "state"
            yield _gauge(f"tocsin_{noun}", words, [label], {(key,): value for key, value in numbers.items()})

        late = CounterMetricFamily("tocsin_page_breaches", "Incidents of which no provider had taken a page in time.")
        late.add_metric([], self._counts.page_breaches)
        yield late
        tests = self._self_tests()
        yield _gauge("tocsin_self_test_passed", "Whether a channel's latest test page arrived.", ["channel"], tests)
        words = "Groups of incidents with one cause that have not ended."
        yield _gauge("tocsin_incident_groups", words, [], {(): self._counts.groups})

    def _self_tests(self) -> _Numbers:
        passed: dict[tuple[str, ...], float] = {}
        for channel, well in self._tried_out():  # of two by one channel the worse one counts
            passed[(channel,)] = min(passed.get((channel,), 1.0), float(well))
        return passed

    def _workers(self, now: float) -> Iterator[Family]:
        lag: _Numbers = {}
        age: _Numbers = {}
        runs: _Numbers = {}
        failures: _Numbers = {}
        for name, progress in self._progress.items():
            lag[(name,)] = progress.worker.lag_seconds
            age[(name,)] = progress.idle_seconds(now)
            runs[(name,)] = progress.runs
            failures[(name,)] = progress.failures
        yield _gauge("tocsin_worker_lag_seconds", "Age of the oldest overdue work at the last look.", ["worker"], lag)
        yield _gauge("tocsin_worker_last_progress_seconds", "Seconds since a look was finished.", ["worker"], age)
        for title, words, numbers in (
            ("tocsin_worker_runs", "Looks finished.", runs),
            ("tocsin_worker_failures", "Looks that failed.", failures),
        ):
            family = CounterMetricFamily(title, words, labels=["worker"])
            for labels, value in numbers.items():
                family.add_metric(list(labels), value)
            yield family


def _probe(figures: Figures) -> Iterator[Family]:
    for name, words, value in (
        ("monitors", "Monitors that are checked here.", figures.monitors),
        ("lag_seconds", "How late the oldest due check is.", figures.lag_seconds),
        ("checks_in_flight", "Checks running now.", figures.in_flight),
    ):
        yield _gauge(f"tocsin_probe_{name}", words, [], {(): value})
    for name, words, value in (
        ("checks_started", "Checks begun.", figures.started),
        ("checks_skipped", "Checks left out because the one before had not ended.", figures.skipped),
        ("checks_missed", "Checks whose time passed before their turn came.", figures.missed),
        ("checks_dropped", "Results dropped because the monitor had changed meanwhile.", figures.dropped),
        ("checks_overrun", "Checks that did not end by themselves and were given up.", figures.overrun),
    ):
        family = CounterMetricFamily(f"tocsin_probe_{name}", words)
        family.add_metric([], value)
        yield family


class _Live(Collector):
    """Reads the present state at each scrape."""

    def __init__(self, families: Callable[[], Iterator[Family]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        return self._families()


def _gauge(name: str, words: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label_values, value in values.items():
        family.add_metric(list(label_values), value)
    return family
