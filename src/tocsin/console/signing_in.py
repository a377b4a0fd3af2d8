"""The door of the console for people: they sign in, turn to another of their teams, and sign out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.frame import Frame, read_form
from tocsin.gateway.signing_in import CALLBACK, SECOND, SIGN_IN, Halfway, Proved, ProviderError, Question
from tocsin.kernel.errors import Invalid, NotFound, TooMany, Unavailable

MAX_NEXT = 4_000
"""Of an address to go on to: a program's question to be let in has a state of its own."""
JOURNEY = "tocsin_sso"
"""The cookie of somebody who is at the provider of single sign-on."""
JOURNEY_SECONDS = 900
EXPIRED = "That took too long, or began in another browser. Sign in again."

Fields = dict[str, str]
Posted = Callable[[WebRequest, Fields], Awaitable[Response]]


PageLink = Callable[[int, int], Awaitable[str | None]]
"""(status page id, user id): the address that lets a member into that page; None when it does not."""


def sign_in_routes(frame: Frame, page_link: PageLink | None = None) -> list[Route]:
    """`/sign-in` with all its ways, `/sign-out` and the switch between teams."""
    pages = SigningInPages(frame)

    async def to_page(desk: Desk) -> Response:
        """On to a private status page, whose address knows nothing of our cookies."""
        address = None if page_link is None else await page_link(desk.id, desk.present.user_id)
        if address is None:
            raise NotFound("status_page", desk.id)
        return Response(status_code=303, headers={"Location": address, **_QUIETLY})

    return [
        Route("/sign-in", pages.show, methods=["GET"]),
        Route("/sign-in", pages.posted(pages.sign_in), methods=["POST"]),
        Route("/sign-in/code", pages.posted(pages.code), methods=["POST"]),
        Route("/sign-in/passkey/question", pages.posted(pages.question), methods=["POST"]),
        Route("/sign-in/passkey", pages.posted(pages.passkey), methods=["POST"]),
        Route("/sign-in/sso", pages.leave, methods=["GET"]),
        Route(CALLBACK, pages.come_back, methods=["GET"]),
        frame.get("/sign-in/page/{id:int}", to_page),
        frame.post("/sign-out", pages.sign_out),
        frame.post("/me/team", pages.switch),
    ]


class SigningInPages:
    """The pages before anybody is known."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._signing_in = frame.signing_in

    # --- the form -----------------------------------------------------------------------------------------------------

    async def show(self, request: WebRequest) -> Response:
        """The form; whoever is signed in already goes on."""
        there = next_of(request.query_params.get("next", ""))
        try:
            if await self._frame.present(request) is not None:
                return RedirectResponse(there, status_code=303)
        except (TooMany, Unavailable):
            return self._frame.draw("try_again.html", status_code=503)
        said = "Your password is changed. Sign in with it." if request.query_params.get("changed") == "1" else ""
        return self._form(request, there, said=said)

    async def sign_in(self, request: WebRequest, fields: Fields) -> Response:
        """Let in whoever knows the password, and has the second factor where there is one."""
        email, there = fields.get("email", ""), next_of(fields.get("next", ""))
        binding = self._frame.binding(request)
        found = await self._signing_in.entrance.by_password(
            email, fields.get("password", ""), binding, self._frame.whence(request)
        )
        if found is None:
            wrong = "The e-mail address or the password is wrong."
            return self._form(request, there, email=email, wrong=wrong, status_code=422)
        if isinstance(found, Halfway):
            return self._second(request, found, there, binding)
        return await self.let_in(request, found, there)

    async def code(self, request: WebRequest, fields: Fields) -> Response:
        """The second step: a code of the authenticator, or a recovery code."""
        there, sealed, binding = next_of(fields.get("next", "")), fields.get("form", ""), self._frame.binding(request)
        halfway = await self._signing_in.entrance.halfway(sealed, binding)
        if halfway is None:
            return self._form(request, there, wrong=EXPIRED, status_code=422)
        proved = await self._signing_in.entrance.by_code(
            sealed, binding, fields.get("code", "")[:40], self._frame.whence(request)
        )
        if proved is None:
            wrong = "This code is wrong, or was used already. Wait for the next one."
            return self._second(request, halfway, there, binding, wrong=wrong)
        return await self.let_in(request, proved, there)

    # --- passkeys -----------------------------------------------------------------------------------------------------

    async def question(self, request: WebRequest, fields: Fields) -> Response:
        """What a browser is to have signed: for a second factor (`form`), or to sign in with nothing else."""
        binding = self._frame.binding(request)
        purpose, user_id = SIGN_IN, None
        if fields.get("form"):
            halfway = await self._signing_in.entrance.halfway(fields["form"], binding)
            if halfway is None:
                return Response(status_code=422)
            purpose, user_id = SECOND, halfway.user_id
        asked = await self._signing_in.passkeys.ask(purpose, binding, user_id)
        return self._frame.bind(as_json(asked), binding)

    async def passkey(self, request: WebRequest, fields: Fields) -> Response:
        """What the browser had signed."""
        there, form, binding = next_of(fields.get("next", "")), fields.get("form", ""), self._frame.binding(request)
        passkeys, whence = self._signing_in.passkeys, self._frame.whence(request)
        sealed, answer = fields.get("sealed", ""), fields.get("answer", "")
        try:
            if form:
                proved = await passkeys.is_second(form, binding, sealed, answer, whence)
            else:
                proved = await passkeys.signs_in(binding, sealed, answer, whence)
        except Invalid as error:
            halfway = await self._signing_in.entrance.halfway(form, binding) if form else None
            if halfway is not None:
                return self._second(request, halfway, there, binding, wrong=error.message)
            return self._form(request, there, wrong=error.message, status_code=422)
        return await self.let_in(request, proved, there)

    # --- single sign-on -----------------------------------------------------------------------------------------------

    async def leave(self, request: WebRequest) -> Response:
        """To the provider. Nothing is given by that; what comes back is held against a cookie of this browser."""
        there = next_of(request.query_params.get("next", ""))
        sign_on = self._signing_in.sign_on
        if sign_on is None:
            return RedirectResponse("/sign-in", status_code=303)
        try:
            again = None
            if request.query_params.get("again") == "1":
                present = await self._frame.present(request)
                again = None if present is None else present.session.id
            address, kept = await sign_on.leave(there, self._frame.whence(request), again)
        except ProviderError as error:
            return self._form(
                request, there, wrong=f"{sign_on.name} cannot be reached: {error.message}", status_code=503
            )
        except (TooMany, Unavailable):
            return self._frame.draw("try_again.html", status_code=503)
        response = Response(status_code=303, headers={"Location": address, **_QUIETLY})
        self._frame.put_cookie(response, JOURNEY, kept, JOURNEY_SECONDS)
        return response

    async def come_back(self, request: WebRequest) -> Response:
        """From the provider."""
        sign_on = self._signing_in.sign_on
        if sign_on is None:
            return RedirectResponse("/sign-in", status_code=303)
        kept = request.cookies.get(self._frame.cookie_name(JOURNEY), "")[:8_000]
        whence = self._frame.whence(request)
        response: Response
        try:
            back = await sign_on.come_back(kept, dict(request.query_params), whence)
            if back.again is None:
                response = await self.let_in(request, back.proved, back.there)
            else:
                present = await self._frame.present(request)
                if present is None or (present.session.id, present.user_id) != (back.again, back.proved.user_id):
                    raise Invalid("That was somebody else's account.")
                await self._signing_in.security.proved(present, f"by {back.proved.means}", whence)
                response = RedirectResponse(back.there, status_code=303, headers=_QUIETLY)
        except (Invalid, ProviderError) as error:
            response = self._form(request, "/", wrong=error.message, status_code=422)
        except (TooMany, Unavailable):
            return self._frame.draw("try_again.html", status_code=503)
        self._frame.put_cookie(response, JOURNEY, "", 0)
        return response

    # --- in, out ------------------------------------------------------------------------------------------------------

    async def let_in(self, request: WebRequest, proved: Proved, there: str) -> Response:
        """Begin a session of its own: whatever the browser had before counts no more."""
        secret = await self._signing_in.sessions.begin(proved, self._frame.whence(request), self._frame.secret(request))
        response = RedirectResponse(there, status_code=303, headers=_QUIETLY)
        self._frame.remember(response, secret)
        return response

    async def sign_out(self, desk: Desk) -> Response:
        """End this session."""
        await self._signing_in.sessions.end(desk.present, self._frame.whence(desk.request))
        response = RedirectResponse("/sign-in", status_code=303)
        self._frame.forget(response)
        return response

    async def switch(self, desk: Desk) -> Response:
        """Turn to another team."""
        text = desk.field("team")
        if text.isascii() and text.isdigit() and len(text) <= 18:
            await self._signing_in.sessions.look_at(desk.present, int(text))
        return desk.go("/")

    def posted(self, answer: Posted) -> Callable[[WebRequest], Awaitable[Response]]:
        """A form of somebody who is not known yet. One from elsewhere could only sign somebody in as a stranger: the
        browser tells where it stood."""

        async def handled(request: WebRequest) -> Response:
            if not from_here(request):
                return RedirectResponse("/sign-in", status_code=303)
            try:
                fields = {name: values[-1] for name, values in (await read_form(request)).items()}
                return await answer(request, fields)
            except Invalid as error:
                return self._form(request, "/", wrong=error.message, status_code=422)
            except TooMany as error:
                minutes = max(1, -(-error.retry_after_seconds // 60))
                return self._frame.draw("sign_in_later.html", status_code=429, minutes=minutes)
            except Unavailable:
                return self._frame.draw("try_again.html", status_code=503)

        return handled

    def _form(
        self, request: WebRequest, there: str, *, email: str = "", wrong: str = "", said: str = "",
        status_code: int = 200,
    ) -> Response:  # fmt: skip
        sign_on = self._signing_in.sign_on
        page = self._frame.draw(
            "sign_in.html", status_code=status_code, next=there, email=email, wrong=wrong, said=said,
            passkeys=passkeys_at(self._frame, request), sign_on=None if sign_on is None else sign_on.name,
            sso="/sign-in/sso" + (f"?next={quote(there, safe='')}" if there != "/" else ""),
            only=self._signing_in.entrance.sign_on_only,
        )  # fmt: skip
        return self._frame.bind(page, self._frame.binding(request))

    def _second(self, request: WebRequest, halfway: Halfway, there: str, binding: str, *, wrong: str = "") -> Response:
        page = self._frame.draw(
            "sign_in_second.html", status_code=422 if wrong else 200, halfway=halfway, next=there, wrong=wrong,
            passkeys=passkeys_at(self._frame, request),
        )  # fmt: skip
        return self._frame.bind(page, binding)


_QUIETLY = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class PasskeysHere(msgspec.Struct, frozen=True):
    """Whether passkeys work on a page as it was opened."""

    work: bool
    elsewhere: str
    """The address at which they would; empty when they work, or nowhere."""


def passkeys_at(frame: Frame, request: WebRequest) -> PasskeysHere:
    """Whether they work where this page was opened: never at a number, so at localhost and not at 127.0.0.1."""
    passkeys = frame.signing_in.passkeys
    if passkeys.works_at(request.url.hostname or ""):
        return PasskeysHere(True, "")
    return PasskeysHere(False, f"{passkeys.origin}{request.url.path}" if passkeys.possible else "")


def as_json(asked: Question) -> Response:
    """A question about passkeys for our own script."""
    body: dict[str, Any] = {"options": msgspec.Raw(asked.options.encode()), "sealed": asked.sealed}
    return Response(msgspec.json.encode(body), media_type="application/json", headers=_QUIETLY)


def next_of(address: str) -> str:
    """Where to go on to: a page of ours, never anybody else's."""
    try:
        parts = urlsplit(address) if len(address) <= MAX_NEXT else None
    except ValueError:  # e.g. `//[`
        return "/"
    plain = parts is not None and not parts.scheme and not parts.netloc and address.isascii() and address.isprintable()
    inside = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if plain and inside else "/"


def from_here(request: WebRequest) -> bool:
    """Whether a form stood on a page of ours, as the browser says."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origin is None or origin == "null":
        return site in ("same-origin", "none")
    try:
        return urlsplit(origin).netloc == request.headers.get("host", "")
    except ValueError:  # e.g. `http://[`
        return False
