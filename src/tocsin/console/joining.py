"""The page behind an invitation: who was asked to join a team gives a name and a password, and is in."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.signing_in import SigningInPages, from_here
from tocsin.gateway.invitations import OpenedInvitation, open_invitation
from tocsin.gateway.request import Request
from tocsin.gateway.signing_in import INVITATION, Proved
from tocsin.kernel.errors import Invalid, NotFound, Refused, TooMany, Unauthenticated, Unavailable
from tocsin.registry import Route as Address
from tocsin.registry.input import Arguments
from tocsin.storage import Database

MAX_FORM_BYTES = 16_384
"""A name and the longest password there may be, percent-encoded."""
MIN_PASSWORD_CHARACTERS = 10
"""What the form tells browsers; the account's own rule decides."""


class _Form(msgspec.Struct):
    name: str = ""
    password: str = ""


def joining_routes(database: Database, frame: Frame) -> list[Route]:
    """The pages at `/join/…`: looking changes nothing, as mail scanners open every link; a press joins."""
    pages = _Joining(database, frame)
    return [
        Route("/join/{token}", pages.show, methods=["GET"]),
        Route("/join/{token}", pages.join, methods=["POST"]),
        Route("/joined", pages.joined, methods=["GET"]),
    ]


class _Joining:
    def __init__(self, database: Database, frame: Frame) -> None:
        self._database = database
        self._frame = frame
        self._door = frame.door
        self._base_url = frame.base_url
        self._draw = frame.draw

    async def show(self, request: WebRequest) -> Response:
        """Who invites to what, and the form."""
        try:
            invitation = await self._open(request)
        except (Unavailable, TooMany):
            return self._draw("join_later.html", status_code=503)
        return self._over() if invitation is None else self._form(invitation, _Form(), {})

    async def join(self, request: WebRequest) -> Response:
        """Make the account, if there is none, and put it into the team."""
        if not from_here(request):  # else a page elsewhere could sign its reader in as somebody it has invited
            return RedirectResponse(request.url.path, status_code=303)
        form = await _read(request)
        try:
            invitation = await self._open(request)
            if invitation is None:
                return self._over()
            return await self._accept(request, invitation, form)
        except (NotFound, Unauthenticated, Refused):
            return self._over()
        except (Unavailable, TooMany):
            return self._draw("join_later.html", status_code=503)

    async def joined(self, request: WebRequest) -> Response:
        """What stands here says nothing about anybody: the link is used up."""
        return self._draw("joined.html")

    async def _open(self, request: WebRequest) -> OpenedInvitation | None:
        address = request.client.host if request.client else None
        return await open_invitation(self._database, request.path_params["token"], address)

    async def _accept(self, web: WebRequest, invitation: OpenedInvitation, form: _Form) -> Response:
        body = {} if invitation.known else {"name": form.name, "password": form.password}
        request = Request(
            operation=self._door.catalogue["team_members.join"],
            route=Address("POST", "/join/{id}"),
            credential=invitation.credential,
            arguments=Arguments(path={"id": str(invitation.invitation_id)}, body=body),
            surface="link",
            base_url=self._base_url,
        )
        try:
            reply = await self._door.call(request)
        except Invalid as error:
            return self._form(invitation, form, error.field_errors, status_code=422)
        if not invitation.known and not self._frame.signing_in.entrance.sign_on_only:
            # A new account, whose password they have just chosen. Who has one already signs in with it: whoever reads
            # somebody's mail must not become them by an invitation.
            proved = Proved(user_id=reply.value.user.id, means=INVITATION)
            return await SigningInPages(self._frame).let_in(web, proved, "/")
        headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return RedirectResponse("/joined", status_code=303, headers=headers)

    def _form(
        self, invitation: OpenedInvitation, form: _Form, errors: dict[str, list[str]], status_code: int = 200
    ) -> Response:
        return self._draw(
            "join.html",
            status_code=status_code,
            invitation=invitation,
            name=form.name,
            errors={field: "; ".join(texts) for field, texts in errors.items()},
            min_password_characters=MIN_PASSWORD_CHARACTERS,
        )

    def _over(self) -> Response:
        return self._draw("join_over.html", status_code=404)


async def _read(request: WebRequest) -> _Form:
    """The form; empty when it is too large or is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return _Form()
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True)
    except (UnicodeDecodeError, ValueError):
        return _Form()
    return _Form(name=fields.get("name", [""])[-1], password=fields.get("password", [""])[-1])
