"""The link in a question of an agent: good for the person to whom it was sent, and for answering that one question."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.gateway.identity import About, Credential
from tocsin.notify import actions as notify
from tocsin.storage import Database, Tx

ANSWERS = frozenset({"approvals.get", "approvals.approve", "approvals.deny"})
"""What whoever holds the link may do, and only as the person to whom it was sent."""


async def open_posted_question(
    database: Database, token: str, email: str | None, way: str, client_address: str | None
) -> tuple[int, Credential] | None:
    """(question, who answers) of a button below a question in a chat; None for whoever the chat does not make known
    as a member of the team: no guest decides what an agent may do."""
    found = await database.read(_posted, token, email)
    if found is None:
        return None
    approval_id, team_id, user_id = found
    credential = Credential(
        user_id=user_id,
        through=way,
        only=ANSWERS,
        about=About(team_id=team_id, id=approval_id),
        client_address=client_address,
    )
    return approval_id, credential


def _posted(tx: Tx, token: str, email: str | None) -> tuple[int, int, int] | None:
    link = notify.verify_answer(tx, token)
    user = accounts.user_by_email(tx, email) if email else None
    if link is None or not link.question_id or user is None or not accounts.is_member(tx, link.team_id, user.id):
        return None
    return link.question_id, link.team_id, user.id


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
