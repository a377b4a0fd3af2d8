"""Room for calendars, rotations and overrides: nothing is changed yet, the tables follow with their use."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    pass
