"""Where observations wait for the database: many that change nothing, and the few that may page somebody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

import msgspec

from tocsin.monitors.actions.watching import BLIND
from tocsin.monitors.model import Observation, Verdict

MAX_SAMPLES = 200_000
"""Measurements that wait while the database cannot be written: ten minutes of 10,000 monitors at 30 s."""
MAX_PER_MONITOR = 8
"""Observations of one monitor that wait to be judged; of a longer run the middle says nothing that its ends do not."""
MAX_EVIDENCE = 200
"""Waiting observations that keep the failing answer (64 KiB each)."""
_UP, _UNKNOWN = Verdict.UP, Verdict.UNKNOWN  # named here, because an enum is slow in naming its members

EndedGap = tuple[int | None, int, int, str]
"""Monitor (None = all), from and to (ms), reason."""


class Blind(msgspec.Struct, frozen=True):
    """A monitor that cannot be checked through our own fault."""

    since_ms: int
    checks: int
    """Made in vain since then."""
    seen: Observation
    """The latest."""

    @property
    def words(self) -> str:
        """Why."""
        return self.seen.cause or "The check failed through our own fault"


class Slip(msgspec.Struct):
    """A second's worth of steady successes."""

    samples: list[Observation]
    checked: dict[int, int]
    """The start (ms) of the latest check, by monitor."""


class Inbox:
    """Sorts what a probe hands over. Filled on the probe's thread, emptied on the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: deque[Observation] = deque(maxlen=MAX_SAMPLES)
        self._checked: dict[int, int] = {}
        self._steady: dict[int, int] = {}
        self._blind: dict[int, Blind] = {}
        self._gaps: list[EndedGap] = []
        self._waiting: dict[int, list[Observation]] = {}
        self.samples_dropped = 0

    def sort(self, batch: Iterable[Observation]) -> list[Observation]:
        """Keep what can wait for its second; return what must be judged now, in order."""
        urgent: list[Observation] = []
        with self._lock:
            steady, blind, samples, checked = self._steady, self._blind, self._samples, self._checked
            for seen in batch:
                id = seen.monitor_id
                if seen.verdict is _UNKNOWN:
                    before = blind.get(id)
                    blind[id] = Blind(
                        seen.started_ms if before is None else before.since_ms,
                        1 if before is None else before.checks + 1,
                        msgspec.structs.replace(seen, evidence=None),
                    )
                    continue
                if blind and id in blind:
                    self._gaps.append((id, blind.pop(id).since_ms, seen.started_ms, BLIND))
                if seen.verdict is _UP:
                    if len(samples) == MAX_SAMPLES:
                        self.samples_dropped += 1
                    samples.append(seen)
                    plain = seen.certificate_expires_ms is None and seen.degraded is None
                    if plain and steady.get(id) == seen.revision:
                        checked[id] = seen.started_ms
                        continue
                steady.pop(id, None)
                if id in self._waiting:  # behind what came before it
                    self._wait(seen)
                else:
                    urgent.append(seen)
        return urgent

    def steady(self, monitor_id: int, revision: int | None) -> None:
        """From now on a success under this revision changes nothing (None: it must be judged)."""
        with self._lock:
            if revision is None:
                self._steady.pop(monitor_id, None)
            else:
                self._steady[monitor_id] = revision

    def wake(self, monitor_id: int) -> bool:
        """From now on its successes must be judged; whether they needed none before."""
        with self._lock:
            return self._steady.pop(monitor_id, None) is not None

    def forget(self, monitor_id: int) -> None:
        """The monitor is watched no more."""
        with self._lock:
            self._steady.pop(monitor_id, None)
            self._blind.pop(monitor_id, None)
            self._waiting.pop(monitor_id, None)

    def take_slip(self) -> Slip:
        """Everything steady since the last time."""
        with self._lock:
            slip = Slip(list(self._samples), self._checked)
            self._samples.clear()
            self._checked = {}
        return slip

    def put_back(self, slip: Slip) -> None:
        """It could not be written: it waits on, the oldest samples go first when there are too many."""
        with self._lock:
            self._checked = slip.checked | self._checked
            samples = slip.samples + list(self._samples)
            self.samples_dropped += max(0, len(samples) - MAX_SAMPLES)
            self._samples = deque(samples, maxlen=MAX_SAMPLES)

    def retry_later(self, seen: Observation) -> None:
        """It could not be judged: it waits, and what comes after it waits behind it."""
        with self._lock:
            self._steady.pop(seen.monitor_id, None)
            self._wait(seen)

    def take_waiting(self, limit: int) -> list[list[Observation]]:
        """The runs of observations, each of one monitor in order, that wait to be judged again."""
        with self._lock:
            ids = list(self._waiting)[:limit]
            return [list(self._waiting[id]) for id in ids]

    def judged(self, seen: Observation) -> None:
        """It waits no longer."""
        with self._lock:
            run = self._waiting.get(seen.monitor_id)
            if run is not None:
                run[:] = [other for other in run if other.started_ms > seen.started_ms]
                if not run:
                    del self._waiting[seen.monitor_id]

    def note_gap(self, *gaps: EndedGap) -> None:
        """Stretches that nobody watched, to be written down with the next beat."""
        with self._lock:
            self._gaps.extend(gaps)

    def take_gaps(self) -> list[EndedGap]:
        """The stretches that are not written down yet."""
        with self._lock:
            gaps, self._gaps = self._gaps, []
        return gaps

    def blindness(self) -> dict[int, Blind]:
        """The monitors that cannot be checked through our own fault, as of now."""
        with self._lock:
            return self._blind.copy()

    def look_away(self, monitor_id: int, at_ms: int) -> None:
        """It is paused or in maintenance: that we could not check it is over."""
        with self._lock:
            blind = self._blind.pop(monitor_id, None)
            if blind is not None:
                self._gaps.append((monitor_id, blind.since_ms, at_ms, BLIND))

    @property
    def waiting(self) -> int:
        """How many monitors have observations that could not be judged yet."""
        return len(self._waiting)

    def oldest_ms(self) -> int | None:
        """The end of the oldest observation that waits to be judged."""
        with self._lock:
            return min((run[0].ended_ms for run in self._waiting.values()), default=None)

    def _wait(self, seen: Observation) -> None:
        run = self._waiting.setdefault(seen.monitor_id, [])
        if len(self._waiting) > MAX_EVIDENCE or len(run) > 0:
            seen = msgspec.structs.replace(seen, evidence=None)
        run.append(seen)
        run.sort(key=lambda waiting: waiting.started_ms)
        if len(run) > MAX_PER_MONITOR:
            del run[MAX_PER_MONITOR // 2]
