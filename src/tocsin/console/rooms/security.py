"""How somebody signs in, and where they are signed in: password, codes, passkeys, sessions."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.console.signing_in import as_json, next_of, passkeys_at
from tocsin.gateway.signing_in import AGAIN
from tocsin.kernel import one_time
from tocsin.kernel.errors import Invalid, NotFound

PATH = "/me/security"
BROWSERS = (
    ("Edge", r"Edg(?:A|iOS)?/"), ("Opera", r"OPR/"), ("Firefox", r"Firefox/|FxiOS/"), ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"), ("curl", r"^curl/"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", r"iPhone"), ("iPad", r"iPad"), ("Android", r"Android"), ("Windows", r"Windows"), ("Mac", r"Macintosh"),
    ("Linux", r"Linux|X11"),
)  # fmt: skip

Handler = Callable[[Desk], Awaitable[Response]]


def routes(frame: Frame) -> list[Route]:
    """`/me/security` and what is done there."""
    room = _Room(frame)
    fresh = room.fresh
    return [
        frame.get(PATH, room.show),
        frame.get(f"{PATH}/confirm", room.confirm),
        frame.post(f"{PATH}/confirm", room.confirm_by_password),
        frame.post(f"{PATH}/confirm/question", room.confirm_question),
        frame.post(f"{PATH}/confirm/passkey", room.confirm_by_passkey),
        frame.post(f"{PATH}/password", room.password),
        frame.post(f"{PATH}/codes", fresh(room.begin_codes)),
        frame.post(f"{PATH}/codes/confirm", fresh(room.confirm_codes)),
        frame.post(f"{PATH}/codes/remove", fresh(room.remove_codes)),
        frame.post(f"{PATH}/recovery-codes", fresh(room.recovery_codes)),
        frame.post(f"{PATH}/passkeys/question", room.passkey_question),
        frame.post(f"{PATH}/passkeys", fresh(room.add_passkey)),
        frame.post(f"{PATH}/passkeys/{{id:int}}/name", room.rename_passkey),
        frame.post(f"{PATH}/passkeys/{{id:int}}/remove", fresh(room.remove_passkey)),
        frame.post(f"{PATH}/sessions/others/end", room.end_others),
        frame.post(f"{PATH}/sessions/{{id:int}}/end", room.end_session),
    ]


class _Room:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._security = frame.signing_in.security
        self._passkeys = frame.signing_in.passkeys

    def fresh(self, deed: Handler) -> Handler:
        """Only for somebody who proved to be the one a short while ago; who did not is asked first."""

        async def guarded(desk: Desk) -> Response:
            if not self._security.is_fresh(desk.present):
                return RedirectResponse(f"{PATH}/confirm", status_code=303)
            return await deed(desk)

        return guarded

    async def show(self, desk: Desk, errors: dict[str, list[str]] | None = None, **more: Any) -> Response:
        """Everything on one page."""
        standing = await self._security.standing(desk.present)
        sessions = await desk.many("sessions.list")
        secret = standing.pending_secret
        sign_on = self._frame.signing_in.sign_on
        return desk.page(
            "me/security.html",
            status_code=422 if errors else 200,
            standing=standing,
            sessions=[{**each, "browser": browser_of(each["client_name"])} for each in sessions.items],
            secret=None if secret is None else " ".join(re.findall(".{1,4}", secret)),
            otp=None if secret is None else one_time.address(secret, desk.present.email),
            qr=None if secret is None else drawn(one_time.address(secret, desk.present.email)),
            passkeys=passkeys_at(self._frame, desk.request),
            sign_on=None if sign_on is None else sign_on.name,
            only=self._frame.signing_in.entrance.sign_on_only,
            errors=errors or {},
            **more,
        )

    # --- once more who it is ------------------------------------------------------------------------------------------

    async def confirm(self, desk: Desk, said: str = "") -> Response:
        """Asks once more who sits there."""
        there = next_of(desk.asked("next") or desk.field("next") or PATH)
        standing = await self._security.standing(desk.present)
        sign_on = self._frame.signing_in.sign_on
        return desk.page(
            "me/confirm.html",
            status_code=422 if said else 200,
            standing=standing,
            passkeys=passkeys_at(self._frame, desk.request),
            sign_on=None if sign_on is None else sign_on.name,
            sso=f"/sign-in/sso?again=1&next={quote(there, safe='')}",
            only=self._frame.signing_in.entrance.sign_on_only,
            next=there,
            said=said,
        )

    async def confirm_by_password(self, desk: Desk) -> Response:
        """By the password."""
        whence = self._frame.whence(desk.request)
        if not await self._security.prove_by_password(desk.present, desk.field("password"), whence):
            return await self.confirm(desk, "The password is wrong.")
        return desk.go(next_of(desk.field("next", PATH)))

    async def confirm_question(self, desk: Desk) -> Response:
        """What the browser is to have signed."""
        return as_json(await self._passkeys.ask(AGAIN, self._security.binding(desk.present), desk.present.user_id))

    async def confirm_by_passkey(self, desk: Desk) -> Response:
        """By a passkey."""
        binding, whence = self._security.binding(desk.present), self._frame.whence(desk.request)
        try:
            await self._passkeys.proves_again(
                desk.present.user_id, binding, desk.field("sealed"), desk.field("answer"), whence
            )
        except Invalid as error:
            return await self.confirm(desk, error.message)
        await self._security.proved(desk.present, "by a passkey", whence)
        return desk.go(next_of(desk.field("next", PATH)))

    # --- password, codes ----------------------------------------------------------------------------------------------

    async def password(self, desk: Desk) -> Response:
        """Another password."""
        whence = self._frame.whence(desk.request)
        if (
            not self._security.is_fresh(desk.present)
            and not (await self._security.standing(desk.present)).factors.password
        ):
            return RedirectResponse(f"{PATH}/confirm", status_code=303)
        try:
            ended = await self._security.change_password(
                desk.present, desk.field("current"), desk.field("password"), whence
            )
        except Invalid as error:
            return await self.show(desk, wrong(error))
        others = "" if not ended else f" {ended} other session{'' if ended == 1 else 's'} ended."
        return desk.go(PATH, f"Password changed.{others}")

    async def begin_codes(self, desk: Desk) -> Response:
        """Show a secret to scan."""
        await self._security.begin_codes(desk.present)
        return RedirectResponse(f"{PATH}#codes", status_code=303)

    async def confirm_codes(self, desk: Desk) -> Response:
        """Codes count from now on."""
        try:
            codes = await self._security.confirm_codes(
                desk.present, desk.field("code")[:40], self._frame.whence(desk.request)
            )
        except Invalid as error:
            return await self.show(desk, wrong(error))
        return desk.go(PATH, "Authenticator set up") if codes is None else self._once(desk, codes)

    async def remove_codes(self, desk: Desk) -> Response:
        """Codes count no more."""
        await self._security.remove_codes(desk.present, self._frame.whence(desk.request))
        return desk.go(PATH, "Authenticator removed")

    async def recovery_codes(self, desk: Desk) -> Response:
        """Ten new ones."""
        return self._once(desk, await self._security.new_recovery_codes(desk.present, self._frame.whence(desk.request)))

    def _once(self, desk: Desk, codes: list[str]) -> Response:
        return desk.page("me/recovery_codes.html", codes=codes)

    # --- passkeys -----------------------------------------------------------------------------------------------------

    async def passkey_question(self, desk: Desk) -> Response:
        """What the browser makes a new passkey for."""
        if not self._security.is_fresh(desk.present):
            return Response(status_code=403)
        present = desk.present
        binding = self._security.binding(present)
        return as_json(await self._passkeys.ask_to_add(present.user_id, present.email, present.name, binding))

    async def add_passkey(self, desk: Desk) -> Response:
        """Keep it."""
        try:
            codes = await self._security.add_passkey(
                desk.present, desk.field("sealed"), desk.field("answer"), desk.field("name").strip(),
                self._frame.whence(desk.request),
            )  # fmt: skip
        except Invalid as error:
            return await self.show(desk, wrong(error))
        return desk.go(PATH, "Passkey added") if codes is None else self._once(desk, codes)

    async def rename_passkey(self, desk: Desk) -> Response:
        """Call it otherwise."""
        try:
            renamed = await self._security.rename_passkey(
                desk.present, desk.id, desk.field("name").strip(), self._frame.whence(desk.request)
            )
        except Invalid as error:
            return await self.show(desk, wrong(error))
        if not renamed:
            raise NotFound("passkey", desk.id)
        return desk.go(PATH, "Passkey renamed")

    async def remove_passkey(self, desk: Desk) -> Response:
        """It counts no more."""
        removed = await self._security.remove_passkey(desk.present, desk.id, self._frame.whence(desk.request))
        return desk.go(PATH, "Passkey removed" if removed else "")

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def end_session(self, desk: Desk) -> Response:
        """Sign out somewhere else."""
        await desk.call("sessions.end", id=desk.id)
        return desk.go(PATH, "Signed out there")

    async def end_others(self, desk: Desk) -> Response:
        """Sign out everywhere but here."""
        ended = await self._security.end_others(desk.present, self._frame.whence(desk.request))
        return desk.go(PATH, f"Signed out of {ended} other session{'' if ended == 1 else 's'}")


def browser_of(agent: str | None) -> str:
    """What people call a browser that calls itself so, e.g. `Firefox on Linux`."""
    if not agent:
        return "Unknown browser"
    browser = next((name for name, mark in BROWSERS if re.search(mark, agent)), "")
    system = next((name for name, mark in SYSTEMS if re.search(mark, agent)), "")
    return " on ".join(filter(None, (browser, system))) or agent[:60]


def drawn(text: str) -> dict[str, Any]:
    """A QR code as a path for SVG: its side in modules, and the dark ones, with the quiet zone around them."""
    import segno  # here: only few people ever look at one

    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    path = [
        f"M{run.start() + 4} {y + 4}h{len(run.group())}v1h-{len(run.group())}z"
        for y, row in enumerate(rows)
        for run in re.finditer(rb"\x01+", row)
    ]
    return {"side": len(rows) + 8, "path": "".join(path)}
