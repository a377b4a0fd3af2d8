"""The shelf of the catalog: its relations, their attributes, and the records with the numbers they are found under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from tocsin.metadata.model import Attribute, Entry, MatchMode, Record, Relation
from tocsin.metadata.store.facts import stored, values_of
from tocsin.storage import Tx
from tocsin.storage.tables import Id, Instant, Json
from tocsin.storage.tables import metadata as tables

catalog_relations = Table(
    "catalog_relations",
    tables,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=True),
    Column("match_mode", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_catalog_relations_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)

catalog_attributes = Table(
    "catalog_attributes",
    tables,
    Column("id", Id, primary_key=True),
    Column("relation_id", Id, ForeignKey("catalog_relations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("primary", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    UniqueConstraint("relation_id", "name"),
    sqlite_autoincrement=True,
)

catalog_records = Table(
    "catalog_records",
    tables,
    Column("id", Id, primary_key=True),
    Column("relation_id", Id, ForeignKey("catalog_relations.id"), nullable=False),
    Column("entries", Json, nullable=False),
    Index("ix_catalog_records_relation_id", "relation_id", "id"),
    sqlite_autoincrement=True,
)
"""`entries` may still name attributes that were deleted since: their ids never come again, and readers skip them."""

catalog_terms = Table(
    "catalog_terms",
    tables,
    Column("term", BigInteger, nullable=False),
    Column("record_id", Id, nullable=False),
    PrimaryKeyConstraint("term", "record_id"),
    Index("ix_catalog_terms_record_id", "record_id"),
    sqlite_with_rowid=False,
)
"""See `rules.catalog_terms`: attribute and value in one number, for every attribute, since any may become primary."""

_AT_ONCE = 400
"""Values in one statement: an old SQLite takes no more than 999."""
_RELATION = tuple(catalog_relations.c[name] for name in Relation.__struct_fields__)
_ATTRIBUTE = tuple(catalog_attributes.c[name] for name in Attribute.__struct_fields__)
_RECORD = (catalog_records.c.id, catalog_records.c.relation_id, catalog_records.c.entries)

# --- Relations -----------------------------------------------------------------------------------------------------


def add_relation(tx: Tx, *, team_id: int, name: str, description: str | None, match_mode: str) -> int:
    """Insert a relation; returns its id."""
    return tx.insert(
        insert(catalog_relations).values(
            team_id=team_id, name=name, description=description, match_mode=match_mode, created_at=tx.now,
            updated_at=tx.now,
        )
    )  # fmt: skip


def relation(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Relation | None:
    """One relation, if it belongs to one of these teams (None = any)."""
    statement = select(*_RELATION).where(catalog_relations.c.id == id)
    if team_ids is not None:
        statement = statement.where(catalog_relations.c.team_id.in_(team_ids))
    row = tx.execute(statement).first()
    return None if row is None else _relation(row)


def relations(tx: Tx, ids: Sequence[int]) -> list[Relation]:
    """Some relations, by id."""
    if not ids:
        return []
    statement = select(*_RELATION).where(catalog_relations.c.id.in_(ids)).order_by(catalog_relations.c.id)
    return [_relation(row) for row in tx.execute(statement)]


def relations_page(tx: Tx, team_ids: tuple[int, ...] | None, *, offset: int, limit: int) -> tuple[list[Relation], int]:
    """One page of the relations of these teams, by id, and how many there are in all."""
    statement = select(*_RELATION).order_by(catalog_relations.c.id)
    if team_ids is not None:
        statement = statement.where(catalog_relations.c.team_id.in_(team_ids))
    rows, total = _page(tx, statement, offset, limit)
    return [_relation(row) for row in rows], total


def count_relations(tx: Tx, team_id: int) -> int:
    """How many relations a team has."""
    statement = select(func.count()).select_from(catalog_relations).where(catalog_relations.c.team_id == team_id)
    return int(tx.execute(statement).scalar_one())


def change_relation(tx: Tx, id: int, **values: Any) -> None:
    """Set columns of a relation."""
    tx.execute(update(catalog_relations).where(catalog_relations.c.id == id).values(updated_at=tx.now, **values))


def remove_relation(tx: Tx, id: int) -> None:
    """Delete a relation with everything in it."""
    remove_records_of(tx, id)
    tx.execute(delete(catalog_attributes).where(catalog_attributes.c.relation_id == id))
    tx.execute(delete(catalog_relations).where(catalog_relations.c.id == id))


# --- Attributes ----------------------------------------------------------------------------------------------------


def add_attribute(tx: Tx, *, relation_id: int, name: str, primary: bool, position: int) -> int:
    """Insert an attribute; returns its id."""
    values = {"relation_id": relation_id, "name": name, "primary": primary, "position": position}
    return tx.insert(insert(catalog_attributes).values(values))


def attributes_of(tx: Tx, relation_ids: Sequence[int]) -> dict[int, list[Attribute]]:
    """The attributes of relations, by position."""
    found: dict[int, list[Attribute]] = {id: [] for id in relation_ids}
    if found:
        column = catalog_attributes.c
        statement = select(*_ATTRIBUTE).where(column.relation_id.in_(list(found)))
        for row in tx.execute(statement.order_by(column.relation_id, column.position, column.id)):
            found[row.relation_id].append(Attribute(**row._mapping))
    return found


def primaries(tx: Tx, team_id: int, names: Sequence[str]) -> list[tuple[int, str]]:
    """(id, name) of the primary attributes with these names (a hundred at most) in a team's relations."""
    if not names:
        return []
    rows = tx.execute(
        select(catalog_attributes.c.id, catalog_attributes.c.name)
        .join(catalog_relations, catalog_relations.c.id == catalog_attributes.c.relation_id)
        .where(
            catalog_relations.c.team_id == team_id,
            catalog_attributes.c.primary.is_(True),
            catalog_attributes.c.name.in_(names),
        )
    )
    return [(row.id, row.name) for row in rows]


def change_attribute(tx: Tx, id: int, *, name: str, primary: bool) -> None:
    """Set an attribute's name and whether it is primary."""
    changed = {"name": name, "primary": primary}
    tx.execute(update(catalog_attributes).where(catalog_attributes.c.id == id).values(changed))


def remove_attribute(tx: Tx, attribute: Attribute) -> None:
    """Delete an attribute; those behind it move up."""
    column = catalog_attributes.c
    tx.execute(delete(catalog_attributes).where(column.id == attribute.id))
    behind = (column.relation_id == attribute.relation_id, column.position > attribute.position)
    tx.execute(update(catalog_attributes).where(*behind).values(position=column.position - 1))


# --- Records -------------------------------------------------------------------------------------------------------


def add_record(tx: Tx, relation_id: int, entries: Sequence[Entry], terms: Iterable[int]) -> int:
    """Insert a record, to be found under these numbers; returns its id."""
    id = tx.insert(insert(catalog_records).values(relation_id=relation_id, entries=_entries(entries)))
    _add_terms(tx, id, terms)
    return id


def change_record(tx: Tx, id: int, entries: Sequence[Entry], terms: Iterable[int]) -> None:
    """Replace all that a record says."""
    tx.execute(update(catalog_records).where(catalog_records.c.id == id).values(entries=_entries(entries)))
    tx.execute(delete(catalog_terms).where(catalog_terms.c.record_id == id))
    _add_terms(tx, id, terms)


def record(tx: Tx, relation_id: int, id: int) -> Record | None:
    """One record of a relation."""
    mine = (catalog_records.c.id == id, catalog_records.c.relation_id == relation_id)
    row = tx.execute(select(*_RECORD).where(*mine)).first()
    return None if row is None else _record(row)


def records_page(tx: Tx, relation_id: int, *, offset: int, limit: int) -> tuple[list[Record], int]:
    """One page of a relation's records, by id, and how many there are in all."""
    statement = select(*_RECORD).where(catalog_records.c.relation_id == relation_id).order_by(catalog_records.c.id)
    rows, total = _page(tx, statement, offset, limit)
    return [_record(row) for row in rows], total


def count_records(tx: Tx, relation_id: int) -> int:
    """How many records a relation has."""
    statement = select(func.count()).select_from(catalog_records).where(catalog_records.c.relation_id == relation_id)
    return int(tx.execute(statement).scalar_one())


def records_under(tx: Tx, terms: Sequence[int], limit: int) -> list[Record]:
    """The oldest records that are found under any of these numbers."""
    ids: set[int] = set()
    for start in range(0, len(terms), _AT_ONCE):
        found = select(catalog_terms.c.record_id).where(catalog_terms.c.term.in_(terms[start : start + _AT_ONCE]))
        ids.update(tx.execute(found.distinct().order_by(catalog_terms.c.record_id).limit(limit)).scalars())
    if not ids:
        return []
    statement = select(*_RECORD).where(catalog_records.c.id.in_(sorted(ids)[:limit])).order_by(catalog_records.c.id)
    return [_record(row) for row in tx.execute(statement)]


def remove_record(tx: Tx, id: int) -> None:
    """Delete a record."""
    tx.execute(delete(catalog_terms).where(catalog_terms.c.record_id == id))
    tx.execute(delete(catalog_records).where(catalog_records.c.id == id))


def remove_records_of(tx: Tx, relation_id: int) -> None:
    """Delete all records of a relation."""
    mine = select(catalog_records.c.id).where(catalog_records.c.relation_id == relation_id)
    tx.execute(delete(catalog_terms).where(catalog_terms.c.record_id.in_(mine)))
    tx.execute(delete(catalog_records).where(catalog_records.c.relation_id == relation_id))


# --- Below: how rows become records --------------------------------------------------------------------------------


def _page(tx: Tx, statement: Select[Any], offset: int, limit: int) -> tuple[Sequence[Any], int]:
    total = tx.execute(select(func.count()).select_from(statement.order_by(None).subquery())).scalar_one()
    if offset >= total:
        return [], total
    return tx.execute(statement.offset(offset).limit(limit)).all(), total


def _relation(row: Any) -> Relation:
    return Relation(**{**row._mapping, "match_mode": MatchMode(row.match_mode)})


def _record(row: Any) -> Record:
    entries = [Entry(attribute_id=entry["attribute_id"], values=values_of(entry["values"])) for entry in row.entries]
    return Record(id=row.id, relation_id=row.relation_id, entries=entries)


def _entries(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [{"attribute_id": entry.attribute_id, "values": stored(entry.values)} for entry in entries]


def _add_terms(tx: Tx, record_id: int, terms: Iterable[int]) -> None:
    rows = [{"term": term, "record_id": record_id} for term in sorted(terms)]
    if rows:
        tx.execute(insert(catalog_terms), rows)
