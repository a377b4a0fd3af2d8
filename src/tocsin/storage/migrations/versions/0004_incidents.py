"""Incidents, their story and who is still to be paged about them.

`incidents` is the state machine; its partial unique index makes a second open incident of one owner and kind
impossible, whatever two workers think. Facts, evidence, comments and changes hang on it by id. `escalations` holds one
row per incident with the instant of its next page: what must happen later is a row, so that a crash skips no page.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _incidents()
    _attachments()
    _story()
    _escalations()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_incidents_team_id_teams"), nullable=False),
        sa.Column("owner_type", sa.Text, nullable=True),
        sa.Column("owner_id", Id, nullable=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=True),
        sa.Column("http_method", sa.Text, nullable=True),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger, nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger, nullable=True),
        sa.Column("acknowledged_by", sa.Text, nullable=True),
        sa.Column("resolved_at", sa.BigInteger, nullable=True),
        sa.Column("resolved_by", sa.Text, nullable=True),
        sa.Column("reopened_at", sa.BigInteger, nullable=True),
        sa.Column("reopened_by", sa.Text, nullable=True),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("incident_group_id", Id, nullable=True),
        sa.Column("regions", sa.Text, nullable=True),
        sa.Column("origin_url", sa.Text, nullable=True),
        sa.Column("requester_email", sa.Text, nullable=True),
        sa.Column("paging", sa.Text, nullable=False),
        sa.Column("ssl_certificate_expires_at", sa.BigInteger, nullable=True),
        sa.Column("domain_expires_at", sa.BigInteger, nullable=True),
        sa.Column("response_content", sa.Text, nullable=True),
        sa.Column("response_options", sa.Text, nullable=True),
        sa.Column("has_response", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("resolved_at IS NULL")
    op.create_index("ix_incidents_team_id", "incidents", ["team_id", "withdrawn", "id"])
    op.create_index("ix_incidents_owner", "incidents", ["owner_type", "owner_id", "started_at"])
    op.create_index(
        "ix_incidents_open", "incidents", ["team_id", "withdrawn", "id"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index(
        "uq_incidents_open_owner",
        "incidents",
        ["owner_type", "owner_id", "kind"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _attachments() -> None:
    op.create_table(
        "incident_metadata",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=True),
        sa.Column("item_id", Id, nullable=True),
        sa.Column("name", sa.Text, nullable=True),
        sa.Column("email", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incident_metadata"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_metadata_incident_id", "incident_metadata", ["incident_id", "id"])
    op.create_table(
        "incident_responses",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("status_code", sa.Integer, nullable=True),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("body_truncated", sa.Boolean, nullable=False),
        sa.Column("remote_ip", sa.Text, nullable=True),
        sa.Column("timings", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_responses"),
        sa.UniqueConstraint("incident_id", name="uq_incident_responses_incident_id"),
        sqlite_autoincrement=True,
    )


def _story() -> None:
    op.create_table(
        "incident_comments",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("user_email", sa.Text, nullable=True),
        sa.Column("author_name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_comments"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_comments_incident_id", "incident_comments", ["incident_id", "id"])
    op.create_table(
        "incident_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_changes_incident_id", "incident_changes", ["incident_id", "id"])


def _escalations() -> None:
    op.create_table(
        "escalations",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("next_page_at", sa.BigInteger, nullable=True),
        sa.Column("paged_user_ids", sa.Text, nullable=False),
        sa.Column("stopped_at", sa.BigInteger, nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_escalations"),
        sa.UniqueConstraint("incident_id", name="uq_escalations_incident_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_escalations_next_page_at", "escalations", ["next_page_at"])
    op.create_table(
        "escalation_notes",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_escalation_notes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_escalation_notes_incident_id", "escalation_notes", ["incident_id", "id"])
