"""Serves the reference at `/docs/api…`, `/llms.txt` and `/llms-full.txt`: made once, then given from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any

from tocsin.kernel.answers import HTML, Answer, Packed, pack
from tocsin.registry import Catalogue
from tocsin.rest.reference import choice as filters
from tocsin.rest.reference import markdown
from tocsin.rest.reference.choice import EVERYTHING, Choice
from tocsin.rest.reference.entries import Book, read
from tocsin.rest.reference.page import CONTENT_SECURITY_POLICY, Sheet

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the kind of request is left, for whoever counts requests."""
PAGE, INDEX, FULL = "/docs/api", "/llms.txt", "/llms-full.txt"
FORMER = "/api"
"""Where the page stood before: older links lead to where it is now."""
KEPT_CHOICES = 16
"""Filtered pages kept in memory, about a megabyte each."""

_TEXT = "text/plain; charset=utf-8"  # what browsers show and do not save
_HEADERS = (
    ("cache-control", "public, no-cache"),
    ("vary", "accept-encoding"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
)


class Reference:
    """An ASGI application for whatever `takes` says is its own. Nobody has to show anything to read it."""

    def __init__(self, catalogue: Catalogue, base_url: str | None = None) -> None:
        """`base_url`: for the links in `llms.txt`; None leaves them without a host."""
        self._catalogue = catalogue
        self._base_url = (base_url or "").rstrip("/")
        self._areas = dict.fromkeys(operation.area for operation in catalogue)
        self._pages = {f"{PAGE}/{markdown.page_name(area)}": markdown.page_name(area) for area in self._areas}
        self._one_at_a_time = asyncio.Lock()
        self._whole: dict[str, Packed] = {}
        self._filtered: dict[Choice, Packed] = {}

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path in _PATHS or path in self._pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = "reference"
        headers: dict[bytes, bytes] = dict(scope["headers"])
        path = scope["path"].rstrip("/")
        status, body = 200, b""
        if scope["method"] not in ("GET", "HEAD"):
            status, answered = 405, [(b"allow", b"GET, HEAD"), (b"content-length", b"0")]
        elif path == FORMER:
            status, answered = 308, [(b"location", PAGE.encode()), (b"content-length", b"0")]
        else:
            choice = filters.chosen(scope["query_string"], self._areas) if path == PAGE else EVERYTHING
            form = (await self._packed(path, choice)).form(headers.get(b"accept-encoding"))
            if form.has(headers.get(b"if-none-match")):
                status, answered = 304, form.unchanged()
            else:
                answered, body = form.headers, form.body
        await send({"type": "http.response.start", "status": status, "headers": answered})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _packed(self, path: str, choice: Choice) -> Packed:
        kept = self._whole.get(path) if choice == EVERYTHING else self._filtered.get(choice)
        if kept is not None:
            return kept
        # Drawing takes longer than many requests do: off the event loop, and one at a time, so that whoever asks for
        # a thousand choices at once keeps no more than one core busy.
        async with self._one_at_a_time:
            made = await asyncio.to_thread(self._make, path, choice)
        if choice == EVERYTHING:
            self._whole[path] = made
        else:
            if len(self._filtered) >= KEPT_CHOICES:
                del self._filtered[next(iter(self._filtered))]
            self._filtered[choice] = made
        return made

    def _make(self, path: str, choice: Choice) -> Packed:
        if path == PAGE:
            security = ("content-security-policy", CONTENT_SECURITY_POLICY)
            page = self._sheet.draw(choice).encode()
            return pack(Answer(body=page, media_type=HTML, headers=(security,)), _HEADERS)
        if path == INDEX:
            text = markdown.index(self._book, self._base_url)
        elif path == FULL:
            text = markdown.full(self._book)
        else:
            text = markdown.pages(self._book)[self._pages[path]]
        return pack(Answer(body=text.encode(), media_type=_TEXT), _HEADERS)

    @cached_property
    def _book(self) -> Book:
        return read(self._catalogue)

    @cached_property
    def _sheet(self) -> Sheet:
        return Sheet(self._book)


_PATHS = frozenset(path + slash for path in (PAGE, INDEX, FULL, FORMER) for slash in ("", "/"))
