"""What the public is told: status pages, what is on them, how they look, reports, and who is told of these."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.status_pages import (
    design,
    groups,
    listing,
    overview,
    reports,
    structure,
    subscribers,
    telling,
)


def routes(frame: Frame) -> list[Route]:
    """`/status-pages…`."""
    parts = (listing, groups, overview, structure, design, telling, reports, subscribers)
    return [route for part in parts for route in part.routes(frame)]
