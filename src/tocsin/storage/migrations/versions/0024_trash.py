"""A trash for what is deleted: each item holds, sealed, the rows that a deletion took away, for thirty days.

Bytes and not JSON: rows hold what every other table holds, pictures and packed measurements among them.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "trash",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("resource_type", sa.Text, nullable=False),
        sa.Column("resource_id", sa.Text, nullable=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("deleted_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor_id", Id, nullable=True),
        sa.Column("actor_name", sa.Text, nullable=False),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("lacking", Json, nullable=False),
        sa.Column("restored_at", Instant, nullable=True),
        sa.Column("restored_by", sa.Text, nullable=True),
        sa.Column("journal", sa.LargeBinary, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trash_team_id", "trash", ["team_id", "id"])
    op.create_index("ix_trash_expires_at", "trash", ["expires_at"])
