"""Runs the checks when they are due: evenly spread, never twice at once, and each change of verdict told at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.net import HttpRequest, HttpResponse, Net, Reply, Request
from tocsin.monitors.checks import Check, Outcome, checks, read_settings
from tocsin.monitors.model import CheckSpec, Observation, Verdict
from tocsin.monitors.rules.schedule import Schedule

MAX_IN_FLIGHT = 2_000
"""Checks that run at once. Each holds a socket and some 50 KB; what is due beyond them waits and shows as lag."""
STARTS_PER_TURN = 32
"""Checks begun before those that run are looked after again: a burst would distort everybody's timings."""
SOON_SECONDS = 1.0
"""Within this a new or changed monitor is checked."""
STARTS_PER_SECOND = 200
"""How fast what is overdue (after a restart, an import) is caught up with; slower if the frequencies allow no less."""
CERTIFICATE_SECONDS = 6 * 3600.0
"""How often a certificate is read besides being verified (it costs 8 % of a handshake)."""
BATCH_SECONDS = 1.0
"""How long a steady result may wait for company."""
MAX_PENDING = 100_000
"""Observations kept while they cannot be delivered; the oldest steady ones go first."""
MIN_PAUSE_SECONDS = 0.025
MAX_PAUSE_SECONDS = 0.05
"""The schedule is looked at between 20 and 40 times a second. What falls due meanwhile starts together: eight checks in
one go cost less than half of eight that each wake the machine anew, and nobody's period is short enough to notice."""
MAX_CHECK_SECONDS = 960.0
"""For a check that is a coroutine: longer than the longest timeout of the contract (900 s)."""
GRACE_SECONDS = 10.0
"""Beyond its timeout, before a check is given up: the network ends it itself, unless something in us is broken."""
WATCH_SECONDS = 1.0
"""How often the running checks are looked through for such."""

_GOLDEN = 0.6180339887498949
_UP = Verdict.UP  # named here, because an enum is slow in naming its members
Deliver = Callable[[list[Observation]], None]
_log = logging.getLogger(__name__)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What `/metrics` tells about a probe."""

    monitors: int
    started: int
    finished: dict[str, int]
    """By verdict."""
    skipped: int
    """Beats at which the check before was still running."""
    missed: int
    """Beats that passed before their turn came: too much to do, or a machine that slept."""
    dropped: int
    """Results of a check whose monitor was changed or removed meanwhile."""
    overrun: int
    """Checks that did not end by themselves and were given up: a fault of ours, always."""
    in_flight: int
    lag_seconds: float


class _Entry:
    """One monitor in memory."""

    __slots__ = ("began_ms", "certificate_at", "certificate_expires_ms",
                 "frequency", "give_up_at", "last", "module", "phase", "request", "rerun",
                 "run", "running", "settings", "spec", "spread", "tls", "token", "within")  # fmt: skip

    def __init__(self, spec: CheckSpec) -> None:
        self.phase = spec.monitor_id * _GOLDEN % 1.0
        """Its place within a period: neighbouring ids land far apart, and any number of them evenly."""
        self.running: CheckSpec | None = None
        """What the check that runs now was begun with."""
        self.run = 0
        """Which check that is: the answer to one that was given up comes too late."""
        self.began_ms = 0
        self.give_up_at = 0.0
        self.rerun = False
        self.spread = False
        self.token = 0
        self.last: Verdict | None = None
        self.certificate_at = 0.0
        self.certificate_expires_ms: int | None = None
        """What was told last."""
        self.read(spec)

    def read(self, spec: CheckSpec) -> None:
        """Take on a spec."""
        self.spec: CheckSpec | None = spec
        self.frequency = float(max(1, spec.frequency_seconds))
        self.module: Check | None = None
        self.request: HttpRequest | Request | None = None
        self.settings: Any = None
        self.tls = False
        """Whether there is a certificate to read now and then."""
        self.within = GRACE_SECONDS + MAX_CHECK_SECONDS
        """Seconds after which a check is given up."""
        try:
            module = checks()[spec.kind]
            self.settings = read_settings(spec.kind, spec.settings)
            ask = getattr(module, "request", None)
            if ask is not None:
                self.request = ask(self.settings)
                self.within = GRACE_SECONDS + self.request.timeout_seconds
                self.tls = isinstance(self.request, HttpRequest) and self.request.url[:6].lower() == "https:"
            self.module = module
        except Exception:  # whatever is wrong with one monitor, all others must be checked
            _log.exception("the settings of monitor %s cannot be read", spec.monitor_id)


class Probe:
    """Checks from specs held in memory; never reads the database.

    `deliver(batch)` is called on the network's thread, and must not block. In production `start()` puts the probe on
    that thread; without it, `tick()` runs what is due (tests with a wound clock). The public methods may be called
    from any thread.
    """

    def __init__(
        self,
        net: Net,
        clock: Clock,
        region: str,
        deliver: Deliver,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self._net = net
        self._clock = clock
        self._region = region
        self._deliver = deliver
        self._max_in_flight = max_in_flight
        self._entries: dict[int, _Entry] = {}
        self._schedule: Schedule[_Entry] = Schedule()
        self._tokens = 0
        self._pending: list[Observation] = []
        self._flush_at = 0.0
        self._flushing = False
        self._turning = False
        self._running: set[_Entry] = set()
        self._watch_at = 0.0
        self._overrun = 0
        self._started = 0
        self._finished = dict.fromkeys(Verdict, 0)
        self._skipped = 0
        self._missed = 0
        self._dropped = 0
        self._oldest_due = float("inf")
        self._anchor(clock.monotonic())

    # --- for everybody ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to turn on the network's thread."""
        self._net.post(self._begin_turning)

    def stop(self) -> None:
        """Start nothing more, and hand over what is known."""
        self._net.post(self._end_turning)

    def replace(self, specs: Iterable[CheckSpec]) -> None:
        """These are all the monitors there are: what is not among them is dropped, what has not changed goes on."""
        self._net.post(self._replace, list(specs))

    def put(self, spec: CheckSpec) -> None:
        """A new or changed monitor: checked within `SOON_SECONDS`."""
        self._net.post(self._put, spec)

    def remove(self, monitor_id: int) -> None:
        """Check it no more; a running check's result is dropped."""
        self._net.post(self._remove, monitor_id)

    def check_now(self, monitor_id: int) -> None:
        """Check it at once, unless it is just being checked. Its rhythm stays."""
        self._net.post(self._check_now, monitor_id)

    @property
    def lag_seconds(self) -> float:
        """How late the oldest due check is. Grows too when the probe's thread stands still."""
        return max(0.0, self._clock.monotonic() - self._oldest_due)

    def figures(self) -> Figures:
        """A snapshot of the counters."""
        return Figures(
            monitors=len(self._entries),
            started=self._started,
            finished={verdict.value: self._finished[verdict] for verdict in Verdict},
            skipped=self._skipped,
            missed=self._missed,
            dropped=self._dropped,
            overrun=self._overrun,
            in_flight=len(self._running),
            lag_seconds=self.lag_seconds,
        )

    def tick(self, now: float | None = None, at_most: int | None = None) -> None:
        """Run what is due at `now` (monotonic seconds), at most so many checks; hand over what has waited enough."""
        if now is None:
            now = self._clock.monotonic()
        self._anchor(now)
        if now >= self._watch_at:
            stood_still = now - self._watch_at > GRACE_SECONDS  # then their answers may be waiting for us to read them
            self._watch_at = now + WATCH_SECONDS
            if not stood_still:
                self._give_up_what_hangs(now)
        schedule, running, most = self._schedule, self._running, self._max_in_flight
        left = at_most if at_most is not None else most + len(self._entries)
        while left and len(running) < most and (turn := schedule.take(now)) is not None:
            due, token, entry = turn
            if token == entry.token:  # else it has another turn by now
                left -= 1
                self._due(entry, due, now)
        self._oldest_due = schedule.next_due
        if self._pending and now >= self._flush_at:
            self._flush()

    # --- on the network's thread --------------------------------------------------------------------------------------

    def _begin_turning(self) -> None:
        if not self._turning:
            self._turning = True
            self._turn()

    def _end_turning(self) -> None:
        self._turning = False
        for monitor_id in list(self._entries):
            self._remove(monitor_id)  # What still runs would end as "Stopping", which is news to nobody.
        self._oldest_due = float("inf")
        self._flush()

    def _turn(self) -> None:
        if not self._turning:
            return
        try:
            self.tick(at_most=STARTS_PER_TURN)
        except Exception:
            _log.exception("a turn of the probe failed")
        wait = self._oldest_due - self._clock.monotonic()
        if wait <= 0.0 and len(self._running) < self._max_in_flight:
            self._net.later(0.0, self._turn)
        else:
            self._net.later(min(max(wait, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS), self._turn)

    def _anchor(self, now: float) -> None:
        """Which wall-clock instant `now` is, so that a check needs to ask the monotonic clock only."""
        self._anchor_ms = to_milliseconds(self._clock.now())
        self._offset_ms = self._anchor_ms - now * 1000

    def _wall_ms(self, now: float) -> int:
        return int(self._offset_ms + now * 1000 + 0.5)

    def _replace(self, specs: Sequence[CheckSpec]) -> None:
        wanted = {spec.monitor_id for spec in specs}
        for monitor_id in [known for known in self._entries if known not in wanted]:
            self._remove(monitor_id)
        now = self._clock.monotonic()
        self._anchor(now)
        overdue: list[_Entry] = []
        for spec in specs:
            entry = self._entries.get(spec.monitor_id)
            if entry is not None:
                if entry.spec != spec:
                    self._change(entry, spec, now)
                continue
            entry = self._entries[spec.monitor_id] = _Entry(spec)
            waited = None if spec.last_checked_ms is None else (self._anchor_ms - spec.last_checked_ms) / 1000
            if waited is not None and 0 <= waited < entry.frequency:
                self._at(entry, now + entry.frequency - waited)
            else:
                overdue.append(entry)
        window = max(SOON_SECONDS, len(overdue) / STARTS_PER_SECOND)
        for entry in overdue:
            self._soon(entry, now, window)

    def _put(self, spec: CheckSpec) -> None:
        now = self._clock.monotonic()
        entry = self._entries.get(spec.monitor_id)
        if entry is None:
            entry = self._entries[spec.monitor_id] = _Entry(spec)
            self._soon(entry, now, SOON_SECONDS)
        elif entry.spec != spec:
            self._change(entry, spec, now)

    def _change(self, entry: _Entry, spec: CheckSpec, now: float) -> None:
        old = entry.spec
        assert old is not None
        same = (old.kind, old.settings, old.frequency_seconds) == (spec.kind, spec.settings, spec.frequency_seconds)
        if same and old.revision == spec.revision:
            return  # Only `last_checked_ms` moved: that was our own doing.
        entry.read(spec)
        if entry.running:
            entry.rerun = True
        elif not same:
            entry.certificate_at = 0.0
            self._soon(entry, now, SOON_SECONDS)

    def _soon(self, entry: _Entry, now: float, window: float) -> None:
        """Check it within `window` seconds, then let it find its own place in its period."""
        window = min(window, entry.frequency)
        entry.spread = window < entry.frequency
        self._at(entry, now + window * entry.phase)

    def _remove(self, monitor_id: int) -> None:
        entry = self._entries.pop(monitor_id, None)
        if entry is not None:
            entry.spec = None
            entry.token = -1

    def _check_now(self, monitor_id: int) -> None:
        entry = self._entries.get(monitor_id)
        if entry is not None and not entry.running:
            now = self._clock.monotonic()
            self._anchor(now)
            self._run(entry, now)

    def _at(self, entry: _Entry, due: float) -> None:
        self._tokens += 1
        entry.token = self._tokens
        self._schedule.put((due, self._tokens, entry))
        if due < self._oldest_due:
            self._oldest_due = due

    def _due(self, entry: _Entry, due: float, now: float) -> None:
        """Its turn has come: it takes its next place, and is checked."""
        following = due + entry.frequency
        if entry.spread:
            entry.spread = False
            early = due + entry.frequency * entry.phase
            following = early if early >= due + SOON_SECONDS else following
        if following <= now:
            beats = int((now - following) // entry.frequency) + 1
            self._missed += beats
            following += beats * entry.frequency
        self._tokens += 1
        entry.token = self._tokens
        self._schedule.put((following, self._tokens, entry))
        if entry.running:
            self._skipped += 1
        else:
            self._run(entry, now)

    def _run(self, entry: _Entry, now: float) -> None:
        spec, request = entry.spec, entry.request
        assert spec is not None
        entry.running = spec
        entry.run += 1
        entry.began_ms = self._wall_ms(now)
        entry.give_up_at = now + entry.within
        self._running.add(entry)
        self._started += 1
        if isinstance(request, HttpRequest):
            certificate = entry.tls and now >= entry.certificate_at
            self._net.http(request, partial(self._answered, entry, entry.run), certificate)
        elif request is not None:
            self._net.send(request, partial(self._answered, entry, entry.run))
        elif entry.module is not None:
            work = asyncio.wait_for(entry.module.check(entry.settings, self._net), MAX_CHECK_SECONDS)
            self._net.spawn(work, partial(self._checked, entry, entry.run))
        else:
            words = f"Monitors of type {spec.kind} cannot be checked here, or its settings cannot be read"
            self._ended(entry, spec, Outcome(verdict=Verdict.UNKNOWN, cause=words))

    def _give_up_what_hangs(self, now: float) -> None:
        """No check may run for ever, for its monitor would never be checked again."""
        for entry in [entry for entry in self._running if now > entry.give_up_at]:
            spec = entry.running
            assert spec is not None
            self._overrun += 1
            _log.error("the check of monitor %s did not end; it is given up and begun anew", spec.monitor_id)
            words = "The check did not end within its time, through our own fault"
            self._ended(entry, spec, Outcome(verdict=Verdict.UNKNOWN, cause=words))

    def _answered(self, entry: _Entry, run: int, response: HttpResponse | Reply) -> None:
        spec = entry.running
        if spec is None or entry.run != run:
            return
        if entry.spec is not spec:
            self._ended(entry, spec, None)
            return
        try:
            outcome = entry.module.outcome(entry.settings, response)  # type: ignore[union-attr]
        except Exception:
            _log.exception("an answer to monitor %s could not be judged", spec.monitor_id)
            outcome = Outcome(verdict=Verdict.UNKNOWN, cause="The answer could not be judged")
        self._ended(entry, spec, outcome)

    def _checked(self, entry: _Entry, run: int, result: Any) -> None:
        spec = entry.running
        if spec is None or entry.run != run:
            return
        if not isinstance(result, Outcome):
            _log.error("the check of monitor %s failed: %r", spec.monitor_id, result)
            result = Outcome(verdict=Verdict.UNKNOWN, cause="The check itself failed")
        self._ended(entry, spec, result)

    def _ended(self, entry: _Entry, spec: CheckSpec, outcome: Outcome | None) -> None:
        entry.running = None
        self._running.discard(entry)
        now = self._clock.monotonic()
        if entry.spec is not spec or outcome is None:
            self._dropped += 1
            if entry.rerun and entry.spec is not None:
                entry.rerun = False
                entry.certificate_at = 0.0
                self._run(entry, now)
            return
        verdict = outcome.verdict
        self._finished[verdict] += 1
        expires_ms = outcome.certificate_expires_ms
        if expires_ms is not None:
            if expires_ms == entry.certificate_expires_ms and now < entry.certificate_at and verdict is entry.last:
                expires_ms = None  # a server's certificate is seen by every check: what is known makes no work
            else:
                entry.certificate_at = now + CERTIFICATE_SECONDS
                entry.certificate_expires_ms = expires_ms
        changed = verdict is not entry.last
        entry.last = verdict
        seen = Observation(
            monitor_id=spec.monitor_id,
            revision=spec.revision,
            region=self._region,
            started_ms=entry.began_ms,
            ended_ms=self._wall_ms(now),
            verdict=verdict,
            response_time=outcome.response_time,
            name_lookup_time=outcome.name_lookup_time,
            connection_time=outcome.connection_time,
            tls_handshake_time=outcome.tls_handshake_time,
            data_transfer_time=outcome.data_transfer_time,
            status_code=outcome.status_code,
            certificate_expires_ms=expires_ms,
        )
        # Apart, for what is usual has none of them, and from its sixteenth word on a call costs five times as much.
        if outcome.cause is not None or outcome.degraded is not None:
            seen = replace(seen, cause=outcome.cause, evidence=outcome.evidence, degraded=outcome.degraded)
        self._pending.append(seen)
        if changed or verdict is not _UP:
            self._hurry()

    def _hurry(self) -> None:
        """Hand over now, steady results included so that a monitor's results stay in order."""
        if not self._turning:
            self._flush()
        elif not self._flushing:
            # At the end of this turn of the loop: a thousand that fail together go in one batch.
            self._flushing = True
            self._net.later(0.0, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._flush_at = self._clock.monotonic() + BATCH_SECONDS
        batch, self._pending = self._pending, []
        if not batch:
            return
        try:
            self._deliver(batch)
        except Exception:
            _log.exception("%d observations could not be handed over; they are kept", len(batch))
            self._pending = (batch + self._pending)[-MAX_PENDING:]
