"""The tables of watching: what people set up apart from what changes with every check."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text

from tocsin.storage import Instant, metadata
from tocsin.storage.tables import Id

groups = Table(
    "monitor_groups",
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

monitors = Table(
    "monitors",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("url", Text, nullable=False, index=True),
    Column("pronounceable_name", Text, nullable=False, index=True),
    Column("monitor_group_id", Id, nullable=True, index=True),
    Column("paused_at", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("domain", Text, nullable=True, index=True),
    Column("settings", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Index("ix_monitors_team_id_id", "team_id", "id"),
    sqlite_autoincrement=True,
)
"""`settings` is a JSON document without its secrets; those are sealed in `secrets` (`""` = there are none)."""

counts = Table(
    "monitor_counts",
    metadata,
    Column("team_id", Id, primary_key=True, autoincrement=False),
    Column("monitors", BigInteger, nullable=False),
)
"""How many monitors a team has: counting ten thousand rows for each page of a list would cost more than the page."""

changes = Table(
    "monitor_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("monitor_id", Id, nullable=False),
    sqlite_autoincrement=True,
)

states = Table(
    "monitor_states",
    metadata,
    Column("monitor_id", Id, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("last_checked_at", Instant, nullable=True),
    Column("failing_since_ms", BigInteger, nullable=True),
    Column("recovering_since_ms", BigInteger, nullable=True),
    Column("incident_id", Id, nullable=True),
    Column("certificate_expires_at", Instant, nullable=True),
    Column("certificate_announced_at", Instant, nullable=True),
    Column("domain_announced_at", Instant, nullable=True),
    Column("degraded_since_ms", BigInteger, nullable=True),
    Column("degraded_reason", Text, nullable=True),
    Column("outages", Text, nullable=True),
    Column("flapping_since_ms", BigInteger, nullable=True),
    Column("last_response_us", BigInteger, nullable=True),
)
"""`last_response_us`: of the latest good check. `*_announced_at`: the expiry for which an incident was opened, so that
one end is announced once.
`outages`: the latest ones' instants in ms, separated by spaces."""

dependencies = Table(
    "monitor_dependencies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("monitor_id", Id, nullable=False),
    Column("depends_on_id", Id, nullable=False),
    Index("uq_monitor_dependencies_pair", "monitor_id", "depends_on_id", unique=True),
    Index("ix_monitor_dependencies_depends_on_id", "depends_on_id"),
    sqlite_autoincrement=True,
)
"""The truth about what leans on what; a monitor's own document may still name one that was deleted."""

gaps = Table(
    "observation_gaps",
    metadata,
    Column("id", Id, primary_key=True),
    Column("monitor_id", Id, nullable=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=True),
    Column("reason", Text, nullable=False),
    Index("ix_observation_gaps_monitor_id_from_ms", "monitor_id", "from_ms"),
    sqlite_autoincrement=True,
)
"""`monitor_id` null: all monitors; `to_ms` null: still so."""

marks = Table(
    "watch_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("alive_ms", BigInteger, nullable=False),
)

domains = Table(
    "domain_watches",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("next_at", Instant, nullable=False, index=True),
    Column("checked_at", Instant, nullable=True),
    Column("expires_at", Instant, nullable=True),
    Column("failure", Text, nullable=True),
)

batches = Table(
    "sample_batches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("region", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

hours = Table(
    "sample_hours",
    metadata,
    Column("monitor_id", Id, primary_key=True, autoincrement=False),
    Column("hour_ms", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("region", Text, primary_key=True),
    Column("batch_id", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""`batch_id`: the last batch packed into the row, so that packing again after a crash adds nothing twice."""

days = Table(
    "sample_days",
    metadata,
    Column("monitor_id", Id, primary_key=True, autoincrement=False),
    Column("day_ms", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("region", Text, primary_key=True),
    Column("hours", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""`hours`: a bit for each hour of the day that is rolled up."""
