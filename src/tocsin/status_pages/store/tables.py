"""The tables of status pages: what the public sees, who subscribes to it, and every message to them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    or_,
)

from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id, Instant, Json, metadata

PUBLISHING_TOPIC = "status_page_publishing"
"""Rung when an update waits for its time, or an incident for its report."""
NOTICES_TOPIC = "status_page_notices"
"""Rung when there may be something to send to subscribers."""

page_groups = Table(
    "status_page_groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("sort_index", BigInteger, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

pages = Table(
    "status_pages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("subdomain", Text, nullable=False, unique=True),
    Column("custom_domain", Text, nullable=True, unique=True),
    Column("published", Boolean, nullable=False),
    Column("status_page_group_id", Id, nullable=True, index=True),
    Column("settings", Text, nullable=False),
    Column("password_hash", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_status_pages_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)
"""`subdomain` and `custom_domain` are in lower case: browsers ask for them so. `settings` is a JSON document."""

sections = Table(
    "status_page_sections",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, ForeignKey("status_pages.id"), nullable=False),
    Column("name", Text, nullable=True),
    Column("position", BigInteger, nullable=False),
    Index("ix_status_page_sections_page", "status_page_id", "position"),
    sqlite_autoincrement=True,
)

resources = Table(
    "status_page_resources",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, ForeignKey("status_pages.id"), nullable=False),
    Column(
        "status_page_section_id",
        Id,
        ForeignKey("status_page_sections.id", name="fk_status_page_resources_section"),
        nullable=False,
    ),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Id, nullable=True),
    Column("public_name", Text, nullable=False),
    Column("explanation", Text, nullable=True),
    Column("widget_type", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("mark_as_down_for", Text, nullable=False),
    Column("mark_as_degraded_for", Text, nullable=False),
    Column("mark_as_down_metadata_rule", Json, nullable=True),
    Column("mark_as_degraded_metadata_rule", Json, nullable=True),
    Index("ix_status_page_resources_page", "status_page_id", "status_page_section_id", "position"),
    Index("ix_status_page_resources_subject", "resource_type", "resource_id"),
    sqlite_autoincrement=True,
)

reports = Table(
    "status_reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, ForeignKey("status_pages.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("report_type", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=True),
    Column("affected_resources", Json, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_status_reports_page", "status_page_id", "starts_at"),
    sqlite_autoincrement=True,
)

_GOING_ON = reports.c.ends_at.is_(None)
Index("ix_status_reports_open", reports.c.status_page_id, sqlite_where=_GOING_ON, postgresql_where=_GOING_ON)

updates = Table(
    "status_updates",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, nullable=False),
    Column("status_report_id", Id, ForeignKey("status_reports.id"), nullable=False),
    Column("message", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("affected_resources", Json, nullable=False),
    Column("notify_subscribers", Boolean, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("due_at", Instant, nullable=True),
    Column("applied_at", Instant, nullable=True),
    Column("told_through_id", Id, nullable=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_status_updates_report", "status_report_id", "published_at"),
    sqlite_autoincrement=True,
)
"""`due_at`: when it becomes visible by itself; NULL = it is, or it is a draft. `applied_at`: since when it is.
`told_through_id`: while subscribers are being told, the last one for whom a message was planned (0 = none yet); NULL =
there is nobody to tell (any more)."""
_DUE = updates.c.due_at.is_not(None)
_TELLING = updates.c.told_through_id.is_not(None)
Index("ix_status_updates_due", updates.c.due_at, sqlite_where=_DUE, postgresql_where=_DUE)
Index("ix_status_updates_telling", updates.c.id, sqlite_where=_TELLING, postgresql_where=_TELLING)
_PUT_OFF = updates.c.due_at > updates.c.published_at
"""An update that could not be published waits for its next try; else it waits for the time that a person has said, and
is public no sooner, however wrong our clock was."""
moves_with_the_clock(updates.c.due_at, topic=PUBLISHING_TOPIC, concerned=lambda now: _PUT_OFF)

report_incidents = Table(
    "status_report_incidents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, ForeignKey("status_pages.id"), nullable=False),
    Column("incident_id", Id, nullable=False),
    Column("status_report_id", Id, nullable=True),
    Column("due_at", Instant, nullable=True),
    UniqueConstraint("status_page_id", "incident_id"),
    Index("ix_status_report_incidents_incident", "incident_id"),
    Index("ix_status_report_incidents_report", "status_report_id"),
    sqlite_autoincrement=True,
)
"""Automatic reports: which incident each is about. Before its `due_at` (the page's `min_incident_length` after its
start) an incident has no report yet."""
_AWAITED = report_incidents.c.due_at.is_not(None)
Index("ix_status_report_incidents_due", report_incidents.c.due_at, sqlite_where=_AWAITED, postgresql_where=_AWAITED)
moves_with_the_clock(
    report_incidents.c.due_at, topic=PUBLISHING_TOPIC, concerned=lambda now: report_incidents.c.due_at.is_not(None)
)

subscribers = Table(
    "status_page_subscribers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, ForeignKey("status_pages.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("email", Text, nullable=True),
    Column("key", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("status_page_resource_ids", Json, nullable=False),
    Column("language", Text, nullable=False),
    Column("confirmed_at", Instant, nullable=True),
    Column("unsubscribed_at", Instant, nullable=True),
    Column("asked_at", Instant, nullable=True),
    Column("failures", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("status_page_id", "kind", "key"),
    sqlite_autoincrement=True,
)
"""`email`: in lower case. `key`: what makes two of them the same: that, or the signature of a secret address.
`address`: sealed. `asked_at`: when the last mail that asks for a confirmation was planned."""
_LISTENING = and_(subscribers.c.confirmed_at.is_not(None), subscribers.c.unsubscribed_at.is_(None))
Index(
    "ix_status_page_subscribers_listening",
    subscribers.c.status_page_id,
    subscribers.c.id,
    sqlite_where=_LISTENING,
    postgresql_where=_LISTENING,
)
Index("ix_status_page_subscribers_email", subscribers.c.email, subscribers.c.status_page_id)
_SILENT = or_(subscribers.c.confirmed_at.is_(None), subscribers.c.unsubscribed_at.is_not(None))
Index("ix_status_page_subscribers_silent", subscribers.c.updated_at, sqlite_where=_SILENT, postgresql_where=_SILENT)
Index("ix_status_page_subscribers_page", subscribers.c.status_page_id, subscribers.c.kind, subscribers.c.id)

notices = Table(
    "status_page_notices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, nullable=False),
    Column("subscriber_id", Id, nullable=False),
    Column("status_update_id", Id, nullable=False, server_default="0"),
    Column("copy", Integer, nullable=False, server_default="0"),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=True),
    Column("finished_at", Instant, nullable=True),
    Column("detail", Text, nullable=False),
    UniqueConstraint("subscriber_id", "status_update_id", "copy"),
    Index("ix_status_page_notices_planned_at", "planned_at"),
    Index("ix_status_page_notices_page", "status_page_id", "id"),
    sqlite_autoincrement=True,
)
"""`kind`: `update`, or `confirm` (then `status_update_id` is 0 and `copy` counts). `channel`: the subscriber's kind, or
`confirm` for what asks for a confirmation. `due_at`: when it is next to be looked at; NULL = nothing more will
happen."""
_UNSENT = notices.c.due_at.is_not(None)
_ASKED = notices.c.kind == "confirm"
Index(
    "ix_status_page_notices_asked",
    notices.c.status_page_id,
    notices.c.planned_at,
    sqlite_where=_ASKED,
    postgresql_where=_ASKED,
)
Index("ix_status_page_notices_due", notices.c.channel, notices.c.due_at, sqlite_where=_UNSENT, postgresql_where=_UNSENT)
moves_with_the_clock(notices.c.due_at, topic=NOTICES_TOPIC, concerned=lambda now: notices.c.due_at.is_not(None))

images = Table(
    "status_page_images",
    metadata,
    Column("id", Id, primary_key=True),
    Column("status_page_id", Id, ForeignKey("status_pages.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("media_type", Text, nullable=True),
    Column("content", LargeBinary, nullable=True),
    Column("failure", Text, nullable=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("fetched_at", Instant, nullable=True),
    Column("due_at", Instant, nullable=True),
    Column("stale", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("status_page_id", "kind"),
    sqlite_autoincrement=True,
)
"""`kind`: `logo` or `dark_logo`. The picture behind an address, fetched once and made small, so that readers ask nobody
but us. `due_at`: when it is to be fetched (again); NULL = nothing to do. `stale`: `content` is of an older address."""
_UNFETCHED = images.c.due_at.is_not(None)
Index("ix_status_page_images_due", images.c.due_at, sqlite_where=_UNFETCHED, postgresql_where=_UNFETCHED)
