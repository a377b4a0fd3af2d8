"""The shelf of facts: one row for each key of each owner, and the numbers under which facts are found again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Select,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from tocsin.metadata.model import Fact, Metadata, OwnerType, Value, Wanted
from tocsin.storage import Tx
from tocsin.storage.tables import Id, Instant, Json
from tocsin.storage.tables import metadata as tables

facts = Table(
    "metadata",
    tables,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("owner_type", Text, nullable=False),
    Column("owner_id", Id, nullable=False),
    Column("key", Text, nullable=False),
    Column("values", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("owner_type", "owner_id", "key"),
    Index("ix_metadata_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)

terms = Table(
    "metadata_terms",
    tables,
    Column("term", BigInteger, nullable=False),
    Column("owner_id", Id, nullable=False),
    Column("key_term", BigInteger, nullable=False),
    PrimaryKeyConstraint("term", "owner_id"),
    Index("ix_metadata_terms_owner_id", "owner_id", "key_term"),
    sqlite_with_rowid=False,
)
"""See `rules.terms`: type of owner, key and value in one number each."""

_AT_ONCE = 400
"""Owners in one statement: an old SQLite takes no more than 999 values."""
_FIELDS = (
    facts.c.id, facts.c.team_id, facts.c.owner_type, facts.c.owner_id, facts.c.key, facts.c["values"],
    facts.c.created_at, facts.c.updated_at,
)  # fmt: skip


def of(tx: Tx, owner_type: str, owner_ids: Sequence[int]) -> dict[int, Metadata]:
    """The facts of many owners, in the order in which they were attached."""
    found: dict[int, Metadata] = {id: {} for id in owner_ids}
    ids = list(found)
    for start in range(0, len(ids), _AT_ONCE):
        rows: Any = tx.execute(
            select(facts.c.owner_id, facts.c.key, facts.c["values"])
            .where(facts.c.owner_type == owner_type, facts.c.owner_id.in_(ids[start : start + _AT_ONCE]))
            .order_by(facts.c.id)
        )
        for row in rows:
            found[row[0]][row[1]] = values_of(row[2])
    return found


def rows_of(tx: Tx, owner_type: str, owner_id: int, keys: Collection[str]) -> dict[str, Fact]:
    """Those of the keys that the owner has."""
    rows = tx.execute(
        select(*_FIELDS).where(
            facts.c.owner_type == owner_type, facts.c.owner_id == owner_id, facts.c.key.in_(list(keys))
        )
    )
    return {row.key: _fact(row) for row in rows}


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Fact | None:
    """One fact, if it belongs to one of these teams (None = any)."""
    statement = select(*_FIELDS).where(facts.c.id == id)
    if team_ids is not None:
        statement = statement.where(facts.c.team_id.in_(team_ids))
    row = tx.execute(statement).first()
    return None if row is None else _fact(row)


def page(tx: Tx, wanted: Wanted, *, offset: int, limit: int) -> tuple[list[Fact], int]:
    """One page of the facts that match, by id, and how many match in all."""
    where: list[Any] = []
    if wanted.owner_type is not None:
        where.append(facts.c.owner_type == wanted.owner_type)
    elif wanted.owner_id is not None:
        where.append(facts.c.owner_type.in_(list(OwnerType)))  # whatever it is: the index begins with the type
    if wanted.owner_id is not None:
        where.append(facts.c.owner_id == wanted.owner_id)
    if wanted.team_ids is not None:
        # One owner has a hundred facts at most: the sum keeps SQLite from reading all of the team's, by their ids.
        team_id = facts.c.team_id if wanted.owner_id is None else facts.c.team_id + 0
        where.append(team_id.in_(wanted.team_ids))
    total = tx.execute(select(func.count()).select_from(facts).where(*where)).scalar_one()
    if offset >= total:
        return [], total
    rows = tx.execute(select(*_FIELDS).where(*where).order_by(facts.c.id).offset(offset).limit(limit))
    return [_fact(row) for row in rows], total


def count(tx: Tx, owner_type: str, owner_id: int) -> int:
    """How many keys an owner has."""
    of_owner = (facts.c.owner_type == owner_type, facts.c.owner_id == owner_id)
    return int(tx.execute(select(func.count()).select_from(facts).where(*of_owner)).scalar_one())


def add(tx: Tx, team_id: int, owner_type: str, owner_id: int, given: Metadata) -> None:
    """Insert facts under keys that the owner does not have."""
    shared = {"team_id": team_id, "owner_type": owner_type, "owner_id": owner_id}
    rows = [
        {**shared, "key": key, "values": stored(values), "created_at": tx.now, "updated_at": tx.now}
        for key, values in given.items()
    ]
    if rows:
        tx.execute(insert(facts), rows)


def change(tx: Tx, id: int, *, owner_type: str, owner_id: int, key: str, values: Sequence[Value]) -> None:
    """Replace all that a fact says."""
    tx.execute(
        update(facts)
        .where(facts.c.id == id)
        .values(
            {
                facts.c.owner_type: owner_type,
                facts.c.owner_id: owner_id,
                facts.c.key: key,
                facts.c["values"]: stored(values),
                facts.c.updated_at: tx.now,
            }
        )
    )


def remove(tx: Tx, ids: Sequence[int]) -> None:
    """Delete facts."""
    for start in range(0, len(ids), _AT_ONCE):
        tx.execute(delete(facts).where(facts.c.id.in_(ids[start : start + _AT_ONCE])))


def keys_of(tx: Tx, owner_type: str, owner_ids: Sequence[int]) -> list[tuple[int, int, str]]:
    """(id, owner id, key) of everything attached to these owners."""
    found: list[tuple[int, int, str]] = []
    for start in range(0, len(owner_ids), _AT_ONCE):
        rows = tx.execute(
            select(facts.c.id, facts.c.owner_id, facts.c.key).where(
                facts.c.owner_type == owner_type, facts.c.owner_id.in_(owner_ids[start : start + _AT_ONCE])
            )
        )
        found += [(row.id, row.owner_id, row.key) for row in rows]
    return found


def add_terms(tx: Tx, owner_id: int, found_under: Iterable[tuple[int, Iterable[int]]]) -> None:
    """Note under which numbers an owner is found: (the key's number, all numbers of that key)."""
    rows = [
        {"term": term, "owner_id": owner_id, "key_term": key_term}
        for key_term, numbers in found_under
        for term in sorted(numbers)
    ]
    if rows:
        tx.execute(insert(terms), rows)


def remove_terms(tx: Tx, keys: Sequence[tuple[int, int]]) -> None:
    """Forget the numbers of these keys, each given as (owner id, the key's number)."""
    half = _AT_ONCE // 2
    for start in range(0, len(keys), half):
        some = keys[start : start + half]
        if tx.dialect == "sqlite":  # which reads every row for `(a, b) IN (…)`, and seeks for each part of an OR
            matching = or_(*(and_(terms.c.owner_id == owner, terms.c.key_term == key) for owner, key in some))
        else:
            matching = tuple_(terms.c.owner_id, terms.c.key_term).in_(some)
        tx.execute(delete(terms).where(matching))


def owners_under(term_numbers: Sequence[int]) -> Select[tuple[int]]:
    """A subquery of the ids of the owners that are found under any of these numbers."""
    return select(terms.c.owner_id).where(terms.c.term.in_(term_numbers))


def _fact(row: Any) -> Fact:
    return Fact(**{**row._mapping, "values": values_of(row._mapping["values"])})


def stored(values: Sequence[Value]) -> list[dict[str, Any]]:
    """Values as their column keeps them."""
    return [
        {name: given for name, given in msgspec.structs.asdict(value).items() if given is not None} for value in values
    ]


def values_of(column: Any) -> list[Value]:
    """Values from their column."""
    return [Value(**value) for value in column]
