"""Room for what an escalation must remember of its policy; the columns follow with their use."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    pass
