"""The figures that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.time import FakeClock
from tocsin.monitors.model import Observation, Verdict
from tocsin.runtime.metrics import CHECK_SECONDS, Counts, Metrics


def _seen(verdict: Verdict, seconds: float) -> Observation:
    return Observation(
        monitor_id=1, revision=1, region="eu", started_ms=0, ended_ms=1, verdict=verdict, response_time=seconds
    )


def _samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_checks_are_counted_by_verdict_and_timed_in_buckets() -> None:
    metrics = Metrics(FakeClock())
    metrics.checks.observe([_seen(Verdict.UP, 0.02), _seen(Verdict.UP, 0.02), _seen(Verdict.DOWN, 61.0)])
    samples = _samples(metrics.text(Counts()))
    assert samples["tocsin_checks_total", (("verdict", "up"),)] == 2
    assert samples["tocsin_checks_total", (("verdict", "down"),)] == 1
    assert samples["tocsin_checks_total", (("verdict", "unknown"),)] == 0
    assert samples["tocsin_check_duration_seconds_bucket", (("le", "0.01"),)] == 0
    assert samples["tocsin_check_duration_seconds_bucket", (("le", "0.025"),)] == 2
    assert samples["tocsin_check_duration_seconds_bucket", (("le", str(CHECK_SECONDS[-1])),)] == 2
    assert samples["tocsin_check_duration_seconds_bucket", (("le", "+Inf"),)] == 3
    assert samples["tocsin_check_duration_seconds_count", ()] == 3
    assert round(samples["tocsin_check_duration_seconds_sum", ()], 3) == 61.04


def test_a_time_on_a_buckets_edge_belongs_to_it() -> None:
    metrics = Metrics(FakeClock())
    metrics.checks.observe([_seen(Verdict.UP, 0.01)])
    assert _samples(metrics.text(Counts()))["tocsin_check_duration_seconds_bucket", (("le", "0.01"),)] == 1


def test_what_the_database_counted_is_shown_by_state() -> None:
    counts = Counts(deliveries={"queued": 3}, incidents={"open": 2}, status_page_notices={"sent": 9})
    samples = _samples(Metrics(FakeClock()).text(counts))
    assert samples["tocsin_status_page_notices", (("state", "sent"),)] == 9
    assert samples["tocsin_deliveries", (("state", "queued"),)] == 3
    assert samples["tocsin_incidents", (("status", "open"),)] == 2
