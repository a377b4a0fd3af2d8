"""Setting up who may send us alerts: create, change, pause and delete integrations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation.actions import policies
from tocsin.inbound.actions.alerts import open_incidents_of
from tocsin.inbound.model import INCOMING_WEBHOOK, Integration, Kind, Settings
from tocsin.inbound.rules.settings import Errors, apply, name_of
from tocsin.inbound.store import alerts as alert_shelf
from tocsin.inbound.store import integrations as shelf
from tocsin.inbound.store import payloads as payload_shelf
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import new_token
from tocsin.metadata import actions as metadata
from tocsin.storage import Tx, events

TOKEN_CHARACTERS = 32
"""As long as PagerDuty's keys, whose length some senders check; in lower case, for an e-mail's recipient loses its
capitals on the way."""
MAX_PER_TEAM = 1_000
"""Integrations of one team; whoever has more has a loop in a script."""


def create(tx: Tx, team_id: int, kind: Kind, given: Mapping[str, Any]) -> Integration:
    """Open an address at which alerts are received. `given`: wire names and values. Raises Invalid."""
    settings, name, errors = _applied(Settings(), kind.title, kind, given)
    policies.complain(tx, team_id, None, settings, errors)
    if shelf.count(tx, team_id) >= MAX_PER_TEAM:
        errors["base"] = [f"a team can have at most {MAX_PER_TEAM} integrations: delete one that is not used"]
    if errors:
        raise Invalid.of(errors)
    id = shelf.add(
        tx, team_id=team_id, kind=kind.name, name=name, token=new_token(length=TOKEN_CHARACTERS).lower(),
        paused=bool(given.get("paused")), settings=settings,
    )  # fmt: skip
    events.record(tx, f"{kind.type}.created", team_id=team_id, resource_type=kind.type, resource_id=id)
    return find(tx, id, None, kind)


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None, kind: Kind | None = None) -> Integration:
    """The integration of that kind (None = any), if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id, team_ids, None if kind is None else kind.name)
    if found is None:
        raise NotFound("inbound_integration" if kind is None else kind.type, id)
    return _shown(tx, [found])[0]


def list_integrations(
    tx: Tx, team_ids: tuple[int, ...] | None, kind: Kind | None, *, page: int, per_page: int
) -> tuple[list[Integration], int]:
    """One page of the integrations of a kind (None = any) that the caller may see, and how many there are in all."""
    name = None if kind is None else kind.name
    found, total = shelf.page(tx, kind=name, team_ids=team_ids, page=page, per_page=per_page)
    return _shown(tx, found), total


def update(tx: Tx, id: int, team_ids: tuple[int, ...] | None, kind: Kind, given: Mapping[str, Any]) -> Integration:
    """Change what is in `given` and nothing else; what is open stays open. Raises NotFound, Invalid."""
    old = find(tx, id, team_ids, kind)
    settings, name, errors = _applied(old.settings, old.name, kind, given)
    policies.complain(tx, old.team_id, old.settings, settings, errors)
    if errors:
        raise Invalid.of(errors)
    paused = given.get("paused")
    shelf.change(tx, id, name=name, paused=old.paused if paused is None else bool(paused), settings=settings)
    events.record(
        tx, f"{kind.type}.updated", team_id=old.team_id, resource_type=kind.type, resource_id=id, changed=sorted(given)
    )
    return find(tx, id, None, kind)


def delete(tx: Tx, id: int, team_ids: tuple[int, ...] | None, kind: Kind, base_url: str) -> None:
    """Close the address for good. Its open incidents end, for nobody could say any more that they are over."""
    integration = find(tx, id, team_ids, kind)
    concerned = open_incidents_of(tx, id)
    alert_shelf.resolve_all(tx, id)
    for incident_id in concerned:
        incidents.recover(tx, incident_id, why=f"{integration.name} was deleted.", base_url=base_url)
    shelf.remove(tx, id)
    metadata.forget(tx, kind.metadata_owner, [id])
    events.record(
        tx, f"{kind.type}.deleted", team_id=integration.team_id, resource_type=kind.type, resource_id=id,
        integration_name=integration.name,
    )  # fmt: skip


def team_of(tx: Tx, id: int, metadata_owner: str) -> int | None:
    """The team of an integration whose metadata has this owner_type; None when there is none."""
    found = shelf.find(tx, id, None)
    return None if found is None or found.kind.metadata_owner != metadata_owner else found.team_id


def _applied(current: Settings, name: str, kind: Kind, given: Mapping[str, Any]) -> tuple[Settings, str, Errors]:
    settings, errors = apply(current, given, kind)
    return settings, name_of(given, name, errors), errors


def _shown(tx: Tx, found: Sequence[Integration]) -> list[Integration]:
    """With the names of their teams, and the newest message where answers show it."""
    names = {id: accounts.team(tx, id).name for id in {each.team_id for each in found}}
    samples = payload_shelf.newest(tx, [each.id for each in found if each.kind is INCOMING_WEBHOOK])
    return [msgspec.structs.replace(each, team_name=names[each.team_id], sample=samples.get(each.id)) for each in found]
