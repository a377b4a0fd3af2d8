"""Pages for people who are not signed in and have a link: to set Tocsin up, and to choose a new password."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.console.desk import wrong
from tocsin.console.frame import Frame
from tocsin.console.signing_in import Fields, SigningInPages
from tocsin.kernel.errors import Invalid, TooMany, Unavailable

MIN_PASSWORD_CHARACTERS = 10
"""What the form tells browsers; the account's own rule decides."""
_SECRETLY = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def setting_up_routes(frame: Frame) -> list[Route]:
    """`/set-up/…` and `/forgotten`: looking changes nothing, as mail scanners open every link."""
    pages = _SettingUp(frame)
    posted = SigningInPages(frame).posted
    return [
        Route("/set-up/{token}", pages.show_set_up, methods=["GET"]),
        Route("/set-up/{token}", posted(pages.set_up), methods=["POST"]),
        Route("/forgotten", pages.show_forgotten, methods=["GET"]),
        Route("/forgotten", posted(pages.forgot), methods=["POST"]),
        Route("/forgotten/{token}", pages.show_choose, methods=["GET"]),
        Route("/forgotten/{token}", posted(pages.choose), methods=["POST"]),
    ]


class _SettingUp:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._links = frame.signing_in.links
        self._pages = SigningInPages(frame)

    # --- the first administrator --------------------------------------------------------------------------------------

    async def show_set_up(self, request: WebRequest) -> Response:
        """The form, while the link is good."""
        try:
            opened = await self._links.open_set_up(request.path_params["token"])
        except (TooMany, Unavailable):
            return self._frame.draw("try_again.html", status_code=503)
        if opened is None:
            return self._over("set-up")
        email = "" if opened.email.endswith("@localhost") else opened.email
        return self._set_up_form({"team_name": opened.team, "email": email})

    async def set_up(self, request: WebRequest, fields: Fields) -> Response:
        """Make them who they say to be, and sign them in."""
        try:
            proved = await self._links.set_up(
                request.path_params["token"],
                name=fields.get("name", ""),
                email=fields.get("email", ""),
                password=fields.get("password", ""),
                team_name=fields.get("team_name", ""),
                whence=self._frame.whence(request),
            )
        except Invalid as error:
            return self._set_up_form(fields, wrong(error))
        if proved is None:
            return self._over("set-up")
        return await self._pages.let_in(request, proved, "/")

    def _set_up_form(self, values: Fields, errors: dict[str, list[str]] | None = None) -> Response:
        shown = {name: text for name, text in values.items() if name != "password"}
        return self._draw("set_up.html", shown, errors)

    # --- a new password -----------------------------------------------------------------------------------------------

    async def show_forgotten(self, request: WebRequest) -> Response:
        """Asks for the address."""
        only = self._frame.signing_in.entrance.sign_on_only
        return self._frame.draw("forgotten.html", sent=False, only=only)

    async def forgot(self, request: WebRequest, fields: Fields) -> Response:
        """The same answer for everybody, in the same time."""
        self._links.forgot(fields.get("email", "").strip(), self._frame.whence(request))
        return self._frame.draw("forgotten.html", sent=True, only=False)

    async def show_choose(self, request: WebRequest) -> Response:
        """The form, while the link is good."""
        try:
            opened = await self._links.open_forgotten(request.path_params["token"])
        except (TooMany, Unavailable):
            return self._frame.draw("try_again.html", status_code=503)
        return self._over("password") if opened is None else self._draw("choose_password.html", {"email": opened.email})

    async def choose(self, request: WebRequest, fields: Fields) -> Response:
        """The new password; they sign in with it, and with the second factor where there is one."""
        secret = request.path_params["token"]
        try:
            chosen = await self._links.choose(secret, fields.get("password", ""), self._frame.whence(request))
        except Invalid as error:
            opened = await self._links.open_forgotten(secret)
            if opened is None:
                return self._over("password")
            return self._draw("choose_password.html", {"email": opened.email}, wrong(error))
        if not chosen:
            return self._over("password")
        return RedirectResponse("/sign-in?changed=1", status_code=303, headers=_SECRETLY)

    def _draw(self, template: str, values: dict[str, Any], errors: dict[str, list[str]] | None = None) -> Response:
        return self._frame.draw(
            template, status_code=422 if errors else 200, values=values,
            min_password_characters=MIN_PASSWORD_CHARACTERS,
            errors={name: "; ".join(texts) for name, texts in (errors or {}).items()},
        )  # fmt: skip

    def _over(self, what: str) -> Response:
        return self._frame.draw("link_over.html", status_code=404, what=what)
