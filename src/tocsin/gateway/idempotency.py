"""A write that is sent twice with the same key is done once, and answered the same both times."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text, UniqueConstraint, delete, insert, select

from tocsin.gateway.identity import Actor
from tocsin.kernel.errors import Invalid
from tocsin.storage import Instant, Tx, metadata
from tocsin.storage.tables import Id

MAX_KEY_LENGTH = 255
KEPT_FOR = timedelta(hours=24)
"""How long a key is remembered: longer than any client keeps retrying."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("answer", Text, nullable=False),  # sealed: answers may carry secrets
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("caller", "key"),
    Index("ix_idempotency_keys_created_at", "created_at"),
    sqlite_autoincrement=True,
)


def digest(operation: str, path: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """The fingerprint of a request: the same key with another request is a mistake."""
    return hashlib.sha256(msgspec.json.encode([operation, dict(path), dict(body)], order="deterministic")).hexdigest()


def remembered(tx: Tx, actor: Actor, key: str, digest: str) -> tuple[int, bytes] | None:
    """(status, body) of the answer given before to this caller's key, or None.

    Raises Invalid when the request was another one.
    """
    if not key or len(key) > MAX_KEY_LENGTH:
        raise Invalid(f"The Idempotency-Key header must have 1 to {MAX_KEY_LENGTH} characters.")
    row = tx.execute(
        select(idempotency_keys.c.digest, idempotency_keys.c.answer).where(
            idempotency_keys.c.caller == actor.key,
            idempotency_keys.c.key == key,
            idempotency_keys.c.created_at > tx.now - KEPT_FOR,
        )
    ).first()
    if row is None:
        return None
    if row.digest != digest:
        raise Invalid("This Idempotency-Key was used for a different request within the last 24 hours: use a new key.")
    status, _, body = tx.vault.open(row.answer).partition(" ")
    return int(status), body.encode()


def remember(tx: Tx, actor: Actor, key: str, digest: str, status: int, body: bytes) -> None:
    """Keep the answer under the caller's key, in the transaction of the deed."""
    tx.execute(delete(idempotency_keys).where(idempotency_keys.c.caller == actor.key, idempotency_keys.c.key == key))
    answer = tx.vault.seal(f"{status} {body.decode()}")
    tx.execute(
        insert(idempotency_keys).values(caller=actor.key, key=key, digest=digest, answer=answer, created_at=tx.now)
    )


def prune(tx: Tx) -> None:
    """Forget keys that are past their time."""
    tx.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at <= tx.now - KEPT_FOR))
