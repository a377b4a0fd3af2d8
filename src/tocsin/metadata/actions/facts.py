"""Attaches facts to whatever has an id, and finds again what has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import Invalid
from tocsin.metadata import rules
from tocsin.metadata.actions.matching import candidates
from tocsin.metadata.actions.references import KNOWN, MAX_LOOKED_UP, Resolver
from tocsin.metadata.model import Fact, Metadata, Value, Wanted
from tocsin.metadata.store import facts as shelf
from tocsin.storage import Tx


def read_facts(
    tx: Tx, given: Mapping[str, Any], team_id: int, references: Mapping[str, Resolver] | None = None
) -> Metadata:
    """Facts in the wire's form (see `rules.parsed`) as they are to be stored, what they refer to looked up.

    A key without values is left out. References to what nobody can look up (see `references.KNOWN`) are stored as
    given. Raises Invalid (field `metadata`).
    """
    facts = looked_up(tx, rules.parsed(given), team_id, "metadata", references)
    return {key: values for key, values in facts.items() if values}


def looked_up(
    tx: Tx,
    facts: Metadata,
    team_id: int,
    field: str,
    references: Mapping[str, Resolver] | None = None,
    seen: dict[Value, Value] | None = None,
) -> Metadata:
    """The same facts with all that is known of what they refer to. Raises Invalid (under `field`).

    `seen`: what was looked up before, for callers that ask for many things which refer to the same few.
    """
    seen = {} if seen is None else seen
    known = {**KNOWN, **(references or {})}
    if sum(value.type in known for values in facts.values() for value in values) > MAX_LOOKED_UP:
        raise Invalid.of({field: [f"has too many references, at most {MAX_LOOKED_UP} are accepted"]})
    return {
        key: [_looked_up(tx, key, value, team_id, field, known, seen) for value in values]
        for key, values in facts.items()
    }


def of(tx: Tx, owner_type: str, ids: Iterable[int]) -> dict[int, Metadata]:
    """The facts of each of these owners; one that has none has an empty dict. `owner_type`: the wire's word."""
    return shelf.of(tx, owner_type, list(ids))


def put(
    tx: Tx, *, team_id: int, owner_type: str, owner_id: int, facts: Mapping[str, Sequence[Value]], new: bool = False
) -> None:
    """Attach facts, as read by `read_facts`; keys that the owner has are replaced, an empty list deletes the key.

    `new`: the owner has just been made and has no facts yet, which spares the look at what it has.
    """
    had = {} if new else shelf.rows_of(tx, owner_type, owner_id, facts)
    unindex(tx, had.values())
    gone = [fact.id for fact in had.values() if not facts[fact.key]]
    if gone:
        shelf.remove(tx, gone)
    for fact in had.values():
        if facts[fact.key]:
            shelf.change(tx, fact.id, owner_type=owner_type, owner_id=owner_id, key=fact.key, values=facts[fact.key])
    fresh = {key: list(values) for key, values in facts.items() if values and key not in had}
    shelf.add(tx, team_id, owner_type, owner_id, fresh)
    index(tx, owner_type, owner_id, facts)


def at_opening(tx: Tx, team_id: int, owner_kind: str | None, owner_id: int | None, facts: Metadata) -> Metadata:
    """The facts of an incident that opens: its own, besides them its owner's, and what the catalog adds.

    What is there is never overwritten.

    `owner_kind`, `owner_id`: as the incident names its owner, e.g. `monitor`.
    """
    owner_type = rules.owner_type_of(owner_kind)
    if owner_type is not None and owner_id is not None:
        facts = rules.inherited(shelf.of(tx, owner_type, [owner_id])[owner_id]) | facts
    return rules.enriched(facts, lambda known: candidates(tx, team_id, known))


def forget(tx: Tx, owner_type: str, owner_ids: Sequence[int]) -> None:
    """Forget all facts of owners that are no more."""
    attached = shelf.keys_of(tx, owner_type, owner_ids)
    shelf.remove(tx, [id for id, _, _ in attached])
    shelf.remove_terms(tx, [(owner_id, rules.key_term(owner_type, key)) for _, owner_id, key in attached])


def owners_having(owner_type: str, wanted: Mapping[str, Sequence[Value]]) -> list[Select[tuple[int]]]:
    """Subqueries of owners' ids, for a list that is filtered by facts: an owner must be in all of them.

    Each is of those that have, under one key, any of the values (an empty list: anything at all).
    """
    return [
        shelf.owners_under(
            [rules.lookup_term(owner_type, key, value) for value in values] or [rules.key_term(owner_type, key)]
        )
        for key, values in wanted.items()
    ]


def page(tx: Tx, wanted: Wanted, *, page: int, per_page: int) -> tuple[list[Fact], int]:
    """One page of the facts that match, the oldest first, and how many match in all."""
    found, total = shelf.page(tx, wanted, offset=(page - 1) * per_page, limit=per_page)
    return listed(tx, found), total


def listed(tx: Tx, found: Sequence[Fact]) -> list[Fact]:
    """The same facts with the names of their teams."""
    names = {id: accounts.team(tx, id).name for id in {fact.team_id for fact in found}}
    return [msgspec.structs.replace(fact, team_name=names[fact.team_id]) for fact in found]


def index(tx: Tx, owner_type: str, owner_id: int, facts: Mapping[str, Sequence[Value]]) -> None:
    """Let an owner be found by these facts."""
    shelf.add_terms(
        tx,
        owner_id,
        [
            (rules.key_term(owner_type, key), rules.terms(owner_type, key, values))
            for key, values in facts.items()
            if values
        ],
    )


def unindex(tx: Tx, facts: Iterable[Fact]) -> None:
    """Let nobody be found by these facts any more."""
    shelf.remove_terms(tx, [(fact.owner_id, rules.key_term(fact.owner_type, fact.key)) for fact in facts])


def _looked_up(
    tx: Tx,
    key: str,
    value: Value,
    team_id: int,
    field: str,
    references: Mapping[str, Resolver],
    seen: dict[Value, Value],
) -> Value:
    resolver = references.get(value.type)
    if resolver is None:
        return value
    if value not in seen:
        found = resolver(tx, value, team_id)
        if found is None:
            raise Invalid.of({field: [f"{key} refers to a {value.type} that doesn't exist"]})
        seen[value] = found
    return seen[value]
