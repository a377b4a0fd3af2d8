"""What is past its time can be found without reading everything.

A site that flaps writes an incident with its evidence every few seconds; the housekeeping deletes or shortens what is
old, in small transactions every five minutes, and finds it by these indexes. `shortened` marks evidence whose body and
headers are gone already, so that counting the whole ones of an owner never walks through all history.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("incident_responses", sa.Column("shortened", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("ix_incident_responses_at", "incident_responses", ["at"])
    op.create_index("ix_incident_responses_shortened", "incident_responses", ["shortened", "incident_id"])
    op.create_index("ix_incidents_withdrawn", "incidents", ["withdrawn", "resolved_at"])
    op.create_index("ix_events_at", "events", ["at"])
