"""One request of somebody who is signed in: what they may see and do, asked at the door in their name."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote, unquote

import msgspec
from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response

from tocsin.gateway import Door, Reply
from tocsin.gateway.request import Request
from tocsin.gateway.signing_in.sessions import SURFACE, Present
from tocsin.kernel.answers import Answer
from tocsin.kernel.errors import Invalid
from tocsin.kernel.ids import sign, signed
from tocsin.registry import Operation, Page, Resource, Route
from tocsin.registry.input import Arguments

NOTICE_COOKIE = "tocsin_notice"
"""Carries one sentence from a deed to the page that follows it."""
MAX_NOTICE = 300
GATHERED = 3
"""Rounds of the event loop in which a page says what it wants: a `gather` within a `gather` takes two."""

Draw = Callable[..., Response]
"""(template, status_code=…, values …)."""


class Previews(Protocol):
    """Draws public status pages as they would be; the pages themselves are another surface's."""

    @property
    def languages(self) -> Sequence[tuple[str, str]]:
        """(code, name) of each language in which readers can have a page."""
        ...

    def address(self, subdomain: str, custom_domain: str | None) -> str:
        """Where the public finds a page, without a slash at its end."""
        ...

    def prose(self, text: str) -> str:
        """Markdown as readers see it, ready to be put into a page."""
        ...

    def draw(self, seen: Any, code: str) -> Answer:
        """What `status_pages.preview` answered, in a language."""
        ...


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list, ready to be drawn."""

    items: Sequence[dict[str, Any]]
    total: int
    page: int
    per_page: int

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // self.per_page))


class Desk:
    """What a page of the console has at hand. Every answer comes through the door, every deed goes through it."""

    def __init__(
        self, request: WebRequest, present: Present, door: Door, base_url: str, draw: Draw,
        fields: Mapping[str, list[str]], now: datetime, previews: Previews | None = None,
    ) -> None:  # fmt: skip
        """`fields`: what the form holds that was sent, each name with all of its values; {} for a page. `now`: when it
        was asked."""
        self.request = request
        self.present = present
        self.door = door
        self.base_url = base_url
        self.fields = fields
        self.now = now
        self.previews = previews
        self._draw = draw
        self._wanted: list[tuple[Request, asyncio.Future[Reply]]] = []
        self._looking: asyncio.Task[None] | None = None

    # --- what was asked for -------------------------------------------------------------------------------------------

    @property
    def id(self) -> int:
        """The number in the address."""
        return int(self.request.path_params["id"])

    def asked(self, name: str, default: str = "") -> str:
        """A parameter of the address, without blanks around it."""
        return self.request.query_params.get(name, default).strip()

    def field(self, name: str, default: str = "") -> str:
        """A field of the form that was sent; the last of its name."""
        return self.fields.get(name, [default])[-1]

    @property
    def in_part(self) -> bool:
        """Whether our own script asks, to put a part of the answer into a page that is open already."""
        return self.request.headers.get("x-tocsin-part") == "1"

    @property
    def number(self) -> int:
        """Which page of a list is asked for."""
        text = self.asked("page", "1")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 and int(text) > 0 else 1

    @property
    def encrypted(self) -> bool:
        """Whether people come by HTTPS, also where a proxy before us speaks it."""
        return self.base_url.startswith("https://")

    # --- what may be done ---------------------------------------------------------------------------------------------

    def may(self, name: str) -> bool:
        """Whether they may do this at all: a button that would be refused is not drawn."""
        return name in self.door.catalogue and self.present.may(self.door.catalogue[name])

    async def one(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """One resource: its `id`, `type` and attributes, and `included` as a list of the same."""
        reply = await self.call(name, **arguments)
        resource, hidden = reply.route.resource or reply.operation.resource, reply.hidden
        found = shown(resource, reply.value, hidden)
        parts = () if resource is None or resource.brings is None else resource.brings(reply.value)
        found["included"] = [shown(part, record, hidden) for part, record in (*reply.included, *parts)]
        return found

    async def many(self, name: str, /, **arguments: Any) -> Many:
        """A page of a list, or all of it where the list has no pages."""
        reply = await self.call(name, **arguments)
        resource = reply.route.resource or reply.operation.resource
        value = reply.value
        if not isinstance(value, Page):
            value = Page(items=value, total=len(value), page=1, per_page=max(1, len(value)))
        items = [shown(resource, record, reply.hidden) for record in value.items]
        return Many(items=items, total=value.total, page=value.page, per_page=value.per_page)

    async def flat(self, name: str, /, **arguments: Any) -> Any:
        """An answer that is no resource, in plain types."""
        reply = await self.call(name, **arguments)
        return reply.value if isinstance(reply.value, bytes) else msgspec.to_builtins(reply.value)

    async def call(self, name: str, /, *, dry_run: bool = False, key: str | None = None, **arguments: Any) -> Reply:
        """Do it, in their name and in the team at which they look. Raises what the door raises.

        `arguments`: of the address, the query and the body alike, by their names on the wire; None is sent as null in
        a body and left out of a query. `key`: what makes it happen once, however often it is sent.
        """
        operation = self.door.catalogue[name]
        route, sent = _addressed(operation, arguments)
        request = Request(
            operation=operation,
            route=route,
            credential=self.present.credential,
            arguments=sent,
            surface=SURFACE,
            base_url=self.base_url,
            team_id=None if self.present.place is None else self.present.place.id,
            dry_run=dry_run,
            idempotency_key=key,
        )
        if operation.reads and operation.errand is None:
            return await self._read(request)
        return await self.door.call(request)

    async def _read(self, request: Request) -> Reply:
        """What a page wants at once (`asyncio.gather`) is found in one look into the database."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._wanted.append((request, answer))
        if len(self._wanted) == 1:
            self._looking = asyncio.create_task(self._look())
        return await answer

    async def _look(self) -> None:
        for _ in range(GATHERED):
            await asyncio.sleep(0)
        wanted, self._wanted = self._wanted, []
        try:
            if len(wanted) == 1:
                found: Sequence[Reply | Exception] = [await self.door.call(wanted[0][0])]
            else:
                found = await self.door.several([request for request, _ in wanted])
        except Exception as error:
            found = [error] * len(wanted)
        for (_, answer), reply in zip(wanted, found, strict=True):
            if answer.done():  # nobody waits for it any more
                continue
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    # --- what is answered ---------------------------------------------------------------------------------------------

    def page(self, template: str, status_code: int = 200, **values: Any) -> Response:
        """A whole page in the console's frame."""
        notice = self.notice
        response = self._draw(
            template, status_code=status_code, desk=self, me=self.present, path=self.request.url.path, notice=notice,
            **values,
        )  # fmt: skip
        if notice:
            response.delete_cookie(NOTICE_COOKIE, path="/")
        return response

    def go(self, path: str, notice: str = "") -> Response:
        """On to another page, where one sentence says what was done."""
        response = RedirectResponse(path, status_code=303)
        if notice:
            response.set_cookie(
                NOTICE_COOKIE, quote(notice[:MAX_NOTICE]), max_age=60, path="/", httponly=True, samesite="lax",
                secure=self.encrypted,
            )  # fmt: skip
        return response

    @cached_property
    def notice(self) -> str:
        """What was done just before."""
        return unquote(self.request.cookies.get(NOTICE_COOKIE, ""))[:MAX_NOTICE]

    def csrf(self) -> str:
        """What proves that a form is ours; new in each, so that nothing secret is the same in two answers."""
        nonce = secrets.token_hex(8)
        return f"{nonce}.{sign(self.present.form_key, nonce)}"


def csrf_is_good(present: Present, token: str) -> bool:
    """Whether a form was drawn by us for this session."""
    nonce, _, signature = token.partition(".")
    return bool(nonce) and signed(present.form_key, nonce, signature)


def shown(resource: Resource | None, record: Any, hidden: Mapping[str, frozenset[str]] = {}) -> dict[str, Any]:
    """A record as pages have it: its attributes beside `id`, `type` and `relationships`, in plain types.

    `hidden`: the attributes that this reader must not see, by the type of the resource.
    """
    assert resource is not None
    envelope: dict[str, Any] = resource.envelope(record, hidden.get(resource.type, ()))
    attributes = msgspec.to_builtins(envelope["attributes"])
    related = envelope.get("relationships") or {}
    return {**attributes, "id": envelope["id"], "type": envelope["type"], "relationships": related}


def wrong(error: Invalid) -> dict[str, list[str]]:
    """What is wrong with a form, by field; `base` for the whole."""
    if error.field_errors:
        return {name: [f"{text[:1].upper()}{text[1:]}" for text in texts] for name, texts in error.field_errors.items()}
    missing = error.detail.get("required_attributes")
    if isinstance(missing, list):
        return {str(name): ["Can't be blank"] for name in missing}
    allowed = error.detail.get("allowed_values")
    if isinstance(allowed, dict):
        return {str(name): [f"Must be one of: {_listed(values)}"] for name, values in allowed.items()}
    unknown = error.detail.get("invalid_attributes")
    if isinstance(unknown, list):
        return {"base": [f"{error.message}: {_listed(unknown)}"]}
    return {"base": [error.message]}


def _listed(values: Any) -> str:
    return ", ".join(str(value) for value in values) if isinstance(values, list | tuple) else str(values)


def _addressed(operation: Operation, arguments: Mapping[str, Any]) -> tuple[Route, Arguments]:
    """Flat arguments as they would come by HTTP, at the newest address whose parameters are all given."""
    fitting = [route for route in operation.routes if all(name in arguments for name in route.path_parameters)]
    route = max(fitting, key=_version)
    names = route.path_parameters
    path = {name: str(arguments[name]) for name in names}
    rest = {name: value for name, value in arguments.items() if name not in path}
    if route.method in ("GET", "DELETE"):
        return route, Arguments(
            path=path, query={name: _said(value) for name, value in rest.items() if value not in (None, "")}
        )
    return route, Arguments(path=path, body=rest)


def _version(route: Route) -> tuple[int, int]:
    found = re.match(r"/api/v(\d+)/", route.path)
    return (int(found.group(1)) if found else 0, len(route.path_parameters))


def _said(value: Any) -> list[str]:
    """A value as a query has it; a list is said as often as it has entries."""
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return [value if isinstance(value, str) else msgspec.json.encode(value).decode()]
