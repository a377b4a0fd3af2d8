"""Stands before the API: what agents ask for at an address that could be read in two ways goes no further."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tocsin.gateway import Credential
from tocsin.gateway.identity import is_agents
from tocsin.gateway.relaying import RelayingDoor
from tocsin.gateway.request import Request
from tocsin.kernel.errors import Refused, TocsinError
from tocsin.registry import Call, Operation, Route
from tocsin.registry.input import Arguments
from tocsin.rest.app import SURFACE, App, Receive, Scope, Send, bearer, request_id_of, send_answer
from tocsin.rest.envelope import encoded
from tocsin.rest.errors import Headers, error_answer, no_such_endpoint
from tocsin.rest.routing import Router
from tocsin.storage import Tx

MAX_SHOWN = 200
"""Characters of an unknown address that are kept."""
_ADDRESS = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}){1,16}/?")
"""Plain parts between single slashes, none beginning with a dot: nothing encoded, doubled, or leading upwards."""


class Anything(msgspec.Struct, kw_only=True):
    """Whatever was sent."""


def _never(tx: Tx, call: Call, input: Anything) -> None:
    raise AssertionError("what is not known cannot be done")


UNKNOWN = Operation(
    name="unknown.call",
    routes=(),
    area="agents",
    level="full",
    input=Anything,
    handler=_never,
    doc="Call what is not known.",
    deed="called what is not known",
)
"""What stands in the log for a method and an address of which the registry has nothing."""


class Proxied:
    """The API in front of which it stands, with agents' addresses looked at first. Everybody else passes."""

    def __init__(self, api: App, door: RelayingDoor) -> None:
        self._api = api
        self._door = door
        self._router: Router[bool] = Router()
        for route, _ in door.catalogue.routes():
            self._router.add(route.method, route.path, True)
        self._router.add("GET", "/api/openapi.json", True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        tokens = [bearer(value) for value in shown]
        if scope["type"] != "http" or not any(is_agents(token) for token in tokens):
            await self._api(scope, receive, send)
            return
        path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0]
        if len(shown) == 1 and path == scope["path"] and self._known(scope["method"], path):
            await self._api(scope, receive, send)
            return
        request_id = request_id_of(dict(scope["headers"]).get(b"x-request-id"))
        status, body, headers = await self._refused(scope, tokens, path, request_id)
        await send_answer(send, scope["method"], request_id, status, encoded(body), headers)

    def _known(self, method: str, path: str) -> bool:
        return _ADDRESS.fullmatch(path) is not None and self._router.find(method, path) is not None

    async def _refused(
        self, scope: Scope, tokens: list[str | None], path: str, request_id: str
    ) -> tuple[int, dict[str, Any], Headers]:
        client = scope.get("client")
        credential = Credential(token=tokens[0], client_address=client[0] if client else None)
        several = len(tokens) > 1
        asked = {"method": scope["method"][:16], "path": path[:MAX_SHOWN]}
        request = Request(
            operation=UNKNOWN,
            route=Route("POST", "/"),
            credential=credential,
            arguments=Arguments(body=asked),
            surface=SURFACE,
            base_url="",
            request_id=request_id,
        )
        try:
            await self._door.unmapped(request)
        except Refused:
            if several:
                return 400, {"errors": "Send one Authorization header, not several."}, []
            return 404, dict(no_such_endpoint(scope["method"], path[:MAX_SHOWN])), []
        except TocsinError as error:
            return error_answer(error)
        raise AssertionError("what is not known was let in")
