"""Asks people to join a team, and lets them in when they come with the link that was sent to them."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec

from tocsin.accounts import rules, store
from tocsin.accounts.actions import identities
from tocsin.accounts.model import Invitation, Member, Role, Team, User
from tocsin.kernel.errors import NotFound, TooMany
from tocsin.storage import Tx, events

LIFETIME = timedelta(days=14)
"""A holiday long; whoever comes later is invited again."""
KEPT_FOR = timedelta(days=60)
"""After it was sent; what came of it stands in the log and among the events for longer."""
COUNTED_FOR = timedelta(hours=1)
MAX_INVITATIONS_PER_TEAM = 50
"""Within the hour: more than any team grows by, too few to send junk mail with."""
MAX_INVITATIONS_PER_ADDRESS = 5
"""Within the hour, whoever invites."""

_TOKEN = re.compile(r"([0-9]{1,18})-([0-9a-f]{32})")


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation as the invited person sees it."""

    invitation: Invitation
    team: Team
    known: User | None
    """Who they are when they have an account already."""

    @property
    def id(self) -> int:
        return self.invitation.id

    @property
    def team_id(self) -> int:
        return self.invitation.team_id


def invite(tx: Tx, team_id: int, email: str, role: Role, invited_by: str) -> tuple[Invitation, str] | Member:
    """Ask somebody to join: (the invitation, the secret of its link); or the member that they are already.

    An invitation that waits is replaced by the new one. Raises Invalid (field email) and TooMany.
    """
    email = rules.checked_email(email)
    user = store.user_by_email(tx, email)
    if user is not None:
        places = store.membership(tx, (team_id,), user.id)
        if places:
            return places[0]
    by_team, to_address = store.count_invited(tx, team_id=team_id, email=email, since=tx.now - COUNTED_FOR)
    if by_team >= MAX_INVITATIONS_PER_TEAM or to_address >= MAX_INVITATIONS_PER_ADDRESS:
        seconds = int(COUNTED_FOR.total_seconds())
        raise TooMany("Too many invitations sent. Please try again later.", retry_after_seconds=seconds)
    store.withdraw_invitations(tx, team_id, email)
    invitation = store.insert_invitation(
        tx, team_id=team_id, email=email, role=role, invited_by=invited_by, expires_at=tx.now + LIFETIME
    )
    events.record(
        tx, "team_member.invited", team_id=team_id, resource_type="team_member_invitation", resource_id=invitation.id,
        email=email, role=role.value,
    )  # fmt: skip
    return invitation, f"{invitation.id}-{tx.vault.sign(_signed(invitation.id))}"


def open_invitation(tx: Tx, token: str) -> Opened | None:
    """What the secret of a link opens; None when it is not ours, or can be accepted no longer."""
    match = _TOKEN.fullmatch(token)
    if match is None or not tx.vault.signed(_signed(int(match[1])), match[2]):
        return None
    found = store.invitation(tx, int(match[1]))
    if found is None or found.accepted_at or found.withdrawn_at or found.expires_at <= tx.now:
        return None
    return Opened(invitation=found, team=identities.team(tx, found.team_id), known=store.user_by_email(tx, found.email))


def accept(tx: Tx, invitation_id: int, *, name: str | None, password: str | None) -> Member:
    """The invited person joins, with a new account unless they have one; then name and password are not asked for.

    Raises NotFound when it was accepted, withdrawn or has expired, and Invalid (fields name, password).
    """
    found = store.invitation(tx, invitation_id)
    if found is None or not store.take_invitation(tx, invitation_id):
        raise NotFound("team_member_invitation", invitation_id)
    user = store.user_by_email(tx, found.email)
    if user is None:
        user = identities.create_user(tx, email=found.email, name=name or "", password=password or "")
    identities.join(tx, found.team_id, user.id, found.role)
    events.record(
        tx, "team_member.joined", team_id=found.team_id, resource_type="user", resource_id=user.id, email=user.email,
        role=found.role.value,
    )  # fmt: skip
    return store.membership(tx, (found.team_id,), user.id)[0]


def prune_invitations(tx: Tx, *, at_most: int) -> int:
    """Delete invitations that have long been used, taken back or forgotten; returns how many."""
    return store.remove_invitations(tx, tx.now - KEPT_FOR, at_most)


def _signed(id: int) -> str:
    return f"invitation:{id}"
