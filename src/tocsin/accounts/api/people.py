"""Team members and roles on the wire: every address, what it takes and what it answers (contract part 2, section 6)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.accounts import actions
from tocsin.accounts.model import INVITED, Invitation, Member, Role, Team
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Done, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

SendInvitation = Callable[[Tx, Invitation, str, str], None]
"""Sends the mail, in the transaction of the invitation: (tx, invitation, secret of its link, public address)."""

_PATH = "/api/v2/team-members"
MEMBER, INVITATION = "team_member", "team_member_invitation"
_INVALID_ROLE = f"Invalid role. Allowed roles: {', '.join(INVITED)}"
"""To the letter, as are the other two sentences of a refused invitation: clients show them."""
_NO_EMAIL = "Email is required"
_BAD_EMAIL = "Email is not a valid email address"


class TeamMemberAttributes(msgspec.Struct, kw_only=True):
    """A member, or somebody who has been invited (contract part 2, section 6)."""

    email: str
    first_name: str | None
    last_name: str | None
    created_at: str | UnsetType = UNSET
    """Of a member: since when they are in the team."""
    invited_at: str | UnsetType = UNSET
    """Of an invitation."""
    role: str
    role_id: int
    mobile_app_platforms: tuple[str, ...] = ()
    """Always empty: there is no such app."""


class RoleAttributes(msgspec.Struct, kw_only=True):
    """A role (contract part 2, section 6)."""

    name: str
    role: str


class TeamAttributes(msgspec.Struct, kw_only=True):
    """A team."""

    name: str
    created_at: str


class InvitedData(msgspec.Struct, kw_only=True):
    """Who was invited, or is a member already."""

    id: str | None
    type: str
    attributes: TeamMemberAttributes


class Invited(msgspec.Struct, kw_only=True):
    """What an invitation answers: here `message` stands beside `data`."""

    message: str
    data: InvitedData


def _render(record: Member | Invitation) -> TeamMemberAttributes:
    if isinstance(record, Invitation):
        return TeamMemberAttributes(
            email=record.email,
            first_name=None,
            last_name=None,
            invited_at=to_wire(record.invited_at),
            role=record.role,
            role_id=record.role.id,
        )
    return TeamMemberAttributes(
        email=record.user.email,
        first_name=record.user.first_name,
        last_name=record.user.last_name,
        created_at=to_wire(record.joined_at),
        role=record.role,
        role_id=record.role.id,
    )


def _id(record: Member | Invitation) -> int | None:
    return record.user.id if isinstance(record, Member) else None


def _type(record: Member | Invitation) -> str:
    return MEMBER if isinstance(record, Member) else INVITATION


TEAM_MEMBER = Resource(
    type=MEMBER,
    attributes=TeamMemberAttributes,
    render=_render,
    id_of=_id,
    types=(MEMBER, INVITATION),
    type_of=_type,
    doc="A person in a team, or one who is invited: then the id is null.",
)
ROLE = Resource(
    type="role",
    attributes=RoleAttributes,
    render=lambda role: RoleAttributes(name=role.words, role=role.value),
    doc="What a member may do in a team.",
)
TEAM = Resource(
    type="team",
    attributes=TeamAttributes,
    render=lambda team: TeamAttributes(name=team.name, created_at=to_wire(team.created_at)),
    doc="Who owns monitors and is paged for them.",
)
RESOURCES = (TEAM_MEMBER, ROLE, TEAM)


class ListPeople(msgspec.Struct, kw_only=True):
    """With `email`, that one person; without, everybody."""

    email: str | None = None
    page: int = 1
    per_page: int = 50


class Invite(msgspec.Struct, kw_only=True):
    """Whom to invite, and as what; a plain member when nothing is said."""

    email: str | None = None
    role: str | None = None
    role_id: int | None = None
    team_name: str | None = None
    """The team; required from a global token."""


class ByEmail(msgspec.Struct, kw_only=True):
    """A person, or somebody who is invited."""

    email: str | None = None


class ChangeRole(msgspec.Struct, kw_only=True):
    """A member and the role that they are to have."""

    id: int
    role_id: int


class Join(msgspec.Struct, kw_only=True):
    """The invitation, and what a new account needs; who has one is asked for nothing."""

    id: int
    name: str | None = None
    password: str | None = None


class ListRoles(msgspec.Struct, kw_only=True):
    """One page of the roles."""

    page: int = 1
    per_page: int = 50


class ListTeams(msgspec.Struct, kw_only=True):
    """One page of the teams that the caller can see; with `search`, those that have it in their name."""

    search: str | None = None
    page: int = 1
    per_page: int = 50


def _teams(tx: Tx, call: Call, input: ListTeams) -> Page[Team]:
    wanted = (input.search or "").casefold()
    seen = [
        team
        for team in actions.all_teams(tx)
        if (call.team_ids is None or team.id in call.team_ids) and wanted in team.name.casefold()
    ]
    start = (input.page - 1) * input.per_page
    return Page(items=seen[start : start + input.per_page], total=len(seen), page=input.page, per_page=input.per_page)


def _list(tx: Tx, call: Call, input: ListPeople) -> Page[Member | Invitation] | Member | Invitation:
    if input.email:
        return actions.find(tx, input.email, call.team_ids)
    found, total = actions.list_people(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _remove(tx: Tx, call: Call, input: ByEmail) -> None:
    if not input.email:
        raise Invalid(_NO_EMAIL)
    actions.remove(tx, input.email, call.team_ids, call.actor.role)


def _change_role(tx: Tx, call: Call, input: ChangeRole) -> Member:
    return actions.change_role(tx, input.id, input.role_id, call.team_ids, call.actor.role)


def _join(tx: Tx, call: Call, input: Join) -> Member:
    return actions.accept(tx, input.id, name=input.name, password=input.password)


def _roles(tx: Tx, call: Call, input: ListRoles) -> Page[Role]:
    roles = list(Role)
    start = (input.page - 1) * input.per_page
    return Page(items=roles[start : start + input.per_page], total=len(roles), page=input.page, per_page=input.per_page)


def _invited_role(input: Invite) -> Role:
    """The role that was asked for, by its word or by its number. Raises Invalid in the original's words."""
    if input.role is None and input.role_id is None:
        return Role.MEMBER
    for role in INVITED:
        if input.role in (None, role.value) and input.role_id in (None, role.id):
            return role
    raise Invalid(_INVALID_ROLE)


def operations(send: SendInvitation) -> tuple[Operation, ...]:
    """What can be done with people in teams; `send` brings an invitation to its person."""

    def invite(tx: Tx, call: Call, input: Invite) -> Done[Invited]:
        assert call.team_id is not None
        if not (input.email and input.email.strip()):
            raise Invalid(_NO_EMAIL)
        role = _invited_role(input)
        inviter = call.actor.name
        if call.actor.user_id is None:  # a token: its name says nothing to whoever is invited, and stands in the log
            inviter = f"The team {actions.team(tx, call.team_id).name}"
        try:
            found = actions.invite(tx, call.team_id, input.email, role, inviter)
        except Invalid:
            raise Invalid(_BAD_EMAIL) from None
        if isinstance(found, Member):
            return Done(200, _answer("User is already a member of the team", found))
        invitation, secret = found
        send(tx, invitation, secret, call.base_url)
        return Done(201, _answer("Invitation sent", invitation))

    return (*_OPERATIONS[:1], _invite_operation(invite), *_OPERATIONS[1:])


def _answer(message: str, record: Member | Invitation) -> Invited:
    id = _id(record)
    data = InvitedData(id=None if id is None else str(id), type=_type(record), attributes=_render(record))
    return Invited(message=message, data=data)


def _invite_operation(handler: Callable[[Tx, Call, Invite], Done[Invited]]) -> Operation:
    return Operation(
        name="team_members.create",
        tool_name="invite_team_member",
        routes=(Route("POST", _PATH),),
        area="team",
        level="write",
        people_only=True,
        input=Invite,
        handler=handler,
        doc="Invite somebody into a team by e-mail; 200 when they are a member already.",
        deed="invited somebody into a team",
        answer="flat",
        flat=Invited,
        statuses=(201, 200),
        scope=Scope.CREATE,
        switch="notify",
        event="team_member.invited",
    )


_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="team_members.list",
        routes=(Route("GET", _PATH),),
        area="team",
        level="read",
        input=ListPeople,
        handler=_list,
        doc="Get the member, or the invited person, with an `email`; without one, list everybody.",
        deed="listed team members",
        resource=TEAM_MEMBER,
        answer="list",
        picks="email",
        not_found=True,
        scope=Scope.LIST,
    ),
    Operation(
        name="team_members.delete",
        tool_name="remove_team_member",
        routes=(Route("DELETE", _PATH),),
        area="team",
        level="full",
        people_only=True,
        input=ByEmail,
        handler=_remove,
        doc="Remove the member with an `email` from a team, or take their invitation back.",
        deed="removed somebody from a team",
        resource=TEAM_MEMBER,
        answer="none",
        scope=Scope.LIST,
        switch="delete",
        event="team_member.removed",
    ),
    Operation(
        name="team_members.change_role",
        tool_name="change_team_member_role",
        routes=(Route("POST", _PATH + "/{id}/change-role/{role_id}"),),
        area="team",
        level="full",
        people_only=True,
        input=ChangeRole,
        handler=_change_role,
        doc="Give a member another role.",
        deed="changed the role of a team member",
        resource=TEAM_MEMBER,
        scope=Scope.LIST,
        event="team_member.role_changed",
    ),
    Operation(
        name="team_members.join",
        routes=(),  # only the page behind an invitation leads here
        area="team",
        level="write",
        people_only=True,
        input=Join,
        handler=_join,
        doc="Join a team with an invitation.",
        deed="joined a team",
        resource=TEAM_MEMBER,
        secrets=("password",),
        event="team_member.joined",
    ),
    Operation(
        name="teams.list",
        upstream="answered_here",
        routes=(Route("GET", "/api/v2/teams"),),
        area="team",
        level="read",
        self_service=True,
        input=ListTeams,
        handler=_teams,
        doc="List the teams that your token reaches.",
        deed="listed teams",
        resource=TEAM,
        answer="list",
    ),
    Operation(
        name="roles.list",
        tool_name="team_roles",
        routes=(Route("GET", "/api/v2/roles"),),
        area="team",
        level="read",
        input=ListRoles,
        handler=_roles,
        doc="List the roles that a team member can have.",
        deed="listed roles",
        resource=ROLE,
        answer="list",
    ),
)
