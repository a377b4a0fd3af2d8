"""Puts the public status pages together: how they are read, who may do what there, and the short ways of requests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tocsin.gateway import Door
from tocsin.gateway.readers import is_member, mail_link
from tocsin.pages.agents import Telling
from tocsin.pages.app import Pages
from tocsin.pages.buckets import Bucket, bucket
from tocsin.pages.cache import Reading
from tocsin.pages.rendering import Readers
from tocsin.pages.snapshots import Snapshots
from tocsin.pages.visiting import Visitors
from tocsin.rest.pings import Pings
from tocsin.runtime.connection import Headers, Outcome
from tocsin.runtime.foundation import Foundation
from tocsin.status_pages import actions
from tocsin.storage import Database, Tx, events

SNAPSHOTS_FOLDER = "status-pages"
"""In the data directory."""


def readers(database: Database) -> Readers:
    """How pages are read: always in one transaction."""
    return Readers(
        directory=lambda: database.read(actions.directory),
        reading=lambda page_id: database.read(_reading, page_id),
        month=lambda page_id, month: database.read(actions.month, page_id, month),
        report=lambda page_id, report_id: database.read(actions.report_view, page_id, report_id),
        image=lambda page_id, kind: database.read(actions.image, page_id, kind),
        newest_event=lambda: database.read(events.newest),
    )


def public_pages(ground: Foundation, door: Door, base_url: str, push_key: str) -> Pages:
    """The pages as the web server needs them."""
    database = ground.database
    return Pages(
        readers(database),
        base_url=base_url,
        clock=ground.clock,
        vault=ground.vault,
        trusted_proxies=ground.settings.trusted_proxies,
        visitors=Visitors(database, door, ground.clock, base_url),
        is_member=partial(is_member, database),
        mail_link=partial(mail_link, database),
        push_key=push_key,
        telling=_telling,
    )


def _telling(tools: Mapping[str, str]) -> Telling:
    """Loaded when the first agent asks a page: the kit takes 20 MB."""
    from tocsin.mcp.public import Telling as Speaking

    return Speaking(tools)


def snapshots(ground: Foundation, pages: Pages) -> Snapshots:
    """The worker that keeps static copies of them."""
    settings = ground.settings
    folder = settings.status_snapshots or settings.data.absolute() / SNAPSHOTS_FOLDER
    to: Bucket | None = None
    if settings.status_snapshots_url:
        to = bucket(settings.status_snapshots_url, settings.status_snapshots_key, settings.status_snapshots_secret)
    return Snapshots(readers(ground.database), pages.addresses, ground.clock, folder, to)


class ShortWays:
    """Which requests need no ASGI: pages that are known at sight, and pings."""

    def __init__(self, pings: Pings, pages: Pages) -> None:
        self._pages = pages
        self.begin = pings.begin
        self.outcome = pings.outcome

    def ready(self, url: bytes, headers: Headers, always: Headers) -> bytes | None:
        if url.startswith(b"/api/v1/"):  # a ping: its own way begins with its own look
            return None
        return self._pages.ready(url, headers, always)


def _reading(tx: Tx, page_id: int) -> Reading | None:
    view = actions.view(tx, page_id)
    return None if view is None else Reading(view, frozenset(actions.images_here(tx, page_id)))


__all__ = ["Outcome", "ShortWays", "public_pages", "readers", "snapshots"]
