"""Post-mortems: what a team has learned of an incident, one text for each."""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0035"
down_revision = "0033"


def upgrade() -> None:
    op.create_table(
        "incident_postmortems",
        sa.Column("id", Id, primary_key=True),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("edited_by", sa.Text, nullable=False),
        sa.Column("edited_by_user_id", Id, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("incident_id", name="uq_incident_postmortems_incident_id"),
        sqlite_autoincrement=True,
    )
