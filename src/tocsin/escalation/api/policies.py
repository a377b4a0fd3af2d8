"""The operations on escalation policies (contract part 2, section 2)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.escalation.actions import policies as actions
from tocsin.escalation.model.policies import MemberType, Policy, PolicyStep, StepMember, StepType
from tocsin.metadata.rules.values import typed
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx


class MemberAttributes(msgspec.Struct, kw_only=True):
    """One of those whom a step calls."""

    type: str
    id: int | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    metadata_key: str | UnsetType | None = UNSET


class StepAttributes(msgspec.Struct, kw_only=True):
    """A step with the attributes that its type has, and no others."""

    type: str
    wait_before: int | UnsetType = UNSET
    wait_until_time: str | UnsetType | None = UNSET
    wait_until_timezone: str | UnsetType | None = UNSET
    urgency_id: int | UnsetType | None = UNSET
    step_members: list[MemberAttributes] | UnsetType = UNSET
    timezone: str | UnsetType | None = UNSET
    days: list[str] | UnsetType = UNSET
    time_from: str | UnsetType | None = UNSET
    time_to: str | UnsetType | None = UNSET
    metadata_key: str | UnsetType | None = UNSET
    metadata_values: list[dict[str, Any]] | UnsetType = UNSET
    policy_id: int | UnsetType | None = UNSET
    policy_metadata_key: str | UnsetType | None = UNSET
    instructions_comment: str | UnsetType | None = UNSET
    instructions_reminder_enabled: bool | UnsetType = UNSET
    instructions_reminder_interval_hours: int | UnsetType = UNSET


class PolicyAttributes(msgspec.Struct, kw_only=True):
    """The attributes in the API's order."""

    name: str
    repeat_count: int
    repeat_delay: int
    incident_token: str
    policy_group_id: int | None
    fallback_policy_id: int | None
    team_name: str
    steps: list[StepAttributes]


class PolicyFields(msgspec.Struct, kw_only=True):
    """What may be sent about a policy."""

    name: str | UnsetType | None = UNSET
    repeat_count: int | UnsetType | None = UNSET
    repeat_delay: int | UnsetType | None = UNSET
    fallback_policy_id: int | UnsetType | None = UNSET
    policy_group_id: int | UnsetType | None = UNSET
    steps: list[dict[str, Any]] | UnsetType | None = UNSET


class CreatePolicy(PolicyFields, kw_only=True):
    """A policy to be: only `name` is needed; without steps it is silent."""


class UpdatePolicy(PolicyFields, kw_only=True):
    """What changes; what is not sent stays. `steps` replaces all of them."""

    id: int


class OnePolicy(msgspec.Struct, kw_only=True):
    id: int


class ListPolicies(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


def render(policy: Policy) -> PolicyAttributes:
    return PolicyAttributes(
        name=policy.name,
        repeat_count=policy.repeat_count,
        repeat_delay=policy.repeat_delay,
        incident_token=policy.incident_token,
        policy_group_id=policy.policy_group_id,
        fallback_policy_id=policy.fallback_policy_id,
        team_name=policy.team_name,
        steps=[_step(step) for step in policy.steps],
    )


def _step(step: PolicyStep) -> StepAttributes:
    shown: dict[str, Any] = {"type": step.type.value, **_wait(step)}
    if step.type is StepType.ESCALATION:
        shown |= {"urgency_id": step.urgency_id, "step_members": [_member(member) for member in step.step_members]}
    elif step.type is StepType.TIME_BRANCHING:
        shown |= {"urgency_id": None, "timezone": step.timezone, "days": list(step.days)}
        shown |= {"time_from": step.time_from, "time_to": step.time_to, **_branch(step)}
    elif step.type is StepType.METADATA_BRANCHING:
        shown |= {"urgency_id": None, "metadata_key": step.metadata_key}
        shown |= {"metadata_values": [typed(value) for value in step.metadata_values], **_branch(step)}
    else:
        shown |= {"instructions_comment": step.instructions_comment}
        shown |= {"instructions_reminder_enabled": step.instructions_reminder_enabled}
        shown |= {"instructions_reminder_interval_hours": step.instructions_reminder_interval_hours}
    return StepAttributes(**shown)


def _wait(step: PolicyStep) -> dict[str, Any]:
    if step.wait_until_time is None:
        return {"wait_before": step.wait_before or 0}
    zone = {} if step.wait_until_timezone is None else {"wait_until_timezone": step.wait_until_timezone}
    return {"wait_until_time": step.wait_until_time, **zone}


def _branch(step: PolicyStep) -> dict[str, Any]:
    key = {} if step.policy_metadata_key is None else {"policy_metadata_key": step.policy_metadata_key}
    return {"policy_id": step.policy_id, **key}


def _member(member: StepMember) -> MemberAttributes:
    shown: dict[str, Any] = {"type": member.type.value}
    if member.id is not None:
        shown["id"] = member.id
    if member.type is MemberType.USER:
        shown["email"] = member.email
    if member.metadata_key is not None:
        shown["metadata_key"] = member.metadata_key
    return MemberAttributes(**shown)


POLICY = Resource(
    type="policy",
    attributes=PolicyAttributes,
    render=render,
    pages_by=("incident_token",),
    doc="Who is paged about an incident, in which order and after what waits, until somebody answers.",
)


def _list(tx: Tx, call: Call, input: ListPolicies) -> Page[Policy]:
    found, total = actions.page(tx, "policy", call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OnePolicy) -> Policy:
    return actions.get_policy(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreatePolicy) -> Policy:
    assert call.team_id is not None
    return actions.create_policy(tx, call.team_id, call.team_ids, given(input, PolicyFields))


def _update(tx: Tx, call: Call, input: UpdatePolicy) -> Policy:
    return actions.update_policy(tx, input.id, call.team_ids, given(input, PolicyFields))


def _delete(tx: Tx, call: Call, input: OnePolicy) -> None:
    actions.delete(tx, "policy", input.id, call.team_ids)


_ONE = (*(f"/api/{version}/policies/{{id}}" for version in ("v3", "v2")),)
_ALL = ("/api/v3/policies", "/api/v2/policies")

POLICY_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="policies.list", tool_name="escalation_policies",
        routes=tuple(Route("GET", path) for path in _ALL), area="policies", level="read",
        input=ListPolicies, handler=_list, resource=POLICY, answer="list", scope=Scope.LIST,
        doc="List escalation policies.", deed="listed escalation policies",
    ),
    Operation(
        name="policies.get", tool_name="escalation_policy",
        routes=tuple(Route("GET", path) for path in _ONE), area="policies", level="read",
        input=OnePolicy, handler=_get, resource=POLICY, doc="Show an escalation policy.",
        deed="looked at an escalation policy",
    ),
    Operation(
        name="policies.create", tool_name="create_escalation_policy",
        routes=tuple(Route("POST", path) for path in _ALL), area="policies", level="write",
        input=CreatePolicy, handler=_create, resource=POLICY, scope=Scope.CREATE, event="policy.created",
        doc="Create an escalation policy.", deed="created an escalation policy",
    ),
    Operation(
        name="policies.update", tool_name="update_escalation_policy",
        routes=tuple(Route("PATCH", path) for path in _ONE), area="policies", level="write",
        input=UpdatePolicy, handler=_update, resource=POLICY, event="policy.updated",
        doc="Change an escalation policy; incidents that are open keep the one that they began with.",
        deed="changed an escalation policy",
    ),
    Operation(
        name="policies.delete", tool_name="delete_escalation_policy",
        routes=tuple(Route("DELETE", path) for path in _ONE), area="policies", level="full",
        input=OnePolicy, handler=_delete, answer="none", resource=POLICY, event="policy.deleted", switch="delete",
        doc="Delete an escalation policy; incidents that are open are paged to the end by it.",
        deed="deleted an escalation policy",
    ),
)  # fmt: skip
