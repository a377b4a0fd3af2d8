"""What Pushover tells us: that somebody has acknowledged a page which rang until it was seen."""

from __future__ import annotations

from urllib.parse import parse_qs

import structlog

from tocsin.kernel.errors import TocsinError
from tocsin.rest.body import Gone, Malformed, read_body
from tocsin.rest.callbacks.deeds import OPERATION_KEY, Answering, Ledger, Receive, Result, Scope, Send, Way

log = structlog.get_logger()

PREFIX = "/callbacks/pushover/"
MAX_BODY_BYTES = 4_096
"""A receipt and a few numbers."""
MAX_FIELDS = 20
PUSHOVER: Way = ("pushover", "Pushover")
_STATUSES = {Result.UNKNOWN: 404, Result.LATER: 503}
"""Pushover asks again after a 5xx; that somebody was quicker is no mistake of its."""


class PushoverCallbacks:
    """An ASGI application for `/callbacks/pushover/TOKEN` (Pushover, "Receipts and Callbacks").

    Pushover signs nothing. The token is known to Pushover alone, and lets it do what the page's own link lets its
    reader do; GET does nothing.
    """

    def __init__(self, answering: Answering, ledger: Ledger) -> None:
        self._answering = answering
        self._ledger = ledger

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = "callback.pushover"
        try:
            status, words = await self._answer(scope, receive)
        except Gone:
            return
        except Malformed as error:
            status, words = error.status, error.message
        except TocsinError as error:
            log.warning("a callback of Pushover's could not be taken", why=str(error))
            status, words = 503, "Try again in a moment."
        except Exception:
            log.exception("a callback of Pushover's failed")
            status, words = 500, "This is a fault of Tocsin's own."
        body = words.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str]:
        token = scope["path"][len(PREFIX) :]
        if scope["method"] != "POST":
            return 405, "Pushover posts here."
        body = await read_body(receive, dict(scope["headers"]).get(b"content-length"), MAX_BODY_BYTES)
        if not _acknowledged(body):
            return 400, "This is no receipt of Pushover's that says that somebody has acknowledged."
        if not await self._ledger.seen(token, "acknowledged in Pushover"):
            return 404, "There is no such message."
        client = scope.get("client")
        address = client[0] if client else None
        outcome = await self._answering.do(token, "incidents.acknowledge", PUSHOVER, address)
        return _STATUSES.get(outcome.result, 200), str(outcome.result)


def _acknowledged(body: bytes) -> bool:
    try:
        form = parse_qs(body.decode("ascii"), max_num_fields=MAX_FIELDS)
    except ValueError:
        return False
    return form.get("acknowledged") == ["1"]
