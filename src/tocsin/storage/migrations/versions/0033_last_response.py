"""How long a monitor took to answer last, beside when it was checked.

`last_response_us` is in microseconds, of the latest good check; null = not known yet. A list shows it and sorts by it
for five thousand monitors at once, where looking for each one's latest measurement would take seconds. It is filled by
the next good check of each monitor.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0041"


def upgrade() -> None:
    op.add_column("monitor_states", sa.Column("last_response_us", sa.BigInteger, nullable=True))
