"""Plans: what a caller has looked at before doing it, sealed, good for fifteen minutes and once."""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", Id, primary_key=True),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_plans_expires_at", "plans", ["expires_at"])
