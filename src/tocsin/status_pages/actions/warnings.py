"""What a reader of a status page would stumble over, said to those who keep it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from tocsin.status_pages.actions.contents import is_gone
from tocsin.status_pages.model import StatusPage
from tocsin.status_pages.store import contents as content_shelf
from tocsin.status_pages.store import images as image_shelf
from tocsin.status_pages.store import pages as shelf
from tocsin.storage import Tx

MAX_PAGES = 200
"""That are looked over in one go."""


def shortcomings(tx: Tx) -> list[tuple[str, str]]:
    """(subdomain, sentence) of everything that is to be mended on published pages."""
    pages = [page for page in shelf.all_pages(tx, MAX_PAGES) if page.published]
    return [(page.subdomain, sentence) for page in pages for sentence in _of(tx, page)]


def _of(tx: Tx, page: StatusPage) -> list[str]:
    found = []
    resources = content_shelf.resources_of(tx, [page.id])
    if not resources:
        found.append("has no resources: its readers see an empty page")
    found += [
        f"“{resource.public_name}” is about a {resource.resource_type} that was deleted"
        for resource in resources
        if is_gone(tx, resource)
    ]
    return found + [_of_picture(row) for row in image_shelf.failures(tx, page.id)]


def _of_picture(row: Row[Any]) -> str:
    """What readers see of a picture that could not be had."""
    name = f"its {row.kind.replace('_', ' ')} at {row.url}"
    if not row.here:
        return f"{name} is not shown: {row.failure}"
    if row.stale:
        return f"{name} is not shown (the one before it is still shown): {row.failure}"
    return f"{name} could not be fetched again (it is shown as it was): {row.failure}"
