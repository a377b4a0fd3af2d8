"""The trash: whatever is deleted, by whomever, can be had back for thirty days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, Index, Integer, LargeBinary, Table, Text, delete, func, insert, select

from tocsin.gateway.identity import Actor
from tocsin.kernel.errors import NotFound
from tocsin.registry import Operation, Route
from tocsin.registry.operation import Caller, singular
from tocsin.storage import Instant, Json, Tx, metadata
from tocsin.storage.journal import Journal, Kept, Scope, packed
from tocsin.storage.tables import Id

T = TypeVar("T")

KEPT_FOR = timedelta(days=30)
PRUNED_AT_ONCE = 50
"""Items in one transaction: each holds up to eight megabytes."""
MAX_NAME_CHARACTERS = 200
TYPE = "trash_item"

THINGS = frozenset({
    "catalog_attributes", "catalog_records", "catalog_relations", "catalog_terms", "contact_methods",
    "custom_webhook_templates", "heartbeat_bodies", "heartbeat_groups", "heartbeat_pings", "heartbeats",
    "inbound_integrations", "memberships", "metadata", "metadata_terms", "monitor_dependencies", "monitor_groups",
    "monitors", "notification_rules", "notification_targets", "on_call_calendars", "on_call_cover_requests",
    "on_call_events", "on_call_feeds", "on_call_imported_events", "on_call_imports", "on_call_layers",
    "on_call_rotations", "outgoing_webhooks", "policies", "policy_groups", "quiet_hours", "sample_days", "sample_hours",
    "status_page_groups", "status_page_images", "status_page_resources", "status_page_sections",
    "status_page_subscribers", "status_pages", "status_report_incidents", "status_reports", "status_updates",
    "urgencies", "urgency_groups",
})  # fmt: skip
"""Tables of what people have set up, and of what was measured of it: rows that are deleted can be had back, rows that
are changed on the way (what was in a deleted group) are put back. A table that stands nowhere here is of what runs, or
of what was decided for good, such as a token that was revoked: it is never put back. An alert that was firing would
else count as known, and nobody be paged about it; an escalation is begun anew instead."""
STORIES = frozenset({
    "escalation_notes", "heartbeat_states", "incident_changes", "incident_comments", "incident_dependencies",
    "incident_groups", "incident_postmortems", "incident_responses", "incidents", "monitor_states", "observation_gaps",
})  # fmt: skip
"""Kept when they are deleted. What the deletion of something else does to them (an incident is resolved, those who
were paged are told so) has been said to people, and stays."""
REPLACED = frozenset({"catalog_records", "on_call_events"})
"""Of these, one deed may delete all and write others in their place."""
MOVING = frozenset({"announced_until", "look_at", "revision", "told_user_ids", "updated_at"})
"""Columns that are no setting: they go on from where they are."""
WORTHLESS_ALONE = {
    "catalog_terms": "catalog_records",
    "heartbeat_bodies": "heartbeat_pings",
    "metadata_terms": "metadata",
    "on_call_imported_events": "on_call_imports",
    "status_updates": "status_reports",
}

trash = Table(
    "trash",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, nullable=True),
    Column("operation", Text, nullable=False),
    Column("area", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Text, nullable=True),
    Column("name", Text, nullable=False),
    Column("deleted_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Id, nullable=True),
    Column("actor_name", Text, nullable=False),
    Column("surface", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("lacking", Json, nullable=False),
    Column("restored_at", Instant, nullable=True),
    Column("restored_by", Text, nullable=True),
    Column("journal", LargeBinary, nullable=True),
    Index("ix_trash_team_id", "team_id", "id"),
    Index("ix_trash_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)
"""`journal`: sealed, because rows hold secrets; NULL once it is restored. `lacking`: tables of which too much was
deleted to be kept."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was deleted."""

    id: int
    team_id: int | None
    operation: str
    area: str
    resource_type: str
    resource_id: str | None
    name: str
    deleted_at: datetime
    expires_at: datetime
    actor_kind: str
    actor_id: int | None
    actor_name: str
    surface: str
    rows: int
    size_bytes: int
    lacking: tuple[str, ...]
    restored_at: datetime | None
    restored_by: str | None


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """The deletion, as the door knows it."""

    operation: Operation
    route: Route
    path: Mapping[str, str]
    actor: Actor
    surface: str
    request_id: str


def scope() -> Scope:
    """What is written down of a deletion."""
    return Scope(
        deleted=THINGS | STORIES, changed=THINGS, replaced=REPLACED, moving=MOVING, with_=WORTHLESS_ALONE
    )  # fmt: skip


def keeping(tx: Tx, deed: Deed, work: Callable[[], T]) -> tuple[T, Item | None]:
    """Do the deed, and keep what it deletes; None: it has deleted nothing that could be had back."""
    tx.journal = Journal(scope())
    try:
        value = work()
    finally:
        journal, tx.journal = tx.journal, None
    kept = journal.finish(tx)
    if not kept.deleted:
        return value, None
    return value, find(tx, _put(tx, deed, kept))


def list_items(
    tx: Tx, team_ids: tuple[int, ...] | None, caller: Caller, *, page: int, per_page: int
) -> tuple[list[Item], int]:
    """One page of what can be had back, the newest first, and how much there is in all."""
    mine = [*_visible(team_ids, caller), trash.c.restored_at.is_(None), trash.c.expires_at > tx.now]
    total: int = tx.execute(select(func.count()).select_from(trash).where(*mine)).scalar_one()
    some = select(*_SHOWN).where(*mine).order_by(trash.c.id.desc()).offset((page - 1) * per_page).limit(per_page)
    return [_item(row) for row in tx.execute(some)], total


def reach(tx: Tx, id: int, team_ids: tuple[int, ...] | None, caller: Caller) -> Item:
    """An item that the caller may see: of their team, and an agent only what it has deleted itself. Raises NotFound."""
    row = tx.execute(select(*_SHOWN).where(trash.c.id == id, *_visible(team_ids, caller))).first()
    if row is None:
        raise NotFound(TYPE, id)
    return _item(row)


def find(tx: Tx, id: int) -> Item:
    """An item, whosever it is. Raises NotFound."""
    row = tx.execute(select(*_SHOWN).where(trash.c.id == id)).first()
    if row is None:
        raise NotFound(TYPE, id)
    return _item(row)


def forget(tx: Tx, id: int) -> None:
    """Delete for good what was kept."""
    tx.execute(delete(trash).where(trash.c.id == id))


def prune(tx: Tx) -> int:
    """Forget a bounded number of items that are past their time; returns how many."""
    old = select(trash.c.id).where(trash.c.expires_at <= tx.now).order_by(trash.c.expires_at).limit(PRUNED_AT_ONCE)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(trash).where(trash.c.id.in_(ids)))
    return len(ids)


_SHOWN = [column for column in trash.c if column.name not in ("journal", "request_id")]


def _visible(team_ids: tuple[int, ...] | None, caller: Caller) -> list[ColumnElement[bool]]:
    mine: list[ColumnElement[bool]] = [] if team_ids is None else [trash.c.team_id.in_(team_ids)]
    if caller.kind == "agent":
        mine += [trash.c.actor_kind == "agent", trash.c.actor_id == caller.id]
    return mine


def _item(row: Any) -> Item:
    return Item(**{**row._mapping, "lacking": tuple(row.lacking)})


def _put(tx: Tx, deed: Deed, kept: Kept) -> int:
    sealed = tx.vault.seal_bytes(packed(kept))
    resource = deed.route.resource or deed.operation.resource
    last = deed.route.path_parameters[-1:]
    record_id = deed.path.get(last[0]) if last else None
    main = _main(kept, record_id, deed.operation.name.partition(".")[0])
    return tx.insert(
        insert(trash).values(
            team_id=_team_of(tx, kept, main, deed.actor),
            operation=deed.operation.name,
            area=deed.operation.area,
            resource_type=resource.type if resource else singular(deed.operation.name.partition(".")[0]),
            resource_id=record_id,
            name=_name(main)[:MAX_NAME_CHARACTERS],
            deleted_at=tx.now,
            expires_at=tx.now + KEPT_FOR,
            actor_kind=deed.actor.kind,
            actor_id=deed.actor.id,
            actor_name=deed.actor.name,
            surface=deed.surface,
            request_id=deed.request_id,
            rows=kept.rows,
            size_bytes=len(sealed),
            lacking=list(kept.lacking),
            journal=sealed,
        )
    )


def _main(kept: Kept, record_id: str | None, noun: str) -> dict[str, Any]:
    """The row of the thing itself: of all that have its number, the one on which the others hang."""
    in_order = [table.name for table in metadata.sorted_tables if table.name in kept.deleted]
    in_order.sort(key=lambda name: name != noun)  # where the table has the operation's own word, that is it
    rows = [row for name in in_order for row in kept.deleted[name]]
    return next((row for row in rows if str(row.get("id")) == record_id), rows[0])


_NAMES = ("pronounceable_name", "name", "title", "public_name", "company_name", "subdomain", "label", "email", "key",
          "cause", "summary", "address", "url", "content", "message")  # fmt: skip


def _name(row: Mapping[str, Any]) -> str:
    """What people call it, as far as one can see."""
    settings = row.get("settings")
    told = {**(settings if isinstance(settings, dict) else {}), **row}
    return next((told[name] for name in _NAMES if isinstance(told.get(name), str) and told[name]), "")


def _team_of(tx: Tx, kept: Kept, main: Mapping[str, Any], actor: Actor) -> int | None:
    """Whose it was: as it, or what went with it, or what it hung on says; else the caller's."""
    rows = [main, *(row for rows in kept.deleted.values() for row in rows)]
    found = next((row["team_id"] for row in rows if isinstance(row.get("team_id"), int)), None)
    if found is None:
        found = _team_above(tx, main)
    return found if found is not None else (actor.team_ids[0] if actor.team_ids else None)


ABOVE = {
    "status_page_id": "status_pages", "status_report_id": "status_reports", "calendar_id": "on_call_calendars",
    "import_id": "on_call_imports", "incident_id": "incidents", "relation_id": "catalog_relations",
}  # fmt: skip
"""Columns that say what a row without a team of its own hangs on."""


def _team_above(tx: Tx, row: Mapping[str, Any]) -> int | None:
    """The team of what it hangs on: up the chain, which is short."""
    for name, table in ((name, metadata.tables[owner]) for name, owner in ABOVE.items() if row.get(name) is not None):
        above = tx.execute(select(table).where(table.c.id == row[name])).first()
        if above is not None:
            team_id = above._mapping.get("team_id")
            return team_id if isinstance(team_id, int) else _team_above(tx, dict(above._mapping))
    return None
