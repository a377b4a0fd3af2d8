"""Logos: fetched once from where they are, kept small, and shown from here, so that readers ask nobody but us."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec

from tocsin.status_pages.model import Settings
from tocsin.status_pages.store import images as shelf
from tocsin.storage import Tx, events

TOPIC = "status_page_images"
"""Rung when a picture is to be fetched."""
LOGO, DARK_LOGO = "logo", "dark_logo"
LEASE = timedelta(minutes=2)
"""Longer than any fetch may take; after a crash it is fetched again then."""
AT_ONCE = 5
FRESH_FOR = timedelta(days=1)
"""After that it is looked at again: logos change, seldom."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=12)
"""Between tries while it cannot be had."""
MAX_WORDS = 500


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it is shown."""

    media_type: str
    content: bytes
    etag: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that is to be fetched now."""

    id: int
    status_page_id: int
    kind: str
    url: str
    failures: int


def wanted(tx: Tx, page_id: int, settings: Settings) -> None:
    """Keep the pictures of a page in step with the addresses that are set."""
    have = shelf.addresses(tx, page_id)
    for kind, url in ((LOGO, settings.logo_url), (DARK_LOGO, settings.dark_logo_url)):
        if url is None:
            if kind in have:
                shelf.forget(tx, page_id, kind)
        elif have.get(kind) != url:
            shelf.want(tx, page_id, kind, url, known=kind in have)
            tx.ring(TOPIC)


def image(tx: Tx, page_id: int, kind: str) -> Image | None:
    """A page's `logo` or `dark_logo`; None when there is none, or it could not be fetched yet."""
    row = shelf.find(tx, page_id, kind)
    if row is None:
        return None
    content = bytes(row.content)
    return Image(media_type=row.media_type, content=content, etag=hashlib.sha256(content).hexdigest()[:16])


def images_here(tx: Tx, page_id: int) -> set[str]:
    """Which of `logo` and `dark_logo` can be shown."""
    return shelf.kinds_here(tx, page_id)


def claim_images(tx: Tx) -> list[Wanted]:
    """Lease pictures that are due; what is not settled is fetched again."""
    return [Wanted(**row._mapping) for row in shelf.take(tx, AT_ONCE, tx.now + LEASE)]


def next_image_at(tx: Tx) -> datetime | None:
    """When a picture is due next."""
    return shelf.next_due(tx)


def keep_image(tx: Tx, image: Wanted, media_type: str, content: bytes) -> None:
    """It is here: show it from now on."""
    before = shelf.find(tx, image.status_page_id, image.kind)
    values = {
        "media_type": media_type,
        "content": content,
        "failure": None,
        "failures": 0,
        "fetched_at": tx.now,
        "due_at": tx.now + FRESH_FOR,
        "stale": False,
    }
    if not shelf.settle(tx, image.id, image.url, values):
        return
    if before is None or bytes(before.content) != content:
        events.record(
            tx,
            "status_page.logo_changed",
            team_id=None,
            resource_type="status_page",
            resource_id=image.status_page_id,
            kind=image.kind,
        )


def miss_image(tx: Tx, image: Wanted, why: str) -> None:
    """It could not be had: what is shown stays, and it is tried again, ever more seldom."""
    wait = min(FIRST_WAIT * 2 ** min(image.failures, 20), LONGEST_WAIT)
    values = {"failure": why[:MAX_WORDS], "failures": image.failures + 1, "due_at": tx.now + wait}
    shelf.settle(tx, image.id, image.url, values)
