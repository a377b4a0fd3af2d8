"""Room for escalation policies and severities: nothing is changed yet, the tables follow with their use."""

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    pass
