"""Channels that belong to a team and not to a person: chats, ticket systems, other pagers.

All kinds share one table and one range of ids, so that a policy's step, a fact and a delivery name a target by its id
alone. The settings are sealed as a whole: the address of a chat's webhook is a password, a project's key is not, and
which is which only the channel's own file knows. What filters lists (the team, the kind, whether it is told alongside
the first responder) stands beside them in clear. What was sent to a target is found by an index over
such messages alone: most go to people.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "notification_targets",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "team_id", Id, sa.ForeignKey("teams.id", name="fk_notification_targets_team_id_teams"), nullable=False
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.Column("notify_alongside_primary_responder", sa.Boolean, nullable=False),
        sa.Column("on_call_notifications", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notification_targets_team_id", "notification_targets", ["team_id", "kind", "id"])
    op.create_index(
        "ix_deliveries_target_id",
        "deliveries",
        ["target_id", "id"],
        sqlite_where=sa.text("target_id > 0"),
        postgresql_where=sa.text("target_id > 0"),
    )
