"""Room for roles and invitations: nothing is changed yet, the tables follow with their use."""

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    pass
