"""The link in a question of an agent: good for the person to whom it was sent, and for answering that one question."""

from __future__ import annotations

import msgspec

from tocsin.agents import actions as agents
from tocsin.gateway.identity import About, Credential
from tocsin.storage import Database

ANSWERS = frozenset({"approvals.get", "approvals.approve", "approvals.deny"})
"""What whoever holds the link may do, and only as the person to whom it was sent."""


class OpenedQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A link to a question that proved to be ours."""

    approval_id: int
    agent_name: str
    owner_name: str
    team_name: str
    credential: Credential


async def open_question(database: Database, token: str, client_address: str | None) -> OpenedQuestion | None:
    """What the link opens; None when it is not ours, or its person or the agent has left."""
    link = await database.read(agents.open_approval, token)
    if link is None:
        return None
    credential = Credential(
        user_id=link.user_id,
        through="e-mail link",
        only=ANSWERS,
        about=About(team_id=link.approval.team_id, id=link.approval.id),
        client_address=client_address,
    )
    return OpenedQuestion(
        approval_id=link.approval.id,
        agent_name=link.agent_name,
        owner_name=link.owner_name,
        team_name=link.team_name,
        credential=credential,
    )
