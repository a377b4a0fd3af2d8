"""The probe keeps time: evenly, never twice at once, and a change is told at once."""

from __future__ import annotations

import queue
import socket
import threading
from collections import Counter

import pytest

from tests.kernel.servers import HttpServer, loop_thread
from tests.monitors.nets import OK, FakeNet
from tests.net import FakeNet as WideNet
from tests.time import FakeClock
from tocsin.kernel.clock import SystemClock, to_milliseconds
from tocsin.kernel.net import Certificate, Failure, HttpResponse, RealNet
from tocsin.monitors.model import CheckSpec, Observation, Verdict
from tocsin.monitors.probe import CERTIFICATE_SECONDS, Probe
from tocsin.monitors.rules.kinds import KINDS

DOWN = HttpResponse(status_code=503)


class Bench:
    """A probe with its clock and network, and what it delivered."""

    def __init__(self, max_in_flight: int = 100_000) -> None:
        self.clock = FakeClock()
        self.net = FakeNet()
        self.batches: list[list[Observation]] = []
        self.probe = Probe(self.net, self.clock, "eu", self.batches.append, max_in_flight=max_in_flight)

    def run(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.clock.wind(seconds=step)
            self.probe.tick()

    @property
    def observations(self) -> list[Observation]:
        return [observation for batch in self.batches for observation in batch]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def spec(
    monitor_id: int = 1, revision: int = 1, frequency: int = 30, last: int | None = None, **settings: object
) -> CheckSpec:
    return CheckSpec(
        monitor_id=monitor_id,
        revision=revision,
        kind="status",
        frequency_seconds=frequency,
        settings={"url": f"http://{monitor_id}.example/", **settings},
        last_checked_ms=last,
    )


def test_a_new_monitor_is_checked_within_a_second_and_then_in_its_rhythm(bench: Bench) -> None:
    bench.probe.put(spec())
    bench.run(1.1)
    assert len(bench.net.asked) == 1
    bench.run(300)
    assert len(bench.net.asked) in (10, 11, 12)


def test_an_observation_says_which_check_of_which_revision_it_was(bench: Bench) -> None:
    bench.probe.put(spec(7, revision=3))
    bench.run(1.1)
    [observation] = bench.observations
    assert (observation.monitor_id, observation.revision, observation.region) == (7, 3, "eu")
    assert observation.verdict is Verdict.UP
    assert to_milliseconds(bench.clock.now()) - 1200 <= observation.started_ms <= observation.ended_ms


@pytest.mark.slow
def test_ten_thousand_monitors_start_evenly(bench: Bench) -> None:
    bench.probe.replace([spec(index, last=None) for index in range(10_000)])
    per_second = []
    for _ in range(30):
        before = len(bench.net.asked)
        bench.run(1.0, step=0.05)
        per_second.append(len(bench.net.asked) - before)
    assert max(per_second) <= 500
    assert min(per_second) >= 200
    bench.run(0.2)
    assert len({url for url, _ in bench.net.asked}) == 10_000


def test_monitors_that_were_made_together_drift_apart(bench: Bench) -> None:
    for index in range(300):
        bench.probe.put(spec(index))
    bench.run(60, step=1.0)
    per_second = []
    for _ in range(30):
        before = len(bench.net.asked)
        bench.run(1.0, step=0.05)
        per_second.append(len(bench.net.asked) - before)
    assert sum(per_second) == 300
    assert max(per_second) <= 20


def test_a_restart_keeps_the_rhythm(bench: Bench) -> None:
    now_ms = to_milliseconds(bench.clock.now())
    bench.probe.replace([spec(1, frequency=100, last=now_ms - 90_000)])
    bench.run(9.5)
    assert bench.net.asked == []
    bench.run(1)
    assert len(bench.net.asked) == 1


def test_what_is_overdue_after_a_restart_is_checked_at_once(bench: Bench) -> None:
    bench.probe.replace([spec(1, frequency=86_400, last=1)])
    bench.run(1.1)
    assert len(bench.net.asked) == 1


def test_a_check_that_still_runs_is_not_begun_again(bench: Bench) -> None:
    bench.net.held = []
    bench.probe.put(spec(frequency=10, request_timeout=60))
    bench.run(60)
    assert len(bench.net.asked) == 1
    assert bench.probe.figures().skipped >= 4
    assert bench.probe.figures().in_flight == 1
    bench.net.release()
    bench.run(10)
    assert len(bench.net.asked) == 2


def test_a_check_that_never_ends_is_given_up_and_begun_anew_and_its_late_answer_is_not_believed(bench: Bench) -> None:
    bench.net.held = []
    bench.probe.put(spec(frequency=30, request_timeout=5))
    bench.run(16.5)
    [given_up] = bench.observations
    assert (given_up.verdict, bench.probe.figures().overrun) == (Verdict.UNKNOWN, 1)
    assert bench.probe.figures().in_flight == 0
    hung, bench.net.held = bench.net.held, None
    bench.run(31)
    assert [each.verdict for each in bench.observations] == [Verdict.UNKNOWN, Verdict.UP]
    bench.net.held = []
    bench.probe.check_now(1)
    hung[0](DOWN)
    assert bench.probe.figures().in_flight == 1
    bench.net.release()
    bench.run(1.1)
    assert [each.verdict for each in bench.observations] == [Verdict.UNKNOWN, Verdict.UP, Verdict.UP]


def test_after_the_machine_stood_still_the_answers_that_wait_are_read_first(bench: Bench) -> None:
    bench.net.held = []
    bench.probe.put(spec(frequency=600, request_timeout=5))
    bench.run(1.1)
    bench.run(120, step=120)
    bench.net.release()
    bench.run(2)
    assert [each.verdict for each in bench.observations] == [Verdict.UP]
    assert bench.probe.figures().overrun == 0


def test_a_change_takes_effect_at_once_and_the_old_checks_result_is_dropped(bench: Bench) -> None:
    bench.net.held = []
    bench.probe.put(spec(frequency=3600))
    bench.run(1.1)
    bench.probe.put(spec(frequency=3600, revision=2, url="http://new.example/"))
    bench.net.release()
    assert bench.observations == []
    assert [url for url, _ in bench.net.asked] == ["http://1.example/", "http://new.example/"]
    bench.net.release()
    assert [each.revision for each in bench.observations] == [2]


def test_a_change_of_an_idle_monitor_is_checked_within_a_second(bench: Bench) -> None:
    bench.probe.put(spec(frequency=3600))
    bench.run(1.1)
    bench.probe.put(spec(frequency=3600, revision=2, url="http://new.example/"))
    bench.run(1.1)
    assert bench.net.asked[-1][0] == "http://new.example/"
    assert len(bench.net.asked) == 2


def test_what_has_not_changed_keeps_its_rhythm_when_all_are_replaced(bench: Bench) -> None:
    bench.probe.put(spec(frequency=3600))
    bench.run(1.1)
    bench.probe.replace([spec(frequency=3600, last=to_milliseconds(bench.clock.now()))])
    bench.run(5)
    assert len(bench.net.asked) == 1


def test_a_removed_monitor_is_checked_no_more_and_its_running_result_is_dropped(bench: Bench) -> None:
    bench.net.held = []
    bench.probe.put(spec(1))
    bench.probe.put(spec(2))
    bench.run(1.1)
    bench.probe.remove(1)
    bench.probe.replace([])
    bench.net.release()
    bench.run(100)
    assert bench.observations == []
    assert len(bench.net.asked) == 2
    assert bench.probe.figures().monitors == 0


def test_check_now_runs_at_once_and_leaves_the_rhythm_alone(bench: Bench) -> None:
    bench.probe.put(spec(frequency=3600))
    bench.run(1.1)
    bench.probe.check_now(1)
    bench.probe.check_now(99)
    assert len(bench.net.asked) == 2


def test_a_first_result_and_every_change_are_handed_over_at_once(bench: Bench) -> None:
    bench.probe.put(spec(frequency=10))
    for response, verdict in ((OK, Verdict.UP), (DOWN, Verdict.DOWN), (DOWN, Verdict.DOWN), (OK, Verdict.UP)):
        bench.net.response = response
        before = len(bench.batches)
        bench.probe.check_now(1)
        assert len(bench.batches) == before + 1
        assert bench.batches[-1][-1].verdict is verdict


def test_steady_results_come_in_one_batch_a_second_and_in_order(bench: Bench) -> None:
    bench.probe.replace([spec(index, frequency=1) for index in range(100)])
    bench.run(5)
    bench.batches.clear()
    bench.run(10)
    assert 9 <= len(bench.batches) <= 11
    for monitor_id, times in Counter(each.monitor_id for each in bench.observations).items():
        ordered = [each.started_ms for each in bench.observations if each.monitor_id == monitor_id]
        assert ordered == sorted(ordered)
        assert times in (9, 10, 11)


def test_a_change_does_not_overtake_the_steady_results_before_it(bench: Bench) -> None:
    bench.probe.put(spec(frequency=1))
    bench.run(3.05, step=0.05)
    bench.net.response = DOWN
    bench.run(1)
    bench.net.response = OK
    bench.run(3)
    times = [each.ended_ms for each in bench.observations]
    assert times == sorted(times)
    assert {each.verdict for each in bench.observations} == {Verdict.UP, Verdict.DOWN}


def test_too_much_to_do_is_lag_and_nothing_is_begun_beyond_the_cap() -> None:
    bench = Bench(max_in_flight=10)
    bench.net.held = []
    bench.probe.replace([spec(index) for index in range(50)])
    bench.run(6)
    assert len(bench.net.asked) == 10
    assert 4 < bench.probe.lag_seconds < 6
    for _ in range(8):
        bench.net.release()
        bench.run(0.1)
    bench.net.release()
    assert bench.probe.lag_seconds == 0
    assert {each.verdict for each in bench.observations} == {Verdict.UP}


def test_a_failure_of_our_own_is_unknown(bench: Bench) -> None:
    bench.net.response = HttpResponse(failure=Failure.LOCAL, cause="No network")
    bench.probe.put(spec())
    bench.run(1.1)
    assert [each.verdict for each in bench.observations] == [Verdict.UNKNOWN]
    assert bench.probe.figures().finished == {"up": 0, "down": 0, "unknown": 1}


def test_settings_that_cannot_be_read_are_unknown_and_disturb_nobody(bench: Bench) -> None:
    bench.probe.put(CheckSpec(monitor_id=1, revision=1, kind="status", frequency_seconds=30, settings={"url": 5}))
    bench.probe.put(CheckSpec(monitor_id=2, revision=1, kind="telepathy", frequency_seconds=30, settings={}))
    bench.probe.put(spec(3))
    bench.run(1.1)
    assert {each.monitor_id: each.verdict for each in bench.observations} == {
        1: Verdict.UNKNOWN,
        2: Verdict.UNKNOWN,
        3: Verdict.UP,
    }


def test_a_certificate_is_read_at_first_and_then_every_six_hours(bench: Bench) -> None:
    bench.net.response = HttpResponse(
        status_code=200, certificate=Certificate(not_before_ms=1, not_after_ms=2, subject="s", issuer="i")
    )
    bench.probe.put(spec(frequency=600, url="https://shop.example/"))
    bench.run(1.1)
    bench.run(CERTIFICATE_SECONDS + 1200, step=60)
    asked = [certificate for _, certificate in bench.net.asked]
    assert asked[0]
    assert asked.count(True) == 2


def test_a_certificate_that_every_check_of_a_server_sees_is_told_when_it_is_new_and_every_six_hours(
    bench: Bench,
) -> None:
    world = WideNet()
    server = world.site("cache.example")
    server.script(b"+PONG\r\n")
    server.certificate = Certificate(not_before_ms=1, not_after_ms=2, subject="s", issuer="i")
    bench.net.dial = world.dial  # type: ignore[attr-defined]
    cache = {"url": "cache.example", "tls": True}
    bench.probe.put(CheckSpec(monitor_id=1, revision=1, kind="redis", frequency_seconds=600, settings=cache))
    bench.run(1.1)
    bench.run(CERTIFICATE_SECONDS + 1200, step=60)
    told = [each.certificate_expires_ms for each in bench.observations]
    assert len(told) > 30
    assert [each for each in told if each is not None] == [2, 2]
    server.certificate = Certificate(not_before_ms=1, not_after_ms=3, subject="s", issuer="i")
    bench.run(1200, step=60)
    assert [each.certificate_expires_ms for each in bench.observations][len(told) :].count(3) == 1


def test_observations_that_cannot_be_delivered_are_kept(bench: Bench) -> None:
    taken: list[Observation] = []
    broken = [True]

    def deliver(batch: list[Observation]) -> None:
        if broken[0]:
            raise RuntimeError("nobody there")
        taken.extend(batch)

    probe = Probe(bench.net, bench.clock, "eu", deliver)
    probe.put(spec())
    probe.check_now(1)
    assert taken == []
    broken[0] = False
    bench.clock.wind(seconds=2)
    probe.tick()
    assert taken[0].verdict is Verdict.UP


@pytest.mark.slow
def test_a_real_site_is_seen_up_then_down() -> None:
    seen: list[Observation] = []
    up, down = threading.Event(), threading.Event()

    def deliver(batch: list[Observation]) -> None:
        seen.extend(batch)
        for observation in batch:
            {Verdict.UP: up, Verdict.DOWN: down}[observation.verdict].set()

    net = RealNet(SystemClock())
    net.start()
    probe = Probe(net, SystemClock(), "eu", deliver)
    with loop_thread() as loop:
        server = HttpServer(loop)
        server.answer("/", 200, b"fine")
        probe.start()
        probe.put(spec(url=server.url(), frequency=1))
        assert up.wait(10)
        server.answer("/", 503, b"oh no", "X-Why: tired")
        assert down.wait(10)
        probe.stop()
        server.close()
    net.stop()
    broken = next(each for each in seen if each.verdict is Verdict.DOWN)
    assert broken.cause == "Status 503"
    assert broken.evidence is not None
    assert broken.evidence.body == b"oh no"
    assert ("X-Why", "tired") in broken.evidence.headers


def test_a_monitor_whose_settings_cannot_be_read_is_unknown_and_all_others_are_checked(bench: Bench) -> None:
    broken = CheckSpec(monitor_id=1, revision=1, kind="tcp", frequency_seconds=30, settings={"url": "a", "port": "x"})
    unheard = CheckSpec(monitor_id=2, revision=1, kind="telepathy", frequency_seconds=30, settings={})
    bench.probe.replace([broken, unheard, spec(3)])
    bench.run(1.1)
    found = {each.monitor_id: each.verdict for each in bench.observations}
    assert found == {1: Verdict.UNKNOWN, 2: Verdict.UNKNOWN, 3: Verdict.UP}


@pytest.mark.slow
def test_every_type_of_server_is_checked_by_the_probe_itself() -> None:
    servers = [kind for kind, each in KINDS.items() if each.family == "server"]
    told: queue.Queue[Observation] = queue.Queue()
    net = RealNet(SystemClock())
    net.start()

    def deliver(batch: list[Observation]) -> None:
        for each in batch:
            told.put(each)

    probe = Probe(net, SystemClock(), "eu", deliver)
    try:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and nobody listens
            port = str(closed.getsockname()[1])
            needs = {"url": "127.0.0.1", "port": port, "request_timeout": 500, "request_body": "example.com"}
            probe.replace([
                CheckSpec(
                    monitor_id=number,
                    revision=1,
                    kind=kind,
                    frequency_seconds=30,
                    settings=needs | ({"url": f"ws://127.0.0.1:{port}/"} if kind == "websocket" else {}),
                )
                for number, kind in enumerate(servers)
            ])  # fmt: skip
            probe.start()
            found = [told.get(timeout=20) for _ in servers]
    finally:
        probe.stop()
        net.stop()
    causes = {servers[each.monitor_id]: each.cause for each in found}
    assert set(causes) == set(servers)
    del causes["ping"]  # which needs a right that not every machine gives
    assert all("refused" in (cause or "") or "unreachable" in (cause or "") for cause in causes.values()), causes
