"""Keeps a team's policies and severities, and finds what an incident needs of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation.model.policies import Group, MemberType, Policy, PolicyStep, StepMember, Urgency
from tocsin.escalation.rules.policies import checked_name, checked_repeats, checked_sort_index, parsed_steps
from tocsin.escalation.store import policies as shelf
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.metadata.model import Value
from tocsin.notify.actions import targets as places
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx, events

MAX_PER_TEAM = 1_000
"""Policies, severities or groups of one team: more are a loop in somebody's script."""
INCIDENT_TOKEN_LENGTH = 25
DRAFT = -1
"""The id of a policy that was never saved."""
CHANNELS = ("sms", "call", "email", "push", "critical_alert")
PLACES = (
    MemberType.SLACK, MemberType.MICROSOFT_TEAMS, MemberType.ZAPIER, MemberType.PAGERDUTY,
    MemberType.NOTIFICATION_TARGET,
)  # fmt: skip
"""Members that are notification targets."""
POLICIES = ("policy_id",)
"""Attributes that name a policy, wherever there are no others."""
TeamIds = tuple[int, ...] | None
Errors = dict[str, list[str]]


def find(tx: Tx, id: int) -> Policy | None:
    """A policy as paging needs it: `team_name`, `incident_token` and the addresses of persons are left empty."""
    found: Policy | None = shelf.find(tx, "policy", id, None)
    return found


def urgency(tx: Tx, id: int) -> Urgency | None:
    """A severity as paging needs it: `team_name` is left empty."""
    found: Urgency | None = shelf.find(tx, "urgency", id, None)
    return found


def team_of(tx: Tx, policy_id: int) -> int | None:
    """The team whose policy it is; None when there is none."""
    found = find(tx, policy_id)
    return None if found is None else found.team_id


def complain(
    tx: Tx,
    team_id: int,
    before: object,
    after: object,
    errors: dict[str, list[str]],
    *,
    among: Sequence[str] = POLICIES,
) -> None:
    """Refuse settings that now name a policy which the team does not have; what they named before may stay.

    `before`, `after`: records with the attributes `among`; `before` None for what is new. Adds to `errors`.
    """
    for name in among:
        wanted = getattr(after, name)
        if wanted is None or wanted == getattr(before, name, None) or name in errors:
            continue
        if team_of(tx, wanted) != team_id:
            errors[name] = ["doesn't exist: it is not the id of a policy of this team"]


def reference(tx: Tx, given: Value, team_id: int) -> Value | None:
    """The policy that a metadata value of type `Policy` means, by id or name; None: the team has no such policy."""
    if given.item_id is not None:
        found = shelf.find(tx, "policy", given.item_id, (team_id,))
        if found is None or given.name not in (None, found.name):
            return None
        return Value(type="Policy", item_id=found.id, name=found.name)
    few, _ = shelf.page(tx, "policy", team_ids=(team_id,), page=1, per_page=MAX_PER_TEAM)
    named = next((each for each in few if each.name == given.name), None)
    return None if named is None else Value(type="Policy", item_id=named.id, name=named.name)


def get_policy(tx: Tx, id: int, team_ids: TeamIds) -> Policy:
    """The policy as it is shown. Raises NotFound."""
    return _shown(tx, [_get(tx, "policy", id, team_ids)])[0]


def get_urgency(tx: Tx, id: int, team_ids: TeamIds) -> Urgency:
    """Raises NotFound."""
    found: Urgency = _named(tx, [_get(tx, "urgency", id, team_ids)])[0]
    return found


def get_group(tx: Tx, kind: str, id: int, team_ids: TeamIds) -> Group:
    """`kind`: policy_group or urgency_group. Raises NotFound."""
    found: Group = _named(tx, [_get(tx, kind, id, team_ids)])[0]
    return found


def page(
    tx: Tx, kind: str, team_ids: TeamIds, *, page: int, per_page: int, group_id: int | None = None
) -> tuple[list[Any], int]:
    """One page of the policies, urgencies or groups that the caller may see, by id, and how many there are."""
    found, total = shelf.page(tx, kind, team_ids=team_ids, page=page, per_page=per_page, group_id=group_id)
    return (_shown(tx, found) if kind == "policy" else _named(tx, found)), total


def create_policy(tx: Tx, team_id: int, team_ids: TeamIds, given: Mapping[str, Any]) -> Policy:
    """`given`: the wire's attributes (contract part 2, section 2). Raises Invalid."""
    _room(tx, "policy", team_id)
    token = new_token(length=INCIDENT_TOKEN_LENGTH)
    values = _policy_values(tx, team_id, team_ids, None, {"name": None, **given})
    id = shelf.add(
        tx, "policy", team_id=team_id, incident_token=token, incident_token_fingerprint=fingerprint(token), **values
    )
    events.record(tx, "policy.created", team_id=team_id, resource_type="policy", resource_id=id)
    return get_policy(tx, id, None)


def draft(tx: Tx, team_id: int, team_ids: TeamIds, id: int | None, given: Mapping[str, Any]) -> Policy:
    """What `create_policy` (id None) or `update_policy` would make of `given`, of which nothing is kept.

    A new one has the id `DRAFT`. Raises NotFound, Invalid.
    """
    old = None if id is None else _get(tx, "policy", id, team_ids)
    if old is None:
        old = Policy(
            id=DRAFT, team_id=team_id, name="This policy", repeat_count=0, repeat_delay=0, fallback_policy_id=None,
            policy_group_id=None, steps=(), created_at=tx.now, updated_at=tx.now,
        )  # fmt: skip
    named = {name: value for name, value in given.items() if name != "name" or str(value or "").strip()}
    found: Policy = msgspec.structs.replace(old, **_policy_values(tx, old.team_id, team_ids, old, named))
    return msgspec.structs.replace(found, steps=tuple(found.steps))


def update_policy(tx: Tx, id: int, team_ids: TeamIds, given: Mapping[str, Any]) -> Policy:
    """Change what is in `given`; `steps` replaces all of them. Incidents that are open keep their copy.

    Raises NotFound, Invalid.
    """
    old = _get(tx, "policy", id, team_ids)
    shelf.change(tx, "policy", id, **_policy_values(tx, old.team_id, team_ids, old, given))
    events.record(tx, "policy.updated", team_id=old.team_id, resource_type="policy", resource_id=id,
                  changed=sorted(given))  # fmt: skip
    return get_policy(tx, id, None)


def create_urgency(tx: Tx, team_id: int, given: Mapping[str, Any]) -> Urgency:
    """`given`: the wire's attributes (contract part 2, section 3). Raises Invalid."""
    _room(tx, "urgency", team_id)
    values: dict[str, Any] = {"name": checked_name(given.get("name")), "urgency_group_id": None}
    values |= {channel: bool(given.get(channel)) for channel in CHANNELS}
    if "urgency_group_id" in given:
        values["urgency_group_id"] = _group(tx, "urgency_group", given["urgency_group_id"], team_id)
    id = shelf.add(tx, "urgency", team_id=team_id, **values)
    events.record(tx, "urgency.created", team_id=team_id, resource_type="urgency", resource_id=id)
    return get_urgency(tx, id, None)


def update_urgency(tx: Tx, id: int, team_ids: TeamIds, given: Mapping[str, Any]) -> Urgency:
    """Change what is in `given`. Incidents that are open keep the channels that they began with.

    Raises NotFound, Invalid.
    """
    old = _get(tx, "urgency", id, team_ids)
    values: dict[str, Any] = {name: bool(given[name]) for name in CHANNELS if given.get(name) is not None}
    if "name" in given:
        values["name"] = checked_name(given["name"])
    if "urgency_group_id" in given:
        values["urgency_group_id"] = _group(tx, "urgency_group", given["urgency_group_id"], old.team_id)
    shelf.change(tx, "urgency", id, **values)
    events.record(tx, "urgency.updated", team_id=old.team_id, resource_type="urgency", resource_id=id,
                  changed=sorted(given))  # fmt: skip
    return get_urgency(tx, id, None)


def create_group(tx: Tx, kind: str, team_id: int, given: Mapping[str, Any]) -> Group:
    """`given`: name, sort_index. Raises Invalid."""
    _room(tx, kind, team_id)
    id = shelf.add(
        tx, kind, team_id=team_id, name=checked_name(given.get("name")),
        sort_index=checked_sort_index(given.get("sort_index")),
    )  # fmt: skip
    events.record(tx, f"{kind}.created", team_id=team_id, resource_type=kind, resource_id=id)
    return get_group(tx, kind, id, None)


def update_group(tx: Tx, kind: str, id: int, team_ids: TeamIds, given: Mapping[str, Any]) -> Group:
    """Raises NotFound, Invalid."""
    old = _get(tx, kind, id, team_ids)
    values = dict(given)
    if "name" in values:
        values["name"] = checked_name(values["name"])
    checked_sort_index(values.get("sort_index"))
    shelf.change(tx, kind, id, **values)
    events.record(tx, f"{kind}.updated", team_id=old.team_id, resource_type=kind, resource_id=id,
                  changed=sorted(given))  # fmt: skip
    return get_group(tx, kind, id, None)


def delete(tx: Tx, kind: str, id: int, team_ids: TeamIds) -> None:
    """Delete a policy, an urgency or a group; what was in the group stays. Raises NotFound.

    Incidents that are open are paged to the end by the copy that they carry.
    """
    old = _get(tx, kind, id, team_ids)
    shelf.remove(tx, kind, id)
    events.record(tx, f"{kind}.deleted", team_id=old.team_id, resource_type=kind, resource_id=id)


def _policy_values(
    tx: Tx, team_id: int, team_ids: TeamIds, old: Policy | None, given: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    values: dict[str, Any] = {"steps": [], "repeat_count": 0, "repeat_delay": 0} if old is None else {}
    if "name" in given:
        values["name"] = checked_name(given["name"])
    for name in ("repeat_count", "repeat_delay"):
        if name in given:
            values[name] = given[name] or 0
    now = {"repeat_count": 0, "repeat_delay": 0} if old is None else msgspec.structs.asdict(old)
    checked_repeats(*({**now, **values}[name] for name in ("repeat_count", "repeat_delay")))
    if "policy_group_id" in given:
        values["policy_group_id"] = _group(tx, "policy_group", given["policy_group_id"], team_id)
    if "fallback_policy_id" in given:
        values["fallback_policy_id"] = _fallback(tx, given["fallback_policy_id"], team_id, team_ids, old)
    if "steps" in given:
        values["steps"] = _checked(tx, parsed_steps(given["steps"] or []), team_id, team_ids)
    return values


def _fallback(tx: Tx, given: int | None, team_id: int, team_ids: TeamIds, old: Policy | None) -> int | None:
    if given is None or (old is not None and given == old.fallback_policy_id):
        return given  # sent back as it was read: what it named before may stay, even when it has been deleted since
    if old is not None and given == old.id:
        raise Invalid.fields(fallback_policy_id="must be another policy, this one has been gone through by then")
    if not _policies(tx, {given}, team_id, team_ids):
        raise Invalid.fields(fallback_policy_id="is not the id of a policy of your team")
    return given


def _checked(
    tx: Tx, steps: Sequence[PolicyStep], team_id: int, team_ids: TeamIds
) -> tuple[PolicyStep, ...]:  # fmt: skip
    """The steps with persons by id. Raises Invalid (field `steps`) when one names what the team does not have."""
    wanted = {step.policy_id for step in steps} | {
        member.id for step in steps for member in step.step_members if member.type is MemberType.POLICY
    }
    known = {found.id for found in _policies(tx, {id for id in wanted if id is not None}, team_id, team_ids)}
    urgencies = {
        found.id
        for found in shelf.several(tx, "urgency", {step.urgency_id for step in steps if step.urgency_id is not None})
        if _within(found.team_id, team_id, team_ids)
    }
    wrong: list[str] = []
    checked = []
    for number, step in enumerate(steps, start=1):
        if step.policy_id is not None and step.policy_id not in known:
            wrong.append(f"step {number}: policy_id is not the id of a policy of your team")
        if step.urgency_id is not None and step.urgency_id not in urgencies:
            wrong.append(f"step {number}: urgency_id is not the id of an urgency of your team")
        members = []
        for member in step.step_members:
            if member.type is MemberType.POLICY and member.id not in known:
                wrong.append(f"step {number}: there is no policy {member.id} in your team")
            if (owner := _owner(tx, member, team_id)) is None or not _within(owner, team_id, team_ids):
                wrong.append(f"step {number}: {member.type} {member.id} does not exist in your team")
            members.append(_person(tx, member, team_id, team_ids, number, wrong))
        checked.append(msgspec.structs.replace(step, step_members=tuple(members)))
    if wrong:
        raise Invalid.of({"steps": wrong})
    return tuple(checked)


def _owner(tx: Tx, member: StepMember, team_id: int) -> int | None:
    """Whose the thing is that a member names by its id: the team's own when it names none; None = there is none.

    Outgoing webhooks are asked about when the step comes: they live above this room.
    """
    if member.id is None:
        return team_id
    if member.type is MemberType.ENTIRE_TEAM:
        return member.id
    if member.type is MemberType.CURRENT_ON_CALL:
        return oncall.team_of(tx, member.id)
    if member.type in PLACES:
        return places.team_of(tx, member.id)
    return team_id


def _person(
    tx: Tx, member: StepMember, team_id: int, team_ids: TeamIds, number: int, wrong: list[str]
) -> StepMember:  # fmt: skip
    """A member who is a person, by id alone: an address may change. The address wins when both were sent."""
    if member.type is not MemberType.USER:
        return member
    user = None
    if member.email is not None:
        user = accounts.user_by_email(tx, member.email)
    elif member.id is not None:
        try:
            user = accounts.user(tx, member.id)
        except NotFound:
            user = None
    if user is None or not any(_within(id, team_id, team_ids) for id in accounts.team_ids_of(tx, user.id)):
        named = f'with email "{member.email}"' if member.email is not None else f"with id {member.id}"
        wrong.append(f"step {number}: Team member {named} not found")
        return member
    return StepMember(type=member.type, id=user.id)


def _policies(tx: Tx, ids: Collection[int], team_id: int, team_ids: TeamIds) -> list[Policy]:
    return [found for found in shelf.several(tx, "policy", ids) if _within(found.team_id, team_id, team_ids)]


def _within(team_id: int, owner_id: int, team_ids: TeamIds) -> bool:
    """Whether what belongs to `team_id` may be named by whoever may see `team_ids`, for the team `owner_id`."""
    return team_id == owner_id or team_ids is None or team_id in team_ids


def _group(tx: Tx, kind: str, given: int | None, team_id: int) -> int | None:
    if given is not None and shelf.find(tx, kind, given, (team_id,)) is None:
        raise Invalid.fields(**{f"{kind}_id": "is not the id of a group of your team"})
    return given


def _room(tx: Tx, kind: str, team_id: int) -> None:
    if shelf.count(tx, kind, team_id) >= MAX_PER_TEAM:
        raise Invalid.fields(base=f"a team can have at most {MAX_PER_TEAM} of these")


def _get(tx: Tx, kind: str, id: int, team_ids: TeamIds) -> Any:
    found = shelf.find(tx, kind, id, team_ids)
    if found is None:
        raise NotFound(kind, id)
    return found


def _named(tx: Tx, records: Sequence[Any]) -> list[Any]:
    names = {id: accounts.team(tx, id).name for id in {record.team_id for record in records}}
    return [msgspec.structs.replace(record, team_name=names[record.team_id]) for record in records]


def _shown(tx: Tx, policies: Sequence[Policy]) -> list[Policy]:
    """With the secret of the form, and the addresses that persons have now."""
    tokens = shelf.incident_tokens(tx, [policy.id for policy in policies])
    emails: dict[int, str | None] = {}
    return [
        msgspec.structs.replace(
            policy,
            incident_token=tokens[policy.id],
            steps=tuple(
                msgspec.structs.replace(
                    step, step_members=tuple(_with_address(tx, member, emails) for member in step.step_members)
                )
                for step in policy.steps
            ),
        )
        for policy in _named(tx, policies)
    ]


def _with_address(tx: Tx, member: StepMember, emails: dict[int, str | None]) -> StepMember:
    if member.type is not MemberType.USER or member.id is None:
        return member
    if member.id not in emails:
        try:
            emails[member.id] = accounts.user(tx, member.id).email
        except NotFound:
            emails[member.id] = None
    return msgspec.structs.replace(member, email=emails[member.id])
