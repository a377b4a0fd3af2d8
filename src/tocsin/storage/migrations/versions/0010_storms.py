"""One cause, one incident, one page: alerts by their ids, groups of incidents, caps and digests.

An integration may have many open incidents, one for each alert id of its sender, so the guard against a second open
incident of one owner and kind takes the alert id in; the empty text stands for "no alert", because every NULL would be
another one.

`incident_groups` holds one cause and the instants at which something is due about it: news of how many there are, and
the page of whoever speaks for the rest after the cause has ended. `incident_dependencies` says what an open incident
leans on, so that a cause that shows later finds it. In `deliveries`, `charged_at` counts a page against its person's
hourly allowance, and `digest_id` says in which digest a held page was told (0 = in none yet); `digests` holds the
latest one of each person.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    is_open = sa.text("resolved_at IS NULL")
    op.add_column("incidents", sa.Column("alert_id", sa.Text, nullable=True, server_default=""))
    op.drop_index("uq_incidents_open_owner", "incidents")
    op.create_index(
        "uq_incidents_open_owner",
        "incidents",
        ["owner_type", "owner_id", "kind", "alert_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.add_column("incidents", sa.Column("lapses_at", Instant, nullable=True))
    for name, columns, where in (
        ("ix_incidents_alone", ["team_id", "confirmed_at"], "resolved_at IS NULL AND incident_group_id IS NULL"),
        ("ix_incidents_group", ["incident_group_id", "id"], "incident_group_id IS NOT NULL"),
        ("ix_incidents_group_open", ["incident_group_id", "confirmed_at"], "resolved_at IS NULL"),
        ("ix_incidents_lapses_at", ["lapses_at"], "lapses_at IS NOT NULL"),
    ):
        op.create_index(name, "incidents", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    _groups()
    _holding()


def _groups() -> None:
    op.create_table(
        "incident_groups",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_incident_groups_team_id_teams"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("cause_id", Id, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("settle_until", Instant, nullable=True),
        sa.Column("told_at", Instant, nullable=True),
        sa.Column("news_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_incident_groups"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_groups_cause_id", "incident_groups", ["cause_id"])
    op.create_index("ix_incident_groups_news_at", "incident_groups", ["news_at"])
    op.create_index("ix_incident_groups_team_id", "incident_groups", ["team_id", "reason", "started_at"])
    op.create_table(
        "incident_dependencies",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("owner_type", sa.Text, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_dependencies"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_dependencies_incident_id", "incident_dependencies", ["incident_id", "id"])
    op.create_index("ix_incident_dependencies_owner", "incident_dependencies", ["owner_type", "owner_id"])


def _holding() -> None:
    op.add_column("deliveries", sa.Column("critical", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("charged_at", Instant, nullable=True))
    op.add_column("deliveries", sa.Column("digest_id", Id, nullable=True))
    for name, columns, where in (
        ("ix_deliveries_charged_user", ["user_id", "charged_at"], "charged_at IS NOT NULL"),
        ("ix_deliveries_charged_team", ["team_id", "channel", "charged_at"], "charged_at IS NOT NULL"),
        ("ix_deliveries_digest", ["digest_id", "user_id"], "digest_id IS NOT NULL"),
    ):
        op.create_index(name, "deliveries", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "digests",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_digests"),
        sa.UniqueConstraint("user_id", name="uq_digests_user_id"),
        sqlite_autoincrement=True,
    )
