"""How each person wants to be reached.

An address counts once its owner has given back a code that was sent there. What is secret (push subscriptions, topics,
keys, URLs) is sealed; `address` is what may be shown, and `key`, a keyed hash of a secret, finds an address again and
keeps a person from having it twice. Codes are kept for a day after they were sent, without the address that they
belong to if it is deleted, because they are counted: nobody may have a thousand text messages sent to a number.
`notification_rules.urgency_id` is 0 for the rule that holds for every severity without one of its own.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "contact_methods",
        sa.Column("id", Id, primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id", name="fk_contact_methods_user_id_users"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("sealed_endpoint", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("verified_at", Instant, nullable=True),
        sa.Column("retired_at", Instant, nullable=True),
        sa.Column("retired_why", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("user_id", "kind", "key", name="uq_contact_methods_user_id_kind_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_contact_methods_key", "contact_methods", ["kind", "key"])
    op.create_table(
        "contact_codes",
        sa.Column("id", Id, primary_key=True),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("method_id", Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("sent_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_contact_codes_user", "contact_codes", ["user_id", "sent_at"])
    op.create_index("ix_contact_codes_key", "contact_codes", ["key", "sent_at"])
    op.create_table(
        "notification_rules",
        sa.Column("id", Id, primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id", name="fk_notification_rules_user_id_users"), nullable=False),
        sa.Column("urgency_id", Id, nullable=False),
        sa.Column("steps", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("user_id", "urgency_id", name="uq_notification_rules_user_id_urgency_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "quiet_hours",
        sa.Column("id", Id, primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id", name="fk_quiet_hours_user_id_users"), nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("days", Json, nullable=False),
        sa.Column("time_from", sa.Text, nullable=False),
        sa.Column("time_to", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quiet_hours_user", "quiet_hours", ["user_id", "id"])
