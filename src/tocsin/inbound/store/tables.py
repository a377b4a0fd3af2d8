"""The tables of inbound alerts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text

from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id, Instant, Json, metadata

integrations = Table(
    "inbound_integrations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("sealed_token", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("settings", Json, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_inbound_integrations_kind", "kind", "team_id", "id"),
    sqlite_autoincrement=True,
)

payloads = Table(
    "inbound_payloads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("integration_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("query", Json, nullable=False),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("alerts", BigInteger, nullable=False),
    Index("ix_inbound_payloads_integration_id", "integration_id", "id"),
    sqlite_autoincrement=True,
)

confirmations = Table(
    "inbound_confirmations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("integration_id", Id, nullable=False),
    Column("payload_id", Id, nullable=False),
    Column("url", Text, nullable=False),
    Column("due_at", Instant, nullable=True, index=True),
    Column("attempts", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""`due_at` null: done or given up; `url` is sealed, for whoever has it can end the subscription."""
moves_with_the_clock(
    confirmations.c.due_at, topic="inbound_confirmations", concerned=lambda now: confirmations.c.due_at.is_not(None)
)

alerts = Table(
    "inbound_alerts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, nullable=False),
    Column("integration_id", Id, nullable=False),
    Column("key", Text, nullable=False),
    Column("alert_id", Text, nullable=True),
    Column("incident_id", Id, nullable=True),
    Column("joined", Text, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("group_key", Text, nullable=True),
    Column("title", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("severity", Text, nullable=True),
    Column("url", Text, nullable=True),
    Column("facts", Json, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("acknowledged_at", Instant, nullable=True),
    Column("recover_at", Instant, nullable=True, index=True),
    Column("resolved_at", Instant, nullable=True, index=True),
    sqlite_autoincrement=True,
)
moves_with_the_clock(
    alerts.c.recover_at, topic="inbound_recoveries", concerned=lambda now: alerts.c.recover_at.is_not(None)
)
IS_OPEN = alerts.c.resolved_at.is_(None)
Index(
    "uq_inbound_alerts_open_key",
    alerts.c.integration_id,
    alerts.c.key,
    unique=True,  # one trouble is open once, however many messages about it are worked on at the same time
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
Index("ix_inbound_alerts_incident_id", alerts.c.incident_id, alerts.c.id)
Index("ix_inbound_alerts_open", alerts.c.incident_id, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
Index("ix_inbound_alerts_started_at", alerts.c.integration_id, alerts.c.started_at)
Index("ix_inbound_alerts_group_key", alerts.c.integration_id, alerts.c.group_key, alerts.c.id)
