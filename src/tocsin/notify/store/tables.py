"""The tables of messages: one row for each person or place to be told, and a ledger of all that happened to it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, false, true

from tocsin.storage import Instant, Json, metadata
from tocsin.storage.shifting import moves_with_the_clock
from tocsin.storage.tables import Id

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("incident_id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("notice", Json, nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("in_flight", Boolean, nullable=False),
    Column("due_at", Instant, nullable=True),
    Column("critical", Boolean, nullable=False, server_default=false()),
    Column("charged_at", Instant, nullable=True),
    Column("digest_id", Id, nullable=True),
    Column("target_id", Id, nullable=False, server_default="0"),
    Column("endpoint", Text, nullable=False, server_default=""),
    Column("distinct_key", Text, nullable=False, server_default=""),
    Column("provider_id", Text, nullable=True),
    Column("code", Text, nullable=True),
    Column("watch_at", Instant, nullable=True),
    Column("open", Boolean, nullable=False, server_default=true()),
    Index(
        "uq_deliveries_plan",
        "incident_id",
        "user_id",
        "target_id",
        "planned_at",
        "channel",
        "kind",
        "address",
        "distinct_key",
        unique=True,
    ),
    Index(
        "ix_deliveries_due",
        "channel",
        "urgency",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    Index("ix_deliveries_planned_at", "planned_at"),
    *(
        Index(name, *columns, sqlite_where=Column(known).is_not(None), postgresql_where=Column(known).is_not(None))
        for name, known, *columns in (
            ("ix_deliveries_charged_user", "charged_at", "user_id", "charged_at"),
            ("ix_deliveries_charged_team", "charged_at", "team_id", "channel", "charged_at"),
            ("ix_deliveries_digest", "digest_id", "digest_id", "user_id"),
            ("ix_deliveries_provider", "provider_id", "incident_id", "id"),
            ("ix_deliveries_code", "code", "user_id", "code"),
            ("ix_deliveries_watch_at", "watch_at", "watch_at"),
        )
    ),
    sqlite_autoincrement=True,
)
"""`due_at`: when it is next to be looked at (the end of the lease while sending); NULL = nothing more will happen.

`charged_at`: when it was counted against its person's allowance; NULL = a page that was never tried, or no page.
`digest_id`: of a held page, the digest in which it stands; 0 = in none yet.
`target_id`: the team's target to which it goes, and then `user_id` is 0; 0 = it goes to a person.
`endpoint`: where it really goes when the address is only what may be shown; sealed, and empty when they are the same.
`distinct_key`: tells apart what is the same in everything else: two browsers of one name, two codes at one instant.
`provider_id`: what the provider that accepted it calls it.
`code`: with which a text message answers.
`watch_at`: when somebody looks whether it was accepted (and later: received) in time; NULL = nobody needs to.
`open`: nobody has answered since, and its incident goes on.
`in_flight`: handed to a server whose answer we do not know (yet); after a crash this means "perhaps received".
"""

delivery_events = Table(
    "delivery_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("delivery_id", Id, ForeignKey("deliveries.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_delivery_events_delivery", "delivery_id", "id"),
    sqlite_autoincrement=True,
)

channels_configured = Table(
    "channels_configured",
    metadata,
    Column("kind", Text, primary_key=True),
)
"""The ways to reach people that this installation has what it takes for; the server writes it at its start."""

page_breaches = Table(
    "page_breaches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("why", Text, nullable=False),
    Index("uq_page_breaches_incident_id", "incident_id", unique=True),
    Index("ix_page_breaches_recorded_at", "recorded_at"),
    sqlite_autoincrement=True,
)
"""Incidents of which no provider had accepted a page in time."""

self_tests = Table(
    "self_tests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("delivery_id", Id, nullable=True),
    Column("started_at", Instant, nullable=True),
    Column("ended_at", Instant, nullable=True),
    Column("passed", Boolean, nullable=True),
    Column("why", Text, nullable=False),
    Column("alarmed_at", Instant, nullable=True),
    Index("uq_self_tests_sink", "channel", "address", unique=True),
    sqlite_autoincrement=True,
)
"""The places at which the pager is tried out, each with its latest test."""

digests = Table(
    "digests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, nullable=False, unique=True),
    Column("delivery_id", Id, nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("open", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
"""Each person's latest digest; `open`: what is held back now will stand in it."""

moves_with_the_clock(deliveries.c.due_at, topic="deliveries", concerned=lambda now: deliveries.c.due_at.is_not(None))
moves_with_the_clock(deliveries.c.charged_at, topic="deliveries", concerned=lambda now: deliveries.c.charged_at > now)
moves_with_the_clock(self_tests.c.due_at, topic="self_tests", concerned=lambda now: self_tests.c.due_at > now)
moves_with_the_clock(
    deliveries.c.watch_at, topic="deliveries", concerned=lambda now: deliveries.c.watch_at.is_not(None)
)
