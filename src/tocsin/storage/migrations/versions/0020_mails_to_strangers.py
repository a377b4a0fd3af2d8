"""Two questions about subscribers that are asked without naming a page.

How often an address was asked to confirm anything, on all pages together: else a stranger could have one address
written to by each of hundreds of pages. And who is to be forgotten: found without reading everybody, because pages to
people wait on SQLite meanwhile. The index by address serves what asked for a page and an address before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.drop_index("ix_status_page_subscribers_email", "status_page_subscribers")
    op.create_index("ix_status_page_subscribers_email", "status_page_subscribers", ["email", "status_page_id"])
    op.create_index(
        "ix_status_page_subscribers_silent",
        "status_page_subscribers",
        ["updated_at"],
        sqlite_where=sa.text("confirmed_at IS NULL OR unsubscribed_at IS NOT NULL"),
        postgresql_where=sa.text("confirmed_at IS NULL OR unsubscribed_at IS NOT NULL"),
    )
