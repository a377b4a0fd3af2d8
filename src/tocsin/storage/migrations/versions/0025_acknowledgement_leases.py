"""An agent's acknowledgement is good until a person confirms it, or until an instant.

`confirm_by` is when people are paged again; null = nobody need confirm. `acknowledged_by_agent_id` says that only an
agent has acknowledged: a person may still take it over. `agent_acknowledgements` counts how often agents did, so that a
program in a loop cannot keep people asleep for ever. What was acknowledged before stays as it is: no agent did it.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("acknowledged_by_agent_id", Id, nullable=True))
    op.add_column("incidents", sa.Column("confirm_by", Instant, nullable=True))
    op.add_column(
        "incidents", sa.Column("agent_acknowledgements", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    waits = sa.text("confirm_by IS NOT NULL")
    op.create_index("ix_incidents_confirm_by", "incidents", ["confirm_by"], sqlite_where=waits, postgresql_where=waits)
