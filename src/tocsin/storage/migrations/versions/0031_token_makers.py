"""Who made an API token: the page of tokens says it, so that one that nobody knows any more can be asked about."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0028"


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("created_by", sa.Text, nullable=True))
