"""The tables of agents: who they are, what they are granted, their tokens, what they ask and what they spend."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from tocsin.storage import Instant, Json, metadata
from tocsin.storage.tables import Id

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("owner_id", Id, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=True),
    Column("budgets", Json, nullable=False),
    Column("acknowledgement_lease_seconds", BigInteger, nullable=True),
    Column("drafts_only", Boolean, nullable=False),
    Column("suspended_at", Instant, nullable=True),
    Column("suspended_by", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant, nullable=True),  # kept: the log and old incidents speak of it
    Index("ix_agents_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)

agent_grants = Table(
    "agent_grants",
    metadata,
    Column("id", Id, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("base", Boolean, nullable=False),
    Column("levels", Json, nullable=False),
    Column("switches", Json, nullable=False),
    Column("monitor_ids", Json, nullable=False),
    Column("monitor_group_ids", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("incident_id", Id, nullable=True),
    Column("reason", Text, nullable=True),
    Column("granted_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_agent_grants_agent_id", "agent_id", "id"),
    sqlite_autoincrement=True,
)

agent_tokens = Table(
    "agent_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("last4", Text, nullable=False),
    Column("allowed_addresses", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("last_used_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Column("client_id", Text, nullable=True),
    Column("family", Text, nullable=True),
    Column("resource", Text, nullable=True),
    Index("ix_agent_tokens_agent_id", "agent_id", "id"),
    Index("ix_agent_tokens_family", "family"),
    Index("ix_agent_tokens_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("operation", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("arguments", Json, nullable=False),
    Column("preview", Json, nullable=False),
    Column("why", Text, nullable=False),
    Column("requested_grant", Json, nullable=True),
    Column("state", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("decided_at", Instant, nullable=True),
    Column("decided_by", Text, nullable=True),
    Index("ix_approvals_team_id", "team_id", "id"),
    Index("ix_approvals_agent_id", "agent_id", "digest"),
    Index("ix_approvals_waiting", "team_id", "state", "expires_at"),
    sqlite_autoincrement=True,
)

agent_spendings = Table(
    "agent_spendings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("spent_at", Instant, nullable=False),
    Index("ix_agent_spendings_agent_id", "agent_id", "kind", "spent_at"),
    Index("ix_agent_spendings_spent_at", "spent_at"),
    sqlite_autoincrement=True,
)
