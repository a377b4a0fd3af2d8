"""Heartbeats, their groups and their pings."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    pass
