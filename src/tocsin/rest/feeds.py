"""The secret addresses at which calendar programs read who is on call: all they need to show is the address."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from tocsin.kernel.errors import Unavailable

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the kind of request is left, for whoever counts requests."""
PREFIX = "/on-call/feeds/"
_TOKEN = re.compile(r"[A-Za-z0-9]{16,64}\.ics")


class Feeds:
    """An ASGI application for whatever `takes` says is its own."""

    def __init__(self, render: Callable[[str], Awaitable[bytes | None]]) -> None:
        """`render(token)`: the iCal text behind a secret, or None when it opens nothing."""
        self._render = render

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = "on_call_feeds.read"
        status, body = await self._answer(scope)
        calendar = status == 200
        headers = [
            (b"content-type", b"text/calendar; charset=utf-8" if calendar else b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"private, max-age=300" if calendar else b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"x-robots-tag", b"noindex"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope) -> tuple[int, bytes]:
        if scope["method"] not in ("GET", "HEAD"):
            return 405, b"This address is only read.\n"
        name = scope["path"][len(PREFIX) :]
        try:
            text = await self._render(name.removesuffix(".ics")) if _TOKEN.fullmatch(name) else None
        except Unavailable as error:
            return 503, f"{error.message}\n".encode()
        except Exception:
            log.exception("an on-call feed failed")
            return 500, b"Something went wrong on our side. Please try again.\n"
        return (404, b"No calendar has this address.\n") if text is None else (200, text)
