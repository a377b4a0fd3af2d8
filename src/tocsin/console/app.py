"""Draws the team's pages on the server; every deed goes through the door, none needs JavaScript."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as WebRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from tocsin.console.approving import approving_routes
from tocsin.console.consenting import consenting_routes
from tocsin.console.desk import Previews
from tocsin.console.dress import Assets, stamp
from tocsin.console.fields import label_of
from tocsin.console.frame import Frame
from tocsin.console.joining import joining_routes
from tocsin.console.live import live_routes
from tocsin.console.rooms import (
    agents,
    audit,
    heartbeats,
    home,
    incidents,
    integrations,
    me,
    monitors,
    oncall,
    policies,
    security,
    status_pages,
    team,
    trash,
    webhooks,
)
from tocsin.console.rooms.incidents.story import by, lasted
from tocsin.console.setting_up import setting_up_routes
from tocsin.console.signing_in import PageLink, sign_in_routes
from tocsin.console.subscribing import subscribing_routes
from tocsin.gateway import Door
from tocsin.gateway.links import OpenedLink, open_link, opened
from tocsin.gateway.live import Live
from tocsin.gateway.oauth import Authority
from tocsin.gateway.request import Reply, about_one
from tocsin.gateway.signing_in import SigningIn
from tocsin.kernel.clock import Clock, to_wire
from tocsin.kernel.errors import Conflict, NotFound, Refused, TooMany, Unauthenticated, Unavailable
from tocsin.storage import Database

ROOMS = (
    home,
    incidents,
    monitors,
    heartbeats,
    agents,
    oncall,
    policies,
    status_pages,
    integrations,
    webhooks,
    security,
    team,
    audit,
    trash,
    me,
)
"""Every room of the signed-in console."""
MAX_FORM_BYTES = 4_096
"""A form of ours is one short field."""

_HEADERS = {
    # No inline script or style, nothing from elsewhere, no framing; a secret link never leaks through a referrer.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
Handler = Callable[[WebRequest], Awaitable[Response]]
_DEEDS = {"acknowledge": "incidents.acknowledge", "resolve": "incidents.resolve"}


def _utc(at: str) -> str:
    """An instant of the API as it is read where no script puts it into the reader's zone."""
    return f"{at[:10]} {at[11:16]} UTC"


def _as_json(value: Any) -> str:
    """A value as programs write it, for people to read; it is escaped like every text."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _spaced(name: str) -> str:
    """`MonitorGroup` as people read it: `Monitor group`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


_templates = Environment(
    loader=PackageLoader("tocsin.console"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,  # they come with the program: no look at each file for each page
)
_templates.filters.update(
    utc=_utc, label=label_of, lasted=lasted, by=by, wire=to_wire, tojson_shown=_as_json, spaced=_spaced
)
_templates.globals["version"] = stamp()


def console_app(
    database: Database,
    door: Door,
    clock: Clock,
    base_url: str,
    push_key: str = "",
    authority: Authority | None = None,
    previews: Previews | None = None,
    signing_in: SigningIn | None = None,
    page_link: PageLink | None = None,
) -> Starlette:
    """The pages of people who are signed in, the small ones at `/answer/…`, `/join/…`, `/push/…` and
    `/oauth/authorize`, and what they are dressed in.

    `push_key`: with which browsers subscribe to notifications of this installation; empty where they cannot.
    `authority`: who lets programs in by OAuth; None where none are let in. `previews`: draws public pages; None where
    there are none.
    `signing_in`: how people prove who they are; None: by what needs nobody else.
    `page_link`: what lets a member into a private status page; None where there are none.
    """
    entrance = None if authority is None else authority.entrance
    signing_in = signing_in or SigningIn(database, clock, base_url, entrance=entrance)
    pages = _Pages(database, door, base_url)
    frame = Frame(door, signing_in, clock, base_url, _page, previews)
    return Starlette(
        middleware=[Middleware(GZipMiddleware, minimum_size=1_000)],
        routes=[
            *sign_in_routes(frame, page_link),
            *live_routes(frame, Live(database)),
            *(route for room in ROOMS for route in room.routes(frame)),
            Route("/answer/{token}", _patient(pages.show), methods=["GET"]),
            Route("/answer/{token}", _patient(pages.answer), methods=["POST"]),
            *setting_up_routes(frame),
            *joining_routes(database, frame),
            *approving_routes(database, door, base_url, _page),
            *subscribing_routes(database, door, base_url, push_key, _page),
            *([] if authority is None else consenting_routes(authority, frame)),
            Route("/answer/{token}/seen", _patient(pages.seen), methods=["POST"]),
            Mount("/assets", Assets()),
        ],
    )


class _Pages:
    def __init__(self, database: Database, door: Door, base_url: str) -> None:
        self._database = database
        self._door = door
        self._base_url = base_url

    async def show(self, request: WebRequest) -> Response:
        """The incident and what can be answered. Only looking: mail scanners open every link they see."""
        link = await self._open(request)
        if link is None:
            return _unknown_link()
        try:
            reply = await self._call(link, "incidents.get")
        except (NotFound, Unauthenticated, Refused):
            return _unknown_link()
        return self._incident(reply, notice=request.query_params.get("done", ""))

    async def seen(self, request: WebRequest) -> Response:
        """The page says that it has been before a person's eyes for a moment: what no scanner of links does."""
        known = await opened(self._database, request.path_params["token"])
        return Response(status_code=204 if known else 404, headers=_HEADERS)

    async def answer(self, request: WebRequest) -> Response:
        """Acknowledge or resolve, then show the incident again (a reload must not answer twice)."""
        link = await self._open(request)
        deed = _DEEDS.get(await _field(request, "deed"))
        if link is None:
            return _unknown_link()
        if deed is None:
            return RedirectResponse(request.url.path, status_code=303, headers=_HEADERS)
        try:
            await self._call(link, deed)
        except Conflict:
            done = "late"
        except (NotFound, Unauthenticated, Refused):
            return _unknown_link()
        else:
            done = deed.removeprefix("incidents.")
        return RedirectResponse(f"{request.url.path}?done={done}", status_code=303, headers=_HEADERS)

    async def _open(self, request: WebRequest) -> OpenedLink | None:
        address = request.client.host if request.client else None
        return await open_link(self._database, request.path_params["token"], address)

    async def _call(self, link: OpenedLink, name: str) -> Reply:
        operation = self._door.catalogue[name]
        return await self._door.call(
            about_one(operation, link.incident_id, link.credential, surface="link", base_url=self._base_url)
        )

    def _incident(self, reply: Reply, notice: str) -> Response:
        assert reply.operation.resource is not None
        attributes = reply.operation.resource.render(reply.value)
        kept = reply.value.incident
        return _page(
            "answer.html",
            incident=attributes,
            id=reply.value.id,
            notice=notice,
            agent=kept.acknowledged_by_agent_id is not None,
            confirm_by=None if kept.confirm_by is None else to_wire(kept.confirm_by),
        )


def _patient(handler: Handler) -> Handler:
    """Says clearly what could not be done just now, and keeps the button."""

    async def handled(request: WebRequest) -> Response:
        try:
            return await handler(request)
        except (Unavailable, TooMany):
            return _page("try_again.html", status_code=503)

    return handled


async def _field(request: WebRequest, name: str) -> str:
    """One field of a small form; "" when it is absent, too large or not text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return ""
    try:
        return parse_qs(body.decode("ascii")).get(name, [""])[-1]
    except (UnicodeDecodeError, ValueError):
        return ""


def _page(template: str, status_code: int = 200, **values: Any) -> Response:
    html = _templates.get_template(template).render(**values)
    return HTMLResponse(html, status_code=status_code, headers=_HEADERS)


def _unknown_link() -> Response:
    return _page("unknown_link.html", status_code=404)
