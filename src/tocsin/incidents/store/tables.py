"""The tables of incidents: what failed, the evidence, and every line of the story."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, and_, false, text

from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id, Instant, Json, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("owner_type", Text, nullable=True),
    Column("owner_id", Id, nullable=True),
    Column("kind", Text, nullable=False),
    Column("alert_id", Text, nullable=True, server_default=""),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=True),
    Column("http_method", Text, nullable=True),
    Column("cause", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("confirmed_at", Instant, nullable=True),
    Column("acknowledged_at", Instant, nullable=True),
    Column("acknowledged_by", Text, nullable=True),
    Column("resolved_at", Instant, nullable=True),
    Column("resolved_by", Text, nullable=True),
    Column("reopened_at", Instant, nullable=True),
    Column("reopened_by", Text, nullable=True),
    Column("withdrawn", Boolean, nullable=False),
    Column("incident_group_id", Id, nullable=True),
    Column("regions", Json, nullable=True),
    Column("origin_url", Text, nullable=True),
    Column("requester_email", Text, nullable=True),
    Column("lapses_at", Instant, nullable=True),
    Column("paging", Json, nullable=False),
    Column("ssl_certificate_expires_at", Instant, nullable=True),
    Column("domain_expires_at", Instant, nullable=True),
    Column("response_content", Text, nullable=True),
    Column("response_options", Text, nullable=True),
    Column("has_response", Boolean, nullable=False),
    Column("has_screenshot", Boolean, nullable=False, server_default=false()),
    Column("has_trace", Boolean, nullable=False, server_default=false()),
    Column("acknowledged_by_agent_id", Id, nullable=True),
    Column("confirm_by", Instant, nullable=True),
    Column("agent_acknowledgements", Integer, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)
"""`alert_id`: of an alert the sender's, NULL when it gave none (every NULL is another); the empty text for all else."""
OPEN = incidents.c.resolved_at.is_(None)
Index("ix_incidents_team_id", incidents.c.team_id, incidents.c.withdrawn, incidents.c.id)
Index("ix_incidents_withdrawn", incidents.c.withdrawn, incidents.c.resolved_at)
Index("ix_incidents_owner", incidents.c.owner_type, incidents.c.owner_id, incidents.c.started_at)
Index(
    "ix_incidents_open",
    incidents.c.team_id,
    incidents.c.withdrawn,
    incidents.c.id,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
Index(
    "uq_incidents_open_owner",
    incidents.c.owner_type,
    incidents.c.owner_id,
    incidents.c.kind,
    incidents.c.alert_id,
    unique=True,  # one owner has at most one open incident of a kind (and alert), whatever two workers think
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)

_IN_A_GROUP = incidents.c.incident_group_id.is_not(None)
_ALONE = and_(OPEN, incidents.c.incident_group_id.is_(None))
_LAPSES = incidents.c.lapses_at.is_not(None)
Index("ix_incidents_alone", incidents.c.team_id, incidents.c.confirmed_at, sqlite_where=_ALONE, postgresql_where=_ALONE)
Index(
    "ix_incidents_group",
    incidents.c.incident_group_id,
    incidents.c.id,
    sqlite_where=_IN_A_GROUP,
    postgresql_where=_IN_A_GROUP,
)
Index(
    "ix_incidents_group_open",
    incidents.c.incident_group_id,
    incidents.c.confirmed_at,
    sqlite_where=OPEN,
    postgresql_where=OPEN,
)
Index("ix_incidents_lapses_at", incidents.c.lapses_at, sqlite_where=_LAPSES, postgresql_where=_LAPSES)
moves_with_the_clock(incidents.c.lapses_at, topic="storms", concerned=lambda now: incidents.c.lapses_at.is_not(None))
_UNCONFIRMED_BY_ANYBODY = incidents.c.confirm_by.is_not(None)
Index(
    "ix_incidents_confirm_by",
    incidents.c.confirm_by,
    sqlite_where=_UNCONFIRMED_BY_ANYBODY,
    postgresql_where=_UNCONFIRMED_BY_ANYBODY,
)
moves_with_the_clock(incidents.c.confirm_by, topic="storms", concerned=lambda now: incidents.c.confirm_by.is_not(None))

incident_groups = Table(
    "incident_groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("cause_id", Id, nullable=False, index=True),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=True),
    Column("settle_until", Instant, nullable=True),
    Column("told_at", Instant, nullable=True),
    Column("news_at", Instant, nullable=True, index=True),
    Index("ix_incident_groups_team_id", "team_id", "reason", "started_at"),
    sqlite_autoincrement=True,
)
moves_with_the_clock(
    incident_groups.c.settle_until,
    incident_groups.c.news_at,
    topic="storms",
    concerned=lambda now: incident_groups.c.ended_at.is_(None) | incident_groups.c.news_at.is_not(None),
)

incident_dependencies = Table(
    "incident_dependencies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("owner_type", Text, nullable=False),
    Column("owner_id", Id, nullable=False),
    Index("ix_incident_dependencies_incident_id", "incident_id", "id"),
    Index("ix_incident_dependencies_owner", "owner_type", "owner_id"),
    sqlite_autoincrement=True,
)
"""What the owner of an open incident leans on; forgotten when it ends."""

incident_responses = Table(
    "incident_responses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False, unique=True),
    Column("at", Instant, nullable=False),
    Column("url", Text, nullable=False),
    Column("status_code", Integer, nullable=True),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_truncated", Boolean, nullable=False),
    Column("remote_ip", Text, nullable=True),
    Column("timings", Json, nullable=False),
    Column("shortened", Boolean, nullable=False, server_default=false()),
    Column("screenshot", LargeBinary, nullable=True),
    Column("trace", LargeBinary, nullable=True),
    Index("ix_incident_responses_at", "at"),
    Index("ix_incident_responses_shortened", "shortened", "incident_id"),
    sqlite_autoincrement=True,
)

incident_comments = Table(
    "incident_comments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("content", Text, nullable=False),
    Column("user_id", Id, nullable=True),
    Column("user_email", Text, nullable=True),
    Column("author_name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_incident_comments_incident_id", "incident_id", "id"),
    sqlite_autoincrement=True,
)

incident_changes = Table(
    "incident_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("act", Text, nullable=False),
    Column("actor", Text, nullable=True),
    Column("title", Text, nullable=False),
    Column("content", Text, nullable=False),
    Index("ix_incident_changes_incident_id", "incident_id", "id"),
    sqlite_autoincrement=True,
)
