"""The operations on questions: an agent asks, a person answers, and the agent can see how that stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents import actions, rules
from tocsin.agents.actions.approvals import one_line
from tocsin.agents.api.agents import AREA, GrantAttributes, render_grant
from tocsin.agents.model import Approval, ApprovalState, Grant
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Conflict, Invalid, Refused
from tocsin.kernel.ids import fingerprint
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx

_ALL = "/api/v2/approvals"
_ONE = _ALL + "/{id}"
_CLOSED = "closed"
LONGEST_ACCESS_MINUTES = 24 * 60
"""What an agent asks for is for a day at the most; longer is a person's to give."""


class ApprovalAttributes(msgspec.Struct, kw_only=True):
    """What an agent asks a person."""

    agent_id: int
    agent_name: str
    operation: str
    sentence: str
    """What it wants to do, in words."""
    arguments: dict[str, Any]
    preview: dict[str, Any]
    """Who would be woken, how many subscribers mailed."""
    why: str
    grant: GrantAttributes | None
    """What it would be granted, when that is the question."""
    status: str
    """pending, approved, denied, used or expired."""
    asked_at: str
    expires_at: str
    """Until when it can be answered; once it is approved, until when the call can be made."""
    decided_at: str | None
    decided_by: str | None


class ListApprovals(msgspec.Struct, kw_only=True):
    status: str | None = None
    """pending, approved, denied, used or expired; `closed` = all but pending."""
    agent_id: int | None = None
    page: int = 1
    per_page: int = 50


class OneApproval(msgspec.Struct, kw_only=True):
    id: int


class AccessFields(msgspec.Struct, kw_only=True):
    """What an agent may ask to be granted."""

    levels: dict[str, str] | UnsetType = UNSET
    """By area: read, write or full; name the level that the switches need too."""
    switches: dict[str, str] | UnsetType = UNSET
    monitor_ids: list[int] | UnsetType | None = UNSET
    monitor_group_ids: list[int] | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    incident_id: int | UnsetType | None = UNSET
    """Only while this incident is open."""


class RequestAccess(AccessFields, kw_only=True):
    """A grant that is asked for, with the reason that a person will read."""

    reason: str
    minutes: int = 120
    """For how long; at most a day."""


def _render(approval: Approval) -> ApprovalAttributes:
    return ApprovalAttributes(
        agent_id=approval.agent_id,
        agent_name=approval.agent_name,
        operation=approval.operation,
        sentence=approval.sentence,
        arguments=dict(approval.arguments),
        preview=dict(approval.preview),
        why=approval.why,
        grant=None if approval.grant is None else render_grant(approval.grant),
        status=approval.state.value,
        asked_at=to_wire(approval.asked_at),
        expires_at=to_wire(approval.expires_at),
        decided_at=None if approval.decided_at is None else to_wire(approval.decided_at),
        decided_by=approval.decided_by,
    )


APPROVAL = Resource(
    type="approval", attributes=ApprovalAttributes, render=_render, doc="A question of an agent to a person."
)


def _own(call: Call) -> int | None:
    """An agent sees its own questions alone."""
    return call.actor.id if call.actor.kind == "agent" else None


def _list(tx: Tx, call: Call, input: ListApprovals) -> Page[Approval]:
    states: dict[str, tuple[ApprovalState, ...]] = {state.value: (state,) for state in ApprovalState}
    states[_CLOSED] = tuple(state for state in ApprovalState if state is not ApprovalState.PENDING)
    if input.status is not None and input.status not in states:
        raise Invalid.fields(status=f"must be one of: {', '.join(states)}")
    found, total = actions.list_approvals(
        tx,
        call.team_ids,
        agent_id=_own(call) or input.agent_id,
        states=() if input.status is None else states[input.status],
        page=input.page,
        per_page=input.per_page,
    )
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _get(tx: Tx, call: Call, input: OneApproval) -> Approval:
    return actions.find_approval(tx, input.id, call.team_ids, agent_id=_own(call))


def _approve(tx: Tx, call: Call, input: OneApproval) -> Approval:
    if call.actor.user_id is not None and call.again is not None:
        # Who approves does it, by an agent's hand: nobody lets an agent do what their own role does not allow, also
        # not by the link or the button of a message.
        approval = actions.find_approval(tx, input.id, call.team_ids)
        role = _role(tx, approval, call.actor.user_id)
        call.again.may("approvals.approve", role=role)
        call.again.may(approval.operation, {name: str(value) for name, value in approval.arguments.items()}, role)
    return actions.approve(tx, input.id, call.team_ids, by=call.actor.name)


def _role(tx: Tx, approval: Approval, user_id: int) -> Role:
    """Theirs in the team of the question. Raises Refused for whoever is not in it."""
    places = accounts.memberships_of(tx, user_id)
    found = next((each.role for each in places if each.team_id == approval.team_id), None)
    if found is None:
        raise Refused("You may not do this: you are not in that team.")
    return found


def _deny(tx: Tx, call: Call, input: OneApproval) -> Approval:
    return actions.deny(tx, input.id, call.team_ids, by=call.actor.name)


def _request(tx: Tx, call: Call, input: RequestAccess) -> Approval:
    if call.actor.kind != "agent" or call.actor.id is None:
        raise Conflict("Only an agent asks for access: a token of the team has it already.")
    if not input.reason.strip():
        raise Invalid.fields(reason="can't be blank: a person decides by it")
    if not 1 <= input.minutes <= LONGEST_ACCESS_MINUTES:
        raise Invalid.fields(minutes=f"must be 1 to {LONGEST_ACCESS_MINUTES}")
    agent = actions.find(tx, call.actor.id, call.team_ids)
    until: datetime = tx.now + timedelta(minutes=input.minutes)
    asked = rules.checked_grant({**given(input, AccessFields), "expires_at": until, "reason": input.reason}, tx.now)
    grant = Grant(**asked)
    if not grant.levels:
        raise Invalid.fields(levels='can\'t be blank: name at least one area, e.g. {"incidents": "read"}')
    shown = {name: value for name, value in given(input, AccessFields).items() if value}
    return actions.ask(
        tx,
        agent,
        operation="access_requests.create",
        digest=_digest(input),
        sentence=f"be granted {_in_words(grant)} for {input.minutes} minutes",
        arguments=shown,
        preview={},
        why=f"Its reason: {one_line(input.reason)}",
        base_url=call.base_url,
        grant=grant,
    )


def _digest(input: RequestAccess) -> str:
    return fingerprint(msgspec.json.encode(["access", input], order="sorted").decode())


def _in_words(grant: Grant) -> str:
    """E.g. `write on monitors, delete on`."""
    levels = [f"{level.value} on {area.replace('_', ' ')}" for area, level in grant.levels.items()]
    return ", ".join([*levels, *(f"{act} {setting.value}" for act, setting in grant.switches.items())])


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="approvals.list", routes=(Route("GET", _ALL),), area=AREA, level="read", self_service=True,
        input=ListApprovals, handler=_list, resource=APPROVAL, answer="list", scope=Scope.LIST,
        doc="List what agents have asked, the newest first; an agent sees its own questions.",
        deed="listed what agents have asked",
    ),
    Operation(
        name="approvals.get", routes=(Route("GET", _ONE),), area=AREA, level="read", self_service=True,
        input=OneApproval, handler=_get, resource=APPROVAL,
        doc="See how a question to a person stands: pending, approved, denied, used or expired.",
        deed="looked at what an agent has asked",
    ),
    Operation(
        name="approvals.approve", routes=(Route("POST", _ONE + "/approve"),), area=AREA, level="write",
        people_only=True, input=OneApproval, handler=_approve, resource=APPROVAL, conflicts=True,
        event="approval.approved",
        doc="Approve what an agent asks: the very same call is then good once, within a quarter of an hour.",
        deed="approved what an agent asked",
    ),
    Operation(
        name="approvals.deny", routes=(Route("POST", _ONE + "/deny"),), area=AREA, level="write", people_only=True,
        input=OneApproval, handler=_deny, resource=APPROVAL, conflicts=True, event="approval.denied",
        doc="Refuse what an agent asks.", deed="refused what an agent asked",
    ),
    Operation(
        name="access_requests.create", tool_name="request_access", routes=(Route("POST", "/api/v2/access-requests"),),
        area=AREA, level="write", self_service=True, input=RequestAccess, handler=_request, resource=APPROVAL,
        statuses=(202,), conflicts=True, event="approval.requested",
        doc="Ask a person for a grant, with a reason; what is needed stands in every refusal.",
        deed="asked a person for a grant",
    ),
)  # fmt: skip
