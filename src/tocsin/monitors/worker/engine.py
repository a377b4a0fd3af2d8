"""Turns what the probes see into what people are told: judges each check, and writes it down before anything else."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import TocsinError, Unavailable
from tocsin.monitors.actions import recording, watching
from tocsin.monitors.actions.monitors import TOPIC
from tocsin.monitors.actions.watching import Watched
from tocsin.monitors.model import CheckSpec, Observation, Standing
from tocsin.monitors.rules.maintenance import in_maintenance, next_change
from tocsin.monitors.rules.patience import look_again_ms
from tocsin.monitors.worker.appointments import Appointments
from tocsin.monitors.worker.inbox import Inbox, Slip
from tocsin.monitors.worker.neighbours import Neighbours
from tocsin.monitors.worker.sight import Sight
from tocsin.storage import Database

log = structlog.get_logger()

BEAT = timedelta(seconds=1)
"""How often what was measured is written, in one transaction."""
RECONCILE_SECONDS = 60.0
"""How often every monitor's revision is compared: heals whatever a lost ring left behind."""
PAGE = 1000
"""Monitors read, or judged again, in one go."""
MAX_ROUNDS = 100
"""Pages of changes read in one beat; the next beat goes on."""
REOPENED_SECONDS = 15.0
"""How often it is asked which incidents somebody has reopened: their monitors must prove themselves once more."""
SLEPT_MS = 30_000
"""Longer between two beats, and the machine slept: nobody watched."""
MARK_MS = 5_000
"""How often it is written that we are alive when there is nothing else to write: half of the shortest gap."""
MAX_EVIDENCE_IN_FLIGHT = 1_000
"""Observations on their way that keep the failing answer (up to 64 KiB each); in a storm the others go without."""
MAX_JUDGING_TRIES = 10
"""Of a monitor's observation that the database refuses for a reason that we do not know; what is merely locked or away
is waited for without end. Bounded, because what comes later waits behind it."""
CLOSE_SECONDS = 2.0
"""What the last writing may take when the process ends."""


class Probe(Protocol):
    """What the engine feeds."""

    def replace(self, specs: Iterable[CheckSpec]) -> None: ...
    def put(self, spec: CheckSpec) -> None: ...
    def remove(self, monitor_id: int) -> None: ...
    def check_now(self, monitor_id: int) -> None: ...


class Engine:
    """The worker between probe and database.

    `deliver` is the probe's callback: what must be judged goes to the database at once, from the probe's own thread;
    what is steady waits for the next beat. While the database cannot be written, checks go on: verdicts wait and are
    judged in order afterwards, measurements wait as long as there is room. Counters grow for ever, for `/metrics`.
    """

    name = "engine"
    topic = TOPIC

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        """`base_url`: for the links in messages. `attach` the probe before the first `run_once`."""
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self._probe: Probe | None = None
        self._inbox = Inbox()
        self._appointments = Appointments()
        self._neighbours = Neighbours(clock)
        self._sight = Sight(database, clock, self._inbox, base_url, self._appointments.soon)
        self._judging: set[Future[Standing | None]] = set()
        self._refusals: dict[int, int] = {}
        self._known: dict[int, Watched] = {}
        self._dropped: set[int] = set()
        self._windows: list[tuple[int, int, int]] = []
        self._in_window: set[int] = set()
        self._journal = -1
        self._reconcile_at = 0.0
        self._reopened_at = 0.0
        self._beat_ended_ms: int | None = None
        self._marked_ms = 0
        self.lag_seconds = 0.0
        self.observations = 0
        self.judged = 0
        self.judging_failures = 0
        self.samples_written = 0

    def attach(self, probe: Probe) -> None:
        """The probe that checks what we know."""
        self._probe = probe

    @property
    def samples_dropped(self) -> int:
        """Measurements that found no room while the database could not be written."""
        return self._inbox.samples_dropped

    @property
    def unreadable(self) -> int:
        """Monitors that should be watched and cannot be, because their stored settings cannot be read."""
        return sum(1 for watched in self._known.values() if watched.unreadable)

    @property
    def blind(self) -> int:
        """Monitors that cannot be checked through our own fault."""
        return len(self._inbox.blindness())

    @property
    def judging(self) -> int:
        """Observations that are with the database at this moment."""
        return len(self._judging)

    @property
    def waiting(self) -> int:
        """Monitors whose observations could not be judged yet."""
        return self._inbox.waiting

    def deliver(self, batch: list[Observation]) -> None:
        """Take a batch from the probe; never blocks. Callable from any thread."""
        self.observations += len(batch)
        for seen in self._inbox.sort(batch):
            for id in self._neighbours.to_check(seen, self._known.get(seen.monitor_id)):
                self._check_now(id)
            if seen.evidence is not None and len(self._judging) >= MAX_EVIDENCE_IN_FLIGHT:
                seen = msgspec.structs.replace(seen, evidence=None)
            try:
                future = self._database.submit_write(recording.record, seen, self._base_url)
            except RuntimeError:  # the database is being closed: what we saw last is seen again after the start
                return
            self._judging.add(future)
            future.add_done_callback(partial(self._judged, seen))

    async def run_once(self) -> datetime | None:
        """One beat: learn what changed, write what was measured, judge again what could not be judged."""
        now_ms = to_milliseconds(self._clock.now())
        if self._journal < 0:
            await self._start()
        elif self._beat_ended_ms is not None and now_ms - self._beat_ended_ms > SLEPT_MS:
            self._inbox.note_gap((None, self._beat_ended_ms, now_ms, watching.NOT_RUNNING))
        await self._learn()
        await self._turn_windows()
        await self._wake_reopened()
        self._keep_appointments()
        try:
            await self._write_down()
            await self._judge_again()
        except Unavailable as error:
            log.warning("the database cannot be written; checks go on and wait", why=error.message,
                        monitors_waiting=self.waiting)  # fmt: skip
        oldest_ms = self._inbox.oldest_ms()
        now = self._clock.now()
        self.lag_seconds = 0.0 if oldest_ms is None else max(0.0, (to_milliseconds(now) - oldest_ms) / 1000)
        self._beat_ended_ms = to_milliseconds(now)
        return now + BEAT

    async def close(self) -> None:
        """Write down what is left before the database closes. Gives up after `CLOSE_SECONDS`."""
        if self._journal >= 0:
            try:
                await asyncio.wait_for(self._write_down(), CLOSE_SECONDS)
            except (TocsinError, TimeoutError) as error:
                log.warning("the last measurements could not be written", why=str(error))

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judged(self, seen: Observation, future: Future[Standing | None]) -> None:
        """The database has answered, on its own thread."""
        try:
            failure = future.exception()
            if failure is not None and self._may_pass(seen, failure):
                self._inbox.retry_later(seen)
            else:
                self._settle(seen, future)
        finally:
            self._judging.discard(future)

    def _may_pass(self, seen: Observation, failure: BaseException) -> bool:
        """Whether it may be judged the next time; asked once per answer."""
        if isinstance(failure, Unavailable):
            return True
        refusals = self._refusals.pop(seen.monitor_id, 0) + 1
        if not isinstance(failure, DBAPIError) or refusals >= MAX_JUDGING_TRIES:
            return False
        log.warning("an observation waits for the database", monitor_id=seen.monitor_id, why=str(failure.orig))
        self._refusals[seen.monitor_id] = refusals
        return True

    def _settle(self, seen: Observation, future: Future[Standing | None]) -> None:
        try:
            standing = future.result()
        except BaseException as error:
            self.judging_failures += 1
            self._inbox.judged(seen)
            log.error("an observation could not be judged", monitor_id=seen.monitor_id, exc_info=error)
            return
        self._refusals.pop(seen.monitor_id, None)
        self.judged += 1
        self._inbox.judged(seen)
        steady = standing is not None and standing.steady and standing.observed_ms == seen.started_ms
        self._inbox.steady(seen.monitor_id, seen.revision if steady else None)
        if standing is None:
            # In this order: the loop, on its own thread, first knows the new revision, then looks at what was dropped.
            self._dropped.add(seen.monitor_id)
        watched = self._known.get(seen.monitor_id)
        if watched is not None and standing is not None:
            self._appointments.make(seen.monitor_id, look_again_ms(standing, *watched.patience))
        elif watched is not None and watched.revision != seen.revision:
            self._check_again_what_was_dropped(seen.monitor_id)

    def _check_again_what_was_dropped(self, monitor_id: int) -> None:
        """The monitor was changed, if only its name, while the check ran: what was seen must be seen anew, and soon."""
        if monitor_id in self._dropped:
            self._dropped.discard(monitor_id)
            self._appointments.soon(monitor_id)

    def _keep_appointments(self) -> None:
        """Check now what somebody's patience ends for, and not when its turn comes: that may be hours later."""
        for id in self._appointments.due(to_milliseconds(self._clock.now())):
            self._check_now(id)

    def _check_now(self, monitor_id: int) -> None:
        if self._probe is not None:
            self._probe.check_now(monitor_id)

    async def _wake_reopened(self) -> None:
        """A monitor that works is not judged; one whose incident was reopened is, until it has proved itself."""
        if self._clock.monotonic() >= self._reopened_at:
            self._reopened_at = self._clock.monotonic() + REOPENED_SECONDS
            for id in await self._database.read(watching.reopened):
                if self._inbox.wake(id):
                    self._appointments.soon(id)

    async def _judge_again(self) -> None:
        """In order within a monitor; monitors beside each other, so that they share a commit."""
        await asyncio.gather(*(self._judge_run(run) for run in self._inbox.take_waiting(PAGE)))

    async def _judge_run(self, run: list[Observation]) -> None:
        for seen in run:
            future = self._database.submit_write(recording.record, seen, self._base_url)
            answered = asyncio.wrap_future(future)
            await asyncio.wait([answered])
            failure = answered.exception()
            if failure is not None and self._may_pass(seen, failure):
                return
            self._settle(seen, future)

    # --- writing down -------------------------------------------------------------------------------------------------

    async def _write_down(self) -> None:
        """All that was measured since the last beat, and that we are alive, in one transaction."""
        await self._sight.look()
        slip = self._inbox.take_slip()
        alive_ms = to_milliseconds(self._clock.now())
        if slip.samples or slip.checked or alive_ms - self._marked_ms >= MARK_MS:
            try:
                await self._database.write(recording.record_batch, _by_region(slip), slip.checked, alive_ms)
            except BaseException:
                self._inbox.put_back(slip)
                raise
            self._marked_ms = alive_ms
        self.samples_written += len(slip.samples)
        gaps = self._inbox.take_gaps()
        if gaps:
            try:
                await self._database.write(watching.note_gaps, gaps)
            except BaseException:
                self._inbox.note_gap(*gaps)
                raise

    # --- knowing what to watch ----------------------------------------------------------------------------------------

    async def _start(self) -> None:
        gap = await self._database.write(watching.begin_watching)
        if gap is not None:
            log.warning("nobody watched for a while", seconds=(gap.to_ms or 0) / 1000 - gap.from_ms / 1000)
        self._in_window = set(await self._database.read(watching.in_maintenance_now, recording.MAINTENANCE))
        journal = await self._database.read(watching.latest_change)
        last = 0
        while page := await self._database.read(watching.watched_after, last, PAGE):
            last = page[-1].monitor_id
            for watched in page:
                self._know(watched)
                if watched.steady and watched.spec is not None:
                    self._inbox.steady(watched.monitor_id, watched.revision)
        for id in self._in_window - self._known.keys():
            self._in_window.discard(id)
        if self._probe is not None:
            self._probe.replace(self._to_check())
        self._journal = journal
        self._reconcile_at = self._clock.monotonic() + RECONCILE_SECONDS
        log.info("watching", monitors=len(self._known))

    async def _learn(self) -> None:
        """Follow the journal; now and then compare everything."""
        for _ in range(MAX_ROUNDS):
            self._journal, ids = await self._database.read(watching.changed_since, self._journal, PAGE)
            await self._look_at(ids)
            if not ids:
                break
        if self._clock.monotonic() >= self._reconcile_at:
            self._reconcile_at = self._clock.monotonic() + RECONCILE_SECONDS
            revisions = await self._database.read(watching.revisions)
            ids = [id for id, revision in revisions.items() if id not in self._known
                   or self._known[id].revision != revision]  # fmt: skip
            ids += [id for id in self._known if id not in revisions]
            for first in range(0, len(ids), PAGE):
                await self._look_at(ids[first : first + PAGE])

    async def _look_at(self, ids: list[int]) -> None:
        if not ids:
            return
        found = {watched.monitor_id: watched for watched in await self._database.read(watching.watched, ids)}
        for id in ids:
            watched = found.get(id)
            if watched is None:
                self._known.pop(id, None)
                self._inbox.forget(id)
                self._neighbours.forget(id)
                self._appointments.make(id, None)
                self._dropped.discard(id)
            else:
                self._inbox.steady(id, None)
                self._know(watched)
                self._check_again_what_was_dropped(id)
            if self._probe is None:
                continue
            if watched is None or watched.spec is None or id in self._in_window:
                self._probe.remove(id)
                self._inbox.look_away(id, to_milliseconds(self._clock.now()))
            else:
                self._probe.put(watched.spec)

    def _know(self, watched: Watched) -> None:
        if watched.unreadable:
            log.error("a monitor cannot be watched: give it its settings again", monitor_id=watched.monitor_id,
                      why=watched.unreadable)  # fmt: skip
        self._known[watched.monitor_id] = watched
        self._appointments.make(watched.monitor_id, watched.look_again_ms)
        if watched.window is not None or watched.monitor_id in self._in_window:
            heapq.heappush(self._windows, (0, watched.monitor_id, watched.revision))

    def _to_check(self) -> list[CheckSpec]:
        return [
            watched.spec
            for watched in self._known.values()
            if watched.spec is not None and watched.monitor_id not in self._in_window
        ]

    # --- maintenance --------------------------------------------------------------------------------------------------

    async def _turn_windows(self) -> None:
        """Stop checking what enters its maintenance window, begin again with what leaves it."""
        now = self._clock.now()
        now_ms = to_milliseconds(now)
        while self._windows and self._windows[0][0] <= now_ms:
            _, id, revision = heapq.heappop(self._windows)
            watched = self._known.get(id)
            if watched is None or watched.revision != revision:
                if watched is None:
                    self._in_window.discard(id)
                continue
            inside = watched.window is not None and in_maintenance(watched.window, now)
            try:
                if inside is not (id in self._in_window):
                    await self._cross(watched, inside, now_ms)
            except BaseException as error:  # whatever it was: a monitor that is not on this list never turns again
                heapq.heappush(self._windows, (now_ms + 1000, id, revision))
                if isinstance(error, Unavailable):
                    return
                raise
            following = None if watched.window is None else next_change(watched.window, now)
            if following is not None:
                heapq.heappush(self._windows, (to_milliseconds(following), id, revision))

    async def _cross(self, watched: Watched, inside: bool, now_ms: int) -> None:
        id = watched.monitor_id
        if inside:
            await self._database.write(recording.begin_maintenance, id, now_ms, self._base_url)
            self._in_window.add(id)
            if self._probe is not None:
                self._probe.remove(id)
            self._inbox.look_away(id, now_ms)
        else:
            await self._database.write(recording.end_maintenance, id, now_ms)
            self._in_window.discard(id)
            if self._probe is not None and watched.spec is not None:
                self._probe.put(msgspec.structs.replace(watched.spec, last_checked_ms=None))


def _by_region(slip: Slip) -> dict[str, tuple[int, list[Observation]]]:
    regions: dict[str, list[Observation]] = {}
    for seen in slip.samples:
        regions.setdefault(seen.region, []).append(seen)
    return {region: (min(o.started_ms for o in seen), seen) for region, seen in regions.items()}
