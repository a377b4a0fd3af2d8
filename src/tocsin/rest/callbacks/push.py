"""What a browser tells us of a notification: that it was shown, that somebody looked, that they have it."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
import structlog

from tocsin.kernel.errors import TocsinError
from tocsin.rest.body import Gone, Malformed, read_body
from tocsin.rest.callbacks.deeds import OPERATION_KEY, Answering, Ledger, Outcome, Receive, Result, Scope, Send, Way

log = structlog.get_logger()

PREFIX = "/callbacks/push/"
MAX_BODY_BYTES = 1_024
"""One word."""
MAX_TOKEN_CHARACTERS = 100
PUSH: Way = ("push", "push notification")
_REPORTS = {"delivered": "shown by the browser", "seen": "the notification was opened"}


class Said(msgspec.Struct, frozen=True):
    """What the notification shows after its button was pressed."""

    done: bool
    said: str = ""


class PushCallbacks:
    """An ASGI application for `/callbacks/push/TOKEN`; the token is known to the notification alone."""

    def __init__(self, answering: Answering, ledger: Ledger) -> None:
        self._answering = answering
        self._ledger = ledger

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = "callback.push"
        try:
            status, said = await self._answer(scope, receive)
        except Gone:
            return
        except Malformed as error:
            status, said = error.status, Said(False, error.message)
        except TocsinError as error:
            log.warning("a notification's report could not be taken", why=str(error))
            status, said = 503, Said(False, "That could not be done just now.")
        except Exception:
            log.exception("a notification's report failed")
            status, said = 500, Said(False, "This is a fault of Tocsin's own.")
        body = msgspec.json.encode(said)
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Said]:
        token = scope["path"][len(PREFIX) :]
        if scope["method"] != "POST":
            return 405, Said(False, "Notifications post here.")
        body = await read_body(receive, dict(scope["headers"]).get(b"content-length"), MAX_BODY_BYTES)
        did = _word(body)
        if len(token) <= MAX_TOKEN_CHARACTERS and did == "acknowledge":
            client = scope.get("client")
            address = client[0] if client else None
            return 200, _said(await self._answering.do(token, "incidents.acknowledge", PUSH, address))
        if did in _REPORTS and await self._ledger.told(token, did, _REPORTS[did]):
            return 200, Said(True)
        return 404, Said(False, "This notification is not known any more.")


def _word(body: bytes) -> str:
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=10).get("did", [""])[-1]
    except (UnicodeDecodeError, ValueError):
        return ""


def _said(outcome: Outcome) -> Said:
    if outcome.result is Result.DONE:
        return Said(True, "You have it. Nobody else will be alerted.")
    if outcome.result is Result.LATER:
        return Said(False, "That could not be done just now.")
    if outcome.result is Result.UNKNOWN:
        return Said(False, "This alert is not known any more.")
    if outcome.resolved:
        return Said(True, "It is resolved already" + (f", by {outcome.by}." if outcome.by else "."))
    return Said(True, f"{outcome.by} has it already.") if outcome.by else Said(False, f"{outcome.why}.")
