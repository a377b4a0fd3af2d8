"""What follows when a page does not reach its person: their next way at once, then a mail, then the next person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row

from tocsin.notify.actions.holding import mail_address_of
from tocsin.notify.actions.planning import DELIVERIES_TOPIC, queue
from tocsin.notify.actions.recording import line, notice_in
from tocsin.notify.model import Kind, State
from tocsin.notify.store import arriving
from tocsin.notify.store import sending as shelf
from tocsin.notify.store.reading import ACCEPTED
from tocsin.storage import Tx

GivenUp = Callable[[Tx, int], None]
"""What is to follow, in the same transaction, when nothing reaches somebody about an incident (its id)."""
LAST_RESORT = "email"
"""Everybody has an address."""
MAX_PAGES_OF_ONE = 1_000
"""Open pages of one person about one incident that are looked at: a plan that repeats for ever has no more at once."""

_LOST = (State.GIVEN_UP, State.UNDELIVERED)


def fail_over(tx: Tx, row: Row[Any], given_up: GivenUp | None) -> None:
    """This page (a row of `deliveries`) will not arrive, or cannot be relied on: go on to what comes next.

    In this order: the person's next planned page leaves at once; what is just being tried is waited for; when nothing
    has reached them and they were not mailed, they are mailed; else whoever comes next in the plan is due now.
    A target of a team is nobody's only way: the plan goes on at once only if nothing at all has reached anybody.
    """
    if row.kind != Kind.PAGE or not row.incident_id or not row.open:
        return
    if row.user_id == 0:
        if given_up is not None and not arriving.any_accepted(tx, row.incident_id):
            given_up(tx, row.incident_id)
        return
    pages = arriving.pages_of(tx, row.incident_id, row.user_id, MAX_PAGES_OF_ONE)
    waiting = [page for page in pages if page.state == State.QUEUED and page.due_at > tx.now]
    if waiting:
        soonest = min(page.due_at for page in waiting)
        next_ones = [page.id for page in waiting if page.due_at == soonest]
        arriving.make_due(tx, next_ones)
        why = f"at once, because nothing arrived by {row.channel}"
        shelf.append(tx, [line(tx, id, State.QUEUED, 0, why) for id in next_ones])
        tx.ring(DELIVERIES_TOPIC)
        return
    if any(page.state in ACCEPTED or _being_tried(page) for page in pages):
        return
    if _mailed(tx, row, pages):
        return
    if given_up is not None:
        given_up(tx, row.incident_id)


def put_off(tx: Tx, row: Row[Any], given_up: GivenUp | None) -> None:
    """The first attempt of a page has failed: when another way to this person is closed already, do not wait for it."""
    if row.kind != Kind.PAGE or not row.incident_id or not row.open or row.user_id == 0:
        return
    pages = arriving.pages_of(tx, row.incident_id, row.user_id, MAX_PAGES_OF_ONE)
    if any(page.state in _LOST for page in pages):
        fail_over(tx, row, given_up)


def _being_tried(page: Row[Any]) -> bool:
    """Whether its own end is still to come, and says more than we know now."""
    return page.state in (State.QUEUED, State.HELD) or (page.state == State.SENDING and page.attempts <= 1)


def _mailed(tx: Tx, row: Row[Any], pages: Any) -> bool:
    """Mail the person as the last resort. False: that was tried already, or there is no address."""
    if any(page.channel == LAST_RESORT for page in pages):
        return False
    address = mail_address_of(tx, row.user_id)
    if not address:
        return False
    id = queue(
        tx,
        notice_in(row),
        user_id=row.user_id,
        channel=LAST_RESORT,
        address=address,
        planned_at=tx.now,
    )
    return id is not None
