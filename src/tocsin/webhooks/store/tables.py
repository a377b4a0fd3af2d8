"""The tables of telling other systems: webhooks, their templates, and every message with its attempts."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from tocsin.storage import Instant, Json, metadata
from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id

webhooks = Table(
    "outgoing_webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("name", Text, nullable=True),
    Column("trigger_type", Text, nullable=False),
    Column("events", Json, nullable=False),
    Column("notify_alongside_primary_responder", Boolean, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("after_event_id", Id, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("held_until", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_outgoing_webhooks_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)
"""`events`: which of an incident's events it wants, e.g. `["started", "resolved"]`. `secrets`: sealed, the address
(which is often a secret itself) and the signing secret. `after_event_id`: the last event before it existed. `failures`:
attempts in a row that its endpoint did not take; `held_until`: when it is asked again after too many of them."""

templates = Table(
    "custom_webhook_templates",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, nullable=False),
    Column("http_method", Text, nullable=False),
    Column("auth_username", Text, nullable=True),
    Column("secrets", Text, nullable=False),
    UniqueConstraint("webhook_id"),
    sqlite_autoincrement=True,
)
"""`secrets`: sealed, the password, the headers and the body."""

deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("copy", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=True),
    Column("finished_at", Instant, nullable=True),
    UniqueConstraint("webhook_id", "event_id", "copy"),
    Index(
        "ix_webhook_deliveries_due",
        "webhook_id",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    Index(
        "ix_webhook_deliveries_order",
        "webhook_id",
        "subject",
        "id",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    Index(
        "ix_webhook_deliveries_unfinished",
        "planned_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
    Index("ix_webhook_deliveries_planned_at", "planned_at"),
    sqlite_autoincrement=True,
)
"""`copy`: 0 for the first, 1, 2 … for replays. `subject`: what must arrive in order, e.g. `incident-25`; NULL = none.
`refusals`: attempts that a server answered with an error of its own. `due_at`: when it is next to be looked at (the end
of the lease while sending); NULL = nothing more will happen."""

attempts = Table(
    "webhook_attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery_id", Id, ForeignKey("webhook_deliveries.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status_code", Integer, nullable=True),
    Column("detail", Text, nullable=False),
    Column("response_excerpt", Text, nullable=False),
    Index("ix_webhook_attempts_delivery_id", "delivery_id", "id"),
    sqlite_autoincrement=True,
)
"""Never changed: `detail` says in words what became of it, `response_excerpt` is the beginning of the answer."""

TOPIC = "webhook_deliveries"
"""Rung when there may be something to send."""
moves_with_the_clock(
    deliveries.c.due_at, deliveries.c.planned_at, topic=TOPIC, concerned=lambda now: deliveries.c.due_at.is_not(None)
)
moves_with_the_clock(webhooks.c.held_until, topic=TOPIC, concerned=lambda now: webhooks.c.held_until.is_not(None))
