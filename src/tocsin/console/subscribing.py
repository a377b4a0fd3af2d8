"""The page on which a person lets this browser show their pages, and what works behind it when the page is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request as WebRequest
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tocsin.gateway import Door
from tocsin.gateway.push_links import OpenedPushLink, open_push_link
from tocsin.gateway.request import Request
from tocsin.kernel.errors import Invalid, NotFound, Refused, TooMany, Unauthenticated, Unavailable
from tocsin.registry.input import Arguments
from tocsin.storage import Database

MAX_FORM_BYTES = 16_384
"""A subscription as browsers make it is half a kilobyte."""
MAX_LABEL_CHARACTERS = 100
_WORKER = Path(__file__).parent / "assets" / "push.js"
_WORKER_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # browsers ask now and then whether there is a newer one
}
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}

Draw = Callable[..., Response]
"""(template, status_code=…, values …)."""


class _Form(msgspec.Struct):
    subscription: str = ""
    label: str = ""


def subscribing_routes(database: Database, door: Door, base_url: str, push_key: str, draw: Draw) -> list[Route]:
    """The pages at `/push/…` and the service worker `/push.js`, which stands at the root so that it may serve all.

    `push_key`: the public key of this installation in base64url (VAPID); empty where push cannot be had.
    """
    pages = _Subscribing(database, door, base_url, push_key, draw)
    return [
        Route("/push.js", pages.worker, methods=["GET"]),
        Route("/push/{token}", pages.show, methods=["GET"]),
        Route("/push/{token}", pages.subscribe, methods=["POST"]),
    ]


class _Subscribing:
    def __init__(self, database: Database, door: Door, base_url: str, push_key: str, draw: Draw) -> None:
        self._database = database
        self._door = door
        self._base_url = base_url
        self._push_key = push_key
        self._draw = draw

    async def worker(self, request: WebRequest) -> Response:
        """What the browser runs when a notification comes in."""
        return FileResponse(_WORKER, media_type="text/javascript", headers=_WORKER_HEADERS)

    async def show(self, request: WebRequest) -> Response:
        """Whose pages would appear here, and the button. Looking changes nothing."""
        try:
            link = await self._open(request)
        except (Unavailable, TooMany):
            return self._draw("push_over.html", status_code=503, why="later")
        if link is None:
            return self._draw("push_over.html", status_code=404, why="expired")
        if not self._push_key:
            return self._draw("push_over.html", status_code=404, why="insecure")
        return self._draw("push.html", name=link.name, key=self._push_key)

    async def subscribe(self, request: WebRequest) -> Response:
        """Keep the subscription that this browser has made; the answer is for the page's script."""
        form = await _read(request)
        try:
            link = await self._open(request)
            if link is None:
                return _said(404, "This link has expired: make another one.")
            await self._keep(link, form)
        except Invalid as error:
            fields = [f"{name} {what}" for name, messages in error.field_errors.items() for what in messages]
            return _said(422, ", ".join(fields) or error.message)
        except (NotFound, Unauthenticated, Refused):
            return _said(403, "This link is not good for that.")
        except (Unavailable, TooMany):
            return _said(503, "It could not be saved just now. Please try again.")
        return JSONResponse({"said": "saved"}, status_code=201, headers=_HEADERS)

    async def _open(self, request: WebRequest) -> OpenedPushLink | None:
        address = request.client.host if request.client else None
        return await open_push_link(self._database, request.path_params["token"], address)

    async def _keep(self, link: OpenedPushLink, form: _Form) -> None:
        operation = self._door.catalogue["contact_methods.subscribe"]
        await self._door.call(
            Request(
                operation=operation,
                route=operation.routes[0],
                credential=link.credential,
                arguments=Arguments(
                    path={"user": "me"},
                    body={"subscription": form.subscription, "label": form.label[:MAX_LABEL_CHARACTERS]},
                ),
                surface="link",
                base_url=self._base_url,
            )
        )


async def _read(request: WebRequest) -> _Form:
    """The fields of the form; an empty form when it is too large or no form at all."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return _Form()
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10)
    except (UnicodeDecodeError, ValueError):
        return _Form()
    return _Form(**{name: fields[name][-1] for name in _Form.__struct_fields__ if name in fields})


def _said(status: int, words: str) -> Response:
    return JSONResponse({"said": words}, status_code=status, headers=_HEADERS)
