"""Agents: made, changed, granted more for a while, stopped at once, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents import rules, store
from tocsin.agents.model import Agent, AgentShown, Budgets, Grant
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Tx, events

TYPE = "agent"
MAX_AGENTS = 200
"""In one team."""
MAX_GRANTS = 50
"""Of one agent."""
DEFAULT_LEASE_SECONDS = 900
"""A quarter of an hour: long enough to look, too short for an outage to be forgotten."""
LONGEST_LEASE_SECONDS = 86_400
KEPT_FOR = timedelta(days=60)
"""Grants, tokens and questions after their end: what came of them stands in the log for longer."""
GRANT_FIELDS = ("levels", "switches", "monitor_ids", "monitor_group_ids", "metadata")
WINDOWS = {"page": timedelta(hours=1), "night_call": timedelta(days=1), "subscriber_mail": timedelta(days=1)}
"""In which time each kind of attention is counted."""


def create(tx: Tx, team_id: int, given: Mapping[str, Any], *, granted_by: str, owner_id: int | None) -> Agent:
    """Make an agent with its base grant. `given`: as the API takes them. Raises Invalid.

    Without an owner it belongs to the team's first administrator.
    """
    if store.agents.count(tx, team_id) >= MAX_AGENTS:
        raise Invalid(f"A team can have at most {MAX_AGENTS} agents.")
    given = {"acknowledgement_lease_seconds": DEFAULT_LEASE_SECONDS, **given}
    values = _checked(tx, team_id, given, None)
    grant = Grant(**rules.checked_grant({name: given[name] for name in GRANT_FIELDS if name in given}, tx.now))
    owner = _owner(tx, team_id, given.get("owner_email"), owner_id)
    id = store.agents.insert_agent(
        tx, {"team_id": team_id, "owner_id": owner, "budgets": Budgets(), "drafts_only": False, **values}
    )
    store.agents.insert_grant(tx, id, msgspec.structs.replace(grant, base=True, granted_by=granted_by))
    events.record(tx, "agent.created", team_id=team_id, resource_type=TYPE, resource_id=id, agent=values["name"])
    return find(tx, id, (team_id,))


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Agent:
    """The agent with its grants. Raises NotFound."""
    found = store.agents.agent(tx, id)
    if found is None or (team_ids is not None and found.team_id not in team_ids):
        raise NotFound(TYPE, id)
    return found


def find_by_name(tx: Tx, team_id: int, name: str) -> Agent | None:
    """The team's agent with this name, or None."""
    id = store.agents.by_name(tx, team_id, name)
    return None if id is None else store.agents.agent(tx, id)


def name_of(tx: Tx, id: int) -> str:
    """What it is called, or was."""
    return store.agents.name_of(tx, id) or f"agent {id}"


def list_agents(tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[Agent], int]:
    """A page of agents with their grants, and how many there are."""
    return store.agents.page(tx, team_ids, offset=(page - 1) * per_page, limit=per_page)


def update(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], *, by: str) -> Agent:
    """Change what was sent; what is not sent stays. Raises NotFound and Invalid."""
    agent = find(tx, id, team_ids)
    values = _checked(tx, agent.team_id, given, agent)
    if given.get("owner_email"):
        values["owner_id"] = _owner(tx, agent.team_id, given["owner_email"], None)
    if values:
        store.agents.update_agent(tx, id, values)
    changed = {name: given[name] for name in GRANT_FIELDS if name in given}
    if changed:
        base = next((grant for grant in agent.grants if grant.base), Grant(base=True))
        new = msgspec.structs.replace(base, **rules.checked_grant(changed, tx.now), granted_by=by)
        if base.id:
            store.agents.replace_grant(tx, base.id, new)
        else:
            store.agents.insert_grant(tx, id, new)
    events.record(tx, "agent.updated", team_id=agent.team_id, resource_type=TYPE, resource_id=id)
    return find(tx, id, team_ids)


def add_grant(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], *, by: str) -> Grant:
    """Grant it something more, usually for a while or while an incident is open. Raises NotFound and Invalid."""
    agent = find(tx, id, team_ids)
    if sum(grant.expires_at is None or grant.expires_at > tx.now for grant in agent.grants) >= MAX_GRANTS:
        raise Invalid(f"An agent can have at most {MAX_GRANTS} grants: remove one.")
    grant = Grant(**rules.checked_grant(given, tx.now), granted_by=by)
    if not grant.levels:
        raise Invalid.fields(levels='can\'t be blank: name at least one area, e.g. {"incidents": "read"}')
    grant_id = store.agents.insert_grant(tx, id, grant)
    events.record(tx, "agent.granted", team_id=agent.team_id, resource_type=TYPE, resource_id=id, grant_id=grant_id)
    return next(each for each in find(tx, id, team_ids).grants if each.id == grant_id)


def remove_grant(tx: Tx, id: int, grant_id: int, team_ids: tuple[int, ...] | None) -> None:
    """Take a grant back. Raises NotFound."""
    agent = find(tx, id, team_ids)
    if all(grant.id != grant_id for grant in agent.grants):
        raise NotFound("agent_grant", grant_id)
    store.agents.remove_grant(tx, grant_id)
    events.record(tx, "agent.grant_removed", team_id=agent.team_id, resource_type=TYPE, resource_id=id)


def suspend(tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, by: str) -> Agent:
    """Let it do nothing at all, from this instant on, until it is resumed. Raises NotFound."""
    agent = find(tx, id, team_ids)
    if agent.suspended_at is None:
        store.agents.update_agent(tx, id, {"suspended_at": tx.now, "suspended_by": by})
        events.record(tx, "agent.suspended", team_id=agent.team_id, resource_type=TYPE, resource_id=id)
    return find(tx, id, team_ids)


def resume(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Agent:
    """Let it go on. Raises NotFound."""
    agent = find(tx, id, team_ids)
    if agent.suspended_at is not None:
        store.agents.update_agent(tx, id, {"suspended_at": None, "suspended_by": None})
        events.record(tx, "agent.resumed", team_id=agent.team_id, resource_type=TYPE, resource_id=id)
    return find(tx, id, team_ids)


def suspend_all(tx: Tx, team_ids: tuple[int, ...] | None, *, by: str) -> int:
    """The kill switch: no agent of these teams does anything any more. Returns how many were stopped by it."""
    return _all(tx, team_ids, "agent.suspended", by=by)


def resume_all(tx: Tx, team_ids: tuple[int, ...] | None) -> int:
    """Let every suspended agent of these teams go on, whoever suspended it. Returns how many go on."""
    return _all(tx, team_ids, "agent.resumed", by=None)


def remove(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """End it and all its tokens; its name stays where it is on record. Raises NotFound."""
    agent = find(tx, id, team_ids)
    store.agents.update_agent(tx, id, {"removed_at": tx.now})
    store.tokens.revoke_of_agent(tx, id)
    events.record(tx, "agent.removed", team_id=agent.team_id, resource_type=TYPE, resource_id=id, agent=agent.name)


def spend(tx: Tx, agent_id: int, kind: str, amount: int) -> None:
    """Note that it has taken so much of people's attention; `kind`: one of `WINDOWS`."""
    if amount:
        store.agents.spend(tx, agent_id, kind, amount)


def shown(tx: Tx, found: Sequence[Agent]) -> list[AgentShown]:
    """The same agents with how each stands at this moment."""
    ids = [agent.id for agent in found]
    tokens, waiting = store.tokens.standing(tx, ids), store.approvals.waiting(tx, ids)
    spent = {
        kind: store.agents.spent_by_each(tx, ids, kind, tx.now - window) for kind, window in WINDOWS.items()
    }  # fmt: skip
    owners = {id: accounts.user(tx, id).name for id in {agent.owner_id for agent in found}}
    made = []
    for agent in found:
        count, last_seen_at = tokens.get(agent.id, (0, None))
        left = {
            kind: None if limit is None else max(0, limit - spent[kind].get(agent.id, 0))
            for kind, limit in _limits(agent).items()
        }
        made.append(
            AgentShown(
                **{name: getattr(agent, name) for name in Agent.__struct_fields__},
                owner_name=owners[agent.owner_id],
                owner_left=not accounts.is_member(tx, agent.team_id, agent.owner_id),
                tokens=count,
                last_seen_at=last_seen_at,
                waiting=waiting.get(agent.id, 0),
                left=left,
            )
        )
    return made


def remaining(tx: Tx, agent: Agent) -> dict[str, int | None]:
    """What is left of each budget at this moment, by kind; None = without bound."""
    return {
        kind: None if limit is None else max(0, limit - store.agents.spent(tx, agent.id, kind, tx.now - WINDOWS[kind]))
        for kind, limit in _limits(agent).items()
    }


def tidy(tx: Tx, *, at_most: int) -> int:
    """Forget a bounded number of rows that are past their time; returns how many."""
    before = tx.now - KEPT_FOR
    return (
        store.agents.prune_grants(tx, before, at_most)
        + store.agents.prune_spendings(tx, tx.now - max(WINDOWS.values()), at_most)
        + store.tokens.prune(tx, before, at_most)
        + store.approvals.prune(tx, before, at_most)
    )


def _limits(agent: Agent) -> dict[str, int | None]:
    return {
        "page": agent.budgets.pages_per_hour,
        "night_call": agent.budgets.night_calls_per_day,
        "subscriber_mail": agent.budgets.subscriber_mails_per_day,
    }


def _all(tx: Tx, team_ids: tuple[int, ...] | None, event: str, *, by: str | None) -> int:
    changed = store.agents.set_suspended(tx, team_ids, by)
    for id, team_id in changed:
        events.record(tx, event, team_id=team_id, resource_type=TYPE, resource_id=id)
    return len(changed)


def _checked(tx: Tx, team_id: int, given: Mapping[str, Any], old: Agent | None) -> dict[str, Any]:
    """The attributes of the agent itself. Raises Invalid by field."""
    values: dict[str, Any] = {}
    if old is None or "name" in given:
        name = str(given.get("name") or "").strip()
        if not name or len(name) > 100 or not name.isprintable():
            raise Invalid.fields(name="must have 1 to 100 printable characters")
        taken = store.agents.by_name(tx, team_id, name)
        if taken is not None and (old is None or taken != old.id):
            raise Invalid.fields(name="has already been taken")
        values["name"] = name
    if "purpose" in given:
        purpose = given["purpose"]
        if purpose is not None and len(purpose) > rules.MAX_TEXT:
            raise Invalid.fields(purpose=f"is too long (maximum is {rules.MAX_TEXT} characters)")
        values["purpose"] = purpose
    if "acknowledgement_lease_seconds" in given:
        lease = given["acknowledgement_lease_seconds"]
        if lease is not None and not 60 <= lease <= LONGEST_LEASE_SECONDS:
            raise Invalid.fields(acknowledgement_lease_seconds=f"must be null, or 60 to {LONGEST_LEASE_SECONDS}")
        values["acknowledgement_lease_seconds"] = lease
    if given.get("drafts_only") is not None:
        values["drafts_only"] = bool(given["drafts_only"])
    budgets = {name: given[name] for name in Budgets.__struct_fields__ if name in given}
    if budgets:
        wrong = {
            name: ["must be null, or 0 to 1000000"] for name, value in budgets.items() if not _bounded(name, value)
        }
        if wrong:
            raise Invalid.of(wrong)
        values["budgets"] = msgspec.structs.replace(Budgets() if old is None else old.budgets, **budgets)
    return values


def _bounded(name: str, value: int | None) -> bool:
    if value is None:
        return name != "requests_per_minute"
    return (1 if name == "requests_per_minute" else 0) <= value <= 1_000_000


def _owner(tx: Tx, team_id: int, email: str | None, caller: int | None) -> int:
    """Who answers for it: who was named, else who makes it, else the team's first administrator."""
    if email:
        user = accounts.user_by_email(tx, email)
        if user is None or not accounts.is_member(tx, team_id, user.id):
            raise Invalid.fields(owner_email="is not the address of a member of the team")
        return user.id
    if caller is not None:
        return caller
    people, _ = accounts.list_people(tx, (team_id,), page=1, per_page=250)
    members = [person for person in people if hasattr(person, "user")]
    if not members:
        raise Invalid.fields(
            owner_email="can't be blank: nobody is in the team yet, and every agent belongs to a person"
        )
    return next((member.user.id for member in members if member.role is Role.ADMIN), members[0].user.id)
