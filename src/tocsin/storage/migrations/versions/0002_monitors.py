"""Monitors, what they measured, and when nobody watched.

What people set up (monitors, monitor_groups) stands apart from what changes with every check (monitor_states), so
that the second a monitor is looked at does not rewrite the width of its settings. Settings are one document: a new
monitor type needs no migration. Measurements are packed: one row per second for all monitors (sample_batches), then
one row per monitor and hour (sample_hours), then one per monitor and day (sample_days). monitor_counts says how many
a team has, for the page numbers of long lists; monitor_changes tells running probes what was edited; observation_gaps
remembers when nobody watched; domain_watches says when a domain's registration ends.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _configuration()
    _states()
    _measurements()


def _configuration() -> None:
    op.create_table(
        "monitor_groups",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_monitor_groups_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sort_index", sa.BigInteger, nullable=True),
        sa.Column("paused", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_monitor_groups"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_monitor_groups_team_id", "monitor_groups", ["team_id"])
    op.create_table(
        "monitors",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_monitors_team_id_teams"), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("pronounceable_name", sa.Text, nullable=False),
        sa.Column("monitor_group_id", Id, nullable=True),
        sa.Column("paused_at", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("domain", sa.Text, nullable=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_monitors"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_monitors_team_id_id", "monitors", ["team_id", "id"])
    op.create_index("ix_monitors_url", "monitors", ["url"])
    op.create_index("ix_monitors_pronounceable_name", "monitors", ["pronounceable_name"])
    op.create_index("ix_monitors_monitor_group_id", "monitors", ["monitor_group_id"])
    op.create_index("ix_monitors_domain", "monitors", ["domain"])
    op.create_table(
        "monitor_counts",
        sa.Column("team_id", Id, nullable=False, autoincrement=False),
        sa.Column("monitors", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("team_id", name="pk_monitor_counts"),
    )
    op.create_table(
        "monitor_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("monitor_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_monitor_changes"),
        sqlite_autoincrement=True,
    )


def _states() -> None:
    op.create_table(
        "monitor_states",
        sa.Column("monitor_id", Id, nullable=False, autoincrement=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("last_checked_at", sa.BigInteger, nullable=True),
        sa.Column("failing_since_ms", sa.BigInteger, nullable=True),
        sa.Column("recovering_since_ms", sa.BigInteger, nullable=True),
        sa.Column("incident_id", Id, nullable=True),
        sa.Column("certificate_expires_at", sa.BigInteger, nullable=True),
        sa.Column("certificate_announced_at", sa.BigInteger, nullable=True),
        sa.Column("domain_announced_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("monitor_id", name="pk_monitor_states"),
    )
    op.create_table(
        "observation_gaps",
        sa.Column("id", Id, nullable=False),
        sa.Column("monitor_id", Id, nullable=True),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_observation_gaps"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_observation_gaps_monitor_id_from_ms", "observation_gaps", ["monitor_id", "from_ms"])
    op.create_table(
        "watch_marks",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("alive_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_watch_marks"),
    )
    op.create_table(
        "domain_watches",
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("checked_at", sa.BigInteger, nullable=True),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("failure", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("domain", name="pk_domain_watches"),
    )
    op.create_index("ix_domain_watches_next_at", "domain_watches", ["next_at"])


def _measurements() -> None:
    op.create_table(
        "sample_batches",
        sa.Column("id", Id, nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sample_batches"),
        sqlite_autoincrement=True,
    )
    for name, unit in (("sample_hours", "hour_ms"), ("sample_days", "day_ms")):
        op.create_table(
            name,
            sa.Column("monitor_id", Id, nullable=False, autoincrement=False),
            sa.Column(unit, sa.BigInteger, nullable=False),
            sa.Column("region", sa.Text, nullable=False),
            sa.Column("batch_id" if unit == "hour_ms" else "hours", sa.BigInteger, nullable=False),
            sa.Column("data", sa.LargeBinary, nullable=False),
            sa.PrimaryKeyConstraint("monitor_id", unit, "region", name=f"pk_{name}"),
            sqlite_with_rowid=unit == "hour_ms",  # small rows sit best in the key's own tree, wide ones beside it
        )
        op.create_index(f"ix_{name}_{unit}", name, [unit])
