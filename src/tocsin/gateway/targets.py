"""What a call is about, for agents that may act on some things only: on this monitor, on that group, on staging."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tocsin.agents.model import About, Grant
from tocsin.agents.rules import gives
from tocsin.gateway import rules
from tocsin.gateway.identity import Actor
from tocsin.heartbeats import actions as heartbeats
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import NotFound
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType, Value
from tocsin.monitors import actions as monitors
from tocsin.registry import Bounds, Operation
from tocsin.storage import Tx

MAX_MERGED = 100
"""Incidents that one call may name besides the one in its address."""
MAX_MEMBERS = 5_000
"""Monitors of groups, in one grant: what goes beyond is not shown."""
LISTS = frozenset({"monitors.list", "monitors.search", "monitor_groups.list", "heartbeats.list", "incidents.list"})
"""Lists that show exactly what a call by id would: all others are refused to a grant that is narrowed."""

_BY_ID = {
    "monitors": ("get", "update", "delete", "response_times", "sla", "summary"),
    "monitor_groups": ("get", "update", "delete", "monitors"),
    "heartbeats": ("get", "update", "delete", "availability", "pings"),
    "incidents": (
        "get", "acknowledge", "resolve", "reopen", "escalate", "merge", "alert_next", "coming_pages", "timeline",
        "response", "screenshot", "trace", "delete", "pages", "pages_csv", "paging",
    ),
    "incident_comments": ("list", "get", "create", "update", "delete"),
    "postmortems": ("get", "save", "delete", "draft", "export"),
}  # fmt: skip
TARGETED = frozenset(f"{noun}.{verb}" for noun, verbs in _BY_ID.items() for verb in verbs) | {"monitors.create"}
"""Operations that are about something to which a grant can be narrowed."""

Abouts = tuple[About | None, ...]
_NOTHING: Abouts = (None,)


def abouts(
    tx: Tx, actor: Actor, operation: Operation, path: Mapping[str, str], sent: Mapping[str, Any]
) -> Abouts:  # fmt: skip
    """Everything that a call is about: each must be within what is granted. (None,) = nothing that can be narrowed to.

    A change that takes a thing elsewhere is about both places: where it is, and where it will be. Looked up only for
    agents with a narrowed grant.
    """
    if actor.agent is None or operation.name not in TARGETED:
        return _NOTHING
    if not any(grant.narrowed for grant in actor.agent.grants):
        return _NOTHING
    if operation.name == "monitors.create":
        return _NOTHING if sent.get("metadata") else (About(monitor_group_id=_id(sent.get("monitor_group_id"))),)
    id = _id(path.get("id"))
    if id is None:
        return _NOTHING
    try:
        here = _LOOK[operation.name.partition(".")[0]](tx, id, actor.team_ids)
    except NotFound:
        return _NOTHING  # as if it were there, and out of reach
    return here, *_elsewhere(tx, actor, operation, here, sent)


def narrowable(operation: Operation) -> bool:
    """Whether a narrowed grant can allow this at all."""
    return operation.name in TARGETED or operation.name in LISTS


def judge(
    tx: Tx, actor: Actor, operation: Operation, path: Mapping[str, str], sent: Mapping[str, Any]
) -> rules.Verdict:  # fmt: skip
    """`rules.decide` with what the call is about: of several things, the strictest answer counts."""
    if operation.name in LISTS and (giving := _giving(actor, operation)):
        return rules.Verdict(rules.Answer.ALLOW, "has read on some things, and sees these", f"grant {giving[0].id}")
    verdicts = [
        rules.decide(actor, operation, path.get("id"), sent=sent, path=path, about=about)
        for about in abouts(tx, actor, operation, path, sent)
    ]
    return min(verdicts, key=lambda verdict: _STRICTEST.index(verdict.answer))


def shown(tx: Tx, actor: Actor, get: Operation, id: int) -> bool:
    """Whether what stands beside a record is shown: to an agent, if it could ask for that by itself."""
    if actor.agent is None:
        return True
    return judge(tx, actor, get, {"id": str(id)}, {}).answer is rules.Answer.ALLOW


def reach(tx: Tx, actor: Actor, operation: Operation) -> tuple[Bounds, ...] | None:
    """Within what a list shows things to this caller; None = everything."""
    if operation.name not in LISTS:
        return None
    return tuple(_bounds(tx, grant) for grant in _giving(actor, operation)) or None


def _giving(actor: Actor, operation: Operation) -> list[Grant]:
    """The narrowed grants by which alone a caller may see a list; none when another grant shows all of it."""
    if actor.agent is None or not any(grant.narrowed for grant in actor.agent.grants):
        return []
    if rules.decide(actor, operation, sent={}).answer is rules.Answer.ALLOW:
        return []
    if rules.decide(actor, operation).answer is not rules.Answer.ALLOW:
        return []  # suspended, or left out of this connection
    need = rules.need(operation, {})
    return [grant for grant in actor.agent.grants if grant.narrowed and gives(grant, need)]


_STRICTEST = (rules.Answer.DENY, rules.Answer.ASK, rules.Answer.ALLOW)


def _bounds(tx: Tx, grant: Grant) -> Bounds:
    ids: list[int] | None = None
    if grant.monitor_ids or grant.monitor_group_ids:
        ids = list(grant.monitor_ids)
        for group_id in grant.monitor_group_ids:
            ids += monitors.ids_in_group(tx, group_id)
    return Bounds(
        monitor_ids=None if ids is None else tuple(dict.fromkeys(ids))[:MAX_MEMBERS],
        monitor_group_ids=grant.monitor_group_ids,
        metadata=dict(grant.metadata),
    )


def _elsewhere(tx: Tx, actor: Actor, operation: Operation, here: About, sent: Mapping[str, Any]) -> Abouts:
    """Where else a call reaches, besides what its address names."""
    if operation.name in ("monitors.update", "heartbeats.update") and sent.get("metadata") is not None:
        return _NOTHING  # what is granted by its facts must not choose the facts
    if operation.name == "monitors.update" and "monitor_group_id" in sent:
        there = _id(sent["monitor_group_id"])
        return (msgspec.structs.replace(here, monitor_group_id=there),)
    if operation.name == "incidents.merge":
        named = sent.get("incident_ids")
        found: list[About | None] = []
        for each in named[: MAX_MERGED + 1] if isinstance(named, list) else ():
            id = _id(each)
            try:
                found.append(None if id is None else _incident(tx, id, actor.team_ids))
            except NotFound:
                found.append(None)
        return tuple(found) if len(found) <= MAX_MERGED else _NOTHING
    return ()


def _monitor(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> About:
    monitor = monitors.find(tx, id, team_ids)
    return About(
        monitor_id=id, monitor_group_id=monitor.monitor_group_id, facts=_facts(tx, {OwnerType.MONITOR: id})
    )  # fmt: skip


def _group(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> About:
    """A group by itself: what its monitors carry says nothing about it."""
    monitors.find_group(tx, id, team_ids)
    return About(monitor_group_id=id)


def _heartbeat(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> About:
    heartbeats.find(tx, id, team_ids)
    return About(facts=_facts(tx, {OwnerType.HEARTBEAT: id}))


def _incident(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> About:
    """Through what it is about; what it says of itself counts as well."""
    incident = incidents.find(tx, id, team_ids)
    owners: dict[OwnerType, int] = {OwnerType.INCIDENT: id}
    if incident.owner_type == "heartbeat" and incident.owner_id is not None:
        owners[OwnerType.HEARTBEAT] = incident.owner_id
    if incident.owner_type != "monitor" or incident.owner_id is None:
        return About(facts=_facts(tx, owners))
    owners[OwnerType.MONITOR] = incident.owner_id
    try:
        group_id = monitors.find(tx, incident.owner_id, team_ids).monitor_group_id
    except NotFound:
        group_id = None
    return About(monitor_id=incident.owner_id, monitor_group_id=group_id, facts=_facts(tx, owners))


_LOOK: Mapping[str, Callable[[Tx, int, tuple[int, ...] | None], About]] = {
    "monitors": _monitor,
    "monitor_groups": _group,
    "heartbeats": _heartbeat,
    "incidents": _incident,
    "incident_comments": _incident,
    "postmortems": _incident,
}


def _facts(tx: Tx, owners: Mapping[OwnerType, int]) -> dict[str, frozenset[str]]:
    """Every text under every key; the same texts as the lists' index finds."""
    found: dict[str, set[str]] = {}
    for owner_type, id in owners.items():
        for key, values in metadata.of(tx, owner_type, [id])[id].items():
            found.setdefault(key, set()).update(_texts(values))
    return {key: frozenset(texts) for key, texts in found.items()}


def _texts(values: Iterable[Value]) -> set[str]:
    return {value.value for value in values if value.value is not None and value.type == Value(value="").type}


def _id(given: object) -> int | None:
    """An id as it was sent; None for what is none."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    return int(given) if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 18 else None
