"""Room for how each person wants to be reached: nothing is changed yet, the tables follow with their use."""

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    pass
