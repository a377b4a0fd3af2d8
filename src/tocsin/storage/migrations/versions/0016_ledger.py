"""Room for proof that a page arrived: nothing is changed yet, the columns follow with their use."""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    pass
