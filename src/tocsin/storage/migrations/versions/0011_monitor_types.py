"""What a monitor needs to know of its past and of its neighbours.

A monitor that is up may still be worse than it should be (an assertion of severity `degraded` does not hold): since
when and why is kept beside its status, so that the change is told once and survives a restart. `outages` holds the
starts of its latest outages and `flapping_since_ms` whether they came too often, which lengthens the recovery period
for a while. `monitor_dependencies` says which monitors one leans on; both directions are asked, one when it fails, the
other when a monitor is deleted or a circle would close. A browser check that fails leaves a picture and a
recording beside the failing answer; the incident says whether there are any, so that a list of incidents need not look.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("monitor_states", sa.Column("degraded_since_ms", sa.BigInteger, nullable=True))
    op.add_column("monitor_states", sa.Column("degraded_reason", sa.Text, nullable=True))
    op.add_column("monitor_states", sa.Column("outages", sa.Text, nullable=True))
    op.add_column("monitor_states", sa.Column("flapping_since_ms", sa.BigInteger, nullable=True))
    op.create_table(
        "monitor_dependencies",
        sa.Column("id", Id, nullable=False),
        sa.Column("monitor_id", Id, nullable=False),
        sa.Column("depends_on_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_monitor_dependencies"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_monitor_dependencies_pair", "monitor_dependencies", ["monitor_id", "depends_on_id"], unique=True
    )
    op.create_index("ix_monitor_dependencies_depends_on_id", "monitor_dependencies", ["depends_on_id"])
    op.add_column("incidents", sa.Column("has_screenshot", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("incidents", sa.Column("has_trace", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("incident_responses", sa.Column("screenshot", sa.LargeBinary, nullable=True))
    op.add_column("incident_responses", sa.Column("trace", sa.LargeBinary, nullable=True))
