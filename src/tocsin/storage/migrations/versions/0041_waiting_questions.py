"""Questions of agents are counted on every page of the console: an index for those that wait."""

from alembic import op

revision = "0041"
down_revision = "0027"


def upgrade() -> None:
    op.create_index("ix_approvals_waiting", "approvals", ["team_id", "state", "expires_at"])
