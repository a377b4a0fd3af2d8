"""Invitations: who has been asked to join a team, in which role, and what became of it.

An invitation keeps no secret: its link is signed with the key of the installation. Every mail is a row of its own,
which replaces the one before it and stays when it is withdrawn, because the mails are counted: nobody may have a
hundred of them sent to an address. Who joins becomes an ordinary member, so nothing else changes.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_invitations_team_id_teams"), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("invited_by", sa.Text, nullable=False),
        sa.Column("invited_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("accepted_at", Instant, nullable=True),
        sa.Column("withdrawn_at", Instant, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_invitations_email", "invitations", ["email_key", "team_id"])
    op.create_index("ix_invitations_team", "invitations", ["team_id", "invited_at"])
