"""How the audit log lies in the database: the entries, and for each chain of them where it begins and ends."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, and_

from tocsin.storage import Instant, Json, metadata
from tocsin.storage.tables import Id

LOG = "log"
"""The chain of everybody whom we know."""
STRANGERS = "strangers"
"""The chain of refused strangers: kept for days, so that it must not hold the other one together."""
FORGED = "forged"
"""No chain: what lies in the table although Tocsin has not written it."""

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("surface", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Id, nullable=True),
    Column("actor_name", Text, nullable=False),
    Column("team_id", Id, nullable=True),
    Column("operation", Text, nullable=False),
    Column("target", Text, nullable=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("arguments", Json, nullable=False),
    Column("client_address", Text, nullable=True),
    Column("owner_name", Text, nullable=True),
    Column("credential_hint", Text, nullable=True),
    Column("client_name", Text, nullable=True),
    Column("area", Text, nullable=True),
    Column("target_name", Text, nullable=True),
    Column("rule", Text, nullable=True),
    Column("approval_id", Text, nullable=True),
    Column("approved_by", Text, nullable=True),
    Column("result", Text, nullable=True),
    Column("latency_ms", Integer, nullable=True),
    Column("arguments_hash", Text, nullable=True),
    Column("nonce", Text, nullable=True),
    Column("chain", Text, nullable=True),
    Column("mark", Text, nullable=True),
    Column("position", Id, nullable=True),
    Column("previous_hash", Text, nullable=True),
    Column("hash", Text, nullable=True),
    Index("ix_audit_entries_team", "team_id", "id"),
    Index("ix_audit_entries_team_position", "team_id", "position"),
    Index("ix_audit_entries_at", "at"),
    Index("uq_audit_entries_position", "chain", "position", unique=True),
    Index("uq_audit_entries_mark", "mark", unique=True),
    Index(
        "ix_audit_entries_unsealed",
        "id",
        sqlite_where=and_(Column("position").is_(None), Column("mark").is_not(None)),
        postgresql_where=and_(Column("position").is_(None), Column("mark").is_not(None)),
    ),
    sqlite_autoincrement=True,
)
"""The last five columns are the seal (see `seals`): `mark` is written with the entry, the rest within about a second.
NULL in all of them: written by an earlier version, which knew no seals."""

audit_chains = Table(
    "audit_chains",
    metadata,
    Column("name", Text, primary_key=True),
    Column("first_position", Id, nullable=False),
    Column("anchor_hash", Text, nullable=False),
    Column("anchored_at", Instant, nullable=True),
    Column("head_position", Id, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("began_after_id", Id, nullable=False),
    Column("seal", Text, nullable=False),
)
"""One row for each chain. What lay before `first_position` was past its time and is gone; `anchor_hash` is the hash of
the last of it and `anchored_at` its instant. Entries up to `began_after_id` are older than the chains."""
