"""Proof that a page arrived, and messages to places as well as to people.

A message may go to a team's target (`target_id`), to an address that is a secret (`endpoint`, sealed), and about no
incident at all. So what makes two messages the same takes in the target, the address and `distinct_key`; SQLite can
change that only by building the table anew, and its ledger with it, because the ledger points at it. The numbers go on
where they were: the links in mails carry them. After a provider has accepted a message more becomes known: its name
for it (`provider_id`), and whether it arrived; `watch_at` is the instant at which somebody looks whether it has.
`page_breaches` holds the incidents of which nobody had accepted a page in time, `channels_configured` what this
installation can send, `self_tests` where the pager tries itself out and what came of it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant, Json

revision = "0016"
down_revision = "0015"

_OLD = """id, team_id, incident_id, user_id, recipient, channel, address, kind, urgency, notice, planned_at, state,
    attempts, in_flight, due_at, critical, charged_at, digest_id"""
_LINE = "id, delivery_id, at, state, attempt, detail"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _anew()
    else:
        op.drop_constraint("uq_deliveries_incident_id_user_id_planned_at_channel_kind", "deliveries")
        for column in _columns():
            op.add_column("deliveries", column)
    op.create_index(
        "uq_deliveries_plan",
        "deliveries",
        ["incident_id", "user_id", "target_id", "planned_at", "channel", "kind", "address", "distinct_key"],
        unique=True,
    )
    for name, columns, where in (
        ("ix_deliveries_provider", ["incident_id", "id"], "provider_id IS NOT NULL"),
        ("ix_deliveries_code", ["user_id", "code"], "code IS NOT NULL"),
        ("ix_deliveries_watch_at", ["watch_at"], "watch_at IS NOT NULL"),
    ):
        op.create_index(name, "deliveries", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table("channels_configured", sa.Column("kind", sa.Text, nullable=False), sa.PrimaryKeyConstraint("kind"))
    op.create_table(
        "page_breaches",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_page_breaches_team_id_teams"), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_page_breaches"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_page_breaches_incident_id", "page_breaches", ["incident_id"], unique=True)
    op.create_index("ix_page_breaches_recorded_at", "page_breaches", ["recorded_at"])
    op.create_table(
        "self_tests",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("delivery_id", Id, nullable=True),
        sa.Column("started_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("passed", sa.Boolean, nullable=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("alarmed_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_self_tests"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_self_tests_sink", "self_tests", ["channel", "address"], unique=True)


def _columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("target_id", Id, nullable=False, server_default="0"),
        sa.Column("endpoint", sa.Text, nullable=False, server_default=""),
        sa.Column("distinct_key", sa.Text, nullable=False, server_default=""),
        sa.Column("provider_id", sa.Text, nullable=True),
        sa.Column("code", sa.Text, nullable=True),
        sa.Column("watch_at", Instant, nullable=True),
        sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()),
    )


def _anew() -> None:
    """SQLite: both tables beside the old ones, everything copied, the old ones gone."""
    for name in ("due", "planned_at", "charged_user", "charged_team", "digest"):
        op.drop_index(f"ix_deliveries_{name}", "deliveries")
    op.drop_index("ix_delivery_events_delivery", "delivery_events")
    for table in ("delivery_events", "deliveries"):
        op.rename_table(table, f"{table}_before")
    _deliveries()
    op.create_table(
        "delivery_events",
        sa.Column("id", Id, primary_key=True),
        sa.Column(
            "delivery_id",
            Id,
            sa.ForeignKey("deliveries.id", name="fk_delivery_events_delivery_id_deliveries"),
            nullable=False,
        ),
        sa.Column("at", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute(f"INSERT INTO deliveries ({_OLD}) SELECT {_OLD} FROM deliveries_before")  # noqa: S608 - names of our own
    op.execute(f"INSERT INTO delivery_events ({_LINE}) SELECT {_LINE} FROM delivery_events_before")  # noqa: S608 - names of our own
    op.create_index("ix_delivery_events_delivery", "delivery_events", ["delivery_id", "id"])
    for table in ("delivery_events", "deliveries"):
        op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")  # noqa: S608 - names of our own
        op.execute(
            f"INSERT INTO sqlite_sequence (name, seq) SELECT '{table}', seq FROM sqlite_sequence "  # noqa: S608
            f"WHERE name = '{table}_before'"
        )
        op.drop_table(f"{table}_before")


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", Id, primary_key=True),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_deliveries_team_id_teams"), nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("notice", Json, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("in_flight", sa.Boolean, nullable=False),
        sa.Column("due_at", Instant, nullable=True),
        sa.Column("critical", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("charged_at", Instant, nullable=True),
        sa.Column("digest_id", Id, nullable=True),
        *_columns(),
        sqlite_autoincrement=True,
    )
    for name, columns, known in (
        ("due", ["channel", "urgency", "due_at"], "due_at"),
        ("charged_user", ["user_id", "charged_at"], "charged_at"),
        ("charged_team", ["team_id", "channel", "charged_at"], "charged_at"),
        ("digest", ["digest_id", "user_id"], "digest_id"),
    ):
        where = sa.text(f"{known} IS NOT NULL")
        op.create_index(f"ix_deliveries_{name}", "deliveries", columns, sqlite_where=where)
    op.create_index("ix_deliveries_planned_at", "deliveries", ["planned_at"])
