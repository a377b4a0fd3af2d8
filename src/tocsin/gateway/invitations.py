"""The link in an invitation: good for one person, one team, and for joining it once."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.gateway.identity import INVITED, About, Credential
from tocsin.storage import Database

JOINING = frozenset({"team_members.join"})
"""What whoever holds an invitation may do."""


class OpenedInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that proved to be ours and can still be accepted."""

    invitation_id: int
    email: str
    team_name: str
    invited_by: str
    known: bool
    """Whether the person has an account already, and is asked for nothing."""
    credential: Credential


async def open_invitation(database: Database, token: str, client_address: str | None) -> OpenedInvitation | None:
    """What an invitation's link opens; None when it is not ours, was accepted, withdrawn or has expired."""
    opened = await database.read(accounts.open_invitation, token)
    if opened is None:
        return None
    invitation = opened.invitation
    credential = Credential(
        guest=invitation.email,
        through=INVITED,
        only=JOINING,
        about=About(team_id=invitation.team_id, id=invitation.id),
        client_address=client_address,
    )
    return OpenedInvitation(
        invitation_id=invitation.id,
        email=invitation.email,
        team_name=opened.team.name,
        invited_by=invitation.invited_by,
        known=opened.known is not None,
        credential=credential,
    )
