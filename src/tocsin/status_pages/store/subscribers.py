"""Subscribers on the shelf: one row for each address and page, its secrets sealed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, Row, Table, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql

from tocsin.status_pages.model import StatusPage, Subscriber, SubscriberKind
from tocsin.status_pages.store.tables import notices, pages, resources, subscribers
from tocsin.storage import Tx

MAX_RESOURCES_READ = 20_000
"""Names of resources in one look at several pages."""
_column = subscribers.c
_ACTIVE = and_(_column.confirmed_at.is_not(None), _column.unsubscribed_at.is_(None))


def resource_names(tx: Tx, page_ids: Collection[int]) -> dict[int, dict[int, str]]:
    """The public names of resources by id, by page."""
    column = resources.c
    statement = (
        select(column.id, column.status_page_id, column.public_name)
        .where(column.status_page_id.in_(page_ids))
        .order_by(column.status_page_id, column.position, column.id)
        .limit(MAX_RESOURCES_READ)
    )
    names: dict[int, dict[int, str]] = {page_id: {} for page_id in page_ids}
    for row in tx.execute(statement):
        names[row.status_page_id][row.id] = row.public_name
    return names


def find(tx: Tx, id: int) -> Subscriber | None:
    """One subscriber, its secret address in clear (empty when the key that sealed it is lost)."""
    return find_all(tx, [id]).get(id)


def find_all(tx: Tx, ids: Collection[int]) -> dict[int, Subscriber]:
    """Subscribers by id, likewise."""
    return {row.id: _subscriber(tx, row) for row in tx.execute(_select().where(_column.id.in_(ids)))}


def by_key(tx: Tx, page_id: int, kind: SubscriberKind, key: str) -> Subscriber | None:
    """The one with this address on this page, whatever became of it."""
    row = tx.execute(
        _select().where(_column.status_page_id == page_id, _column.kind == kind.value, _column.key == key)
    ).first()
    return None if row is None else _subscriber(tx, row)


def listed(
    tx: Tx,
    page_id: int,
    kind: SubscriberKind | None,
    *,
    search: str = "",
    confirmed: bool | None = None,
    offset: int,
    limit: int,
) -> tuple[list[Subscriber], int]:
    """One page of those who have not left, the oldest first, and how many there are in all.

    `search`: a part of the mail address. `confirmed`: None = whether they have or not.
    """
    mine = _present(page_id)
    if kind is not None:
        mine.append(_column.kind == kind.value)
    if search:
        mine.append(_column.email.contains(search.lower(), autoescape=True))
    if confirmed is not None:
        mine.append(_column.confirmed_at.is_not(None) if confirmed else _column.confirmed_at.is_(None))
    total: int = tx.execute(select(func.count()).select_from(subscribers).where(*mine)).scalar_one()
    rows = tx.execute(_select().where(*mine).order_by(_column.id).offset(offset).limit(limit))
    return [_subscriber(tx, row) for row in rows], total


def lines(tx: Tx, page_id: int) -> Iterator[Row[Any]]:
    """Those who have not left, the oldest first, without what is secret."""
    column = _column
    statement = select(
        column.id, column.kind, column.email, column.language, column.status_page_resource_ids, column.confirmed_at,
        column.created_at,
    )  # fmt: skip
    yield from tx.execute(statement.where(*_present(page_id)).order_by(column.id))


def _present(page_id: int) -> list[ColumnElement[bool]]:
    return [_column.status_page_id == page_id, _column.unsubscribed_at.is_(None)]


def count(tx: Tx, page_id: int, at_most: int) -> int:
    """How many rows a page has, counted no further than needed."""
    some = select(_column.id).where(_column.status_page_id == page_id).limit(at_most).subquery()
    return int(tx.execute(select(func.count()).select_from(some)).scalar_one())


def count_vouched(tx: Tx, page_id: int, email: str, at_most: int) -> int:
    """For how many addresses on a page a mail address stands that have not left."""
    some = select(_column.id).where(
        _column.status_page_id == page_id, _column.email == email, _column.unsubscribed_at.is_(None)
    )
    return int(tx.execute(select(func.count()).select_from(some.limit(at_most).subquery())).scalar_one())


def asked_of(tx: Tx, page_id: int, email: str, since: datetime) -> tuple[datetime | None, int, int]:
    """(when the last mail that asks this address to confirm something about this page was planned, how many since then,
    how many of all pages)"""
    column = notices.c
    statement = (
        select(_column.status_page_id, func.max(column.planned_at).label("last_at"), func.count().label("number"))
        .select_from(notices.join(subscribers, _column.id == column.subscriber_id))
        .where(_column.email == email, column.kind == "confirm", column.planned_at > since)
        .group_by(_column.status_page_id)
    )
    by_page = {row.status_page_id: (row.last_at, int(row.number)) for row in tx.execute(statement)}
    last_at, number = by_page.get(page_id, (None, 0))
    return last_at, number, sum(count for _, count in by_page.values())


def asked_on(tx: Tx, page_id: int, since: datetime, at_most: int) -> int:
    """How many have asked a page since then: mails that ask for a confirmation, and browsers that need none."""
    column = notices.c
    mails = select(column.id).where(
        column.status_page_id == page_id, column.kind == "confirm", column.planned_at > since
    )
    number = int(tx.execute(select(func.count()).select_from(mails.limit(at_most).subquery())).scalar_one())
    push = select(_column.created_at).where(
        _column.status_page_id == page_id, _column.kind == SubscriberKind.PUSH.value
    )
    newest = push.order_by(_column.id.desc()).limit(at_most).subquery()
    browsers = select(func.count()).select_from(newest).where(newest.c.created_at > since)
    return number + int(tx.execute(browsers).scalar_one())


def add(
    tx: Tx,
    *,
    page: StatusPage,
    kind: SubscriberKind,
    email: str | None,
    key: str,
    address: str,
    resource_ids: Sequence[int],
    language: str,
    confirmed: bool,
) -> int:
    """A new subscriber; `address` in clear. Returns its id."""
    return tx.insert(
        _insert(tx, subscribers).values(
            status_page_id=page.id,
            kind=kind.value,
            email=email,
            key=key,
            address=tx.vault.seal(address),
            status_page_resource_ids=list(resource_ids),
            language=language,
            confirmed_at=tx.now if confirmed else None,
            unsubscribed_at=None,
            asked_at=None,
            failures=0,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )


def change(tx: Tx, id: int, **values: Any) -> None:
    """Set columns of one subscriber."""
    if "address" in values:
        values["address"] = tx.vault.seal(values["address"])
    tx.execute(update(subscribers).where(_column.id == id).values(**values, updated_at=tx.now))


def plan_confirmation(tx: Tx, subscriber: Subscriber) -> None:
    """Plan the mail that asks for a confirmation, or tells who is subscribed already that they are."""
    column = notices.c
    last = tx.execute(
        select(func.max(column.copy)).where(column.subscriber_id == subscriber.id, column.status_update_id == 0)
    ).scalar_one()
    tx.execute(
        _insert(tx, notices).values(
            status_page_id=subscriber.status_page_id,
            subscriber_id=subscriber.id,
            status_update_id=0,
            copy=0 if last is None else last + 1,
            kind="confirm",
            channel="confirm",
            state="queued",
            attempts=0,
            planned_at=tx.now,
            due_at=tx.now,
            finished_at=None,
            detail="",
        )
    )
    tx.execute(update(subscribers).where(_column.id == subscriber.id).values(asked_at=tx.now))


def remove(tx: Tx, ids: Collection[int]) -> None:
    """Delete subscribers; what was still to be sent to them is dropped when its turn comes."""
    tx.execute(delete(subscribers).where(_column.id.in_(ids)))


def silent(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Some who never confirmed, or have left, and have not been heard of since then."""
    over = or_(_column.confirmed_at.is_(None), _column.unsubscribed_at.is_not(None))
    statement = select(_column.id).where(over, _column.updated_at < before).order_by(_column.updated_at).limit(limit)
    return list(tx.execute(statement).scalars())


def _insert(tx: Tx, table: Table) -> Insert:
    """Of two strangers who come with the same at the same instant, PostgreSQL lets the second begin anew and find what
    the first has written: a conflict with what cannot be seen yet is one of serialisation then, and no error."""
    return postgresql.insert(table).on_conflict_do_nothing() if tx.dialect == "postgresql" else insert(table)


def _select() -> Any:
    return select(subscribers, pages.c.team_id).join(pages, pages.c.id == _column.status_page_id)


def _subscriber(tx: Tx, row: Row[Any]) -> Subscriber:
    try:
        address = tx.vault.open(row.address)
    except ValueError:  # the key that sealed it is lost: it can be listed and removed, and nothing goes there
        address = ""
    return Subscriber(
        id=row.id,
        status_page_id=row.status_page_id,
        team_id=row.team_id,
        kind=SubscriberKind(row.kind),
        email=row.email,
        address=address,
        status_page_resource_ids=tuple(row.status_page_resource_ids),
        language=row.language,
        confirmed_at=row.confirmed_at,
        unsubscribed_at=row.unsubscribed_at,
        failures=row.failures,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
