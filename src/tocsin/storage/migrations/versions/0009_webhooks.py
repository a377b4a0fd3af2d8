"""Outgoing webhooks: who wants to be told of which events, and every message to them with its attempts.

`events.due_at` marks what is still to be handed on, event by event: a high-water mark would lose what PostgreSQL shows
late. Events that were recorded before this have none, so an upgrade tells nobody old news. A message
(`webhook_deliveries`) holds no body: it is drawn from its event, which never changes, by the template of the webhook,
so that no secret of a template lies about in clear. Finished messages have no `due_at`, and the partial indexes over
the rest stay as small as the work at hand. What can be secret (addresses, passwords, headers, templates) is sealed.

`clock_marks` remembers the latest instant that the clock has shown: one that was set back while Tocsin did not run
would otherwise make every page that waits as much later.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    _events()
    _webhooks()
    _deliveries()
    op.create_table(
        "clock_marks", sa.Column("name", sa.Text, primary_key=True), sa.Column("seen_at", Instant, nullable=False)
    )


def _events() -> None:
    op.add_column("events", sa.Column("due_at", Instant, nullable=True))
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_events_due", "events", ["id"], sqlite_where=is_due, postgresql_where=is_due)


def _webhooks() -> None:
    op.create_table(
        "outgoing_webhooks",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_outgoing_webhooks_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=True),
        sa.Column("trigger_type", sa.Text, nullable=False),
        sa.Column("events", Json, nullable=False),
        sa.Column("notify_alongside_primary_responder", sa.Boolean, nullable=False),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.Column("after_event_id", Id, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("held_until", Instant, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outgoing_webhooks_team_id", "outgoing_webhooks", ["team_id", "id"])
    op.create_table(
        "custom_webhook_templates",
        sa.Column("id", Id, primary_key=True),
        sa.Column("webhook_id", Id, nullable=False),
        sa.Column("http_method", sa.Text, nullable=False),
        sa.Column("auth_username", sa.Text, nullable=True),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.UniqueConstraint("webhook_id", name="uq_custom_webhook_templates_webhook_id"),
        sqlite_autoincrement=True,
    )


def _deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", Id, primary_key=True),
        sa.Column("webhook_id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("copy", sa.Integer, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("finished_at", Instant, nullable=True),
        sa.UniqueConstraint("webhook_id", "event_id", "copy", name="uq_webhook_deliveries_webhook_id_event_id_copy"),
        sqlite_autoincrement=True,
    )
    is_due = sa.text("due_at IS NOT NULL")
    for name, columns in (
        ("ix_webhook_deliveries_due", ["webhook_id", "due_at"]),
        ("ix_webhook_deliveries_order", ["webhook_id", "subject", "id"]),
        ("ix_webhook_deliveries_unfinished", ["planned_at"]),
    ):
        op.create_index(name, "webhook_deliveries", columns, sqlite_where=is_due, postgresql_where=is_due)
    op.create_index("ix_webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id", "id"])
    op.create_index("ix_webhook_deliveries_planned_at", "webhook_deliveries", ["planned_at"])
    op.create_table(
        "webhook_attempts",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "delivery_id",
            Id,
            sa.ForeignKey("webhook_deliveries.id", name="fk_webhook_attempts_delivery_id_webhook_deliveries"),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("status_code", sa.Integer, nullable=True),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("response_excerpt", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_attempts_delivery_id", "webhook_attempts", ["delivery_id", "id"])
