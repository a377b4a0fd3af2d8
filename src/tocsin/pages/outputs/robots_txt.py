"""`/robots.txt` of a page that has a host of its own: whether search engines may look."""

from __future__ import annotations

MEDIA_TYPE = "text/plain; charset=utf-8"


def draw(hidden: bool) -> bytes:
    """`hidden`: also of private pages. Hidden pages are marked in each answer too: a crawler that may not look cannot
    see that mark, so both say it."""
    return b"User-agent: *\nDisallow: /\n" if hidden else b"User-agent: *\nDisallow: /unsubscribe/\nDisallow: /unlock\n"
