"""A page is read once however many ask, drawn only when something changed, and given on when the database is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.status_pages import samples
from tests.time import FakeClock
from tocsin.kernel.answers import Answer, pack, takes_gzip
from tocsin.kernel.errors import Unavailable
from tocsin.pages import cache as caching
from tocsin.pages.cache import Cache, Gone, Kept, Reading
from tocsin.pages.slots import Busy, Slots
from tocsin.status_pages.model.views import Gate, Site

SITE = Site(id=1, team_id=1, subdomain="acme", custom_domain=None, published=True, gate=Gate())


class Shop:
    """A page that a test changes, the database behind it, and whoever reads."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.cache = Cache(clock, self._read)
        self.title = "one"
        self.readings = 0
        self.drawings = 0
        self.broken = False
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def _read(self, page_id: int) -> Reading | None:
        self.readings += 1
        title = self.title
        await self.may_read.wait()
        if self.broken:
            raise ConnectionError("gone")
        view = samples.page(made_at=self.clock.now(), current=(samples.report(1, title),))
        return Reading(view, frozenset()) if title else None

    async def _make(self, reading: Reading) -> Callable[[], Answer]:
        def draw() -> Answer:
            self.drawings += 1
            return Answer(body=reading.view.current[0].title.encode(), media_type="text/plain")

        return draw

    async def get(self, address: str = "/", volatile: bool = False) -> Kept:
        return await self.cache.get(SITE, (1, "", address, ""), self._make, volatile=volatile)

    async def says(self, address: str = "/", volatile: bool = False) -> str:
        return (await self.get(address, volatile)).packed.plain.body.decode()

    async def change(self, title: str) -> None:
        self.title = title
        self.cache.rung()
        self.clock.wind(seconds=1.5)


@pytest.fixture
def shop(clock: FakeClock) -> Shop:
    return Shop(clock)


async def test_a_crowd_costs_one_reading_and_one_drawing(shop: Shop) -> None:
    assert set(await asyncio.gather(*(shop.says() for _ in range(200)))) == {"one"}
    assert (shop.readings, shop.drawings) == (1, 1)
    assert await shop.says("/feed.rss") == "one"
    assert (shop.readings, shop.drawings) == (1, 2), "what the public sees is read once for all addresses"


async def test_a_change_is_seen_at_the_latest_after_a_second(shop: Shop) -> None:
    kept = await shop.get()
    shop.clock.wind(seconds=1)
    shop.title = "two"
    shop.cache.rung()
    shop.may_read.clear()
    assert not shop.cache.current(kept, shop.clock.monotonic())
    assert await shop.says() == "one", "within a second what was drawn before may be given"
    assert shop.cache.current(kept, shop.clock.monotonic()), "also at sight, as the new one is on its way"
    shop.clock.wind(seconds=1.1)
    assert not shop.cache.current(kept, shop.clock.monotonic())
    waiting = [asyncio.create_task(shop.says()) for _ in range(50)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting), "later ones wait for the new one"
    shop.may_read.set()
    assert set(await asyncio.gather(*waiting)) == {"two"}
    assert (shop.readings, shop.drawings) == (2, 2)


async def test_a_ring_during_a_reading_is_not_lost(shop: Shop) -> None:
    shop.may_read.clear()
    first = asyncio.create_task(shop.says())
    await asyncio.sleep(0.01)
    shop.title = "two"
    shop.cache.rung()
    shop.may_read.set()
    assert await first == "one"
    shop.clock.wind(seconds=1.1)
    assert await shop.says() == "two"


async def test_time_itself_changes_pages(shop: Shop) -> None:
    kept = await shop.get()
    shop.clock.wind(seconds=caching.FRESH_SECONDS - 1)
    assert shop.cache.current(kept, shop.clock.monotonic())
    shop.title = "two"
    shop.clock.wind(seconds=60)
    assert await shop.says() == "two", "nobody is given what is a minute old"


async def test_rings_that_change_nothing_here_draw_nothing(shop: Shop) -> None:
    kept = await shop.get()
    old_month = await shop.get("/incidents?month=2025-01", volatile=True)
    for _ in range(5):
        await shop.change("one")
        assert await shop.get() is kept
    assert (shop.readings, shop.drawings) == (6, 2)
    assert await shop.get("/incidents?month=2025-01", volatile=True) is not old_month, "it shows more than the view"
    shop.clock.wind(seconds=caching.DRAWN_SECONDS)
    assert await shop.get() is not kept, "but now and then it says when it was looked at last"


async def test_when_the_database_is_gone_the_last_one_is_given_and_says_how_old_it_is(shop: Shop) -> None:
    kept = await shop.get()
    assert shop.cache.late_seconds(kept) is None
    shop.broken = True
    await shop.change("two")
    assert await shop.says() == "one"
    shop.clock.wind(seconds=300)
    assert await shop.get() is kept
    assert 300 < (shop.cache.late_seconds(kept) or 0) < 305
    assert not shop.cache.current(kept, shop.clock.monotonic())
    shop.broken = False
    shop.clock.wind(seconds=2)
    await shop.get()
    await asyncio.sleep(0.05)
    assert await shop.says() == "two"
    other = Shop(shop.clock)
    other.broken = True
    with pytest.raises(Unavailable):
        await other.get()


async def test_a_page_that_is_gone_or_closed_is_forgotten_at_once(shop: Shop) -> None:
    kept = await shop.get()
    shop.cache.forget(1)
    assert not shop.cache.current(kept, shop.clock.monotonic())
    shop.title = ""
    with pytest.raises(Gone):
        await shop.get()


async def test_what_was_being_drawn_when_a_page_was_thrown_away_is_given_to_nobody_after_that(shop: Shop) -> None:
    go_on = asyncio.Event()

    async def slow(reading: Reading) -> Callable[[], Answer]:
        await go_on.wait()
        return lambda: Answer(body=b"for everybody", media_type="text/plain")

    open_page = asyncio.create_task(shop.cache.get(SITE, (1, "", "/", ""), slow))
    await asyncio.sleep(0.01)
    shop.cache.forget(1)
    closed_page = asyncio.create_task(shop.get())
    await asyncio.sleep(0.01)
    go_on.set()
    assert (await open_page).packed.plain.body == b"for everybody"
    assert (await closed_page).packed.plain.body == b"one"


async def test_a_database_that_hangs_holds_no_place(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "WAIT_SECONDS", 0.05)

    async def hangs(reading: Reading) -> None:
        await asyncio.Event().wait()

    for number in range(3):
        with pytest.raises(TimeoutError):
            await shop.cache.get(SITE, (1, "", f"/incidents/{number}", ""), hangs)
    await asyncio.sleep(0.1)
    assert await shop.says() == "one"


async def test_memory_is_bounded_and_the_least_wanted_gives_way(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "MAX_ENTRIES", 3)
    first, second = await shop.get("/1"), await shop.get("/2")
    await shop.get("/3")
    assert shop.cache.current(first, shop.clock.monotonic()), "wanted again"
    await shop.get("/4")
    assert shop.cache.current(first, shop.clock.monotonic())
    assert not shop.cache.current(second, shop.clock.monotonic())
    monkeypatch.setattr(caching, "MAX_BYTES", first.packed.size)
    fifth = await shop.get("/5")
    assert not shop.cache.current(first, shop.clock.monotonic())
    assert shop.cache.current(fifth, shop.clock.monotonic())


async def test_a_few_draw_a_queue_waits_and_the_rest_is_sent_away(clock: FakeClock) -> None:
    slots = Slots(clock, at_once=2, waiting=3)
    at_work = most = 0
    go_on = asyncio.Event()

    async def work() -> int:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await go_on.wait()
        clock.wind(seconds=0.01)
        at_work -= 1
        return 1

    tasks = [asyncio.create_task(slots.run(work)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await slots.run(work)
    go_on.set()
    assert sum(await asyncio.gather(*tasks)) == 5
    assert most == 2


def test_both_forms_of_an_answer_and_their_tags() -> None:
    packed = pack(Answer(body=b"x" * 5_000, media_type="text/html; charset=utf-8"))
    assert len(packed.gzip.body) < 100
    assert packed.gzip.etag != packed.plain.etag
    small = pack(Answer(body=b"x", media_type="text/html"))
    assert small.gzip is small.plain
    always = [(b"date", b"now")]
    ready = packed.gzip.ready(always, None)
    assert ready.startswith(b"HTTP/1.1 200 OK\r\ndate: now\r\n")
    assert ready.endswith(packed.gzip.body)
    assert packed.gzip.ready(always, None) is ready, "made once while the second lasts"
    unchanged = packed.gzip.ready(always, packed.gzip.etag)
    assert unchanged.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert unchanged.endswith(b"\r\n\r\n")
    assert b"later" in packed.gzip.ready([(b"date", b"later")], None)


@pytest.mark.parametrize(
    ("said", "takes"),
    [(b"gzip", True), (b"br;q=1.0, GZIP;q=0.2", True), (b"gzip;q=0", False), (b"x-gzip", False), (b"br", False),
     (b"", False), (None, False), (b"gzip; q=0.000", False)],
)  # fmt: skip
def test_gzip_is_for_those_who_read_it(said: bytes | None, takes: bool) -> None:
    assert takes_gzip(said) is takes
