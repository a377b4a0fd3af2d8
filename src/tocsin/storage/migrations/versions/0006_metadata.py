"""Key-value facts on any resource, and the catalog."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    pass
