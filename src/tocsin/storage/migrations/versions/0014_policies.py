"""Escalation policies, severities, and the groups into which teams sort them.

A policy's steps are one JSON value: they are read and replaced together, never one by one, and an incident carries a
copy of its own. The token of a policy's report form is shown again to whoever may see the policy, so it is sealed, and
found by its fingerprint. Policies that a step, a branch or a fallback names are plain numbers: a policy may be deleted
while another one still names it, and that one's pages then go to the whole team instead of nowhere.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    _groups("policy_groups")
    _groups("urgency_groups")
    op.create_table(
        "policies",
        *_owned("policies"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("repeat_count", sa.Integer, nullable=False),
        sa.Column("repeat_delay", sa.Integer, nullable=False),
        sa.Column("fallback_policy_id", Id, nullable=True),
        _group("policies", "policy_group_id", "policy_groups"),
        sa.Column("incident_token", sa.Text, nullable=False),
        sa.Column("incident_token_fingerprint", sa.Text, nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("incident_token_fingerprint", name="uq_policies_incident_token_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_policies_team_id", "policies", ["team_id", "id"])
    op.create_index("ix_policies_policy_group_id", "policies", ["policy_group_id", "id"])
    op.create_table(
        "urgencies",
        *_owned("urgencies"),
        sa.Column("name", sa.Text, nullable=False),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("sms", "call", "email", "push", "critical_alert")),
        _group("urgencies", "urgency_group_id", "urgency_groups"),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_urgencies_team_id", "urgencies", ["team_id", "id"])
    op.create_index("ix_urgencies_urgency_group_id", "urgencies", ["urgency_group_id", "id"])


def _groups(table: str) -> None:
    op.create_table(
        table,
        *_owned(table),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sort_index", sa.Integer, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(f"ix_{table}_team_id", table, ["team_id", "id"])


def _owned(table: str) -> tuple[sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name=f"fk_{table}_team_id_teams"), nullable=False),
    )


def _group(table: str, column: str, groups: str) -> sa.Column[int]:
    key = sa.ForeignKey(f"{groups}.id", name=f"fk_{table}_{column}_{groups}")
    return sa.Column(column, Id, key, nullable=True)
