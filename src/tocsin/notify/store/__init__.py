"""The shelf of messages: one row for each person to be told, and a ledger of everything that happened to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    false,
    func,
    insert,
    literal,
    select,
    update,
)

from tocsin.notify.model import Kind, Notice, State
from tocsin.storage import Instant, Json, Tx, metadata
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
    UniqueConstraint("incident_id", "user_id", "planned_at", "channel", "kind"),
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
        )
    ),
    sqlite_autoincrement=True,
)
"""`due_at`: when it is next to be looked at (the end of the lease while sending); NULL = nothing more will happen.

`charged_at`: when it was counted against its person's allowance; NULL = a page that was never tried, or no page.
`digest_id`: of a held page, the digest in which it stands; 0 = in none yet.
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

Rows = Sequence[Row[Any]]
UNTOLD = 0
"""The `digest_id` of a held page that stands in no digest yet."""


def planned(
    tx: Tx, *, incident_id: int, user_id: int, planned_at: datetime, channel: str, kind: str
) -> Row[Any] | None:  # fmt: skip
    """(id, state, attempts) of this very message, if it stands on the shelf already."""
    column = deliveries.c
    statement = select(column.id, column.state, column.attempts).where(
        column.incident_id == incident_id,
        column.user_id == user_id,
        column.planned_at == planned_at,
        column.channel == channel,
        column.kind == kind,
    )
    return tx.execute(statement).first()


def revive(tx: Tx, delivery_id: int, *, notice: Notice, address: str, due_at: datetime) -> None:
    """Queue a cancelled message again. `attempts` goes on, so that an answer to an old attempt is known as such."""
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    tx.execute(statement.values(state=State.QUEUED, notice=notice, address=address, due_at=due_at))


def add(tx: Tx, **values: Any) -> int:
    """Put a delivery on the shelf; returns its id."""
    return tx.insert(insert(deliveries).values(**values))


def append(tx: Tx, rows: list[dict[str, Any]]) -> None:
    """Write lines into the ledger."""
    if rows:
        tx.execute(insert(delivery_events), rows)


def get(tx: Tx, delivery_id: int) -> Row[Any] | None:
    return tx.execute(select(deliveries).where(deliveries.c.id == delivery_id)).first()


def take(tx: Tx, channel: str, urgencies: Sequence[int], limit: int, lease_until: datetime) -> Rows:
    """Lease up to `limit` due deliveries of a channel, most urgent first; each is given to one caller only."""
    column = deliveries.c
    ids: list[int] = []
    for urgency in urgencies:  # one range of the index each, so that what is not due yet costs nothing
        due = (
            select(column.id)
            .where(column.channel == channel, column.urgency == urgency, column.due_at <= tx.now)
            .order_by(column.due_at, column.id)
            .limit(limit - len(ids))
            .with_for_update(skip_locked=True)
        )
        ids.extend(tx.execute(due).scalars())
        if len(ids) >= limit:
            break
    if not ids:
        return []
    lease = (
        update(deliveries)
        .where(column.id.in_(ids), column.due_at <= tx.now)
        .values(state=State.SENDING, attempts=column.attempts + 1, in_flight=True, due_at=lease_until)
        .returning(*column)
    )
    return sorted(tx.execute(lease).all(), key=lambda row: (row.urgency, row.planned_at, row.id))


def change(tx: Tx, delivery_id: int, *, state: str, due_at: datetime | None, in_flight: bool) -> None:
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    tx.execute(statement.values(state=state, due_at=due_at, in_flight=in_flight))


def renew_pages(tx: Tx, incident_id: int, notice: Notice) -> None:
    """Give the pages of an incident that are still to be sent another text."""
    column = deliveries.c
    unsent = update(deliveries).where(column.incident_id == incident_id, column.kind == Kind.PAGE)
    tx.execute(unsent.where(column.due_at.is_not(None)).values(notice=notice))


def fresh_pages(tx: Tx, channel: str, urgency: int, limit: int) -> Rows:
    """(id, user_id, team_id) of the due pages of a channel that were never tried and may be held back, in order."""
    column = deliveries.c
    fresh = select(column.id, column.user_id, column.team_id).where(*_fresh(tx, channel, urgency))
    return tx.execute(fresh.order_by(column.due_at, column.id).limit(limit)).all()


def charged(tx: Tx, user_id: int, since: datetime, limit: int) -> int:
    """How many pages a person has had since then; counts no further than `limit`."""
    column = deliveries.c
    return _count(tx, select(column.id).where(column.user_id == user_id, column.charged_at > since).limit(limit))


def charged_to_team(tx: Tx, team_id: int, channel: str, since: datetime, limit: int) -> int:
    """How many pages a team has sent by a channel since then; counts no further than `limit`."""
    column = deliveries.c
    mine = select(column.id).where(column.team_id == team_id, column.channel == channel, column.charged_at > since)
    return _count(tx, mine.limit(limit))


def charge(tx: Tx, ids: Collection[int]) -> None:
    """Count these pages against their persons' allowances, once."""
    column = deliveries.c
    pages = update(deliveries).where(column.id.in_(ids), column.kind == Kind.PAGE, column.charged_at.is_(None))
    tx.execute(pages.values(charged_at=tx.now))


def hold(tx: Tx, channel: str, urgency: int, *, but: Collection[int], user_id: int | None, team_id: int | None) -> Rows:
    """Hold back what a person (or a team) has due by a channel and was never tried, `but` these; returns them."""
    column = deliveries.c
    whose = column.user_id == user_id if user_id is not None else column.team_id == team_id
    held = update(deliveries).where(*_fresh(tx, channel, urgency), whose, column.id.not_in(but))
    held = held.values(state=State.HELD, due_at=None, digest_id=UNTOLD)
    return tx.execute(
        held.returning(column.id, column.incident_id, column.user_id, column.team_id, column.channel, column.address)
    ).all()


def latest_digest(tx: Tx, user_id: int) -> Row[Any] | None:
    """(delivery_id, planned_at, open) of a person's latest digest."""
    return tx.execute(select(digests).where(digests.c.user_id == user_id)).first()


def put_digest(tx: Tx, user_id: int, delivery_id: int, planned_at: datetime) -> None:
    """From now on this is where the person's held pages go."""
    tx.execute(delete(digests).where(digests.c.user_id == user_id))
    tx.execute(insert(digests).values(user_id=user_id, delivery_id=delivery_id, planned_at=planned_at, open=True))


def close_digest(tx: Tx, delivery_id: int, user_id: int) -> int:
    """All that is held for a person stands in this digest now; returns how many there are."""
    column = deliveries.c
    tx.execute(update(digests).where(digests.c.delivery_id == delivery_id).values(open=False))
    mine = update(deliveries).where(column.digest_id == UNTOLD, column.user_id == user_id)
    return tx.execute(mine.values(digest_id=delivery_id)).rowcount


def in_digest(tx: Tx, delivery_id: int, limit: int) -> Rows:
    """The first pages that stand in a digest: (id, notice)."""
    column = deliveries.c
    mine = select(column.id, column.notice).where(column.digest_id == delivery_id)
    return tx.execute(mine.order_by(column.id).limit(limit)).all()


def set_notice(tx: Tx, delivery_id: int, notice: Notice) -> None:
    """Say this instead."""
    tx.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(notice=notice))


def append_to_all_in(tx: Tx, digest_id: int, state: str, detail: str) -> None:
    """Write the same line into the ledger of every page that stands in a digest."""
    column = deliveries.c
    lines = select(column.id, literal(tx.now, Instant), literal(state), column.attempts, literal(detail))
    into = insert(delivery_events).from_select(
        ["delivery_id", "at", "state", "attempt", "detail"], lines.where(column.digest_id == digest_id)
    )
    tx.execute(into)


def let_go(tx: Tx, digest_id: int) -> int:
    """Let the pages of a digest go out by themselves after all, whatever their persons have had; returns how many."""
    mine = update(deliveries).where(deliveries.c.digest_id == digest_id, deliveries.c.state == State.HELD)
    values = {"state": State.QUEUED, "due_at": tx.now, "charged_at": tx.now, "digest_id": None}
    return tx.execute(mine.values(**values)).rowcount


def cancel_held(tx: Tx, incident_id: int) -> list[int]:
    """Take back the held pages of an incident that stand in no digest yet; returns their ids."""
    column = deliveries.c
    untold = update(deliveries).where(column.incident_id == incident_id, column.digest_id == UNTOLD)
    return list(tx.execute(untold.values(state=State.CANCELLED, digest_id=None).returning(column.id)).scalars())


def cancel_pages(tx: Tx, incident_id: int) -> Rows:
    """Cancel the pages of an incident that are still to be sent; returns (id, attempts) of each."""
    column = deliveries.c
    statement = (
        update(deliveries)
        .where(column.incident_id == incident_id, column.kind == Kind.PAGE, column.due_at.is_not(None))
        .values(state=State.CANCELLED, due_at=None)
        .returning(column.id, column.attempts)
    )
    return tx.execute(statement).all()


def hasten(tx: Tx) -> int:
    """Make every delivery due now that was tried before and is not finished; returns how many there were."""
    column = deliveries.c
    statement = update(deliveries).where(column.due_at > tx.now, column.attempts > 0).values(due_at=tx.now)
    return tx.execute(statement).rowcount


def ledger(tx: Tx, incident_id: int, limit: int) -> Rows:
    """The newest ledger lines of an incident, newest first."""
    column, event = deliveries.c, delivery_events.c
    statement = (
        select(
            event.at, event.delivery_id, event.state, event.attempt, event.detail,
            column.user_id, column.recipient, column.address, column.channel, column.kind,
        )
        .join(deliveries, column.id == event.delivery_id)
        .where(column.incident_id == incident_id)
        .order_by(event.id.desc())
        .limit(limit)
    )  # fmt: skip
    return tx.execute(statement).all()


def reached(tx: Tx, incident_id: int) -> Rows:
    """(user_id, channel, address) of everyone whose page was accepted, or may have been."""
    column = deliveries.c
    statement = (
        select(column.user_id, column.channel, column.address)
        .where(column.incident_id == incident_id, column.kind == Kind.PAGE)
        .where((column.state == State.SENT) | column.in_flight)
        .group_by(column.user_id, column.channel, column.address)
        .order_by(func.min(column.id))
    )
    return tx.execute(statement).all()


def channels_waiting(tx: Tx, limit: int) -> list[str]:
    """The channels with unfinished deliveries, found by a jump of the index each."""
    column = deliveries.c
    found: list[str] = []
    for _ in range(limit):
        after = column.channel > (found[-1] if found else "")
        statement = select(column.channel).where(after, column.due_at.is_not(None)).order_by(column.channel).limit(1)
        channel = tx.execute(statement).scalar()
        if channel is None:
            break
        found.append(channel)
    return found


def dues(tx: Tx, channel: str, urgency: int) -> tuple[datetime | None, datetime | None]:
    """(the oldest due_at that has come, the next one to come) of a channel's deliveries of one urgency."""
    column = deliveries.c
    mine = select(func.min(column.due_at)).where(column.channel == channel, column.urgency == urgency)
    come = mine.where(column.due_at <= tx.now).scalar_subquery()
    coming = mine.where(column.due_at > tx.now).scalar_subquery()
    row = tx.execute(select(come.label("come"), coming.label("coming"))).one()
    return row.come, row.coming


def oldest_tried(tx: Tx, urgency: int) -> datetime | None:
    """When the oldest unfinished delivery of that urgency was planned that has been tried already."""
    column = deliveries.c
    waiting = (column.due_at.is_not(None)) & (column.urgency == urgency) & (column.attempts > 0)
    found: datetime | None = tx.execute(select(func.min(column.planned_at)).where(waiting)).scalar_one()
    return found


def count_by_state(tx: Tx, since: datetime) -> dict[str, int]:
    """How many deliveries stand in each state, of those planned since then and those that are unfinished."""
    column = deliveries.c
    counted: dict[str, int] = {}
    for these in (column.planned_at >= since, (column.planned_at < since) & column.due_at.is_not(None)):
        statement = select(column.state, func.count().label("number")).where(these).group_by(column.state)
        for row in tx.execute(statement):
            counted[row.state] = counted.get(row.state, 0) + row.number
    return counted


def _fresh(tx: Tx, channel: str, urgency: int) -> tuple[ColumnElement[bool], ...]:
    """Due pages of a channel that were never tried; critical alerts are never among them."""
    column = deliveries.c
    due = (column.channel == channel, column.urgency == urgency, column.due_at <= tx.now)
    return (*due, column.kind == Kind.PAGE, column.charged_at.is_(None), column.critical.is_(False))


def _count(tx: Tx, some: Select[Any]) -> int:
    return int(tx.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def finished(tx: Tx, before: datetime, spared: Collection[int], limit: int) -> list[int]:
    """The oldest deliveries planned before then of which nothing more will come, but for the spared incidents'."""
    column = deliveries.c
    old = select(column.id).where(
        column.planned_at < before, column.due_at.is_(None), column.incident_id.not_in(spared)
    )
    return list(tx.execute(old.order_by(column.planned_at).limit(limit)).scalars())


def deliveries_of(tx: Tx, incident_ids: Collection[int], limit: int) -> list[int]:
    """The deliveries of these incidents."""
    column = deliveries.c
    return list(tx.execute(select(column.id).where(column.incident_id.in_(incident_ids)).limit(limit)).scalars())


def remove(tx: Tx, ids: Collection[int], at_most: int) -> int:
    """Delete deliveries with their ledger, lines first, in all at most so many rows; returns how many rows."""
    event = delivery_events.c
    lines = select(event.id).where(event.delivery_id.in_(ids)).order_by(event.delivery_id, event.id)
    room = at_most - len(ids)
    line_ids = list(tx.execute(lines.limit(room + 1)).scalars())
    if line_ids:
        tx.execute(delete(delivery_events).where(event.id.in_(line_ids[:room])))
    if len(line_ids) > room:  # a long ledger goes in several rounds, its delivery with the last
        return room
    tx.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))
    return len(line_ids) + len(ids)
