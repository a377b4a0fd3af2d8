"""Room for channels that belong to a team and not to a person; the tables follow with their use."""

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    pass
