"""How a client walks through a long list: the addresses of its first, last, previous and next page."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def links(address: str, query: bytes, *, page: int, per_page: int, total: int) -> dict[str, str | None]:
    """The `pagination` object (contract part 1, 2.4): absolute URLs that keep every query parameter, `page` last.

    `address` is the absolute URL of the list without its query. `first` and `last` are never null; a page past the
    end has no `next`, and its `prev` is the last page that holds something.
    """
    last = max(1, -(-total // max(1, per_page)))
    start = f"{address}?{kept}&page=" if (kept := _kept(query)) else f"{address}?page="
    return {
        "first": f"{start}1",
        "last": f"{start}{last}",
        "prev": f"{start}{min(page - 1, last)}" if page > 1 else None,
        "next": f"{start}{page + 1}" if page < last else None,
    }


def origin(base_url: str | None, scheme: str, host: bytes | None, server: tuple[str, int | None] | None) -> str:
    """The start of our absolute URLs: the public base URL when it is set, else the host that the client asked for."""
    if base_url:
        return base_url.rstrip("/")
    name = (host or b"").decode("latin-1")
    if not _HOST.fullmatch(name):
        name = "localhost" if server is None else server[0] if not server[1] else f"{server[0]}:{server[1]}"
    return f"{scheme}://{name}"


def _kept(query: bytes) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name != "page" and not (name == "per_page" and not _size(value))]
    return urlencode(kept)


def _size(value: str) -> bool:
    """Whether a `per_page` means anything: betterstack-go sends 0 when it has none."""
    return value.isascii() and value.isdigit() and int(value[:9]) > 0
