"""What somebody does through a message that we sent: by a key, by a text, by a button, always through the one door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from tocsin.gateway import Door
from tocsin.gateway.identity import Credential
from tocsin.gateway.links import OpenedLink, open_link
from tocsin.gateway.questions import open_posted_question
from tocsin.gateway.request import Reply, about_one
from tocsin.kernel.errors import Conflict, NotFound, Refused, TooMany, Unauthenticated, Unavailable
from tocsin.storage import Database

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the kind of message is left, for whoever counts requests."""
Way = tuple[str, str]
"""(surface, the same in words): for the audit log."""


class Result(StrEnum):
    """What came of a deed."""

    DONE = "done"
    LATE = "late"
    """It stands as it stands: somebody was quicker, it is over, or it is not theirs to say yes to."""
    UNKNOWN = "unknown"
    """The message is none of ours, or what it was about is gone."""
    LATER = "later"
    """It could not be done just now."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The same, with what is needed to say it."""

    result: Result
    name: str = ""
    """The incident's."""
    by: str = ""
    """Who has taken it on, or ended it."""
    resolved: bool = False
    why: str = ""
    """Of what came too late."""


class Ledger(Protocol):
    """What the surface tells about messages; each token proves that the caller holds the message."""

    async def told(self, state_token: str, receipt: str, detail: str) -> bool:
        """A provider reports on a message (`delivered`, `undelivered`, `seen`). False: it is none of ours."""
        ...

    async def seen(self, answer_token: str, detail: str) -> bool:
        """Whoever holds a message did something with it. False: it is none of ours."""
        ...

    async def open_pages(self, number: str, code: str | None) -> list[str] | None:
        """The answer tokens of the pages that whoever writes from this number may answer, the newest first.

        `code`: of the incident with that code; None: all that are open. None: nobody has proven that number.
        """
        ...


class Answering:
    """Does deeds in the name of whom a message was sent to."""

    def __init__(self, database: Database, door: Door, base_url: str) -> None:
        self._database = database
        self._door = door
        self._base_url = base_url

    async def do(
        self,
        token: str,
        operation: str,
        way: Way,
        client_address: str | None,
        *,
        said_by: str | None = None,
        email: str | None = None,
    ) -> Outcome:
        """Do `operation` (e.g. `incidents.acknowledge`) to the incident of the message with this answer token.

        `said_by`, `email`: who answers a message that was posted for a team (see `open_link`).
        """
        try:
            link = await open_link(self._database, token, client_address, through=way[1], said_by=said_by, email=email)
            if link is None:
                return Outcome(result=Result.UNKNOWN)
            try:
                reply = await self._call(link, operation, way)
            except Conflict as conflict:
                return self._outcome(Result.LATE, await self._call(link, "incidents.get", way), conflict.message)
            return self._outcome(Result.DONE, reply)
        except (NotFound, Unauthenticated, Refused):
            return Outcome(result=Result.UNKNOWN)
        except (Unavailable, TooMany):
            return Outcome(result=Result.LATER)

    async def decide(
        self, token: str, operation: str, way: Way, client_address: str | None, email: str | None
    ) -> Outcome:
        """Answer the question of an agent below which this button stands (`approvals.approve` or `approvals.deny`)."""
        try:
            found = await open_posted_question(self._database, token, email, way[1], client_address)
            if found is None:
                return Outcome(result=Result.UNKNOWN)
            try:
                reply = await self._ask(found[1], operation, found[0], way)
            except (Conflict, Refused) as why_not:
                return Outcome(result=Result.LATE, why=why_not.message.rstrip("."))
            return Outcome(result=Result.DONE, name=reply.value.sentence)
        except (NotFound, Unauthenticated, Refused):
            return Outcome(result=Result.UNKNOWN)
        except (Unavailable, TooMany):
            return Outcome(result=Result.LATER)

    async def _call(self, link: OpenedLink, name: str, way: Way) -> Reply:
        return await self._ask(link.credential, name, link.incident_id, way)

    async def _ask(self, credential: Credential, name: str, id: int, way: Way) -> Reply:
        operation = self._door.catalogue[name]
        return await self._door.call(about_one(operation, id, credential, surface=way[0], base_url=self._base_url))

    def _outcome(self, result: Result, reply: Reply, why: str = "") -> Outcome:
        assert reply.operation.resource is not None
        shown: Any = reply.operation.resource.render(reply.value)
        by = shown.resolved_by or shown.acknowledged_by or ""
        return Outcome(result=result, name=shown.name, by=by, resolved=bool(shown.resolved_at), why=why)
