"""The tables of heartbeats: what people set up apart from what changes with every ping."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from tocsin.storage import Instant, metadata
from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id

groups = Table(
    "heartbeat_groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("sort_index", BigInteger, nullable=True),
    Column("paused", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("heartbeat_group_id", Id, nullable=True, index=True),
    Column("slug", Text, nullable=True),
    Column("provisioned", Boolean, nullable=False),
    Column("paused_at", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("token", Text, nullable=False),
    Column("token_digest", Text, nullable=False),
    Column("settings", Text, nullable=False),
    UniqueConstraint("token_digest"),
    UniqueConstraint("team_id", "slug"),
    Index("ix_heartbeats_team_id_id", "team_id", "id"),
    sqlite_autoincrement=True,
)
"""`token` is sealed: it must be shown again. `token_digest` is its keyed hash, by which a ping finds its heartbeat."""

states = Table(
    "heartbeat_states",
    metadata,
    Column("heartbeat_id", Id, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("plain", Boolean, nullable=False),
    Column("last_beat_ms", BigInteger, nullable=True),
    Column("since_ms", BigInteger, nullable=True),
    Column("due_ms", BigInteger, nullable=True),
    Column("runs", Text, nullable=False),
    Column("pings", BigInteger, nullable=False),
    Column("bodies", BigInteger, nullable=False),
)
"""`plain`: one more good beat changes nothing but `last_beat_ms`. `pings` and `bodies`: how many rows are stored."""
_DUE = states.c.due_ms.is_not(None)
Index("ix_heartbeat_states_due", states.c.due_ms, sqlite_where=_DUE, postgresql_where=_DUE)
moves_with_the_clock(
    states.c.due_ms, states.c.last_beat_ms, states.c.since_ms, topic="heartbeats", concerned=lambda now: _DUE
)

pings = Table(
    "heartbeat_pings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("heartbeat_id", Id, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exit_code", BigInteger, nullable=True),
    Column("run_id", Text, nullable=True),
    Column("duration_ms", BigInteger, nullable=True),
    Column("overlapping", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("remote_ip", Text, nullable=True),
    Column("user_agent", Text, nullable=True),
    Column("body_size", BigInteger, nullable=False),
    Index("ix_heartbeat_pings_heartbeat_id_id", "heartbeat_id", "id"),
    sqlite_autoincrement=True,
)

bodies = Table(
    "heartbeat_bodies",
    metadata,
    Column("ping_id", Id, primary_key=True, autoincrement=False),
    Column("heartbeat_id", Id, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_heartbeat_bodies_heartbeat_id_ping_id", "heartbeat_id", "ping_id"),
)

absences = Table(
    "heartbeat_absences",
    metadata,
    Column("id", Id, primary_key=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""When no ping could be taken through our own fault."""

marks = Table(
    "heartbeat_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("alive_ms", BigInteger, nullable=False),
)

ping_keys = Table(
    "heartbeat_ping_keys",
    metadata,
    Column("team_id", Id, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
)
