"""One cause, one incident, one page: groups of incidents, caps and digests."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    pass
