"""The tables of being on call."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id, Instant, Json, metadata

TOPIC = "on_call"
"""Rung when who is on call may have changed, or will change at another instant."""
IMPORTS_TOPIC = "on_call_imports"

calendars = Table(
    "on_call_calendars",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("name", Text, nullable=True),
    Column("default_calendar", Boolean, nullable=False),
    Column("handoff_notices", Boolean, nullable=False),
    Column("handoff_notice_minutes", BigInteger, nullable=True),
    Column("look_at", Instant, nullable=True, index=True),
    Column("told_user_ids", Json, nullable=False),
    Column("announced_until", Instant, nullable=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_on_call_calendars_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)
"""`look_at`: when somebody must look who is on call next; NULL: nothing will change by itself. `told_user_ids`: who was
on call at the last look. `announced_until`: changes up to here were announced beforehand."""
IS_DEFAULT = calendars.c.default_calendar.is_(True)
Index(
    "uq_on_call_calendars_default",
    calendars.c.team_id,
    unique=True,  # a team has one calendar that is meant when none is named
    sqlite_where=IS_DEFAULT,
    postgresql_where=IS_DEFAULT,
)
moves_with_the_clock(
    calendars.c.look_at,
    calendars.c.announced_until,
    topic=TOPIC,
    concerned=lambda now: calendars.c.look_at.is_not(None),
)

rotations = Table(
    "on_call_rotations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("calendar_id", Id, ForeignKey("on_call_calendars.id"), nullable=False, unique=True),
    Column("user_ids", Json, nullable=False),
    Column("rotation_length", BigInteger, nullable=False),
    Column("rotation_interval", Text, nullable=False),
    Column("start_rotations_at", Instant, nullable=False),
    Column("end_rotations_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

on_call_events = Table(
    "on_call_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("calendar_id", Id, ForeignKey("on_call_calendars.id"), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("user_ids", Json, nullable=False),
    Column("override", Boolean, nullable=False),
    Index("ix_on_call_events_calendar_id", "calendar_id", "ends_at"),
    sqlite_autoincrement=True,
)

layers = Table(
    "on_call_layers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("calendar_id", Id, ForeignKey("on_call_calendars.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("user_ids", Json, nullable=False),
    Column("rotation_length", BigInteger, nullable=False),
    Column("rotation_interval", Text, nullable=False),
    Column("handoff_time", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=True),
    Column("restrictions", Json, nullable=False),
    Index("ix_on_call_layers_calendar_id", "calendar_id", "position", "id"),
    sqlite_autoincrement=True,
)

covers = Table(
    "on_call_cover_requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("calendar_id", Id, ForeignKey("on_call_calendars.id"), nullable=False),
    Column("user_id", Id, nullable=False),
    Column("asked_user_id", Id, nullable=True),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("swap_starts_at", Instant, nullable=True),
    Column("swap_ends_at", Instant, nullable=True),
    Column("message", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("decided_by_user_id", Id, nullable=True),
    Column("decided_at", Instant, nullable=True),
    Column("expires_at", Instant, nullable=True, index=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_on_call_cover_requests_calendar_id", "calendar_id", "id"),
    sqlite_autoincrement=True,
)
"""`expires_at`: when it is too late for an answer; NULL once there is one."""
moves_with_the_clock(covers.c.expires_at, topic=TOPIC, concerned=lambda now: covers.c.expires_at.is_not(None))

imports = Table(
    "on_call_imports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("calendar_id", Id, ForeignKey("on_call_calendars.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("sealed_url", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("poll_at", Instant, nullable=False, index=True),
    Column("tried_at", Instant, nullable=True),
    Column("read_at", Instant, nullable=True),
    Column("warning", Text, nullable=True),
    Column("failures", BigInteger, nullable=False),
    Column("etag", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_on_call_imports_calendar_id", "calendar_id", "id"),
    sqlite_autoincrement=True,
)
moves_with_the_clock(imports.c.poll_at, topic=IMPORTS_TOPIC, concerned=lambda now: imports.c.poll_at > now)

imported = Table(
    "on_call_imported_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("import_id", Id, ForeignKey("on_call_imports.id"), nullable=False),
    Column("calendar_id", Id, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("user_ids", Json, nullable=False),
    Index("ix_on_call_imported_events_import_id", "import_id", "id"),
    Index("ix_on_call_imported_events_calendar_id", "calendar_id", "ends_at"),
    sqlite_autoincrement=True,
)

feeds = Table(
    "on_call_feeds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("calendar_id", Id, nullable=True),
    Column("user_id", Id, nullable=True),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("sealed_token", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_on_call_feeds_team_id", "team_id", "id"),
    sqlite_autoincrement=True,
)
