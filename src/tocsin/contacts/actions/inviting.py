"""Sends the mail that asks somebody to join a team."""

from __future__ import annotations

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Invitation
from tocsin.notify import actions as notify
from tocsin.notify.model import Kind, Notice
from tocsin.storage import Tx


def send_invitation(tx: Tx, invitation: Invitation, secret: str, base_url: str) -> None:
    """One mail with the link behind which they join; queued with the invitation, sent until it is accepted."""
    team = accounts.team(tx, invitation.team_id)
    notice = Notice(
        kind=Kind.NOTICE,
        incident_id=0,
        team_id=team.id,
        subject=f"[Tocsin] Join the team {team.name}",
        headline=f"You are invited to the team {team.name}",
        cause=f"{invitation.invited_by} asks you to join as {invitation.role.words.lower()}. "
        f"The link is yours alone and good until {invitation.expires_at:%d %B %Y}.",
        url=f"{base_url}/join/{{secret}}",
        link_text="Join the team",
        secret=tx.vault.seal(secret),
        thread_key=f"invitation-{invitation.id}",
    )
    notify.queue(tx, notice, user_id=0, channel="email", address=invitation.email, planned_at=tx.now)
