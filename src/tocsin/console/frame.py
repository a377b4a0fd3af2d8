"""What stands around every page of the console: who is signed in, which forms are ours, what is said when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote

import structlog
from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.console.desk import Desk, Draw, Previews, csrf_is_good
from tocsin.gateway import Door
from tocsin.gateway.signing_in import SigningIn, Whence
from tocsin.gateway.signing_in.sessions import Present
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
    TocsinError,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from tocsin.kernel.ids import TOKEN_LENGTH, new_token

log = structlog.get_logger()

MAX_FORM_BYTES = 512 * 1024
"""A Playwright script or a status page's style sheet fits several times."""
MAX_FIELDS = 5_000
"""Of a form: as many as there are boxes to tick on a page of a list, and more."""
BODY_TIMEOUT_SECONDS = 30.0
COOKIE = "tocsin_session"
COOKIE_SECONDS = 30 * 24 * 3_600
MAX_SECRET = 200
BINDING = "tocsin_signing_in"
BINDING_SECONDS = 3_600

Handler = Callable[[Desk], Awaitable[Response]]


class Frame:
    """Hands out routes whose handlers are only ever called for somebody who is signed in."""

    def __init__(
        self,
        door: Door,
        signing_in: SigningIn,
        clock: Clock,
        base_url: str,
        draw: Draw,
        previews: Previews | None = None,
    ) -> None:
        self.door = door
        self.signing_in = signing_in
        self.sessions = signing_in.sessions
        self._clock = clock
        self.base_url = base_url
        self.draw = draw
        self.previews = previews
        self._secure = base_url.startswith("https://")
        self.cookie = self.cookie_name(COOKIE)

    def get(self, path: str, handler: Handler) -> Route:
        """A page. Looking changes nothing."""
        return Route(path, self._guarded(handler), methods=["GET"])

    def post(self, path: str, handler: Handler) -> Route:
        """A deed: the form must be ours."""
        return Route(path, self._guarded(handler), methods=["POST"])

    def cookie_name(self, name: str) -> str:
        """A cookie's name; with encryption so that no neighbour's page can plant one (RFC 6265bis, 4.1.3.2)."""
        return f"__Host-{name}" if self._secure else name

    def whence(self, request: WebRequest) -> Whence:
        """From where a request comes, for the audit log and for counting."""
        return Whence(
            client_address=request.client.host if request.client else None,
            client_name=request.headers.get("user-agent", "")[:200] or None,
        )

    def binding(self, request: WebRequest) -> str:
        """What this browser is told apart by while somebody signs in; a fresh one when it has none."""
        found = request.cookies.get(self.cookie_name(BINDING), "")
        return found if found.isascii() and found.isalnum() and len(found) == TOKEN_LENGTH else new_token()

    def bind(self, response: Response, binding: str) -> Response:
        """Give the browser its binding, or give it once more."""
        self.put_cookie(response, BINDING, binding, BINDING_SECONDS)
        return response

    def put_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        """A cookie that no script reads; 0 seconds: take it back."""
        response.set_cookie(
            self.cookie_name(name), value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def secret(self, request: WebRequest) -> str:
        """What the browser shows of its session, good or not; empty when there is nothing that could be."""
        found = request.cookies.get(self.cookie, "")
        return found if len(found) <= MAX_SECRET else ""

    async def present(self, request: WebRequest) -> Present | None:
        """Who is signed in in this browser, if anybody is."""
        secret = self.secret(request)
        if not secret:
            return None
        address = request.client.host if request.client else None
        return await self.sessions.open(secret, address, request.headers.get("user-agent", "")[:200] or None)

    def remember(self, response: Response, secret: str) -> None:
        """Give the browser what it will be known by."""
        self.put_cookie(response, COOKIE, secret, COOKIE_SECONDS)

    def forget(self, response: Response) -> None:
        """Take it back."""
        self.put_cookie(response, COOKIE, "", 0)

    def _guarded(self, handler: Handler) -> Callable[[WebRequest], Awaitable[Response]]:
        async def guarded(request: WebRequest) -> Response:
            present: Present | None = None
            began = self._clock.monotonic()
            try:
                present = await self.present(request)
                if present is None:
                    return self._to_sign_in(request)
                fields: Mapping[str, list[str]] = {}
                if request.method == "POST":
                    fields = await read_form(request)
                    if not csrf_is_good(present, fields.get("csrf", [""])[-1]):
                        return self._failed(request, present, 403, "This form has expired", _STALE)
                desk = self._desk(request, present, fields)
                response = await handler(desk)
                response.headers["Server-Timing"] = f"total;dur={(self._clock.monotonic() - began) * 1_000:.1f}"
                return response
            except TocsinError as error:
                return self._answered(request, error, present)
            except Exception:
                log.exception("page failed", path=request.url.path)
                return self._failed(request, present, 500, "This is a fault of ours", _OURS)

        return guarded

    def _desk(self, request: WebRequest, present: Present, fields: Mapping[str, list[str]]) -> Desk:
        return Desk(
            request, present, self.door, self.base_url, self.draw, fields, self._clock.now(), self.previews
        )  # fmt: skip

    def _to_sign_in(self, request: WebRequest) -> Response:
        if request.headers.get("x-tocsin-part") == "1":
            return Response(status_code=401)
        place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        there = f"?next={quote(place, safe='')}" if request.method == "GET" and place != "/" else ""
        return RedirectResponse(f"/sign-in{there}", status_code=303)

    def _answered(self, request: WebRequest, error: TocsinError, present: Present | None) -> Response:
        """What a person reads when something could not be done."""
        for kind, (status, title) in _SAID.items():
            if isinstance(error, kind):
                message = _NOT_THERE if isinstance(error, NotFound) else error.message
                return self._failed(request, present, status, title, message)
        return self._failed(request, present, 422, "That cannot be done", error.message)

    def _failed(self, request: WebRequest, present: Present | None, status: int, title: str, message: str) -> Response:
        if present is None:
            return self.draw("try_again.html", status_code=status)
        desk = self._desk(request, present, {})
        return desk.page("failed.html", status_code=status, title=title, message=message)


_OURS = "Nobody else is to blame, and it was written into the log. Try again; if it stays so, tell whoever runs this."
_STALE = "Go back, load the page again, and repeat what you did. Nothing was changed."
_NOT_THERE = "It was removed, belongs to another team, or never existed."
_SAID: dict[type[TocsinError], tuple[int, str]] = {
    NotFound: (404, "There is nothing here"),
    Refused: (403, "You may not do this"),
    Unauthenticated: (403, "You may not do this"),
    Conflict: (409, "Somebody was quicker"),
    Invalid: (422, "That cannot be done"),
    TooMany: (429, "Too many requests"),
    Unavailable: (503, "Try again in a moment"),
}


async def read_form(request: WebRequest) -> dict[str, list[str]]:
    """The fields of a form, each name with all of its values. Raises Invalid when it is too large or is none."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_FORM_BYTES:
                    raise Invalid(f"This form is larger than {MAX_FORM_BYTES // 1024} kB.")
                parts.append(chunk)
    except TimeoutError:
        raise Invalid("This form did not arrive whole.") from None
    try:
        text = b"".join(parts).decode("ascii")
        found = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Invalid("This form cannot be read.") from None
    # Browsers end lines in a form with CR LF; everywhere else here a line ends with LF.
    return {name: [value.replace("\r\n", "\n") for value in values] for name, values in found.items()}


def values_of(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """A form that was refused, as it was filled in: the last value of each field."""
    return {name: values[-1] for name, values in fields.items()}
