"""The shelf of people's addresses, their own rules and their quiet hours."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from tocsin.contacts.model import Kind, Method, QuietHours, Rule, RuleStep
from tocsin.storage import Instant, Json, Tx, metadata
from tocsin.storage.tables import Id

contact_methods = Table(
    "contact_methods",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("address", Text, nullable=False),  # as it is shown: no secret stands here
    Column("sealed_endpoint", Text, nullable=False),  # empty: the address is all there is
    Column("key", Text, nullable=False),  # equal for equal addresses; a keyed hash of what is secret
    Column("verified_at", Instant, nullable=True),
    Column("retired_at", Instant, nullable=True),
    Column("retired_why", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("user_id", "kind", "key"),
    Index("ix_contact_methods_key", "kind", "key"),
    sqlite_autoincrement=True,
)

contact_codes = Table(
    "contact_codes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, nullable=False),
    Column("method_id", Id, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),  # keyed: six digits are guessed from any plain hash
    Column("sent_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("ix_contact_codes_user", "user_id", "sent_at"),
    Index("ix_contact_codes_key", "key", "sent_at"),
    sqlite_autoincrement=True,
)

notification_rules = Table(
    "notification_rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("urgency_id", Id, nullable=False),  # 0: whatever has no rule of its own; NULLs would not be unique
    Column("steps", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("user_id", "urgency_id"),
    sqlite_autoincrement=True,
)

quiet_hours = Table(
    "quiet_hours",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("timezone", Text, nullable=False),
    Column("days", Json, nullable=False),
    Column("time_from", Text, nullable=False),
    Column("time_to", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_quiet_hours_user", "user_id", "id"),
    sqlite_autoincrement=True,
)


# --- Addresses --------------------------------------------------------------------------------------------------------


def add_method(tx: Tx, **values: Any) -> int:
    row = {"created_at": tx.now, "updated_at": tx.now, "retired_at": None, "retired_why": ""} | values
    return tx.insert(insert(contact_methods).values(**row))


def methods(tx: Tx, user_ids: Collection[int], *, opened: bool) -> list[Method]:
    """The addresses of these people, oldest first; `opened` = with their secrets."""
    column = contact_methods.c
    rows = tx.execute(select(contact_methods).where(column.user_id.in_(user_ids)).order_by(column.user_id, column.id))
    return [_method(tx, row, opened=opened) for row in rows]


def method(tx: Tx, user_id: int, id: int) -> Method | None:
    """Without its secret."""
    column = contact_methods.c
    row = tx.execute(select(contact_methods).where(column.id == id, column.user_id == user_id)).first()
    return None if row is None else _method(tx, row, opened=False)


def secret_of(tx: Tx, id: int) -> tuple[str | None, str]:
    """(the opened secret or None, the key) of an address that exists."""
    column = contact_methods.c
    row = tx.execute(select(column.sealed_endpoint, column.key).where(column.id == id)).one()
    return tx.vault.open(row.sealed_endpoint) or None, row.key


def method_id_by_key(tx: Tx, user_id: int, kind: Kind, key: str) -> int | None:
    column = contact_methods.c
    mine = select(column.id).where(column.user_id == user_id, column.kind == kind, column.key == key)
    found: int | None = tx.execute(mine).scalar()
    return found


def verified_owners(tx: Tx, kind: Kind, key: str, limit: int) -> list[int]:
    """The people to whom a working address belongs."""
    column = contact_methods.c
    working = (column.verified_at.is_not(None), column.retired_at.is_(None))
    statement = select(column.user_id).where(column.kind == kind, column.key == key, *working).order_by(column.id)
    return list(tx.execute(statement.limit(limit)).scalars())


def change_method(tx: Tx, id: int, **values: Any) -> None:
    tx.execute(update(contact_methods).where(contact_methods.c.id == id).values(updated_at=tx.now, **values))


def remove_method(tx: Tx, id: int) -> None:
    tx.execute(delete(contact_methods).where(contact_methods.c.id == id))


def _method(tx: Tx, row: Row[Any], *, opened: bool) -> Method:
    return Method(
        id=row.id,
        user_id=row.user_id,
        kind=Kind(row.kind),
        label=row.label,
        address=row.address,
        endpoint=(tx.vault.open(row.sealed_endpoint) or None) if opened else None,
        verified_at=row.verified_at,
        retired_at=row.retired_at,
        retired_why=row.retired_why,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


# --- Codes ------------------------------------------------------------------------------------------------------------


def add_code(tx: Tx, **values: Any) -> int:
    return tx.insert(insert(contact_codes).values(sent_at=tx.now, tries=0, **values))


def sign_code(tx: Tx, id: int, signature: str) -> None:
    tx.execute(update(contact_codes).where(contact_codes.c.id == id).values(signature=signature))


def newest_code(tx: Tx, method_id: int) -> Row[Any] | None:
    """id, signature, expires_at and tries of the code that was sent last."""
    column = contact_codes.c
    newest = select(column.id, column.signature, column.expires_at, column.tries).where(column.method_id == method_id)
    return tx.execute(newest.order_by(column.id.desc()).limit(1)).first()


def count_try(tx: Tx, id: int) -> None:
    column = contact_codes.c
    tx.execute(update(contact_codes).where(column.id == id).values(tries=column.tries + 1))


def use_up_codes(tx: Tx, method_id: int) -> None:
    """No code of this address opens anything any more; that they were sent still counts."""
    tx.execute(update(contact_codes).where(contact_codes.c.method_id == method_id).values(expires_at=tx.now))


def codes_sent(tx: Tx, *, user_id: int, key: str, since: datetime) -> tuple[int, int]:
    """(codes that a person had sent since then, codes that went to an address, whoever asked for them)."""
    column = contact_codes.c
    counts = [
        tx.execute(select(func.count()).select_from(contact_codes).where(whose, column.sent_at > since)).scalar_one()
        for whose in (column.user_id == user_id, column.key == key)
    ]
    return int(counts[0]), int(counts[1])


def forget_codes(tx: Tx, user_id: int, before: datetime) -> None:
    tx.execute(delete(contact_codes).where(contact_codes.c.user_id == user_id, contact_codes.c.sent_at < before))


# --- Rules and quiet hours --------------------------------------------------------------------------------------------


def rules(tx: Tx, user_ids: Collection[int]) -> list[Rule]:
    """The rules of these people; each person's rule for everything comes first."""
    column = notification_rules.c
    chosen = select(notification_rules).where(column.user_id.in_(user_ids))
    return [_rule(row) for row in tx.execute(chosen.order_by(column.user_id, column.urgency_id))]


def add_rule(tx: Tx, user_id: int, urgency_id: int | None, steps: tuple[RuleStep, ...]) -> int:
    row = {
        "user_id": user_id,
        "urgency_id": urgency_id or 0,
        "steps": steps,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    return tx.insert(insert(notification_rules).values(**row))


def change_rule(tx: Tx, id: int, urgency_id: int | None, steps: tuple[RuleStep, ...]) -> None:
    values = {"urgency_id": urgency_id or 0, "steps": steps, "updated_at": tx.now}
    tx.execute(update(notification_rules).where(notification_rules.c.id == id).values(**values))


def remove_rule(tx: Tx, id: int) -> None:
    tx.execute(delete(notification_rules).where(notification_rules.c.id == id))


def quiet(tx: Tx, user_ids: Collection[int]) -> list[QuietHours]:
    """The quiet hours of these people, each person's oldest first."""
    column = quiet_hours.c
    rows = tx.execute(select(quiet_hours).where(column.user_id.in_(user_ids)).order_by(column.user_id, column.id))
    return [_quiet(row) for row in rows]


def add_quiet(tx: Tx, user_id: int, **values: Any) -> int:
    return tx.insert(insert(quiet_hours).values(user_id=user_id, created_at=tx.now, updated_at=tx.now, **values))


def change_quiet(tx: Tx, id: int, **values: Any) -> None:
    tx.execute(update(quiet_hours).where(quiet_hours.c.id == id).values(updated_at=tx.now, **values))


def remove_quiet(tx: Tx, id: int) -> None:
    tx.execute(delete(quiet_hours).where(quiet_hours.c.id == id))


def _rule(row: Row[Any]) -> Rule:
    return Rule(
        id=row.id,
        user_id=row.user_id,
        urgency_id=row.urgency_id or None,
        steps=tuple(RuleStep(**step) for step in row.steps),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _quiet(row: Row[Any]) -> QuietHours:
    return QuietHours(
        id=row.id,
        user_id=row.user_id,
        timezone=row.timezone,
        days=tuple(row.days),
        time_from=row.time_from,
        time_to=row.time_to,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
