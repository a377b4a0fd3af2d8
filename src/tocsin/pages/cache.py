"""Keeps what was drawn until something changes: a page that is read a million times is drawn a few times a minute.

For every page that is being read there is one `Shelf` with what the public sees of it, read from the database in one
go. It is read anew when anything happened (a ring), or after `FRESH_SECONDS` because time itself changes pages
(maintenance begins, a day ends); at most once a second, however many ask. Answers are drawn from it when somebody asks
for them, and kept while nothing that is visible has changed. Whoever asks within a second after a change may get what
was drawn before it, later ones wait for the new. When the database is gone, what was drawn last is given on and on, and
says how old it is.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import structlog

from tocsin.kernel.answers import Answer, Packed, pack
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Unavailable
from tocsin.pages.slots import AT_ONCE, Busy, Slots
from tocsin.status_pages.model.views import PageView, Site

log = structlog.get_logger()

FRESH_SECONDS = 20.0
"""How long a page may stand although nothing rang."""
RENEWAL_SECONDS = 1.0
"""Between two readings of one page; and how long after a change what was drawn before it may be given."""
DRAWN_SECONDS = 60.0
"""After that a page is drawn anew although nothing changed: it says when it was looked at last."""
WAIT_SECONDS = 5.0
"""For one reading or one drawing; then it has failed."""
MAX_WAITING_ONCE = 50
"""Forms that were sent and wait for their answer to be drawn."""
MAX_ENTRIES = 5_000
MAX_BYTES = 64 * 1024 * 1024
MAX_SHELVES = 1_000
"""Pages that are read at the same time; the one unread for longest gives way."""


class Reading(msgspec.Struct, frozen=True):
    """What one look into the database gave."""

    view: PageView
    pictures: frozenset[str]
    """Which of `logo` and `dark_logo` can be shown."""


Key = tuple[int, str, str, str]
"""(page, prefix, address, language)."""
Make = Callable[[Reading], Awaitable[Callable[[], Answer] | None]]
"""Fetches what else is needed, and returns what draws the answer: run on a thread. None = there is no such thing."""


class Gone(Exception):
    """There is no such page, or nothing at this address."""


class Kept(msgspec.Struct, kw_only=True, weakref=True):
    """One answer that was drawn. `version` is the shelf's at that time; 0 = it was thrown away."""

    key: Key
    shelf: Shelf
    packed: Packed
    version: int
    volatile: bool
    """It shows more than the page's view, e.g. an old month: each new reading may have changed it."""


class Shelf:
    """One page: what the public sees of it, and since when that is out of date. Instants: monotonic seconds."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.reading: Reading | None = None
        self.read_at = float("-inf")
        self.began_at = float("-inf")
        self.stale_at = float("-inf")
        self.changed_at = float("-inf")
        """When what the present view shows differently came up."""
        self.drawn_at = float("-inf")
        self.rung_at: float | None = None
        """The first ring since the present reading began."""
        self.readings = 0
        self.views = 0
        self.failing = False
        self.task: asyncio.Task[None] | None = None

    def version(self, volatile: bool) -> int:
        return self.readings if volatile else self.views

    def rung(self, now: float) -> None:
        """Something happened: perhaps here."""
        self.stale_at = min(self.stale_at, now)
        if self.task is not None and self.rung_at is None:
            self.rung_at = now

    def good(self, now: float) -> bool:
        """Whether it may be given as it is: nothing changed, or so lately that the new one is still on its way."""
        return now < self.stale_at or (self.task is not None and now < self.stale_at + RENEWAL_SECONDS)

    def put(self, reading: Reading | None, now: float) -> None:
        """Take in a new reading."""
        self.failing = False
        self.read_at = now
        self.readings += 1
        if now - self.drawn_at >= DRAWN_SECONDS or not _same(self.reading, reading):
            self.reading, self.drawn_at = reading, now
            self.views += 1
        self.changed_at = self.stale_at
        self.stale_at = self.began_at + FRESH_SECONDS if self.rung_at is None else self.rung_at
        self.rung_at = None


class Cache:
    """See the module's docstring. Belongs to one event loop."""

    def __init__(self, clock: Clock, read: Callable[[int], Awaitable[Reading | None]]) -> None:
        self._clock = clock
        self._read = read
        self._reading = Slots(clock)
        self._drawing = Slots(clock)
        self._drawing_once = Slots(clock, at_once=1, waiting=MAX_WAITING_ONCE)
        self._threads = ThreadPoolExecutor(AT_ONCE, "pages")
        self._shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._under_way: dict[_Flight, asyncio.Task[Kept]] = {}
        self._bytes = 0
        self.drawn = 0
        """Answers drawn so far."""

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def rung(self) -> None:
        """Something happened somewhere: every page may have changed."""
        now = self._clock.monotonic()
        for shelf in self._shelves.values():
            shelf.rung(now)

    def forget(self, site_id: int) -> None:
        """Throw a page away, e.g. because other people may read it from now on."""
        self._shelves.pop(site_id, None)
        for key in [key for key in self._kept if key[0] == site_id]:
            self._throw_away(key)

    def current(self, kept: Kept, now: float) -> bool:
        """Whether a kept answer may be given without a further thought; notes that it was wanted."""
        shelf = kept.shelf
        if kept.version != shelf.version(kept.volatile) or not shelf.good(now):
            return False
        self._kept.move_to_end(kept.key)
        return True

    async def reading(self, site: Site) -> Reading:
        """What the public sees of a page, as fresh as answers are. Raises Gone and Unavailable."""
        shelf = await self._fresh(site)
        if shelf.reading is None:
            raise Gone
        return shelf.reading

    async def once(self, draw: Callable[[], Answer]) -> Packed:
        """Draw what is for one reader alone, in a place apart: who sends forms in masses holds up nobody who reads.
        Raises Busy."""

        async def work() -> Packed:
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: pack(draw()))

        return await self._drawing_once.run(work)

    async def get(self, site: Site, key: Key, make: Make, *, volatile: bool = False) -> Kept:
        """The answer at an address, drawn by `make` if need be. Raises Gone, Busy, and Unavailable."""
        shelf = await self._fresh(site)
        kept = self._kept.get(key)
        if kept is not None and kept.shelf is shelf and kept.version == shelf.version(volatile):
            self._kept.move_to_end(key)
            return kept
        if shelf.reading is None:
            raise Gone
        flight = (key, shelf, shelf.version(volatile))
        task = self._under_way.get(flight)
        if task is None:
            task = asyncio.create_task(self._draw(shelf, shelf.reading, key, make, volatile))
            self._under_way[flight] = task
            task.add_done_callback(lambda done: self._ended(flight, done))
        if kept is not None and self._clock.monotonic() < shelf.changed_at + RENEWAL_SECONDS:
            return kept
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.shield(task)
        except (Gone, asyncio.CancelledError):
            raise
        except Exception:
            if kept is None:
                raise
            return kept

    async def settled(self) -> None:
        """Wait until nothing is being read or drawn any more."""
        tasks = [shelf.task for shelf in self._shelves.values() if shelf.task is not None]
        tasks += self._under_way.values()  # type: ignore[arg-type]
        if tasks:
            await asyncio.wait(tasks)

    def late_seconds(self, kept: Kept) -> float | None:
        """How old an answer is that should have been drawn anew and could not be; None = it is as it should be."""
        shelf, now = kept.shelf, self._clock.monotonic()
        unread = shelf.failing and now >= shelf.stale_at + RENEWAL_SECONDS
        undrawn = kept.version != shelf.version(kept.volatile) and now >= shelf.changed_at + RENEWAL_SECONDS
        return max(0.0, now - shelf.read_at) if unread or undrawn else None

    async def _fresh(self, site: Site) -> Shelf:
        shelf = self._shelves.get(site.id)
        if shelf is None:
            shelf = self._shelves[site.id] = Shelf(site)
            if len(self._shelves) > MAX_SHELVES:
                self.forget(next(iter(self._shelves)))
        self._shelves.move_to_end(site.id)
        now = self._clock.monotonic()
        if now < shelf.stale_at:
            return shelf
        if shelf.task is None:
            shelf.task = asyncio.create_task(self._renew(shelf))
        never = shelf.readings == 0
        if never or (now >= shelf.stale_at + RENEWAL_SECONDS and not shelf.failing):
            await asyncio.wait({shelf.task}, timeout=WAIT_SECONDS)
        if shelf.readings == 0:
            raise Unavailable("The page cannot be read just now.", retry_after_seconds=5)
        return shelf

    async def _renew(self, shelf: Shelf) -> None:
        try:
            await asyncio.sleep(max(0.0, shelf.began_at + RENEWAL_SECONDS - self._clock.monotonic()))
            shelf.began_at = self._clock.monotonic()
            shelf.rung_at = None
            async with asyncio.timeout(WAIT_SECONDS):
                reading = await self._reading.run(lambda: self._read(shelf.site.id))
            shelf.put(reading, self._clock.monotonic())
        except Exception as error:
            if not shelf.failing and not isinstance(error, Busy):
                log.error("a status page cannot be read; readers get what was drawn last", page=shelf.site.id,
                          exc_info=error)  # fmt: skip
            shelf.failing = True
        finally:
            shelf.task = None

    async def _draw(self, shelf: Shelf, reading: Reading, key: Key, make: Make, volatile: bool) -> Kept:
        version = shelf.version(volatile)

        async def work() -> Packed:
            async with asyncio.timeout(WAIT_SECONDS):  # a database that hangs keeps no place
                draw = await make(reading)
            if draw is None:
                raise Gone
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: pack(draw()))

        packed = await self._drawing.run(work)
        self.drawn += 1
        kept = Kept(key=key, shelf=shelf, packed=packed, version=version, volatile=volatile)
        self._keep(kept)
        return kept

    def _ended(self, flight: _Flight, task: asyncio.Task[Kept]) -> None:
        self._under_way.pop(flight, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Gone | Busy):
            log.error("a status page cannot be drawn", address=flight[0][2], page=flight[0][0],
                      exc_info=error)  # fmt: skip

    def _keep(self, kept: Kept) -> None:
        if self._shelves.get(kept.key[0]) is not kept.shelf:
            kept.version = 0  # the page was thrown away meanwhile
            return
        self._throw_away(kept.key)
        self._kept[kept.key] = kept
        self._bytes += kept.packed.size
        while len(self._kept) > MAX_ENTRIES or (self._bytes > MAX_BYTES and len(self._kept) > 1):
            self._throw_away(next(iter(self._kept)))

    def _throw_away(self, key: Key) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._bytes -= old.packed.size
            old.version = 0


_Flight = tuple[Key, Shelf, int]
"""What is being drawn: for one shelf, as a page that was thrown away meanwhile counts anew from the beginning."""


def _same(old: Reading | None, new: Reading | None) -> bool:
    """Whether the public sees the same in both, but for the instant at which it was looked."""
    if old is None or new is None:
        return False
    return old.pictures == new.pictures and msgspec.structs.replace(new.view, made_at=old.view.made_at) == old.view
