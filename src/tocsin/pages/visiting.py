"""Visitors of a page who subscribe, confirm and leave: small forms, each deed through the door."""

from __future__ import annotations

import msgspec

from tocsin.gateway import Door
from tocsin.gateway.visitors import (
    CHOOSE,
    CONFIRM,
    SUBSCRIBE,
    UNSUBSCRIBE,
    OpenedSubscription,
    Visits,
    open_confirmation,
    open_subscription,
    request,
    visitor,
)
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany, Unauthenticated, Unavailable
from tocsin.pages.forms import Fields, field
from tocsin.status_pages.model.views import Site
from tocsin.storage import Database

MAX_RESOURCES = 500
"""Ticked in one form."""
_FIELDS = {"url": "address", "subscription": "address", "status_page_resource_ids": "resources"}
"""Names of the form for those of the operation."""
_GONE = (NotFound, Unauthenticated, Refused, Conflict)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a visit: one of `drawing.ANSWERS`; `form`: to be shown again with what was wrong; or `choose`."""

    kind: str
    status: int = 200
    email: str = ""
    form: dict[str, str] = {}
    errors: dict[str, str] = {}
    resource_ids: tuple[int, ...] = ()
    """Of which the subscriber hears; empty = of all."""
    saved: bool | None = None
    """Whether what was chosen just now is kept; None = nothing was."""


UNKNOWN = Outcome(kind="unknown_link", status=404)
TRY_AGAIN = Outcome(kind="try_again", status=503)


class Visitors:
    """Speaks with the door for readers of pages."""

    def __init__(self, database: Database, door: Door, clock: Clock, base_url: str) -> None:
        self._database = database
        self._door = door
        self._base_url = base_url
        self._visits = Visits(clock)

    async def subscribe(self, site: Site, fields: Fields, language: str, client: str | None) -> Outcome:
        """Ask to be told of updates."""
        form = {name: field(fields, name) for name in ("kind", "email", "address")}
        ticked = _ticked(fields)
        form["resources"] = ",".join(map(str, ticked))
        kind = form["kind"] or "email"
        body = {"kind": kind, "status_page_resource_ids": ticked,
                "language": language}  # fmt: skip
        if form["email"]:
            body["email"] = form["email"]
        if form["address"]:
            body["subscription" if kind == "push" else "url"] = form["address"]
        try:
            self._visits.admit(client)
            await self._door.call(
                request(self._door, SUBSCRIBE, visitor(site.team_id, site.id, client), body, self._base_url)
            )
        except Invalid as error:
            errors = {_FIELDS.get(name, name): _sentence(texts) for name, texts in error.field_errors.items()}
            return Outcome(kind="form", status=422, form=form, errors=errors or {"base": error.message})
        except TooMany:
            return Outcome(kind="too_many", status=429)
        except Unavailable:
            return TRY_AGAIN
        except _GONE:
            return UNKNOWN
        return Outcome(kind="check_mail", email=form["email"]) if kind != "push" else Outcome(kind="confirmed")

    async def look(self, site: Site, operation: str, token: str, client: str | None) -> Outcome:
        """What a link shows before anything is pressed: looking changes nothing, as mail scanners open every link."""
        try:
            opened = await self._open(site, operation, token, client)
        except (Unavailable, TooMany):
            return TRY_AGAIN
        if opened is None:
            return UNKNOWN
        if operation == CONFIRM:
            return Outcome(kind="confirmed" if opened.listening else "confirm")
        return _subscribed(opened)

    async def choose(self, site: Site, token: str, fields: Fields, language: str, client: str | None) -> Outcome:
        """Hear of other resources from now on."""
        ids = _ticked(fields)
        opened: OpenedSubscription | None = None
        try:
            opened = await self._open(site, UNSUBSCRIBE, token, client)
            if opened is None:
                return UNKNOWN
            if opened.left:
                return _subscribed(opened)
            body = {"status_page_resource_ids": ids, "language": language}
            self._visits.admit_deed(opened)
            await self._door.call(request(self._door, CHOOSE, opened.credential, body, self._base_url))
        except (Unavailable, TooMany):
            return TRY_AGAIN
        except _GONE:
            return UNKNOWN
        except Invalid:  # a resource went while the form stood open
            return UNKNOWN if opened is None else msgspec.structs.replace(_subscribed(opened), status=422, saved=False)
        return Outcome(kind="choose", resource_ids=tuple(ids), saved=True)

    async def do(self, site: Site, operation: str, token: str, client: str | None) -> Outcome:
        """Confirm or leave."""
        try:
            opened = await self._open(site, operation, token, client)
            if opened is None:
                return UNKNOWN
            self._visits.admit_deed(opened)
            await self._door.call(request(self._door, operation, opened.credential, {}, self._base_url))
        except (Unavailable, TooMany):
            return TRY_AGAIN
        except (*_GONE, Invalid):
            return UNKNOWN
        return Outcome(kind="confirmed" if operation == CONFIRM else "unsubscribed")

    async def _open(self, site: Site, operation: str, token: str, client: str | None) -> OpenedSubscription | None:
        """The subscription behind a link; None also when it is one of another page."""
        opening = open_confirmation if operation == CONFIRM else open_subscription
        opened = await opening(self._database, token, client)
        return opened if opened is not None and opened.page_id == site.id else None


def _ticked(fields: Fields) -> list[int]:
    texts = [text for text in fields.get("resources", []) if text.isascii() and text.isdigit() and len(text) < 19]
    return [int(text) for text in texts[:MAX_RESOURCES]]


def _subscribed(opened: OpenedSubscription) -> Outcome:
    if opened.left:
        return Outcome(kind="unsubscribed")
    return Outcome(kind="choose", resource_ids=opened.resource_ids)


def _sentence(texts: list[str]) -> str:
    words = "; ".join(texts)
    return words[:1].upper() + words[1:]


__all__ = ["CONFIRM", "UNSUBSCRIBE", "Outcome", "Visitors"]
