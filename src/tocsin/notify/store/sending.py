"""The shelf while a message is under way: planned, leased to a sender, settled, taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import BigInteger, ColumnElement, Row, bindparam, func, insert, select, type_coerce, update

from tocsin.kernel.clock import to_milliseconds
from tocsin.notify.model import EVERYTHING, Kind, Notice, Place, Share, State
from tocsin.notify.store.reading import ACCEPTED
from tocsin.notify.store.tables import deliveries, delivery_events
from tocsin.storage import Prepared, Tx

Rows = Sequence[Row[Any]]
MAX_PARENTS = 5_000
"""Messages among which the first of each thread is sought; the first ones are the oldest."""
NOBODY: Place = (0, 0)
"""Where tests of the pager go: to no place that others share."""


_SAME = ("incident_id", "user_id", "target_id", "channel", "kind", "address", "distinct_key")
_PLANNED = Prepared(
    select(deliveries.c.id, deliveries.c.state, deliveries.c.attempts).where(
        *(deliveries.c[name] == bindparam(name) for name in _SAME),
        type_coerce(deliveries.c.planned_at, BigInteger) == bindparam("planned_at"),
    )
)
_ADD = insert(deliveries)
_APPEND = insert(delivery_events)
_GET = select(deliveries).where(deliveries.c.id == bindparam("this"))
_CHANGE = update(deliveries).where(deliveries.c.id == bindparam("this"))
"""Every page passes these: building a statement anew costs more than running it."""


class Planned(NamedTuple):
    """What stands on the shelf already."""

    id: int
    state: str
    attempts: int


def planned(tx: Tx, *, planned_at: datetime, **same: Any) -> Planned | None:
    """This very message, if it stands on the shelf already; `same`: the other columns that make two messages one."""
    found = _PLANNED.first(tx, {**same, "planned_at": to_milliseconds(planned_at)})
    return None if found is None else Planned(*found)


def revive(
    tx: Tx, delivery_id: int, *, notice: Notice, due_at: datetime, watch_at: datetime | None
) -> None:  # fmt: skip
    """Queue a cancelled message again. `attempts` goes on, so that an answer to an old attempt is known as such."""
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    values = {"state": State.QUEUED, "notice": notice, "due_at": due_at, "watch_at": watch_at, "open": True}
    tx.execute(statement.values(**values))


def add(tx: Tx, **values: Any) -> int:
    """Put a delivery on the shelf; returns its id."""
    return tx.insert(_ADD, values)


def append(tx: Tx, rows: list[dict[str, Any]]) -> None:
    """Write lines into the ledger."""
    if rows:
        tx.execute(_APPEND, rows)


def get(tx: Tx, delivery_id: int) -> Row[Any] | None:
    return tx.execute(_GET, {"this": delivery_id}).first()


def take(
    tx: Tx, channel: str, urgencies: Sequence[int], limit: int, lease_until: datetime, share: Share = EVERYTHING
) -> Rows:
    """Lease up to `limit` due deliveries of a channel, most urgent first, to each place no more than its `share`; each
    delivery is given to one caller only."""
    column = deliveries.c
    ids: list[int] = []
    busy = Counter(share.busy)
    for urgency in urgencies:  # one range of the index each, so that what is not due yet costs nothing
        _choose(tx, channel, urgency, limit, Share(most=share.most, busy=busy), ids, busy)
    if not ids:
        return []
    lease = (
        update(deliveries)
        .where(column.id.in_(ids), column.due_at <= tx.now)
        .values(state=State.SENDING, attempts=column.attempts + 1, in_flight=True, due_at=lease_until)
        .returning(*column)
    )
    return sorted(tx.execute(lease).all(), key=lambda row: (row.urgency, row.planned_at, row.id))


def _choose(
    tx: Tx, channel: str, urgency: int, limit: int, share: Share, ids: list[int], busy: Counter[Place]
) -> None:  # fmt: skip
    """Add what is due to `ids`, and to `busy` where it goes. Whoever meets a place that is full looks again without it:
    a place is met once, so there are no more looks than places that fill up."""
    column = deliveries.c
    while len(ids) < limit:
        full = share.full
        due = (
            select(column.id, column.user_id, column.target_id)
            .where(column.channel == channel, column.urgency == urgency, column.due_at <= tx.now)
            .where(column.id.not_in(ids), *_not_to(full))
            .order_by(column.due_at, column.id)
            .limit(limit - len(ids))
            .with_for_update(skip_locked=True)
        )
        rows = tx.execute(due).all()
        for row in rows:
            place = (row.user_id, row.target_id)
            if place == NOBODY or busy[place] < share.most:
                ids.append(row.id)
                busy[place] += 1
        if len(rows) == 0 or share.full == full:
            return


def _not_to(full: Collection[Place]) -> tuple[ColumnElement[bool], ...]:
    column = deliveries.c
    people, targets = [user for user, _ in full if user], [target for _, target in full if target]
    return (*((column.user_id.not_in(people),) if people else ()),
            *((column.target_id.not_in(targets),) if targets else ()))  # fmt: skip


def change(
    tx: Tx, delivery_id: int, *, state: str, due_at: datetime | None, in_flight: bool, **more: Any
) -> None:  # fmt: skip
    """`more`: other columns that change with it, e.g. `provider_id`, `watch_at`."""
    tx.execute(_CHANGE, {"this": delivery_id, "state": state, "due_at": due_at, "in_flight": in_flight, **more})


def renew_pages(tx: Tx, incident_id: int, notice: Notice) -> None:
    """Give the pages of an incident that are still to be sent another text. What is critical stays so."""
    column = deliveries.c
    unsent = update(deliveries).where(column.incident_id == incident_id, column.kind == Kind.PAGE)
    unsent = unsent.where(column.due_at.is_not(None))
    tx.execute(unsent.where(column.critical.is_(False)).values(notice=notice))
    tx.execute(unsent.where(column.critical).values(notice=replace(notice, critical=True)))


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


def set_notice(tx: Tx, delivery_id: int, notice: Notice) -> None:
    """Say this instead."""
    tx.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(notice=notice))


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


def dues(
    tx: Tx, channel: str, urgency: int, full: Collection[Place] = ()
) -> tuple[datetime | None, datetime | None]:  # fmt: skip
    """(the oldest due_at that has come, the next one to come) of a channel's deliveries of one urgency, but for those
    to places that are `full`."""
    column = deliveries.c
    mine = select(func.min(column.due_at)).where(column.channel == channel, column.urgency == urgency, *_not_to(full))
    come = mine.where(column.due_at <= tx.now).scalar_subquery()
    coming = mine.where(column.due_at > tx.now).scalar_subquery()
    row = tx.execute(select(come.label("come"), coming.label("coming"))).one()
    return row.come, row.coming


def newest_accepted(tx: Tx) -> datetime | None:
    """For when the newest page was planned that a provider has taken."""
    column = deliveries.c
    taken = select(column.planned_at).where(column.kind == Kind.PAGE, column.state.in_(ACCEPTED))
    found: datetime | None = tx.execute(taken.order_by(column.planned_at.desc()).limit(1)).scalar()
    return found


def oldest_tried(tx: Tx, urgency: int, since: datetime | None = None) -> datetime | None:
    """When the oldest unfinished delivery of that urgency was planned (after `since`) that has been tried already; one
    that is about no incident, e.g. a test of the pager, keeps nobody waiting."""
    column = deliveries.c
    waiting = (column.due_at.is_not(None)) & (column.urgency == urgency) & (column.attempts > 0)
    waiting &= column.incident_id > 0
    if since is not None:
        waiting &= column.planned_at > since
    found: datetime | None = tx.execute(select(func.min(column.planned_at)).where(waiting)).scalar_one()
    return found


def close_pages(tx: Tx, incident_id: int) -> None:
    """Nobody needs to answer these pages any more, nor look whether they were accepted in time."""
    column = deliveries.c
    pages = update(deliveries).where(column.incident_id == incident_id, column.kind == Kind.PAGE, column.open.is_(True))
    tx.execute(pages.values(open=False, watch_at=None))


def codes(tx: Tx, user_id: int) -> dict[int, str]:
    """By incident, the code with which this person answers its pages, of those that are open."""
    column = deliveries.c
    mine = select(column.incident_id, column.code).where(column.user_id == user_id, column.code.is_not(None))
    return {row.incident_id: row.code for row in tx.execute(mine.where(column.open.is_(True)))}


def with_code(tx: Tx, user_ids: Collection[int], code: str | None, since: datetime, limit: int) -> Rows:
    """(id, incident_id, user_id) of these people's pages with this code planned after `since`, open or not, the newest
    first; without a code, of their open pages that have one."""
    column = deliveries.c
    which: tuple[ColumnElement[bool], ...] = (column.code.is_not(None), column.open.is_(True))
    if code is not None:
        which = (column.code == code, column.planned_at > since)
    mine = select(column.id, column.incident_id, column.user_id).where(column.user_id.in_(user_ids), *which)
    return tx.execute(mine.order_by(column.id.desc()).limit(limit)).all()


def parents(tx: Tx, incident_ids: Collection[int], channels: Collection[str], news: Collection[str]) -> Rows:
    """(id, incident_id, user_id, target_id, channel, provider_id) of what providers gave a name, and of all messages
    of the kinds `news`, sent or not; the oldest first."""
    column = deliveries.c
    what = select(column.id, column.incident_id, column.user_id, column.target_id, column.channel, column.provider_id)
    named = what.where(
        column.incident_id.in_(incident_ids),
        column.channel.in_(channels),
        column.provider_id.is_not(None) | column.kind.in_(news),
        column.kind != Kind.CALL_OFF,
    )
    return tx.execute(named.order_by(column.id).limit(MAX_PARENTS)).all()
