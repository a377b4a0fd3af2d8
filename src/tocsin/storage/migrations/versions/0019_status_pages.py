"""Status pages: what the public is told, in which sections and by which reports, and who subscribes to it.

Nothing in it is of use before a team makes a page. The unique columns keep two pages from one address, and a subscriber
from being told an update twice; the partial indexes hold only what still waits, so that they stay small when years of
reports have come together. Passwords are kept as Argon2 hashes, subscribers' secret addresses sealed.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "status_page_groups",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_status_page_groups_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sort_index", sa.BigInteger, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_page_groups_team_id", "status_page_groups", ["team_id"])
    op.create_table(
        "status_pages",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_status_pages_team_id_teams"), nullable=False),
        sa.Column("subdomain", sa.Text, nullable=False),
        sa.Column("custom_domain", sa.Text, nullable=True),
        sa.Column("published", sa.Boolean, nullable=False),
        sa.Column("status_page_group_id", Id, nullable=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("custom_domain", name="uq_status_pages_custom_domain"),
        sa.UniqueConstraint("subdomain", name="uq_status_pages_subdomain"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_pages_status_page_group_id", "status_pages", ["status_page_group_id"])
    op.create_index("ix_status_pages_team_id", "status_pages", ["team_id", "id"])
    op.create_table(
        "status_page_sections",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "status_page_id",
            Id,
            sa.ForeignKey("status_pages.id", name="fk_status_page_sections_status_page_id_status_pages"),
            nullable=False,
        ),
        sa.Column("name", sa.Text, nullable=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_page_sections_page", "status_page_sections", ["status_page_id", "position"])
    op.create_table(
        "status_page_resources",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "status_page_id",
            Id,
            sa.ForeignKey("status_pages.id", name="fk_status_page_resources_status_page_id_status_pages"),
            nullable=False,
        ),
        sa.Column(
            "status_page_section_id",
            Id,
            sa.ForeignKey("status_page_sections.id", name="fk_status_page_resources_section"),
            nullable=False,
        ),
        sa.Column("resource_type", sa.Text, nullable=False),
        sa.Column("resource_id", Id, nullable=True),
        sa.Column("public_name", sa.Text, nullable=False),
        sa.Column("explanation", sa.Text, nullable=True),
        sa.Column("widget_type", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("mark_as_down_for", sa.Text, nullable=False),
        sa.Column("mark_as_degraded_for", sa.Text, nullable=False),
        sa.Column("mark_as_down_metadata_rule", Json, nullable=True),
        sa.Column("mark_as_degraded_metadata_rule", Json, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_status_page_resources_page",
        "status_page_resources",
        ["status_page_id", "status_page_section_id", "position"],
    )
    op.create_index("ix_status_page_resources_subject", "status_page_resources", ["resource_type", "resource_id"])
    op.create_table(
        "status_reports",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "status_page_id",
            Id,
            sa.ForeignKey("status_pages.id", name="fk_status_reports_status_page_id_status_pages"),
            nullable=False,
        ),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("report_type", sa.Text, nullable=False),
        sa.Column("starts_at", Instant, nullable=False),
        sa.Column("ends_at", Instant, nullable=True),
        sa.Column("affected_resources", Json, nullable=False),
        sa.Column("draft", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_status_reports_page", "status_reports", ["status_page_id", "starts_at"])
    op.create_index(
        "ix_status_reports_open",
        "status_reports",
        ["status_page_id"],
        sqlite_where=sa.text("ends_at IS NULL"),
        postgresql_where=sa.text("ends_at IS NULL"),
    )
    op.create_table(
        "status_updates",
        sa.Column("id", Id, primary_key=True),
        sa.Column("status_page_id", Id, nullable=False),
        sa.Column(
            "status_report_id",
            Id,
            sa.ForeignKey("status_reports.id", name="fk_status_updates_status_report_id_status_reports"),
            nullable=False,
        ),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("published_at", Instant, nullable=False),
        sa.Column("affected_resources", Json, nullable=False),
        sa.Column("notify_subscribers", sa.Boolean, nullable=False),
        sa.Column("draft", sa.Boolean, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("applied_at", Instant, nullable=True),
        sa.Column("told_through_id", Id, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_status_updates_due",
        "status_updates",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_status_updates_report", "status_updates", ["status_report_id", "published_at"])
    op.create_index(
        "ix_status_updates_telling",
        "status_updates",
        ["id"],
        sqlite_where=sa.text("told_through_id IS NOT NULL"),
        postgresql_where=sa.text("told_through_id IS NOT NULL"),
    )
    op.create_table(
        "status_report_incidents",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "status_page_id",
            Id,
            sa.ForeignKey("status_pages.id", name="fk_status_report_incidents_status_page_id_status_pages"),
            nullable=False,
        ),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("status_report_id", Id, nullable=True),
        sa.Column("due_at", Instant, nullable=True),
        sa.UniqueConstraint(
            "status_page_id", "incident_id", name="uq_status_report_incidents_status_page_id_incident_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_status_report_incidents_due",
        "status_report_incidents",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_status_report_incidents_incident", "status_report_incidents", ["incident_id"])
    op.create_index("ix_status_report_incidents_report", "status_report_incidents", ["status_report_id"])
    op.create_table(
        "status_page_subscribers",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "status_page_id",
            Id,
            sa.ForeignKey("status_pages.id", name="fk_status_page_subscribers_status_page_id_status_pages"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("status_page_resource_ids", Json, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("confirmed_at", Instant, nullable=True),
        sa.Column("unsubscribed_at", Instant, nullable=True),
        sa.Column("asked_at", Instant, nullable=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.UniqueConstraint("status_page_id", "kind", "key", name="uq_status_page_subscribers_status_page_id_kind_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_status_page_subscribers_listening",
        "status_page_subscribers",
        ["status_page_id", "id"],
        sqlite_where=sa.text("confirmed_at IS NOT NULL AND unsubscribed_at IS NULL"),
        postgresql_where=sa.text("confirmed_at IS NOT NULL AND unsubscribed_at IS NULL"),
    )
    op.create_index("ix_status_page_subscribers_email", "status_page_subscribers", ["status_page_id", "email"])
    op.create_index("ix_status_page_subscribers_page", "status_page_subscribers", ["status_page_id", "kind", "id"])
    op.create_table(
        "status_page_notices",
        sa.Column("id", Id, primary_key=True),
        sa.Column("status_page_id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("status_update_id", Id, nullable=False, server_default="0"),
        sa.Column("copy", sa.Integer, nullable=False, server_default="0"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("finished_at", Instant, nullable=True),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint(
            "subscriber_id",
            "status_update_id",
            "copy",
            name="uq_status_page_notices_subscriber_id_status_update_id_copy",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_status_page_notices_due",
        "status_page_notices",
        ["channel", "due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_status_page_notices_asked",
        "status_page_notices",
        ["status_page_id", "planned_at"],
        sqlite_where=sa.text("kind = 'confirm'"),
        postgresql_where=sa.text("kind = 'confirm'"),
    )
    op.create_index("ix_status_page_notices_page", "status_page_notices", ["status_page_id", "id"])
    op.create_index("ix_status_page_notices_planned_at", "status_page_notices", ["planned_at"])
    op.create_table(
        "status_page_images",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "status_page_id",
            Id,
            sa.ForeignKey("status_pages.id", name="fk_status_page_images_status_page_id_status_pages"),
            nullable=False,
        ),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=True),
        sa.Column("content", sa.LargeBinary, nullable=True),
        sa.Column("failure", sa.Text, nullable=True),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("fetched_at", Instant, nullable=True),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("stale", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("status_page_id", "kind", name="uq_status_page_images_status_page_id_kind"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_status_page_images_due",
        "status_page_images",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
