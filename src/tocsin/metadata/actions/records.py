"""What callers do with the facts of one owner: set, change, move and delete them, with everybody told who should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from tocsin.kernel.errors import Invalid, NotFound
from tocsin.metadata import rules
from tocsin.metadata.actions.facts import index, listed, looked_up, unindex
from tocsin.metadata.actions.references import Resolver
from tocsin.metadata.model import Fact, OwnerType, Value
from tocsin.metadata.store import facts as shelf
from tocsin.storage import Tx, events

TYPE = "metadata"

TeamOf = Callable[[Tx, int], int | None]
"""(tx, id of an owner) to its team's id; None: there is no such thing."""
Told = Callable[[Tx, int, str, str | None, str | None, str], None]
"""(tx, id of the owner, key, values before and after as text or None, who did it): lets an owner's story tell of it."""


Outcome = Literal["created", "updated", "deleted"]


class Owners(msgspec.Struct, frozen=True):
    """Who can have facts here, put together by runtime.wiring: this concept knows none of them."""

    team_of: Mapping[str, TeamOf]
    """By the wire's type."""
    told: Mapping[str, Told] = {}
    references: Mapping[str, Resolver] = {}
    """Who looks up what references of a type mean, for the types that somebody above this concept keeps."""


def owners_team(tx: Tx, owners: Owners, owner_type: str, owner_id: int, team_ids: tuple[int, ...] | None) -> int:
    """The team of an owner. Raises Invalid for a type that is none, NotFound for what the caller cannot see."""
    if owner_type not in list(OwnerType):
        raise Invalid.values({"owner_type": [str(each) for each in OwnerType]})
    team_of = owners.team_of.get(owner_type)
    team_id = None if team_of is None else team_of(tx, owner_id)
    if team_id is None or (team_ids is not None and team_id not in team_ids):
        raise NotFound(rules.resource_type(owner_type), owner_id)
    return team_id


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Fact:
    """One fact, if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id, team_ids)
    if found is None:
        raise NotFound(TYPE, id)
    return listed(tx, [found])[0]


def put_key(
    tx: Tx,
    owners: Owners,
    *,
    team_id: int,
    owner_type: str,
    owner_id: int,
    key: str,
    values: Sequence[Value],
    field: str,
    merge: bool,
    by: str,
) -> tuple[Fact | None, Outcome]:
    """Give an owner's key these values (`merge`: besides those that it has); none of them deletes the key.

    Returns the fact as it is or was, None when there was nothing to delete. Raises Invalid (under `field`, or `key`).
    """
    rules.checked_key(key)
    given = looked_up(tx, {key: list(values)}, team_id, field, owners.references)[key]
    before = shelf.rows_of(tx, owner_type, owner_id, [key]).get(key)
    if merge and before is not None:
        given = [*before.values, *(value for value in given if value not in before.values)]
        if len(given) > rules.MAX_VALUES:
            raise Invalid.of({field: [f"{key} would have more than {rules.MAX_VALUES} values"]})
        if rules.characters(given) > rules.MAX_CHARACTERS:
            raise Invalid.of({field: [f"{key} would have values of more than {rules.MAX_CHARACTERS} characters"]})
    if not given:
        if before is not None:
            _remove(tx, owners, before, by)
        return before, "deleted"
    if before is not None:
        return _change(tx, owners, before, msgspec.structs.replace(before, values=given), by), "updated"
    if shelf.count(tx, owner_type, owner_id) >= rules.MAX_KEYS:
        raise Invalid.fields(key=f"is one too many: {owner_type} {owner_id} has {rules.MAX_KEYS} keys already")
    shelf.add(tx, team_id, owner_type, owner_id, {key: given})
    index(tx, owner_type, owner_id, {key: given})
    made = shelf.rows_of(tx, owner_type, owner_id, [key])[key]
    _tell(tx, owners, made, None, rules.plain(given), by)
    _record(tx, "metadata.created", made)
    return listed(tx, [made])[0], "created"


def update(
    tx: Tx,
    owners: Owners,
    fact: Fact,
    *,
    owner_type: str,
    owner_id: int,
    key: str,
    values: Sequence[Value],
    team_ids: tuple[int, ...] | None,
    by: str,
) -> Fact:
    """Change a fact, rename its key or move it to another owner of the same team. Raises NotFound, Invalid."""
    rules.checked_key(key)
    if (owner_type, owner_id) != (fact.owner_type, fact.owner_id):
        if owners_team(tx, owners, owner_type, owner_id, team_ids) != fact.team_id:
            raise Invalid.fields(owner_id="belongs to another team")
        if shelf.count(tx, owner_type, owner_id) >= rules.MAX_KEYS:
            raise Invalid.fields(owner_id=f"has {rules.MAX_KEYS} keys already")
    moved = (owner_type, owner_id, key) != (fact.owner_type, fact.owner_id, fact.key)
    if moved and shelf.rows_of(tx, owner_type, owner_id, [key]):
        raise Invalid.fields(key="has already been taken")
    given = looked_up(tx, {key: list(values)}, fact.team_id, "value", owners.references)[key]
    wanted = msgspec.structs.replace(fact, owner_type=owner_type, owner_id=owner_id, key=key, values=given)
    return _change(tx, owners, fact, wanted, by)


def delete(tx: Tx, owners: Owners, fact: Fact, by: str) -> None:
    """Delete a fact."""
    _remove(tx, owners, fact, by)


def _change(tx: Tx, owners: Owners, before: Fact, wanted: Fact, by: str) -> Fact:
    unindex(tx, [before])
    shelf.change(
        tx, before.id, owner_type=wanted.owner_type, owner_id=wanted.owner_id, key=wanted.key, values=wanted.values
    )
    index(tx, wanted.owner_type, wanted.owner_id, {wanted.key: wanted.values})
    was, becomes = rules.plain(before.values), rules.plain(wanted.values)
    if (before.owner_type, before.owner_id, before.key) != (wanted.owner_type, wanted.owner_id, wanted.key):
        _tell(tx, owners, before, was, None, by)
        _tell(tx, owners, wanted, None, becomes, by)
    elif before.values != wanted.values:
        _tell(tx, owners, wanted, was, becomes, by)
    _record(tx, "metadata.updated", wanted)
    return find(tx, before.id, None)


def _remove(tx: Tx, owners: Owners, fact: Fact, by: str) -> None:
    unindex(tx, [fact])
    shelf.remove(tx, [fact.id])
    _tell(tx, owners, fact, rules.plain(fact.values), None, by)
    _record(tx, "metadata.deleted", fact)


def _tell(tx: Tx, owners: Owners, fact: Fact, before: str | None, after: str | None, by: str) -> None:
    told = owners.told.get(fact.owner_type)
    if told is not None:
        told(tx, fact.owner_id, fact.key, before, after, by)


def _record(tx: Tx, name: str, fact: Fact) -> None:
    events.record(
        tx,
        name,
        team_id=fact.team_id,
        resource_type=TYPE,
        resource_id=fact.id,
        owner_type=fact.owner_type,
        owner_id=fact.owner_id,
        key=fact.key,
    )
