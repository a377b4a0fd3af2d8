"""Sessions: in which browsers a person is signed in to the console."""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", Id, primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id"), nullable=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("means", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("client_address", sa.Text, nullable=True),
        sa.Column("client_name", sa.Text, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.UniqueConstraint("fingerprint", name="uq_sessions_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id", "id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
