"""What all chats have in common when a button was pressed there: who that is, what came of it, and how it is said."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from tocsin.kernel.errors import TocsinError
from tocsin.rest.body import Gone, Malformed
from tocsin.rest.callbacks.deeds import OPERATION_KEY, Answering, Outcome, Receive, Result, Scope, Send, Way

log = structlog.get_logger()

MAX_BODY_BYTES = 256 * 1024
"""Of what a chat tells us: Slack sends the whole message along that the button belongs to."""
MAX_TOKEN_CHARACTERS = 100
MAX_NAME_CHARACTERS = 60
"""Of a name that somebody has in a chat."""
DEEDS = {"acknowledge": "incidents.acknowledge", "resolve": "incidents.resolve"}
DECISIONS = {"approve": "approvals.approve", "deny": "approvals.deny"}
_DONE = {"acknowledge": "acknowledged", "resolve": "resolved", "approve": "approved", "deny": "refused"}

Answer = tuple[int, Any]
"""(HTTP status, JSON or plain text)."""


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody pressed a button."""

    token: str
    deed: str
    name: str
    """What they are called in the chat; an empty text when the chat does not say."""
    email: str | None = None
    """By which a member is known; None when the chat does not say."""


class Chat:
    """One chat's way to the door."""

    def __init__(self, name: str, way: Way, answering: Answering) -> None:
        """`name`: what people call the chat, e.g. `Slack`."""
        self._name = name
        self._way = way
        self._answering = answering

    async def press(self, press: Press, client_address: str | None) -> tuple[Outcome, str]:
        """Do what the button says; returns what came of it, and the same in words for whoever pressed."""
        operation = DEEDS.get(press.deed) or DECISIONS.get(press.deed)
        if operation is None or not 0 < len(press.token) <= MAX_TOKEN_CHARACTERS:
            return Outcome(result=Result.UNKNOWN), "This button does nothing."
        if press.deed in DECISIONS:
            decided = await self._answering.decide(press.token, operation, self._way, client_address, press.email)
            return decided, _words_of_decision(decided, press.deed)
        said_by = f"{press.name[:MAX_NAME_CHARACTERS] or 'Somebody'} ({self._name})"
        outcome = await self._answering.do(
            press.token, operation, self._way, client_address, said_by=said_by, email=press.email
        )
        return outcome, _words(outcome, press.deed)


async def serve(name: str, scope: Scope, receive: Receive, send: Send, answer: Any) -> None:
    """Answer one request with what `answer(scope, receive)` returns, and with something whatever goes wrong."""
    scope[OPERATION_KEY] = f"callback.{name}"
    try:
        status, content = await answer(scope, receive)
    except Gone:
        return
    except Malformed as error:
        status, content = error.status, error.message
    except TocsinError as error:
        log.warning("a callback could not be taken", chat=name, why=str(error))
        status, content = 503, "Try again in a moment."
    except Exception:
        log.exception("a callback failed", chat=name)
        status, content = 500, "This is a fault of Tocsin's own."
    if isinstance(content, str):
        body, media = content.encode(), b"text/plain; charset=utf-8"
    else:
        body, media = msgspec.json.encode(content), b"application/json; charset=utf-8"
    headers = [(b"content-type", media), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def address(scope: Scope) -> str | None:
    """From where the chat's server called."""
    client = scope.get("client")
    return client[0] if client else None


def text(value: object) -> str:
    """A text out of somebody's JSON; empty when it is none."""
    return value if isinstance(value, str) else ""


def table(value: object) -> dict[str, Any]:
    """An object out of somebody's JSON; empty when it is none."""
    return value if isinstance(value, dict) else {}


def _words_of_decision(outcome: Outcome, deed: str) -> str:
    if outcome.result is Result.DONE:
        return f"You have {_DONE[deed]} it: {outcome.name}."
    if outcome.result is Result.LATE:
        return f"{outcome.why}. Nothing was changed."
    if outcome.result is Result.LATER:
        return "Sorry, that could not be done just now: nothing has changed. Please press again."
    return "Nothing was done: only members of the team decide, known by the e-mail address that they have in the chat."


def _words(outcome: Outcome, deed: str) -> str:
    if outcome.result is Result.DONE:
        return f"You have {_DONE[deed]} it: {outcome.name}."
    if outcome.result is Result.LATER:
        return "Sorry, that could not be done just now: nothing has changed. Please press again."
    if outcome.result is Result.UNKNOWN:
        return "This message is not known here any more: nothing was done."
    if outcome.resolved:
        return f"{outcome.name} is resolved already" + (f", by {outcome.by}." if outcome.by else ".")
    return f"{outcome.by} has it already: {outcome.name}." if outcome.by else f"{outcome.why}."
