"""Agents: programs with an identity, grants, tokens, questions to people and a budget of their own.

Nothing in it is of use before somebody makes an agent. An agent that is removed keeps its row, because the audit log
and the stories of incidents name it; its tokens end. Tokens are kept as SHA-256 fingerprints.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_agents_team_id_teams"), nullable=False),
        sa.Column("owner_id", Id, sa.ForeignKey("users.id", name="fk_agents_owner_id_users"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=True),
        sa.Column("budgets", Json, nullable=False),
        sa.Column("acknowledgement_lease_seconds", sa.BigInteger, nullable=True),
        sa.Column("drafts_only", sa.Boolean, nullable=False),
        sa.Column("suspended_at", Instant, nullable=True),
        sa.Column("suspended_by", sa.Text, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("removed_at", Instant, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agents_team_id", "agents", ["team_id", "id"])
    op.create_table(
        "agent_grants",
        sa.Column("id", Id, primary_key=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id", name="fk_agent_grants_agent_id_agents"), nullable=False),
        sa.Column("base", sa.Boolean, nullable=False),
        sa.Column("levels", Json, nullable=False),
        sa.Column("switches", Json, nullable=False),
        sa.Column("monitor_ids", Json, nullable=False),
        sa.Column("monitor_group_ids", Json, nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("incident_id", Id, nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agent_grants_agent_id", "agent_grants", ["agent_id", "id"])
    op.create_table(
        "agent_tokens",
        sa.Column("id", Id, primary_key=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id", name="fk_agent_tokens_agent_id_agents"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("last4", sa.Text, nullable=False),
        sa.Column("allowed_addresses", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("last_used_at", Instant, nullable=True),
        sa.Column("revoked_at", Instant, nullable=True),
        sa.Column("client_id", sa.Text, nullable=True),
        sa.Column("family", sa.Text, nullable=True),
        sa.Column("resource", sa.Text, nullable=True),
        sa.UniqueConstraint("fingerprint", name="uq_agent_tokens_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agent_tokens_agent_id", "agent_tokens", ["agent_id", "id"])
    op.create_index("ix_agent_tokens_family", "agent_tokens", ["family"])
    op.create_index("ix_agent_tokens_expires_at", "agent_tokens", ["expires_at"])
    op.create_table(
        "approvals",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_approvals_team_id_teams"), nullable=False),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id", name="fk_approvals_agent_id_agents"), nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("arguments", Json, nullable=False),
        sa.Column("preview", Json, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("requested_grant", Json, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("decided_at", Instant, nullable=True),
        sa.Column("decided_by", sa.Text, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_approvals_team_id", "approvals", ["team_id", "id"])
    op.create_index("ix_approvals_agent_id", "approvals", ["agent_id", "digest"])
    op.create_table(
        "agent_spendings",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "agent_id", Id, sa.ForeignKey("agents.id", name="fk_agent_spendings_agent_id_agents"), nullable=False
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("spent_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agent_spendings_agent_id", "agent_spendings", ["agent_id", "kind", "spent_at"])
    op.create_index("ix_agent_spendings_spent_at", "agent_spendings", ["spent_at"])
