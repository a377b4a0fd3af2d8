"""The door of the console for people: they sign in, turn to another of their teams, and sign out."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.frame import Frame, read_form
from tocsin.kernel.errors import Invalid, TooMany, Unavailable

MAX_NEXT = 500
"""Of an address to go on to."""


def sign_in_routes(frame: Frame) -> list[Route]:
    """`/sign-in`, `/sign-out` and the switch between teams."""
    pages = _SigningIn(frame)
    return [
        Route("/sign-in", pages.show, methods=["GET"]),
        Route("/sign-in", pages.sign_in, methods=["POST"]),
        frame.post("/sign-out", pages.sign_out),
        frame.post("/me/team", pages.switch),
    ]


class _SigningIn:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: WebRequest) -> Response:
        """The form; whoever is signed in already goes on."""
        there = next_of(request.query_params.get("next", ""))
        if await self._frame.present(request) is not None:
            return RedirectResponse(there, status_code=303)
        return self._frame.draw("sign_in.html", next=there, email="", wrong=False)

    async def sign_in(self, request: WebRequest) -> Response:
        """Let in whoever knows the password. A form from elsewhere could only sign somebody in as a stranger: the
        browser tells where it stood."""
        if not _from_here(request):
            return RedirectResponse("/sign-in", status_code=303)
        try:
            fields = await read_form(request)
            email, password = fields.get("email", [""])[-1], fields.get("password", [""])[-1]
            there = next_of(fields.get("next", [""])[-1])
            address = request.client.host if request.client else None
            secret = await self._frame.sessions.by_password(email, password, address, request.headers.get("user-agent"))
        except Invalid:
            return RedirectResponse("/sign-in", status_code=303)
        except (TooMany, Unavailable):
            return self._frame.draw("try_again.html", status_code=503)
        if secret is None:
            return self._frame.draw("sign_in.html", status_code=422, next=there, email=email, wrong=True)
        response = RedirectResponse(there, status_code=303)
        self._frame.remember(response, secret)
        return response

    async def sign_out(self, desk: Desk) -> Response:
        """End this session."""
        await self._frame.sessions.end(desk.present)
        response = RedirectResponse("/sign-in", status_code=303)
        self._frame.forget(response)
        return response

    async def switch(self, desk: Desk) -> Response:
        """Turn to another team."""
        text = desk.field("team")
        if text.isascii() and text.isdigit() and len(text) <= 18:
            await self._frame.sessions.look_at(desk.present, int(text))
        return desk.go("/")


def next_of(address: str) -> str:
    """Where to go on to: a page of ours, never anybody else's."""
    parts = urlsplit(address) if len(address) <= MAX_NEXT else None
    plain = parts is not None and not parts.scheme and not parts.netloc and address.isascii() and address.isprintable()
    inside = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if plain and inside else "/"


def _from_here(request: WebRequest) -> bool:
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origin is None or origin == "null":
        return site in ("same-origin", "none")
    return urlsplit(origin).netloc == request.headers.get("host", "")
