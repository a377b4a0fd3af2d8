"""Makes the answer at each address of a page: fetches what it needs, then draws it on a thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from typing import Protocol

import msgspec

from tocsin.kernel.answers import HTML, JSON, Answer, Packed, pack
from tocsin.pages import drawing, headers
from tocsin.pages.cache import Reading
from tocsin.pages.dress import PUSH_WORKER, assets
from tocsin.pages.outputs import (
    badge_svg,
    feed_atom,
    feed_rss,
    index_json,
    maintenance_ics,
    og_png,
    robots_txt,
    statuspage,
    widgets,
)
from tocsin.pages.targets import DRAWN, SHARED, Kind, Target
from tocsin.status_pages.model.views import MonthView, PageView, ReportView, Site

LOGO, DARK_LOGO = "logo", "dark_logo"
CUSTOM = "public, max-age=86400"
"""Of style and script that a page brings: their address changes with them."""
PICTURES = "public, max-age=3600"
VOLATILE = frozenset({Kind.MONTH, Kind.MAINTENANCE, Kind.REPORT, Kind.IMAGE})
"""What shows more than the page's view: old reports, pictures. Each reading may have changed it."""

Draw = Callable[[], Answer]


class Picture(Protocol):
    """A logo as it is shown."""

    @property
    def media_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...


class Readers(msgspec.Struct, frozen=True, kw_only=True):
    """How pages are read: each runs one function of `status_pages` in a transaction."""

    directory: Callable[[], Awaitable[list[Site]]]
    reading: Callable[[int], Awaitable[Reading | None]]
    month: Callable[[int, str | None], Awaitable[MonthView | None]]
    report: Callable[[int, int], Awaitable[ReportView | None]]
    image: Callable[[int, str], Awaitable[Picture | None]]
    newest_event: Callable[[], Awaitable[int]]
    """The id of the last thing that happened anywhere."""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Under which addresses and for which language something is drawn."""

    root: str
    prefix: str
    language: str
    push_key: str = ""
    csrf: Callable[[], str] = lambda: ""
    """Makes a fresh token for the forms."""
    snapshot_at: datetime | None = None


class Renderer:
    """Draws what is kept. See `cache.Make`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def make(self, site: Site, reading: Reading, target: Target, where: Where) -> Draw | None:
        """What draws the answer to a target; None = there is nothing."""
        if target.kind in DRAWN:
            return await self._page(site, reading, target, where)
        if target.kind is Kind.IMAGE:
            picture = await self._readers.image(site.id, target.name)
            if picture is None:
                return None
            media_type, content = picture.media_type, picture.content
            return lambda: _answer(site, content, media_type, PICTURES, headers.INERT)
        return _output(site, reading.view, target, where)

    async def _page(self, site: Site, reading: Reading, target: Target, where: Where) -> Draw | None:
        view = reading.view
        frame = framed(where, reading.pictures)
        policy = headers.policy(view.settings, frame.nonce)
        found: MonthView | ReportView | None = None
        if target.kind in (Kind.MONTH, Kind.MAINTENANCE):
            found = await self._readers.month(site.id, target.name or None)
            if found is None and target.kind is Kind.MONTH:
                return None
        elif target.kind is Kind.REPORT:
            found = await self._readers.report(site.id, target.id)
            if found is None:
                return None

        def draw() -> Answer:
            if isinstance(found, ReportView):
                text = drawing.draw_report(view, found, frame)
            elif target.kind is Kind.MAINTENANCE:
                text = drawing.draw_maintenance(view, found, frame)
            elif found is not None:
                text = drawing.draw_month(view, found, frame)
            elif target.kind is Kind.SUBSCRIBE:
                text = drawing.draw_subscribe(view, frame, {}, {})
            else:
                text = drawing.draw_home(view, frame)
            return _answer(site, text.encode(), HTML, headers.OPEN_PAGES, policy)

        return draw


def framed(where: Where, pictures: frozenset[str] = frozenset()) -> drawing.Frame:
    """A frame with a fresh nonce."""
    return drawing.Frame(
        root=where.root,
        prefix=where.prefix,
        language=where.language,
        nonce=headers.new_nonce(),
        push_key=where.push_key,
        has_logo=LOGO in pictures,
        has_dark_logo=DARK_LOGO in pictures,
        csrf=where.csrf(),
        snapshot_at=where.snapshot_at,
    )


def _output(site: Site, view: PageView, target: Target, where: Where) -> Draw | None:
    """What programs read."""
    kind, root = target.kind, where.root
    if kind is Kind.BADGE and badge_svg.draw(view, target.id) is None:
        return None
    if kind is Kind.CSS:
        css = view.settings.custom_css
        return None if not css else lambda: _answer(site, css.encode(), "text/css; charset=utf-8", CUSTOM)
    if kind is Kind.JAVASCRIPT:
        script = view.settings.custom_javascript if view.custom_domain else None
        return None if not script else lambda: _answer(site, script.encode(), "text/javascript; charset=utf-8", CUSTOM)
    drawn: dict[Kind, tuple[Callable[[], bytes | None], str]] = {
        Kind.INDEX_JSON: (lambda: index_json.draw(view), JSON),
        Kind.RSS: (lambda: feed_rss.draw(view, root), feed_rss.MEDIA_TYPE),
        Kind.ATOM: (lambda: feed_atom.draw(view, root), feed_atom.MEDIA_TYPE),
        Kind.ICAL: (lambda: maintenance_ics.draw(view, root), maintenance_ics.MEDIA_TYPE),
        Kind.BADGE: (lambda: badge_svg.draw(view, target.id), badge_svg.MEDIA_TYPE),
        Kind.OG_IMAGE: (lambda: og_png.draw(view), og_png.MEDIA_TYPE),
        Kind.STATUSPAGE: (lambda: statuspage.draw(view, root, target.name), JSON),
        Kind.ROBOTS: (
            lambda: robots_txt.draw(view.settings.hide_from_search_engines or site.gate.closed), robots_txt.MEDIA_TYPE
        ),
    }  # fmt: skip
    if kind not in drawn:
        return None
    make, media_type = drawn[kind]
    return lambda: _answer(site, make() or b"", media_type, headers.OPEN_PAGES, _of_outputs(site, kind))


def _of_outputs(site: Site, kind: Kind) -> headers.Lines:
    lines: headers.Lines = headers.INERT
    if site.gate.closed:  # by its network alone, perhaps: other sites could read it with the browsers of those inside
        return (*lines, ("cross-origin-resource-policy", "same-origin"))
    if kind in SHARED:
        lines += headers.ANY_ORIGIN
    if kind in (Kind.BADGE, Kind.OG_IMAGE):
        lines += (("cross-origin-resource-policy", "cross-origin"),)
    return lines


def _answer(site: Site, body: bytes, media_type: str, keeping: str, more: headers.Lines = ()) -> Answer:
    lines = (("cache-control", headers.CLOSED_PAGES if site.gate.closed else keeping), *headers.ALWAYS, *more)
    if site.hide_from_search_engines or site.gate.closed:
        lines += headers.UNINDEXED
    if media_type == HTML:
        lines += (("vary", "accept-encoding, accept-language, cookie"),)
    else:
        lines += (("vary", "accept-encoding"),)
    return Answer(body=body, media_type=media_type, headers=lines)


def asset(name: str, prefix: str) -> Answer | Packed | None:
    """A file that pages are dressed in: the same for all, secret to nobody."""
    if name == PUSH_WORKER:  # keeps its name, so browsers ask whether it is still the same
        more = (("content-security-policy", "default-src 'none'; connect-src 'self'"),
                ("service-worker-allowed", f"{prefix}/"))  # fmt: skip
        return _file(*assets()[name], "no-cache", more)
    return _packed_asset(name) if name in assets() else None


@cache
def _packed_asset(name: str) -> Packed:
    return pack(_file(*assets()[name], headers.HASHED))


@cache
def widget(name: str) -> Packed:
    """A script for other people's sites."""
    more = (*headers.ANY_ORIGIN, ("cross-origin-resource-policy", "cross-origin"))
    return pack(_file(widgets.script(name), widgets.MEDIA_TYPE, PICTURES, more))


def _file(body: bytes, media_type: str, keeping: str, more: headers.Lines = ()) -> Answer:
    lines = (("cache-control", keeping), *headers.ALWAYS, ("vary", "accept-encoding"), *more)
    return Answer(body=body, media_type=media_type, headers=lines)
