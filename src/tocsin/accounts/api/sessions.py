"""Where people are signed in to the console, on the wire: one's own sessions, and for admins those of their members."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions
from tocsin.accounts.model import Role, Session
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid, NotFound, Refused
from tocsin.registry import Call, Operation, Resource, Route, Scope
from tocsin.storage import Tx

_PATH = "/api/v2/sessions"
_EMAIL = "Say whose sessions are meant: give the email of a member of the team."


class SessionAttributes(msgspec.Struct, kw_only=True):
    """A browser in which somebody is signed in."""

    user_id: int
    client_name: str | None
    """The browser, as it calls itself (User-Agent)."""
    client_address: str | None
    means: str
    """By what they proved who they are, e.g. `password and code`, `passkey`, `single sign-on`."""
    created_at: str
    last_seen_at: str
    """To within five minutes."""
    expires_at: str


SESSION = Resource(
    type="session",
    attributes=SessionAttributes,
    render=lambda session: SessionAttributes(
        user_id=session.user_id,
        client_name=session.client_name,
        client_address=session.client_address,
        means=session.means,
        created_at=to_wire(session.created_at),
        last_seen_at=to_wire(session.last_seen_at),
        expires_at=to_wire(session.expires_at),
    ),
    doc="A browser in which somebody is signed in to the console.",
)


class ListSessions(msgspec.Struct, kw_only=True):
    """Whose: the caller's own, or those of the member with this address."""

    email: str | None = None


class EndSession(msgspec.Struct, kw_only=True):
    """The session that is to end."""

    id: int


def _list(tx: Tx, call: Call, input: ListSessions) -> list[Session]:
    if not input.email:
        if call.actor.user_id is None:
            raise Invalid(_EMAIL)
        return actions.sessions_of(tx, call.actor.user_id)
    user = actions.user_by_email(tx, input.email)
    if user is None or not (user.id == call.actor.user_id or actions.shares_team(tx, call.team_ids, user.id)):
        raise NotFound("team_member", input.email)
    _may(tx, call, user.id)
    return actions.sessions_of(tx, user.id)


def _end(tx: Tx, call: Call, input: EndSession) -> None:
    found = actions.session_by_id(tx, input.id)
    mine = found is not None and found.user_id == call.actor.user_id
    if found is None or not (mine or actions.shares_team(tx, call.team_ids, found.user_id)):
        raise NotFound("session", input.id)
    _may(tx, call, found.user_id)
    actions.end_session(tx, found.user_id, found.id)


def _may(tx: Tx, call: Call, user_id: int) -> None:
    """Somebody else's sessions are the business of admins alone. Raises Refused."""
    caller = call.actor.user_id
    if caller is None or caller == user_id:  # a token of the team does what its admins do
        return
    places = actions.memberships_of(tx, caller)
    admin_of = tuple(each.team_id for each in places if each.role is Role.ADMIN)
    if not actions.shares_team(
        tx, tuple(id for id in admin_of if call.team_ids is None or id in call.team_ids), user_id
    ):
        raise Refused("Only admins of the team may look at the sessions of others.")


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="sessions.list",
        upstream="answered_here",
        routes=(Route("GET", _PATH),),
        area="team",
        level="read",
        people_only=True,
        self_service=True,
        input=ListSessions,
        handler=_list,
        doc="List where you are signed in to the console, or where the member with an `email` is.",
        deed="listed sessions",
        resource=SESSION,
        answer="all",
        not_found=True,
        scope=Scope.LIST,
    ),
    Operation(
        name="sessions.end",
        upstream="answered_here",
        routes=(Route("DELETE", _PATH + "/{id}"),),
        area="team",
        level="full",
        people_only=True,
        self_service=True,
        input=EndSession,
        handler=_end,
        doc="Sign out of a browser: yourself, or a member of your team.",
        deed="ended a session",
        resource=SESSION,
        answer="none",
        scope=Scope.LIST,
    ),
)
