"""The shelf of people's addresses, their own rules and their quiet hours."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from tocsin.contacts.model import Kind, Method, QuietHours, Rule, RuleStep
from tocsin.kernel.clock import from_milliseconds
from tocsin.storage import Instant, Json, Prepared, Tx, metadata
from tocsin.storage.tables import Id

LOST = "it was sealed with a key that is lost: delete it and add it anew"

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


def methods(tx: Tx, user_ids: Collection[int]) -> list[Method]:
    """The addresses of these people, oldest first; without their secrets."""
    column = contact_methods.c
    rows = tx.execute(select(contact_methods).where(column.user_id.in_(user_ids)).order_by(column.user_id, column.id))
    return [_method(row) for row in rows]


def method(tx: Tx, user_id: int, id: int) -> Method | None:
    """Without its secret."""
    column = contact_methods.c
    row = tx.execute(select(contact_methods).where(column.id == id, column.user_id == user_id)).first()
    return None if row is None else _method(row)


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


def _method(row: Row[Any]) -> Method:
    return Method(
        id=row.id,
        user_id=row.user_id,
        kind=Kind(row.kind),
        label=row.label,
        address=row.address,
        verified_at=row.verified_at,
        retired_at=row.retired_at,
        retired_why=row.retired_why,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


# --- One person, asked for with every page ----------------------------------------------------------------------------


def everything(tx: Tx, user_id: int) -> tuple[list[Method], list[Rule], list[QuietHours]]:
    """A person's addresses with their secrets, rules and quiet hours: the same as below, in a tenth of the time."""
    mine = {"user_id": user_id}
    return (
        [_opened(tx, *row) for row in _METHODS.rows(tx, mine)],
        [
            Rule(
                id=id, user_id=user_id, urgency_id=urgency_id or None, created_at=from_milliseconds(created),
                updated_at=from_milliseconds(updated), steps=msgspec.json.decode(steps, type=tuple[RuleStep, ...]),
            )
            for id, urgency_id, steps, created, updated in _RULES.rows(tx, mine)
        ],
        [
            QuietHours(
                id=id, user_id=user_id, timezone=timezone, days=msgspec.json.decode(days, type=tuple[str, ...]),
                time_from=time_from, time_to=time_to, created_at=from_milliseconds(created),
                updated_at=from_milliseconds(updated),
            )
            for id, timezone, days, time_from, time_to, created, updated in _QUIET.rows(tx, mine)
        ],
    )  # fmt: skip


def _opened(
    tx: Tx, id: int, user_id: int, kind: str, label: str, address: str, sealed: str, verified: int | None,
    retired: int | None, why: str, created: int, updated: int,
) -> Method:  # fmt: skip
    endpoint = None
    if sealed and verified is not None and retired is None:
        try:
            endpoint = tx.vault.open(sealed)
        except ValueError:  # the key is lost: this address is as good as gone, and the others must not go with it
            retired, why = created, LOST
    return Method(
        id=id, user_id=user_id, kind=Kind(kind), label=label, address=address, endpoint=endpoint,
        verified_at=None if verified is None else from_milliseconds(verified),
        retired_at=None if retired is None else from_milliseconds(retired), retired_why=why,
        created_at=from_milliseconds(created), updated_at=from_milliseconds(updated),
    )  # fmt: skip


def _whole(column: Column[Any]) -> ColumnElement[int]:
    """An instant as the driver has it."""
    return type_coerce(column, BigInteger)


_METHODS = Prepared(
    select(
        contact_methods.c.id, contact_methods.c.user_id, contact_methods.c.kind, contact_methods.c.label,
        contact_methods.c.address, contact_methods.c.sealed_endpoint, _whole(contact_methods.c.verified_at),
        _whole(contact_methods.c.retired_at), contact_methods.c.retired_why, _whole(contact_methods.c.created_at),
        _whole(contact_methods.c.updated_at),
    )
    .where(contact_methods.c.user_id == bindparam("user_id"))
    .order_by(contact_methods.c.id)
)  # fmt: skip
_RULES = Prepared(
    select(
        notification_rules.c.id, notification_rules.c.urgency_id, type_coerce(notification_rules.c.steps, Text),
        _whole(notification_rules.c.created_at), _whole(notification_rules.c.updated_at),
    )
    .where(notification_rules.c.user_id == bindparam("user_id"))
    .order_by(notification_rules.c.urgency_id)
)  # fmt: skip
_QUIET = Prepared(
    select(
        quiet_hours.c.id, quiet_hours.c.timezone, type_coerce(quiet_hours.c.days, Text), quiet_hours.c.time_from,
        quiet_hours.c.time_to, _whole(quiet_hours.c.created_at), _whole(quiet_hours.c.updated_at),
    )
    .where(quiet_hours.c.user_id == bindparam("user_id"))
    .order_by(quiet_hours.c.id)
)  # fmt: skip


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


def remove_codes(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete the oldest of those that were sent before then; returns how many."""
    old = select(contact_codes.c.id).where(contact_codes.c.sent_at < before).order_by(contact_codes.c.id).limit(at_most)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(contact_codes).where(contact_codes.c.id.in_(ids)))
    return len(ids)


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
