"""Static copies of the public pages, renewed with every change: what the public reads when Tocsin itself is down.

A copy is a folder with the page's name: `index.html`, `maintenance/`, `incidents/`, each report, `index.json`,
`feed.rss`, and what they are dressed in. It needs nothing but a web server that serves it at the root of a host. It
says when it was made, and its script counts the age up. Only what everybody may read is copied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from tocsin.kernel.answers import HTML, JSON
from tocsin.kernel.clock import Clock
from tocsin.pages import drawing
from tocsin.pages.addresses import Addresses
from tocsin.pages.buckets import Folder, Target
from tocsin.pages.cache import Reading
from tocsin.pages.dress import PUSH_WORKER, assets
from tocsin.pages.outputs import badge_svg, feed_atom, feed_rss, index_json, maintenance_ics
from tocsin.pages.outputs.wording import reports
from tocsin.pages.pace import Pace
from tocsin.pages.rendering import Readers, Where, framed
from tocsin.status_pages.model.views import MonthView, Site
from tocsin.storage.events import EVENTS_TOPIC

log = structlog.get_logger()

PAUSE_SECONDS = 10.0
"""Between two copies of one page, however much happens."""
REFRESH_SECONDS = 600.0
"""A copy is made anew after that though nothing changed: it says when it was made, and people want to know."""
REST = 3.0
"""After each page the worker rests so many times as long as it worked."""
MAX_REST_SECONDS = 2.0
LOOK_SECONDS = 20.0
"""After that the rest waits for the next look: each begins with removing what is not for everybody any more."""
RETRY_SECONDS = 60.0
"""After a place could not be written to."""
CONTENTS = "pages.json"
"""At the root: which files there are of which page, so that after a restart what is no more can be removed."""

Files = dict[str, tuple[bytes, str]]


class Snapshots:
    """A worker of the runtime."""

    name = "status_page_snapshots"
    topic = EVENTS_TOPIC

    def __init__(
        self, readers: Readers, addresses: Addresses, clock: Clock, folder: Path, bucket: Target | None = None
    ) -> None:
        self._readers = readers
        self._addresses = addresses
        self._clock = clock
        self.places = [_Place(Folder(folder), str(folder))]
        if bucket is not None:
            self.places.append(_Place(bucket, "the bucket"))
        self._threads = ThreadPoolExecutor(1, "snapshots")
        self._pace = Pace(clock)
        self._looked: dict[int, tuple[float, int]] = {}
        """When a page was looked at last, and the newest event at that time."""
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Copy what has changed, remove what is no more."""
        early = self._pace.wait_seconds()
        if early > 0:
            return self._clock.now() + timedelta(seconds=early)
        began = self._clock.monotonic()
        newest = await self._readers.newest_event()
        sites = [site for site in await self._readers.directory() if site.published and not site.gate.closed]
        self._pace.looked(began)
        now = self._clock.monotonic()
        places = [place for place in self.places if place.retry_at <= now]
        for place in places:
            await self._trying(place, place.keep_only(sites), "tidied")
        due = sorted((self._due_at(site, newest), site.id, site) for site in sites)
        self.lag_seconds = max(0.0, now - due[0][0]) if due and due[0][0] > float("-inf") else 0.0
        for at, _, site in due:
            if at > now or self._clock.monotonic() >= now + LOOK_SECONDS:
                break
            await self._look(site, newest, [place for place in places if place.retry_at <= now])
        waits = [self._due_at(site, newest) for site in sites]
        waits += [place.retry_at for place in self.places if place.retry_at > now]
        wait = min(waits, default=float("inf")) - self._clock.monotonic()
        if wait == float("inf"):
            return None
        return self._clock.now() + timedelta(seconds=max(wait, self._pace.wait_seconds()))

    def _due_at(self, site: Site, newest: int) -> float:
        at, seen = self._looked.get(site.id, (float("-inf"), -1))
        return at + (PAUSE_SECONDS if seen != newest else REFRESH_SECONDS)

    async def _look(self, site: Site, newest: int, places: Sequence[_Place]) -> None:
        began = self._clock.monotonic()
        reading = await self._readers.reading(site.id)
        self._looked[site.id] = began, newest
        wanting = [place for place in places if reading is not None and place.wants(site, reading, began)]
        if reading is not None and wanting:
            files = await self._draw(site, reading)
            for place in wanting:
                await self._trying(place, place.write(site, reading, files, began), "written to")
                if place.retry_at > began:
                    self._looked.pop(site.id, None)
        rest = min((self._clock.monotonic() - began) * REST, MAX_REST_SECONDS)
        await asyncio.sleep(rest)

    async def _trying(self, place: _Place, work: Awaitable[None], what: str) -> None:
        """A place that fails is left alone for a while; the others go on."""
        try:
            await work
            place.failing = False
        except Exception as error:
            if not place.failing:
                log.error(f"copies of status pages cannot be {what}", place=place.name, exc_info=error)
            place.failing = True
            place.retry_at = self._clock.monotonic() + RETRY_SECONDS

    async def _draw(self, site: Site, reading: Reading) -> Files:
        months = await self._readers.month(site.id, None)
        pictures: Files = {}
        for kind in sorted(reading.pictures):
            picture = await self._readers.image(site.id, kind)
            if picture is not None:
                pictures[kind.replace("_", "-")] = picture.content, picture.media_type
        where = Where(
            root=self._addresses.root(site), prefix="", language="en", snapshot_at=self._clock.now()
        )  # fmt: skip
        draw: Callable[[], Files] = lambda: drawn(reading, months, where) | pictures  # noqa: E731
        return await asyncio.get_running_loop().run_in_executor(self._threads, draw)


class _Place:
    """One place with copies, and what is known of it."""

    def __init__(self, target: Target, name: str) -> None:
        self.target = target
        self.name = name
        self.failing = False
        self.retry_at = float("-inf")
        self._written: dict[int, tuple[str, Reading, float]] = {}
        self._contents: dict[str, list[str]] | None = None

    def wants(self, site: Site, reading: Reading, now: float) -> bool:
        """Whether its copy is another one, or none, or old. After a start nothing is known: everything is written."""
        written = self._written.get(site.id)
        if written is None or written[0] != site.subdomain or now - written[2] >= REFRESH_SECONDS:
            return True
        old = written[1]
        same = msgspec.structs.replace(reading.view, made_at=old.view.made_at) == old.view
        return not same or reading.pictures != old.pictures

    async def write(self, site: Site, reading: Reading, files: Files, now: float) -> None:
        contents = await self._known()
        before = contents.get(site.subdomain, [])
        # Said before it is done: what a crash leaves behind is found and removed.
        await self._note({**contents, site.subdomain: sorted({*before, *files})})
        for path, (content, media_type) in files.items():
            await self.target.write(f"{site.subdomain}/{path}", content, media_type)
        for path in sorted(set(before) - set(files)):
            await self.target.remove(f"{site.subdomain}/{path}")
        await self._note({**await self._known(), site.subdomain: sorted(files)})
        self._written[site.id] = site.subdomain, reading, now

    async def keep_only(self, sites: Sequence[Site]) -> None:
        """Remove the copies of pages that are not for everybody any more."""
        contents = await self._known()
        names = {site.subdomain for site in sites}
        for name in sorted(set(contents) - names):
            for path in contents[name]:
                await self.target.remove(f"{name}/{path}")
            await self._note({other: paths for other, paths in (await self._known()).items() if other != name})
        ids = {site.id for site in sites}
        self._written = {id: written for id, written in self._written.items() if id in ids}

    async def _known(self) -> dict[str, list[str]]:
        if self._contents is None:
            text = await self.target.read(CONTENTS)
            try:
                self._contents = msgspec.json.decode(text or b"{}", type=dict[str, list[str]])
            except msgspec.MsgspecError:
                self._contents = {}
        return self._contents

    async def _note(self, contents: dict[str, list[str]]) -> None:
        if contents != self._contents:
            await self.target.write(CONTENTS, msgspec.json.encode(contents), JSON)
            self._contents = contents


def drawn(reading: Reading, month: MonthView | None, where: Where) -> Files:
    """All files of a copy by their path; the front page last, so that what it leads to is there before it."""
    view = reading.view
    files: Files = {f"assets/{name}": found for name, found in assets().items() if name != PUSH_WORKER}
    for report in reports(view):
        text = drawing.draw_report(view, report, framed(where, reading.pictures))
        folder = "maintenance" if report.maintenance else "incidents"
        files[f"{folder}/{report.id}/index.html"] = text.encode(), HTML
    if month is not None:
        text = drawing.draw_month(view, month, framed(where, reading.pictures))
        files["incidents/index.html"] = text.encode(), HTML
    text = drawing.draw_maintenance(view, month, framed(where, reading.pictures))
    files["maintenance/index.html"] = text.encode(), HTML
    if view.settings.custom_css:
        files["custom.css"] = view.settings.custom_css.encode(), "text/css; charset=utf-8"
    if view.settings.custom_javascript and view.custom_domain:
        files["custom.js"] = view.settings.custom_javascript.encode(), "text/javascript; charset=utf-8"
    badge = badge_svg.draw(view)
    assert badge is not None
    files["badge.svg"] = badge, badge_svg.MEDIA_TYPE
    files["index.json"] = index_json.draw(view), JSON
    files["feed.rss"] = feed_rss.draw(view, where.root), feed_rss.MEDIA_TYPE
    files["feed.atom"] = feed_atom.draw(view, where.root), feed_atom.MEDIA_TYPE
    files["maintenance.ics"] = maintenance_ics.draw(view, where.root), maintenance_ics.MEDIA_TYPE
    files["index.html"] = drawing.draw_home(view, framed(where, reading.pictures)).encode(), HTML
    return files
