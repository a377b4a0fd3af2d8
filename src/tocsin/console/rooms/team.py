"""Who is in the team and in which role, who has been invited, and whether a page would reach them."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.kernel.errors import Invalid, NotFound

PER_PAGE = 50
INVITED = ("responder", "member", "team_lead", "billing_admin")
MAY = {
    "admin": "Everything, API tokens and other admins too",
    "team_lead": "Everything but API tokens and who is an admin",
    "responder": "Incidents, monitors, heartbeats, overrides, reports on status pages",
    "member": "Looks at everything, acknowledges and comments",
    "billing_admin": "Looks at everything, changes nothing",
}


def routes(frame: Frame) -> list[Route]:
    """Everything under `/team`."""
    return [
        frame.get("/team", show),
        frame.post("/team/invitations", invite),
        frame.post("/team/remove", remove),
        frame.post("/team/{id:int}/role", change_role),
        frame.get("/team/tokens", tokens),
        frame.post("/team/tokens", make_token),
        frame.post("/team/tokens/{id:int}/revoke", revoke_token),
    ]


async def show(desk: Desk) -> Response:
    """Members, then those who are invited."""
    return await _draw(desk)


async def invite(desk: Desk) -> Response:
    """Invite somebody, or the same person once more: the newest link counts."""
    email, role = desk.field("email").strip(), desk.field("role", "responder")
    try:
        answer = await desk.flat("team_members.create", email=email, role=role)
    except Invalid as error:
        found = wrong(error)
        errors = {"email": found["base"]} if list(found) == ["base"] and "mail" in str(found["base"]) else found
        return await _draw(desk, 422, errors=errors, email=email, role=role)
    return desk.go("/team", f"{answer['message']}: {email}.")


async def remove(desk: Desk) -> Response:
    """Take somebody out of the team, or an invitation back."""
    email = desk.field("email")
    await desk.call("team_members.delete", email=email)
    return desk.go("/team", f"{email} is in this team no more. For 30 days that can be taken back from the trash.")


async def change_role(desk: Desk) -> Response:
    """Give a member another role."""
    role = desk.field("role_id")
    if not (role.isascii() and role.isdigit() and len(role) < 3):
        raise NotFound("role", role[:20])
    member = await desk.one("team_members.change_role", id=desk.id, role_id=role)
    return desk.go("/team", f"{member['email']} is {member['role'].replace('_', ' ')} now.")


async def tokens(desk: Desk) -> Response:
    """The team's API tokens: who made them, and whether anything still uses them."""
    return await _tokens(desk)


async def make_token(desk: Desk) -> Response:
    """The answer itself shows the secret: it is kept nowhere, so no other page could."""
    name = desk.field("name").strip()
    try:
        made = await desk.flat("api_tokens.create", name=name)
    except Invalid as error:
        return await _tokens(desk, 422, errors=wrong(error), name=name)
    return await _tokens(desk, secret=made["token"])


async def revoke_token(desk: Desk) -> Response:
    """From the next request on it is good for nothing."""
    await desk.call("api_tokens.delete", id=desk.id)
    return desk.go("/team/tokens", "Revoked. Whatever used this token is refused from now on.")


async def _tokens(
    desk: Desk, status_code: int = 200, *, errors: dict[str, list[str]] | None = None, name: str = "", secret: str = ""
) -> Response:
    found = await desk.many("api_tokens.list", page=desk.number, per_page=PER_PAGE)
    return desk.page(
        "team/tokens.html", status_code=status_code, found=found, errors=errors or {}, name=name, secret=secret,
        curl=f'curl -H "Authorization: Bearer {secret or "YOUR_TOKEN"}" {desk.base_url}/api/v2/monitors',
    )  # fmt: skip


async def _draw(
    desk: Desk, status_code: int = 200, *, errors: dict[str, list[str]] | None = None, email: str = "",
    role: str = "responder",
) -> Response:  # fmt: skip
    found, roles = await asyncio.gather(
        desk.many("team_members.list", page=desk.number, per_page=PER_PAGE), desk.many("roles.list")
    )
    here = [each["id"] for each in found.items if each["id"] is not None]
    reached = await asyncio.gather(*(desk.flat("users.reach", user=id, call="true", sms="true") for id in here))
    reach = dict(zip(here, reached, strict=True))
    admin = desk.present.place is not None and desk.present.place.role == "admin"
    return desk.page(
        "team/list.html", status_code=status_code, found=found, reach=reach, errors=errors or {}, email=email,
        role=role, invited=INVITED, may_do=MAY, roles=roles.items, admin=admin,
    )  # fmt: skip
