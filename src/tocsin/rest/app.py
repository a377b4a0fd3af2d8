"""The program that answers the API's requests: finds the deed, asks the door, wraps the answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property, partial
from typing import Any

import structlog

from tocsin.gateway import Credential, Door, Reply
from tocsin.gateway.outgoing import Raw
from tocsin.gateway.request import Request
from tocsin.kernel.errors import Invalid, TocsinError
from tocsin.kernel.ids import new_request_id
from tocsin.registry import Catalogue, Operation, Page, Route
from tocsin.registry.input import Arguments, truth
from tocsin.rest import openapi
from tocsin.rest.body import Gone, declared_size, parse_body, parse_query, read_body
from tocsin.rest.envelope import encoded, many, one
from tocsin.rest.errors import Headers, error_answer, no_such_endpoint, our_fault
from tocsin.rest.pagination import links, origin
from tocsin.rest.passing import passed_back
from tocsin.rest.routing import Router

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SURFACE = "rest"
"""How the audit log names this way in."""
OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the operation's name is left, for whoever counts requests."""

MAX_CLIENT_NAME_BYTES = 200
"""Of a User-Agent: the log keeps less of it."""

_JSON = b"application/json; charset=utf-8"
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")
_BODIES = frozenset({"POST", "PATCH", "PUT"})

Answer = tuple[int, bytes, Headers]


class _Target:
    """Where a route leads: an operation, or a page that is the same for everyone."""

    __slots__ = ("operation", "page", "route")

    def __init__(
        self, route: Route | None, operation: Operation | None, page: Callable[[], Answer] | None = None
    ) -> None:
        self.route = route
        self.operation = operation
        self.page = page


class _Manual:
    """The API's description for programs: drawn when it is first asked for, then kept.

    Drawing it takes longer than a hundred requests do, so nobody else waits for it.
    """

    def __init__(self, catalogue: Catalogue, base_url: str | None) -> None:
        self._catalogue = catalogue
        self._base_url = base_url

    def document(self) -> Answer:
        return 200, self._json, [(b"content-type", _JSON)]

    @cached_property
    def _json(self) -> bytes:
        return encoded(openapi.document(self._catalogue, self._base_url))


class Api:
    """The API as an ASGI application; `scope["path"]` must be the whole path, `/api/…` included.

    `base_url` is the public address for the links in answers; None builds them from the host that the client asked
    for. `message_url` is the address for the links in messages to people, which must not depend on who called how;
    None means the same address as in answers.
    """

    def __init__(
        self, door: Door, catalogue: Catalogue, *, base_url: str | None = None, message_url: str | None = None
    ) -> None:
        self._door = door
        self._base_url = base_url.rstrip("/") if base_url else None
        self._message_url = message_url.rstrip("/") if message_url else self._base_url
        self._router: Router[_Target] = Router()
        for route, operation in catalogue.routes():
            self._router.add(route.method, route.path, _Target(route, operation))
        manual = _Manual(catalogue, self._base_url)
        self._router.add("GET", "/api/openapi.json", _Target(None, None, manual.document))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the API does not speak {scope['type']}")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = request_id_of(headers.get(b"x-request-id"))
        try:
            status, body, extra = await self._answer(scope, headers, receive, request_id)
        except Gone:
            return
        except TocsinError as error:
            status, content, extra = error_answer(error)
            body = encoded(content)
        except Exception:
            log.exception("request failed", request_id=request_id, method=scope["method"], path=scope["path"])
            status, body, extra = 500, encoded(our_fault(request_id)), []
        await send_answer(send, scope["method"], request_id, status, body, extra)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, request_id: str) -> Answer:
        method: str = scope["method"]
        found = self._router.find(method, scope["path"])
        if found is None:
            return 404, encoded(no_such_endpoint(method, scope["path"])), []
        target, path = found
        if target.page is not None:
            return await asyncio.to_thread(target.page)
        assert target.operation is not None
        assert target.route is not None
        operation = target.operation
        scope[OPERATION_KEY] = operation.name
        address = origin(self._base_url, scope.get("scheme", "http"), headers.get(b"host"), scope.get("server"))
        client = scope.get("client")
        content, body = await _body(receive, headers, operation.list_field, expected=method in _BODIES)
        dry_run, arguments = _dry_run(Arguments(path=path, query=_query(scope["query_string"]), body=body))
        reply = await self._door.call(
            Request(
                operation=operation,
                route=target.route,
                credential=Credential(
                    token=bearer(headers.get(b"authorization")),
                    client_address=client[0] if client else None,
                    client_name=headers.get(b"user-agent", b"")[:MAX_CLIENT_NAME_BYTES].decode("latin-1") or None,
                ),
                arguments=arguments,
                surface=SURFACE,
                base_url=self._message_url or address,
                request_id=request_id,
                idempotency_key=_idempotency_key(headers),
                render=partial(_rendered, address + scope["path"].rstrip("/"), scope["query_string"]),
                dry_run=dry_run,
                raw=Raw(query=scope["query_string"], body=content, accept=_text(headers.get(b"accept"))),
            )
        )
        if reply.passed_back is not None:
            return passed_back(reply.passed_back, address)
        extra: Headers = [(b"idempotency-replayed", b"true")] if reply.replayed else []
        if reply.undo_id is not None:
            extra.append((b"x-undo-id", str(reply.undo_id).encode()))
        if operation.media is not None and reply.status == 200 and not reply.preview:
            extra += [(b"content-type", operation.media.encode()), (b"x-content-type-options", b"nosniff")]
            if operation.filename is not None:
                extra.append((b"content-disposition", f'attachment; filename="{operation.filename}"'.encode()))
        return reply.status, reply.body or b"", extra


def _rendered(address: str, query: bytes, reply: Reply) -> bytes:
    """The body of an answer; made inside the door's transaction, so that a replay is the same to the byte."""
    operation = reply.operation
    value = reply.value
    resource = reply.route.resource or operation.resource
    if operation.answer == "none" or reply.status == 204:
        return b""
    if operation.media is not None:
        return bytes(value)
    if operation.answer == "flat" or resource is None:
        return encoded(value)
    if operation.answer == "one" or (operation.picks is not None and not isinstance(value, Page)):
        return encoded(one(resource, value, reply.included, reply.hidden))
    if not isinstance(value, Page):
        return encoded(many(resource, value, None, reply.hidden))
    pagination = links(address, query, page=value.page, per_page=value.per_page, total=value.total)
    return encoded(many(resource, value.items, pagination, reply.hidden))


def _query(query_string: bytes) -> dict[str, list[str]] | Invalid:
    """The query, or what is wrong with it: said after the caller is known, not before."""
    try:
        return parse_query(query_string)
    except Invalid as error:
        return error


def _dry_run(arguments: Arguments) -> tuple[bool, Arguments]:
    """`?dry_run=true`, and the arguments: they are wrong when it says neither yes nor no, so that what was meant as a
    rehearsal is never done."""
    if isinstance(arguments.query, Invalid) or "dry_run" not in arguments.query:
        return False, arguments
    wanted = truth(arguments.query["dry_run"][-1])
    if wanted is None:
        wrong = Invalid.fields(dry_run="must be true or false")
        return True, Arguments(path=arguments.path, query=wrong, body=wrong)
    return wanted, arguments


async def _body(
    receive: Receive, headers: dict[bytes, bytes], list_field: str | None, *, expected: bool
) -> tuple[bytes, dict[str, Any] | Invalid]:
    """The body and the attributes in it, or why they cannot be read: said only after the caller is known.

    Where none is `expected` it is not looked at; a length that is announced all the same is told by one byte.
    """
    if not expected:
        announced = declared_size(headers.get(b"content-length")) > 0 or b"transfer-encoding" in headers
        return b" " if announced else b"", {}
    try:
        content = await read_body(receive, headers.get(b"content-length"))
        return content, parse_body(content, list_field)
    except Invalid as error:
        return b"", error


async def send_answer(send: Send, method: str, request_id: str, status: int, body: bytes, extra: Headers) -> None:
    headers: Headers = [(b"x-request-id", request_id.encode())]
    if status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
        if body and not any(name == b"content-type" for name, _ in extra):
            headers.append((b"content-type", _JSON))
            headers.append((b"cache-control", b"no-store"))
    headers.extend(extra)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def request_id_of(sent: bytes | None) -> str:
    """The client's own id when it is fit for logs, else a fresh one."""
    if sent is not None and _REQUEST_ID.fullmatch(text := sent.decode("latin-1")):
        return text
    return new_request_id()


def bearer(header: bytes | None) -> str | None:
    """The token of `Authorization: Bearer <token>`; any other scheme is no token."""
    scheme, _, token = (header or b"").decode("latin-1").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _idempotency_key(headers: dict[bytes, bytes]) -> str | None:
    """The key as text; the door judges its length."""
    header = headers.get(b"idempotency-key")
    return None if header is None else header.decode("latin-1").replace("\x00", "\ufffd")
