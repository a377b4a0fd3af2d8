"""Alerts that other systems send us.

An integration is found by the keyed hash of its token, which is kept sealed because its address must be shown again.
Every message is kept (`inbound_payloads`, the newest few per integration) in the transaction that acts on it, so that
what was answered with success is never lost. An alert is a row of its own from its first message to its end: its
partial unique index makes a second open one with the same key impossible, and `recover_at` is the instant at which it
is over unless it starts again. A subscription to be confirmed is a row that is due, so that a crash forgets none.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "inbound_integrations",
        sa.Column("id", Id, nullable=False),
        sa.Column(
            "team_id", Id, sa.ForeignKey("teams.id", name="fk_inbound_integrations_team_id_teams"), nullable=False
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("sealed_token", sa.Text, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_integrations"),
        sa.UniqueConstraint("token_hash", name="uq_inbound_integrations_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbound_integrations_kind", "inbound_integrations", ["kind", "team_id", "id"])
    _payloads()
    _alerts()


def _payloads() -> None:
    op.create_table(
        "inbound_payloads",
        sa.Column("id", Id, nullable=False),
        sa.Column("integration_id", Id, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("alerts", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_payloads"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbound_payloads_integration_id", "inbound_payloads", ["integration_id", "id"])
    op.create_table(
        "inbound_confirmations",
        sa.Column("id", Id, nullable=False),
        sa.Column("integration_id", Id, nullable=False),
        sa.Column("payload_id", Id, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=True),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_confirmations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbound_confirmations_due_at", "inbound_confirmations", ["due_at"])


def _alerts() -> None:
    op.create_table(
        "inbound_alerts",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=False),
        sa.Column("integration_id", Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("alert_id", sa.Text, nullable=True),
        sa.Column("incident_id", Id, nullable=True),
        sa.Column("joined", sa.Text, nullable=False),
        sa.Column("ordinal", sa.BigInteger, nullable=False),
        sa.Column("group_key", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=True),
        sa.Column("url", sa.Text, nullable=True),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger, nullable=True),
        sa.Column("recover_at", sa.BigInteger, nullable=True),
        sa.Column("resolved_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_alerts"),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("resolved_at IS NULL")
    op.create_index(
        "uq_inbound_alerts_open_key",
        "inbound_alerts",
        ["integration_id", "key"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_inbound_alerts_incident_id", "inbound_alerts", ["incident_id", "id"])
    op.create_index(
        "ix_inbound_alerts_open", "inbound_alerts", ["incident_id"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_inbound_alerts_started_at", "inbound_alerts", ["integration_id", "started_at"])
    op.create_index("ix_inbound_alerts_group_key", "inbound_alerts", ["integration_id", "group_key", "id"])
    op.create_index("ix_inbound_alerts_recover_at", "inbound_alerts", ["recover_at"])
    op.create_index("ix_inbound_alerts_resolved_at", "inbound_alerts", ["resolved_at"])
