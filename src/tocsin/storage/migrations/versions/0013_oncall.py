"""Who is on call: calendars, and everything that is planned in them.

Every team gets the calendar that is meant when none is named; its partial unique index makes a second one impossible.
`look_at` is the instant at which somebody must look who is on call next, so that a hand-off that falls into a crash is
still told. Events are rows, because programs name them by id; layers are described and computed when asked, because
they never end. What was last read from another calendar is kept as rows of its own, replaced as a whole when a newer
copy has come. The secrets in the addresses of feeds are found by a keyed hash and kept sealed, to be shown again.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    _calendars()
    _planned()
    _exchanged()


def _calendars() -> None:
    op.create_table(
        "on_call_calendars",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_on_call_calendars_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=True),
        sa.Column("default_calendar", sa.Boolean, nullable=False),
        sa.Column("handoff_notices", sa.Boolean, nullable=False),
        sa.Column("handoff_notice_minutes", sa.BigInteger, nullable=True),
        sa.Column("look_at", sa.BigInteger, nullable=True),
        sa.Column("told_user_ids", sa.Text, nullable=False),
        sa.Column("announced_until", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_calendars"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_calendars_team_id", "on_call_calendars", ["team_id", "id"])
    op.create_index("ix_on_call_calendars_look_at", "on_call_calendars", ["look_at"])
    is_default = sa.text("default_calendar IS TRUE")
    op.create_index(
        "uq_on_call_calendars_default",
        "on_call_calendars",
        ["team_id"],
        unique=True,
        sqlite_where=sa.text("default_calendar IS 1"),
        postgresql_where=is_default,
    )
    op.execute(
        sa.text(
            "INSERT INTO on_call_calendars"
            " (team_id, name, default_calendar, handoff_notices, told_user_ids, created_at)"
            " SELECT id, NULL, :yes, :yes, '[]', created_at FROM teams ORDER BY id"
        ).bindparams(sa.bindparam("yes", value=True, type_=sa.Boolean))
    )


def _planned() -> None:
    op.create_table(
        "on_call_rotations",
        sa.Column("id", Id, nullable=False),
        _calendar("on_call_rotations"),
        sa.Column("user_ids", sa.Text, nullable=False),
        sa.Column("rotation_length", sa.BigInteger, nullable=False),
        sa.Column("rotation_interval", sa.Text, nullable=False),
        sa.Column("start_rotations_at", sa.BigInteger, nullable=False),
        sa.Column("end_rotations_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_rotations"),
        sa.UniqueConstraint("calendar_id", name="uq_on_call_rotations_calendar_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "on_call_events",
        sa.Column("id", Id, nullable=False),
        _calendar("on_call_events"),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("user_ids", sa.Text, nullable=False),
        sa.Column("override", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_events_calendar_id", "on_call_events", ["calendar_id", "ends_at"])
    op.create_table(
        "on_call_layers",
        sa.Column("id", Id, nullable=False),
        _calendar("on_call_layers"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("user_ids", sa.Text, nullable=False),
        sa.Column("rotation_length", sa.BigInteger, nullable=False),
        sa.Column("rotation_interval", sa.Text, nullable=False),
        sa.Column("handoff_time", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=True),
        sa.Column("restrictions", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_layers"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_layers_calendar_id", "on_call_layers", ["calendar_id", "position", "id"])
    op.create_table(
        "on_call_cover_requests",
        sa.Column("id", Id, nullable=False),
        _calendar("on_call_cover_requests"),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("asked_user_id", Id, nullable=True),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("swap_starts_at", sa.BigInteger, nullable=True),
        sa.Column("swap_ends_at", sa.BigInteger, nullable=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_by_user_id", Id, nullable=True),
        sa.Column("decided_at", sa.BigInteger, nullable=True),
        sa.Column("expires_at", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_cover_requests"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_cover_requests_calendar_id", "on_call_cover_requests", ["calendar_id", "id"])
    op.create_index("ix_on_call_cover_requests_expires_at", "on_call_cover_requests", ["expires_at"])


def _exchanged() -> None:
    op.create_table(
        "on_call_imports",
        sa.Column("id", Id, nullable=False),
        _calendar("on_call_imports"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sealed_url", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("poll_at", sa.BigInteger, nullable=False),
        sa.Column("tried_at", sa.BigInteger, nullable=True),
        sa.Column("read_at", sa.BigInteger, nullable=True),
        sa.Column("warning", sa.Text, nullable=True),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_imports"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_imports_calendar_id", "on_call_imports", ["calendar_id", "id"])
    op.create_index("ix_on_call_imports_poll_at", "on_call_imports", ["poll_at"])
    op.create_table(
        "on_call_imported_events",
        sa.Column("id", Id, nullable=False),
        sa.Column(
            "import_id",
            Id,
            sa.ForeignKey("on_call_imports.id", name="fk_on_call_imported_events_import_id_on_call_imports"),
            nullable=False,
        ),
        sa.Column("calendar_id", Id, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("user_ids", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_imported_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_imported_events_import_id", "on_call_imported_events", ["import_id", "id"])
    op.create_index("ix_on_call_imported_events_calendar_id", "on_call_imported_events", ["calendar_id", "ends_at"])
    op.create_table(
        "on_call_feeds",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_on_call_feeds_team_id_teams"), nullable=False),
        sa.Column("calendar_id", Id, nullable=True),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("sealed_token", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_on_call_feeds"),
        sa.UniqueConstraint("token_hash", name="uq_on_call_feeds_token_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_on_call_feeds_team_id", "on_call_feeds", ["team_id", "id"])


def _calendar(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("on_call_calendars.id", name=f"fk_{table}_calendar_id_on_call_calendars")
    return sa.Column("calendar_id", Id, key, nullable=False)
