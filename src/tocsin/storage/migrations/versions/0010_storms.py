"""One cause, one incident, one page: alerts by their ids, groups of incidents, caps and digests.

An integration may have many open incidents, one for each alert id of its sender, so the guard against a second open
incident of one owner and kind takes the alert id in; the empty text stands for "no alert", because every NULL would be
another one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    is_open = sa.text("resolved_at IS NULL")
    op.add_column("incidents", sa.Column("alert_id", sa.Text, nullable=True, server_default=""))
    op.drop_index("uq_incidents_open_owner", "incidents")
    op.create_index(
        "uq_incidents_open_owner",
        "incidents",
        ["owner_type", "owner_id", "kind", "alert_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
