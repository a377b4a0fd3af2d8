"""What is on a page, on the shelf: its sections, and the resources in them, each in its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, select, tuple_, update

from tocsin.status_pages.model import MarkFor, Resource, ResourceType, Rule, Section, Widget
from tocsin.status_pages.store.tables import pages, resources, sections
from tocsin.storage import Tx

_SUBJECTS_AT_ONCE = 400
"""Pairs of values in one statement: an old SQLite takes 999 values."""


# --- sections ---------------------------------------------------------------------------------------------------------


def insert_section(tx: Tx, page_id: int, name: str | None, position: int) -> int:
    return tx.insert(insert(sections).values(status_page_id=page_id, name=name, position=position))


def update_section(tx: Tx, id: int, name: str | None, position: int) -> None:
    tx.execute(update(sections).where(sections.c.id == id).values(name=name, position=position))


def delete_section(tx: Tx, id: int) -> None:
    """The section goes with the resources in it."""
    tx.execute(delete(resources).where(resources.c.status_page_section_id == id))
    tx.execute(delete(sections).where(sections.c.id == id))


def find_section(tx: Tx, page_id: int, id: int) -> Section | None:
    row = tx.execute(_sections().where(sections.c.id == id, sections.c.status_page_id == page_id)).first()
    return None if row is None else Section(**row._mapping)


def sections_of(tx: Tx, page_id: int) -> list[Section]:
    """All sections of a page, in their order."""
    rows = tx.execute(
        _sections().where(sections.c.status_page_id == page_id).order_by(sections.c.position, sections.c.id)
    )
    return [Section(**row._mapping) for row in rows]


def place_sections(tx: Tx, positions: Mapping[int, int]) -> None:
    """Move sections: new positions by id."""
    for id, position in positions.items():
        tx.execute(update(sections).where(sections.c.id == id).values(position=position))


def _sections() -> Any:
    column = sections.c
    return select(column.id, column.status_page_id, pages.c.team_id, column.name, column.position).join(
        pages, pages.c.id == column.status_page_id
    )


# --- resources --------------------------------------------------------------------------------------------------------


def insert_resource(tx: Tx, page_id: int, values: Mapping[str, Any]) -> int:
    """`values`: the other columns, by name."""
    return tx.insert(insert(resources).values(status_page_id=page_id, **values))


def update_resource(tx: Tx, id: int, values: Mapping[str, Any]) -> None:
    tx.execute(update(resources).where(resources.c.id == id).values(**values))


def delete_resource(tx: Tx, id: int) -> None:
    tx.execute(delete(resources).where(resources.c.id == id))


def find_resource(tx: Tx, page_id: int, id: int) -> Resource | None:
    row = tx.execute(_resources().where(resources.c.id == id, resources.c.status_page_id == page_id)).first()
    return None if row is None else _resource(row)


def resources_of(tx: Tx, page_ids: Collection[int]) -> list[Resource]:
    """All resources of these pages, in the order of their sections and their places in them."""
    rows = tx.execute(
        _resources()
        .join(sections, sections.c.id == resources.c.status_page_section_id)
        .where(resources.c.status_page_id.in_(page_ids))
        .order_by(resources.c.status_page_id, sections.c.position, sections.c.id, resources.c.position, resources.c.id)
    )
    return [_resource(row) for row in rows]


def in_section(tx: Tx, section_id: int) -> dict[int, int]:
    """The positions of a section's resources, by id."""
    column = resources.c
    rows = tx.execute(select(column.id, column.position).where(column.status_page_section_id == section_id))
    return {row.id: row.position for row in rows}


def place_resources(tx: Tx, positions: Mapping[int, int]) -> None:
    """Move resources: new positions by id."""
    for id, position in positions.items():
        tx.execute(update(resources).where(resources.c.id == id).values(position=position))


def count_resources(tx: Tx, page_id: int) -> int:
    statement = select(func.count()).select_from(resources).where(resources.c.status_page_id == page_id)
    found: int = tx.execute(statement).scalar_one()
    return found


def about(tx: Tx, subjects: Collection[tuple[ResourceType, int]]) -> list[Resource]:
    """The resources of all pages that are about these things."""
    wanted = [(kind.value, id) for kind, id in subjects]
    found: list[Resource] = []
    for start in range(0, len(wanted), _SUBJECTS_AT_ONCE):
        some = wanted[start : start + _SUBJECTS_AT_ONCE]
        mine = tuple_(resources.c.resource_type, resources.c.resource_id).in_(some)
        found += [_resource(row) for row in tx.execute(_resources().where(mine).order_by(resources.c.id))]
    return found


def _resources() -> Any:
    return select(resources, pages.c.team_id).join(pages, pages.c.id == resources.c.status_page_id)


def _resource(row: Row[Any]) -> Resource:
    return Resource(
        id=row.id,
        status_page_id=row.status_page_id,
        team_id=row.team_id,
        status_page_section_id=row.status_page_section_id,
        resource_type=ResourceType(row.resource_type),
        resource_id=row.resource_id,
        public_name=row.public_name,
        explanation=row.explanation,
        widget_type=Widget(row.widget_type),
        position=row.position,
        mark_as_down_for=MarkFor(row.mark_as_down_for),
        mark_as_degraded_for=MarkFor(row.mark_as_degraded_for),
        mark_as_down_metadata_rule=_rule(row.mark_as_down_metadata_rule),
        mark_as_degraded_metadata_rule=_rule(row.mark_as_degraded_metadata_rule),
    )


def _rule(stored: Any) -> Rule | None:
    return None if stored is None else msgspec.convert(stored, Rule)
