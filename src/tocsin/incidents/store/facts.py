"""The facts that are attached to incidents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, delete, exists, insert, or_, select

from tocsin.incidents.model import Metadata, Value
from tocsin.incidents.store.tables import incident_metadata, incidents
from tocsin.storage import Tx


def put_metadata(tx: Tx, incident_id: int, facts: Metadata) -> None:
    """Attach values to an incident; keys that it has already are replaced."""
    if facts:
        attached = incident_metadata.c
        tx.execute(delete(incident_metadata).where(attached.incident_id == incident_id, attached.key.in_(list(facts))))
        add_metadata(tx, incident_id, facts)


def add_metadata(tx: Tx, incident_id: int, facts: Metadata) -> None:
    """Attach values under keys that the incident does not have yet."""
    rows = [
        {"incident_id": incident_id, "key": key, **msgspec.structs.asdict(value)}
        for key, values in facts.items()
        for value in values
    ]
    if rows:
        tx.execute(insert(incident_metadata), rows)


def metadata_of(tx: Tx, incident_ids: Iterable[int]) -> dict[int, Metadata]:
    """The attached values by incident, in the order in which they were attached."""
    found: dict[int, Metadata] = {id: {} for id in incident_ids}
    if found:
        rows = tx.execute(
            select(incident_metadata)
            .where(incident_metadata.c.incident_id.in_(list(found)))
            .order_by(incident_metadata.c.id)
        )
        for row in rows:
            value = Value(type=row.type, value=row.value, item_id=row.item_id, name=row.name, email=row.email)
            found[row.incident_id].setdefault(row.key, []).append(value)
    return found


def has(key: str, values: Sequence[Value]) -> ColumnElement[bool]:
    """Whether an incident has, under `key`, any of these values (an empty list: anything at all)."""
    attached = incident_metadata.c
    alternatives = [
        and_(
            attached.type == value.type,
            *(
                attached[name] == given
                for name in ("value", "item_id", "name", "email")
                if (given := getattr(value, name)) is not None
            ),
        )
        for value in values
    ]
    matching = [attached.incident_id == incidents.c.id, attached.key == key]
    if alternatives:
        matching.append(or_(*alternatives))
    return exists().where(*matching)
