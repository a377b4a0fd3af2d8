"""Status pages on the shelf."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql

from tocsin.status_pages.model import Settings, StatusPage
from tocsin.status_pages.store.tables import (
    images,
    pages,
    report_incidents,
    reports,
    resources,
    sections,
    subscribers,
    updates,
)
from tocsin.storage import Tx


def insert_page(
    tx: Tx,
    *,
    team_id: int,
    subdomain: str,
    custom_domain: str | None,
    published: bool,
    group_id: int | None,
    settings: Settings,
    password_hash: str | None,
) -> int:
    """Put a page on the shelf; returns its id."""
    # Of two that want one address at the same instant, PostgreSQL lets the second begin anew and find it taken.
    adding = postgresql.insert(pages).on_conflict_do_nothing() if tx.dialect == "postgresql" else insert(pages)
    return tx.insert(
        adding.values(
            team_id=team_id,
            subdomain=subdomain,
            custom_domain=custom_domain,
            published=published,
            status_page_group_id=group_id,
            settings=_packed(settings),
            password_hash=password_hash,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )


def update_page(
    tx: Tx,
    id: int,
    *,
    subdomain: str,
    custom_domain: str | None,
    published: bool,
    group_id: int | None,
    settings: Settings,
    password_hash: str | None,
) -> None:
    """Replace what is set."""
    tx.execute(
        update(pages)
        .where(pages.c.id == id)
        .values(
            subdomain=subdomain,
            custom_domain=custom_domain,
            published=published,
            status_page_group_id=group_id,
            settings=_packed(settings),
            password_hash=password_hash,
            updated_at=tx.now,
        )
    )


def delete_page(tx: Tx, id: int) -> None:
    """Take a page off the shelf with everything on it; the housekeeping forgets what was to be sent about it."""
    for table in (subscribers, report_incidents, updates, reports, resources, sections, images):
        tx.execute(delete(table).where(table.c.status_page_id == id))
    tx.execute(delete(pages).where(pages.c.id == id))


def find(tx: Tx, id: int) -> StatusPage | None:
    """The page with that id. `team_name` and the state are left open."""
    row = tx.execute(select(pages).where(pages.c.id == id)).first()
    return None if row is None else _page(row)


def page(tx: Tx, team_ids: tuple[int, ...] | None, *, offset: int, limit: int) -> tuple[list[StatusPage], int]:
    """One page of them by id, and how many there are in all."""
    conditions = [] if team_ids is None else [pages.c.team_id.in_(team_ids)]
    total: int = tx.execute(select(func.count()).select_from(pages).where(*conditions)).scalar_one()
    rows = tx.execute(select(pages).where(*conditions).order_by(pages.c.id).offset(offset).limit(limit))
    return [_page(row) for row in rows], total


def count(tx: Tx, team_id: int) -> int:
    """How many pages a team has."""
    found: int = tx.execute(select(func.count()).select_from(pages).where(pages.c.team_id == team_id)).scalar_one()
    return found


def all_pages(tx: Tx, limit: int) -> list[StatusPage]:
    """The first pages of everybody, by id."""
    return [_page(row) for row in tx.execute(select(pages).order_by(pages.c.id).limit(limit))]


def taken(tx: Tx, subdomain: str, custom_domain: str | None, except_id: int | None) -> set[str]:
    """Which of the two another page has: `subdomain`, `custom_domain`."""
    mine = pages.c.subdomain == subdomain
    if custom_domain is not None:
        mine = or_(mine, pages.c.custom_domain == custom_domain)
    statement = select(pages.c.subdomain, pages.c.custom_domain).where(mine)
    if except_id is not None:
        statement = statement.where(pages.c.id != except_id)
    found: set[str] = set()
    for row in tx.execute(statement):
        if row.subdomain == subdomain:
            found.add("subdomain")
        if custom_domain is not None and row.custom_domain == custom_domain:
            found.add("custom_domain")
    return found


def detach_group(tx: Tx, group_id: int) -> None:
    """Its pages belong to no group any more."""
    tx.execute(update(pages).where(pages.c.status_page_group_id == group_id).values(status_page_group_id=None))


def _packed(settings: Settings) -> str:
    return msgspec.json.encode(settings).decode()


def _page(row: Row[Any]) -> StatusPage:
    return StatusPage(
        id=row.id,
        team_id=row.team_id,
        subdomain=row.subdomain,
        custom_domain=row.custom_domain,
        published=bool(row.published),
        status_page_group_id=row.status_page_group_id,
        settings=msgspec.json.decode(row.settings, type=Settings),
        password_hash=row.password_hash,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
