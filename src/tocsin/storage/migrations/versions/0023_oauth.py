"""OAuth: programs that ask to be let in, and the codes that they exchange for an agent's tokens.

The tokens themselves are rows of `agent_tokens`, beside those that people make by hand, so that one look decides
whether a call is let in and one act ends it. What one consent has given shares a `family`. Codes and secrets of clients
are kept as SHA-256 fingerprints. A code is kept for a while after it was used: whoever shows it again is found out, and
the next consent of the same person for the same client finds the agent that it made.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "oauth_clients",
        sa.Column("id", Id, primary_key=True),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("redirect_uris", Json, nullable=False),
        sa.Column("auth_method", sa.Text, nullable=False),
        sa.Column("secret_fingerprint", sa.Text, nullable=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id", name="fk_oauth_clients_agent_id_agents"), nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_used_at", Instant, nullable=True),
        sa.UniqueConstraint("client_id", name="uq_oauth_clients_client_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_oauth_clients_kind", "oauth_clients", ["kind", "last_used_at", "created_at"])
    op.create_index("ix_oauth_clients_agent_id", "oauth_clients", ["agent_id"])
    op.create_table(
        "oauth_codes",
        sa.Column("id", Id, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id", name="fk_oauth_codes_agent_id_agents"), nullable=False),
        sa.Column("user_id", Id, sa.ForeignKey("users.id", name="fk_oauth_codes_user_id_users"), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=True),
        sa.Column("challenge", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=True),
        sa.UniqueConstraint("fingerprint", name="uq_oauth_codes_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_oauth_codes_expires_at", "oauth_codes", ["expires_at"])
    op.create_index("ix_oauth_codes_client_id", "oauth_codes", ["client_id", "user_id"])
    op.create_index("ix_oauth_codes_family", "oauth_codes", ["family"])
