"""Who is in a team and in which role: found, listed, given another role, removed."""

from __future__ import annotations

from tocsin.accounts import rules, store
from tocsin.accounts.model import Invitation, Member, Role
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Tx, events


def find(tx: Tx, email: str, team_ids: tuple[int, ...] | None) -> Member | Invitation:
    """The member of one of these teams (None = any) with that address, or the invitation that waits for them.

    Raises NotFound.
    """
    user = store.user_by_email(tx, email)
    places = [] if user is None else store.membership(tx, team_ids, user.id)
    if places:
        return places[0]
    invited = store.pending_invitations(tx, team_ids, email=email)
    if invited:
        return invited[0]
    raise _not_found(email)


def list_people(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[Member | Invitation], int]:
    """One page of the members, then of those who are invited, and how many there are in all."""
    members, invited = store.count_members(tx, team_ids), store.count_pending_invitations(tx, team_ids)
    offset = (page - 1) * per_page
    found: list[Member | Invitation] = []
    if offset < members:
        found += store.page_of_members(tx, team_ids, offset, per_page)
    if len(found) < per_page and offset + len(found) < members + invited:
        beyond = max(offset - members, 0)
        found += store.pending_invitations(tx, team_ids, offset=beyond, limit=per_page - len(found))
    return found, members + invited


def is_member(tx: Tx, team_id: int, user_id: int) -> bool:
    """Whether that person is in that team now."""
    return store.is_member(tx, team_id, user_id)


def role_in(tx: Tx, team_id: int, user_id: int) -> Role | None:
    """As what that person is in that team now; None when they are not."""
    return store.role_in(tx, team_id, user_id)


def remove(tx: Tx, email: str, team_ids: tuple[int, ...] | None, by: str | None = None) -> None:
    """Take a person out of a team, or an invitation back; they are paged for it no more.

    Their addresses and rules stay theirs. `by`: the role of whoever does it; None = a token. Raises NotFound, Invalid
    for the last admin or an unclear team, and Refused for an admin when `by` is none.
    """
    found = find(tx, email, team_ids)
    if isinstance(found, Invitation):
        _only([each.team_id for each in store.pending_invitations(tx, team_ids, email=email, limit=2)])
        store.withdraw_invitations(tx, found.team_id, found.email)
        return
    member = _place(tx, found.user.id, team_ids)
    rules.check_seat(by, member.role)
    _keep_an_admin(tx, member, "removed")
    store.remove_membership(tx, member.team_id, member.user.id)
    store.leave_team(tx, member.user.id, member.team_id)
    if not store.team_ids_of(tx, member.user.id):  # there is nothing here for them any more
        store.end_sessions(tx, member.user.id)
        store.end_links(tx, member.user.id)
    _record(tx, "team_member.removed", member, role=member.role.value)


def change_role(tx: Tx, user_id: int, role_id: int, team_ids: tuple[int, ...] | None, by: str | None = None) -> Member:
    """Give a member another role. Raises as `remove` does, Refused also when the new role is an admin's."""
    member = _place(tx, user_id, team_ids)
    role = next((role for role in Role if role.id == role_id), None)
    if role is None:
        raise NotFound("role", role_id)
    rules.check_seat(by, member.role, role)
    if role is not Role.ADMIN:
        _keep_an_admin(tx, member, "given another role")
    store.set_role(tx, member.team_id, member.user.id, role)
    _record(tx, "team_member.role_changed", member, role=role.value, was=member.role.value)
    return store.membership(tx, (member.team_id,), member.user.id)[0]


def _place(tx: Tx, user_id: int, team_ids: tuple[int, ...] | None) -> Member:
    places = store.membership(tx, team_ids, user_id)
    if not places:
        raise NotFound("team_member", user_id)
    _only([place.team_id for place in places])
    return places[0]


def _only(found_in: list[int]) -> None:
    """Whoever may reach several teams says which one is meant when somebody is in more than one of them."""
    if len(found_in) > 1:
        raise Invalid.missing(["team_name"])


def _keep_an_admin(tx: Tx, member: Member, what: str) -> None:
    if member.role is Role.ADMIN and store.count_role(tx, member.team_id, Role.ADMIN) == 1:
        raise Invalid(f"The last admin of a team cannot be {what}: make somebody else an admin first.")


def _record(tx: Tx, name: str, member: Member, **data: str) -> None:
    events.record(
        tx, name, team_id=member.team_id, resource_type="user", resource_id=member.user.id, email=member.user.email,
        **data,
    )  # fmt: skip


def _not_found(email: str) -> NotFound:
    return NotFound("team_member", email, f'Team member with email "{email}" not found')
