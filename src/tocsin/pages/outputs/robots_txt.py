"""`/robots.txt` of a page that has a host of its own: whether search engines may look."""

from __future__ import annotations


def draw(hidden: bool) -> bytes:
    """Hidden pages are also marked in each answer: a crawler that may not look cannot see that mark, so both say it."""
    return b"User-agent: *\nDisallow: /\n" if hidden else b"User-agent: *\nDisallow: /unsubscribe/\nDisallow: /unlock\n"
