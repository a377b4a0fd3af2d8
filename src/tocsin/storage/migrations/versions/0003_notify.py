"""Messages to people, and what became of each.

A page is a row before it is sent, so that a crash at any instant loses nothing: `deliveries` holds what is to be said,
to whom, and when it is next to be tried; `delivery_events` is the ledger that the incident's timeline reads. The unique
constraint makes the plan exactly-once however often it is planned. Finished rows have no `due_at`, so the partial
index over the rest stays as small as the work at hand, however long the history grows.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_deliveries_team_id_teams"), nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("notice", Json, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("in_flight", sa.Boolean, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.UniqueConstraint(
            "incident_id", "user_id", "planned_at", "channel", "kind",
            name="uq_deliveries_incident_id_user_id_planned_at_channel_kind",
        ),
        sqlite_autoincrement=True,
    )  # fmt: skip
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["channel", "urgency", "due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_deliveries_planned_at", "deliveries", ["planned_at"])
    op.create_table(
        "delivery_events",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "delivery_id",
            Id,
            sa.ForeignKey("deliveries.id", name="fk_delivery_events_delivery_id_deliveries"),
            nullable=False,
        ),
        sa.Column("at", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_events_delivery", "delivery_events", ["delivery_id", "id"])
