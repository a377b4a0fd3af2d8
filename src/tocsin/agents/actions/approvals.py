"""Questions of agents to people: asked by mail, answered by a press, good for exactly one call."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Member, Role, User
from tocsin.agents import store
from tocsin.agents.actions import agents
from tocsin.agents.model import Agent, Approval, ApprovalState, Grant
from tocsin.kernel.errors import Conflict, NotFound, TooMany
from tocsin.notify import actions as notify
from tocsin.notify.actions import targets
from tocsin.notify.model import Kind, Notice
from tocsin.storage import Tx, events

TYPE = "approval"
WAITS_FOR = timedelta(hours=1)
"""A question that nobody has answered by then is over: the situation is another one."""
GOOD_FOR = timedelta(minutes=15)
"""After the answer: the agent asks again every few seconds."""
STANDS_FOR = timedelta(hours=1)
"""So long a refusal answers the same question too."""
MAX_PENDING = 20
"""Of one agent: people must not drown in questions."""
CHAT = "slack"
"""Where whoever presses a button is known: Slack says with which address of theirs."""
MAX_POSTED = 3
"""Channels of a team in which one question is put."""
MAX_A_DAY = 100
"""Questions of one agent: also one whose questions are answered at once must not take up people's whole day."""
A_DAY = timedelta(days=1)
MAX_ASKED = 10
"""People who are mailed one question."""

_TOKEN = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9a-f]{32})")


class ApprovalLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link in a mail that proved to be ours: the question, and the person to whom it was sent."""

    approval: Approval
    user_id: int
    agent_name: str
    owner_name: str
    team_name: str


def ask(
    tx: Tx,
    agent: Agent,
    *,
    operation: str,
    digest: str,
    sentence: str,
    arguments: Mapping[str, Any],
    preview: Mapping[str, Any],
    why: str,
    base_url: str,
    grant: Grant | None = None,
) -> Approval:
    """The question about exactly this call: the one that waits already, or a new one, mailed to people.

    Raises TooMany when people have too many of its questions before them.
    """
    before = store.approvals.latest(tx, agent.id, digest)
    if before is not None and before.state is ApprovalState.PENDING:
        return before
    if before is not None and refused_lately(before, tx.now):
        raise Conflict(f"{before.decided_by} has refused exactly this a short while ago.")
    if store.approvals.count_asked(tx, agent.id, tx.now - A_DAY) >= MAX_A_DAY:
        raise TooMany(
            f"This agent has asked people {MAX_A_DAY} questions within a day: let it have a grant, or fewer wishes.",
            retry_after_seconds=3_600,
        )
    if store.approvals.count_pending(tx, agent.id) >= MAX_PENDING:
        raise TooMany(
            f"{MAX_PENDING} questions of this agent wait for a person already: let them be answered first.",
            retry_after_seconds=60,
        )
    values = {
        "team_id": agent.team_id, "agent_id": agent.id, "operation": operation, "digest": digest, "sentence": sentence,
        "arguments": dict(arguments), "preview": dict(preview), "why": why, "requested_grant": grant,
        "expires_at": tx.now + WAITS_FOR,
    }  # fmt: skip
    id = store.approvals.insert_approval(tx, values)
    approval = store.approvals.approval(tx, id)
    assert approval is not None
    for person in _asked(tx, agent):
        _mail(tx, agent, approval, person, base_url)
    _post(tx, agent, approval)
    events.record(
        tx, "approval.requested", team_id=agent.team_id, resource_type=TYPE, resource_id=id, agent_id=agent.id,
        operation=operation,
    )  # fmt: skip
    return approval


def latest(tx: Tx, agent_id: int, digest: str) -> Approval | None:
    """What became of the newest question about exactly this call, if it was asked."""
    return store.approvals.latest(tx, agent_id, digest)


def use(tx: Tx, approval: Approval) -> bool:
    """Spend an approval on its call, in the transaction of that call; False when it is good no longer."""
    return store.approvals.move(tx, approval.id, ApprovalState.APPROVED, {"state": ApprovalState.USED})


def end(tx: Tx, approval: Approval) -> None:
    """Let an approval be good no longer: what it was given for is not what would happen any more."""
    store.approvals.move(tx, approval.id, ApprovalState.APPROVED, {"expires_at": tx.now})


def count_waiting(tx: Tx, team_id: int) -> int:
    """How many questions of agents wait for the people of a team."""
    return store.approvals.count_waiting(tx, team_id)


def give_back(tx: Tx, id: int) -> None:
    """The call for which it was spent has come to nothing: it is still good, for as long as it was."""
    store.approvals.move(tx, id, ApprovalState.USED, {"state": ApprovalState.APPROVED})


def refused_lately(approval: Approval, now: datetime) -> bool:
    """Whether a person has said no to exactly this, not long ago."""
    if approval.state is not ApprovalState.DENIED or approval.decided_at is None:
        return False
    return approval.decided_at > now - STANDS_FOR


def approve(tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, by: str) -> Approval:
    """Say yes: the call may be made once within a quarter of an hour; a grant that was asked for begins.

    Raises NotFound, and Conflict when it is no longer open.
    """
    approval = _decide(tx, id, team_ids, ApprovalState.APPROVED, by, tx.now + GOOD_FOR)
    if approval.grant is not None:
        names = ("levels", "switches", "monitor_ids", "monitor_group_ids", "metadata", "incident_id")
        asked = {name: value for name in names if (value := getattr(approval.grant, name))}
        if approval.grant.expires_at is not None:  # so long as was asked for, from the yes on
            asked["expires_at"] = tx.now + (approval.grant.expires_at - approval.asked_at)
        agents.add_grant(tx, approval.agent_id, (approval.team_id,), {**asked, "reason": approval.grant.reason}, by=by)
        store.approvals.move(tx, id, ApprovalState.APPROVED, {"state": ApprovalState.USED})
    return find_approval(tx, id, team_ids)


def deny(tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, by: str) -> Approval:
    """Say no. Raises NotFound and Conflict."""
    _decide(tx, id, team_ids, ApprovalState.DENIED, by, tx.now + STANDS_FOR)
    return find_approval(tx, id, team_ids)


def find_approval(tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, agent_id: int | None = None) -> Approval:
    """One question; `agent_id`: only if this agent asked it. Raises NotFound."""
    found = store.approvals.approval(tx, id)
    if (
        found is None
        or (team_ids is not None and found.team_id not in team_ids)
        or (agent_id is not None and found.agent_id != agent_id)
    ):
        raise NotFound(TYPE, id)
    return found


def list_approvals(
    tx: Tx,
    team_ids: tuple[int, ...] | None,
    *,
    agent_id: int | None,
    states: Collection[ApprovalState],
    page: int,
    per_page: int,
) -> tuple[list[Approval], int]:
    """A page of questions that stand so (none named: however), the newest first, and how many there are."""
    return store.approvals.page(
        tx, team_ids, agent_id=agent_id, states=states, offset=(page - 1) * per_page, limit=per_page
    )


def open_approval(tx: Tx, token: str) -> ApprovalLink | None:
    """What the secret of a link opens; None when it is not ours, or was sent to somebody who has left."""
    match = _TOKEN.fullmatch(token)
    if match is None or not tx.vault.signed(_signed(int(match[1]), int(match[2])), match[3]):
        return None
    approval = store.approvals.approval(tx, int(match[1]))
    if approval is None or not accounts.is_member(tx, approval.team_id, int(match[2])):
        return None
    agent = store.agents.agent(tx, approval.agent_id)
    if agent is None:
        return None
    return ApprovalLink(
        approval=approval,
        user_id=int(match[2]),
        agent_name=agent.name,
        owner_name=accounts.user(tx, agent.owner_id).name,
        team_name=accounts.team(tx, approval.team_id).name,
    )


def _decide(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, state: ApprovalState, by: str, until: datetime
) -> Approval:
    approval = find_approval(tx, id, team_ids)
    values = {"state": state, "decided_at": tx.now, "decided_by": by, "expires_at": until}
    if approval.state is not ApprovalState.PENDING or not store.approvals.move(tx, id, ApprovalState.PENDING, values):
        raise Conflict(f"This question is {approval.state} already.")
    events.record(
        tx, f"approval.{state.value}", team_id=approval.team_id, resource_type=TYPE, resource_id=id,
        agent_id=approval.agent_id, operation=approval.operation,
    )  # fmt: skip
    return approval


def _asked(tx: Tx, agent: Agent) -> list[User]:
    """Its owner, and who leads the team: each of them can answer."""
    people, _ = accounts.list_people(tx, (agent.team_id,), page=1, per_page=250)
    members = [person for person in people if isinstance(person, Member)]
    leading = [member for member in members if member.role in (Role.ADMIN, Role.TEAM_LEAD)]
    owner = [member for member in members if member.user.id == agent.owner_id]
    unique = {member.user.id: member.user for member in (*owner, *leading)}
    return list(unique.values())[:MAX_ASKED]


def _mail(tx: Tx, agent: Agent, approval: Approval, person: User, base_url: str) -> None:
    secret = f"{approval.id}-{person.id}-{tx.vault.sign(_signed(approval.id, person.id))}"
    notice = Notice(
        kind=Kind.NOTICE,
        incident_id=0,
        team_id=agent.team_id,
        subject=f"[Tocsin] {agent.name} asks: {approval.sentence}",
        headline=f"{agent.name} wants to {approval.sentence}",
        cause=f"{approval.why}. Nothing happens before somebody approves it; the question is open until "
        f"{approval.expires_at:%H:%M} UTC. You can see all of it, and answer, behind the link.",
        facts=[*_woken(approval.preview), *_shown(approval)],
        url=f"{base_url}/approve/{{secret}}",
        link_text="Look and decide",
        secret=tx.vault.seal(secret),
        thread_key=f"approval-{approval.id}",
    )
    notify.queue(tx, notice, user_id=person.id, channel="email", address=person.email, planned_at=tx.now)


def _post(tx: Tx, agent: Agent, approval: Approval) -> None:
    """The same where the team reads and can press a button under its own name: in Slack, by an app."""
    for target in targets.of_team(tx, agent.team_id, kind=CHAT)[:MAX_POSTED]:
        notice = Notice(
            kind=Kind.NOTICE,
            incident_id=0,
            team_id=agent.team_id,
            subject=f"{agent.name} asks: {approval.sentence}",
            headline=f"{agent.name} wants to {approval.sentence}",
            cause=f"{approval.why}. Members of the team can answer here, until {approval.expires_at:%H:%M} UTC.",
            facts=[*_woken(approval.preview), *_shown(approval)],
            actions=("approve", "deny"),
            question_id=approval.id,
            thread_key=f"approval-{approval.id}",
        )
        notify.queue(
            tx, notice, user_id=0, target_id=target.id, channel=target.kind, address=target.name, planned_at=tx.now
        )


def _shown(approval: Approval) -> list[tuple[str, str]]:
    return [(str(name), _short(value)) for name, value in approval.arguments.items()][:20]


def _woken(preview: Mapping[str, Any]) -> list[tuple[str, str]]:
    words = preview.get("words")
    return [("What it would do", str(words))] if words else []


def one_line(text: str) -> str:
    """Without line breaks and what turns the direction of writing: nothing that an agent wrote looks like our words."""
    return "".join(each for each in " ".join(text.split()) if each.isprintable())


def _short(value: Any) -> str:
    text = one_line(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return text if len(text) <= 300 else text[:300] + "…"


def _signed(approval_id: int, user_id: int) -> str:
    return f"approval {approval_id} {user_id}"
