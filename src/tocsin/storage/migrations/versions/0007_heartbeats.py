"""Heartbeats, their groups and their pings.

What people set up (heartbeats) stands apart from what changes with every ping (heartbeat_states): thousands of pings a
second must not rewrite settings. `due_ms` of a state is the instant at which somebody must look at it, never later than
its deadline; a ping that only moves the deadline on leaves it as it lies, and the look finds out. Pings and the texts
sent with them lie apart as well, because most pings bring none. heartbeat_absences remembers when nobody could take
pings, heartbeat_marks when somebody last could: a deadline that passed meanwhile is no outage. heartbeat_ping_keys
counts how often a team has changed the key by which its jobs ping by name; the key itself is computed, never stored.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _configuration()
    _states()
    _pings()
    _marks()


def _configuration() -> None:
    op.create_table(
        "heartbeat_groups",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_heartbeat_groups_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sort_index", sa.BigInteger, nullable=True),
        sa.Column("paused", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_heartbeat_groups"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_heartbeat_groups_team_id", "heartbeat_groups", ["team_id"])
    op.create_table(
        "heartbeats",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_heartbeats_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("heartbeat_group_id", Id, nullable=True),
        sa.Column("slug", sa.Text, nullable=True),
        sa.Column("provisioned", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("paused_at", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("token_digest", sa.Text, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_heartbeats"),
        sa.UniqueConstraint("token_digest", name="uq_heartbeats_token_digest"),
        sa.UniqueConstraint("team_id", "slug", name="uq_heartbeats_team_id_slug"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_heartbeats_team_id_id", "heartbeats", ["team_id", "id"])
    op.create_index("ix_heartbeats_heartbeat_group_id", "heartbeats", ["heartbeat_group_id"])


def _states() -> None:
    op.create_table(
        "heartbeat_states",
        sa.Column("heartbeat_id", Id, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("plain", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("last_beat_ms", sa.BigInteger, nullable=True),
        sa.Column("since_ms", sa.BigInteger, nullable=True),
        sa.Column("due_ms", sa.BigInteger, nullable=True),
        sa.Column("runs", sa.Text, nullable=False),
        sa.Column("pings", sa.BigInteger, nullable=False),
        sa.Column("bodies", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("heartbeat_id", name="pk_heartbeat_states"),
    )
    op.create_index(
        "ix_heartbeat_states_due",
        "heartbeat_states",
        ["due_ms"],
        sqlite_where=sa.text("due_ms IS NOT NULL"),
        postgresql_where=sa.text("due_ms IS NOT NULL"),
    )


def _pings() -> None:
    op.create_table(
        "heartbeat_pings",
        sa.Column("id", Id, nullable=False),
        sa.Column("heartbeat_id", Id, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("exit_code", sa.BigInteger, nullable=True),
        sa.Column("run_id", sa.Text, nullable=True),
        sa.Column("duration_ms", sa.BigInteger, nullable=True),
        sa.Column("overlapping", sa.BigInteger, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("remote_ip", sa.Text, nullable=True),
        sa.Column("user_agent", sa.Text, nullable=True),
        sa.Column("body_size", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_heartbeat_pings"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_heartbeat_pings_heartbeat_id_id", "heartbeat_pings", ["heartbeat_id", "id"])
    op.create_table(
        "heartbeat_bodies",
        sa.Column("ping_id", Id, autoincrement=False, nullable=False),
        sa.Column("heartbeat_id", Id, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("ping_id", name="pk_heartbeat_bodies"),
    )
    op.create_index("ix_heartbeat_bodies_heartbeat_id_ping_id", "heartbeat_bodies", ["heartbeat_id", "ping_id"])


def _marks() -> None:
    op.create_table(
        "heartbeat_absences",
        sa.Column("id", Id, nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_heartbeat_absences"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "heartbeat_marks",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("alive_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeat_marks"),
    )
    op.create_table(
        "heartbeat_ping_keys",
        sa.Column("team_id", Id, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("team_id", name="pk_heartbeat_ping_keys"),
    )
