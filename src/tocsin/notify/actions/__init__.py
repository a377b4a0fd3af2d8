"""What can be done with messages: plan one, take it back, hand it to a sender, write down what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import NotFound
from tocsin.notify import rules, store
from tocsin.notify.model import (
    UNLIMITED,
    Answer,
    AnswerLink,
    DeliveryEvent,
    Kind,
    Limits,
    Look,
    Message,
    Notice,
    Paged,
    State,
)
from tocsin.storage import Tx, events

DELIVERIES_TOPIC = "deliveries"
"""Rung when there may be something to send."""
MAX_CHANNELS = 50
"""Kinds of channels that a look considers; far more than there are."""
COUNTED = timedelta(days=1)
"""How far back finished deliveries are counted for the metrics, so that a long history costs nothing."""
MAX_LEDGER_LINES = 2_000
"""Lines of one incident that a timeline reads at most: a storm must not make its own incident unreadable."""
DIGEST_CHANNEL = "email"
"""By which digests go, whatever was held back: everybody has an address, and it costs nothing."""
ROWS_PER_DELIVERY = 4
"""A message and the usual lines of its ledger: how many messages fit into one bounded clean-up."""
MAX_DETAIL_CHARACTERS = 500
"""Of a server's words; some send whole pages."""

GivenUp = Callable[[Tx, int], None]
"""What is to follow, in the same transaction, when a page of an incident (its id) is given up."""

_TOKEN = re.compile(r"(\d{1,18})-([0-9a-f]{32})")


def queue(
    tx: Tx, notice: Notice, *, user_id: int, channel: str, address: str, planned_at: datetime
) -> int | None:  # fmt: skip
    """Plan a message in the transaction of its cause; returns its id, or None when it is planned already.

    It is sent at `planned_at`, or at once when that is past. The same (incident, person, instant, channel, kind) is
    one message however often it is planned. One that was cancelled meanwhile is wanted again, and goes out.
    """
    kind = str(notice.kind)
    standing = store.planned(
        tx, incident_id=notice.incident_id, user_id=user_id, planned_at=planned_at, channel=channel, kind=kind
    )
    if standing is not None and standing.state != State.CANCELLED:
        return None
    if standing is not None:
        store.revive(tx, standing.id, notice=notice, address=address, due_at=max(planned_at, tx.now))
        store.append(tx, [_line(tx, standing.id, State.QUEUED, standing.attempts, "")])
        tx.ring(DELIVERIES_TOPIC)
        return int(standing.id)
    id = store.add(
        tx,
        team_id=notice.team_id,
        incident_id=notice.incident_id,
        user_id=user_id,
        recipient=_name_of(tx, user_id),
        channel=channel,
        address=address,
        kind=kind,
        urgency=rules.urgency(kind),
        critical=notice.critical,
        notice=notice,
        planned_at=planned_at,
        state=State.QUEUED,
        attempts=0,
        in_flight=False,
        due_at=max(planned_at, tx.now),
    )
    store.append(tx, [_line(tx, id, State.QUEUED, 0, "")])
    tx.ring(DELIVERIES_TOPIC)
    return id


def renew(tx: Tx, notice: Notice) -> None:
    """What pages of this incident have to say has changed: those that have not arrived yet say the new thing."""
    store.renew_pages(tx, notice.incident_id, notice)


def cancel(tx: Tx, incident_id: int, reason: str) -> int:
    """Take back the pages of an incident that are still to be sent; returns how many. One in flight may arrive."""
    cancelled = store.cancel_pages(tx, incident_id)
    store.append(tx, [_line(tx, row.id, State.CANCELLED, row.attempts, reason) for row in cancelled])
    untold = store.cancel_held(tx, incident_id)
    store.append(tx, [_line(tx, id, State.HELD, 0, f"told in no digest, because {reason}") for id in untold])
    return len(cancelled) + len(untold)


def log(tx: Tx, incident_id: int) -> list[DeliveryEvent]:
    """Everything that happened to an incident's messages, oldest first; `rules.sentence` puts a line into words."""
    newest_first = store.ledger(tx, incident_id, MAX_LEDGER_LINES)
    return [
        DeliveryEvent(
            at=row.at,
            delivery_id=row.delivery_id,
            user_id=row.user_id,
            recipient=row.recipient,
            address=row.address,
            channel=row.channel,
            kind=row.kind,
            state=row.state,
            attempt=row.attempt,
            detail=row.detail,
        )
        for row in reversed(newest_first)
    ]


def paged(tx: Tx, incident_id: int) -> list[Paged]:
    """Everyone whose page of this incident was accepted, or may have been: whom to tell that it is over."""
    return [Paged(row.user_id, row.channel, row.address) for row in store.reached(tx, incident_id)]


def claim(tx: Tx, channel: str, limit: int, base_url: str, limits: Limits = UNLIMITED) -> list[Message]:
    """Lease up to `limit` due deliveries of a channel, pages first. What is not settled is sent again.

    Pages of people who have had so many that `limits` holds back the rest are not among them; a digest is, which
    names them.
    """
    _hold_back(tx, channel, limit, limits)
    lease_until = tx.now + timedelta(seconds=rules.LEASE_SECONDS)
    taken = store.take(tx, channel, rules.URGENCIES, limit, lease_until)
    store.append(tx, [_line(tx, row.id, State.SENDING, row.attempts, "") for row in taken])
    store.charge(tx, [row.id for row in taken if row.kind == Kind.PAGE])
    return [
        message
        for row in taken
        if (message := _digest(tx, row, base_url) if row.kind == Kind.DIGEST else _message(tx, row, base_url))
    ]


def settle(
    tx: Tx, delivery_id: int, attempt: int, answer: Answer, given_up: GivenUp | None = None
) -> State | None:  # fmt: skip
    """Write down what a channel answered to an attempt. Returns the new state, None when the answer changes nothing.

    `given_up` is called when this was a page and it will never arrive: whoever planned it must turn to somebody else.
    """
    tx.ring(DELIVERIES_TOPIC)  # a sender has become free, and there may be more to send
    row = store.get(tx, delivery_id)
    if row is None:
        return None
    change = rules.settled(
        State(row.state), row.attempts, delivery_id=delivery_id, attempt=attempt, kind=row.kind,
        planned_at=row.planned_at, answer=answer, now=tx.now,
    )  # fmt: skip
    if change is None:
        if attempt == row.attempts and row.in_flight:  # a cancelled page that, as we now know, never left
            store.change(tx, delivery_id, state=row.state, due_at=row.due_at, in_flight=False)
        return None
    detail = change.detail[:MAX_DETAIL_CHARACTERS]
    store.change(tx, delivery_id, state=change.state, due_at=change.due_at, in_flight=False)
    store.append(tx, [_line(tx, delivery_id, change.state, attempt, detail)])
    if change.state is State.GIVEN_UP:
        events.record(
            tx, "delivery.given_up", team_id=row.team_id, resource_type="incident", resource_id=row.incident_id,
            delivery_id=delivery_id, user_id=row.user_id, channel=row.channel, why=detail,
        )  # fmt: skip
        if row.kind == Kind.PAGE and given_up is not None:
            given_up(tx, row.incident_id)
    if row.kind == Kind.DIGEST and change.state is State.SENT:
        store.append_to_all_in(tx, delivery_id, State.HELD, f"told in a digest, {detail}"[:MAX_DETAIL_CHARACTERS])
    elif row.kind == Kind.DIGEST and change.state is State.GIVEN_UP:
        store.append_to_all_in(tx, delivery_id, State.QUEUED, "")
        store.let_go(tx, delivery_id)
    return change.state


def take_over(tx: Tx) -> int:
    """Make due now what was tried and is unfinished: for a process that is alone, after a crash or a repair."""
    return store.hasten(tx)


def look(tx: Tx) -> Look:
    """What is due now on which channel, and when there is more: a few jumps of an index, however long the queue is."""
    due: list[str] = []
    instants: list[datetime] = []
    overdue: list[datetime] = []
    for channel in store.channels_waiting(tx, MAX_CHANNELS):
        for urgency in rules.URGENCIES:
            come, coming = store.dues(tx, channel, urgency)
            if come is not None and channel not in due:
                due.append(channel)
            if come is not None and urgency == rules.urgency(Kind.PAGE):
                overdue.append(come)
            if coming is not None:
                instants.append(coming)
    return Look(
        due=tuple(due),
        next_at=min(instants, default=None),
        oldest_page_due_at=min(overdue, default=None),
        oldest_tried_page_at=store.oldest_tried(tx, rules.urgency(Kind.PAGE)),
    )


def states(tx: Tx) -> dict[str, int]:
    """Deliveries by state, for the metrics: those planned within the last day, and all that are unfinished."""
    found = store.count_by_state(tx, tx.now - COUNTED)
    return {state.value: found.get(state.value, 0) for state in State}


def prune(tx: Tx, *, at_most: int, unresolved: Collection[int]) -> int:
    """Delete messages that are past their time, with their ledger; returns how many rows went, never over `at_most`.

    What is still to be sent stays, and so does everything about the incidents (ids) that are `unresolved`.
    """
    ids = store.finished(tx, tx.now - rules.KEPT_FOR, unresolved, at_most // ROWS_PER_DELIVERY)
    return store.remove(tx, ids, at_most) if ids else 0


def forget(tx: Tx, incident_ids: Collection[int], *, at_most: int) -> int:
    """Delete the messages about incidents that are deleted themselves; returns how many rows went, 0 = none is left."""
    ids = store.deliveries_of(tx, incident_ids, at_most // ROWS_PER_DELIVERY)
    return store.remove(tx, ids, at_most) if ids else 0


def answer_url(tx: Tx, base_url: str, delivery_id: int) -> str:
    """The secret link by which one person answers. Opening it changes nothing: mail scanners do that."""
    return f"{base_url.rstrip('/')}/answer/{delivery_id}-{tx.vault.sign(f'answer:{delivery_id}')}"


def verify_answer(tx: Tx, token: str) -> AnswerLink | None:
    """Whom the last part of an answer link was sent to; None when it is not one of ours."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    id = int(match[1])
    if not tx.vault.signed(f"answer:{id}", match[2]):
        return None
    row = store.get(tx, id)
    if row is None:
        return None
    return AnswerLink(delivery_id=id, team_id=row.team_id, incident_id=row.incident_id, user_id=row.user_id)


def _hold_back(tx: Tx, channel: str, limit: int, limits: Limits) -> None:
    """Hold back what is due by this channel and goes beyond what a person, or a team, may get."""
    urgency = rules.urgency(Kind.PAGE)
    if limits.pages_per_hour:
        fresh = store.fresh_pages(tx, channel, urgency, limit)
        since = tx.now - rules.ALLOWANCE_TIME
        most = limits.pages_per_hour
        left = {id: most - store.charged(tx, id, since, most) for id in {row.user_id for row in fresh}}
        may = rules.allowed(left, [(row.id, row.user_id) for row in fresh])
        why = f"{most} pages within an hour are the most that one person gets"
        for user_id in sorted({row.user_id for row in fresh if row.id not in may}):
            _hold(tx, store.hold(tx, channel, urgency, but=may, user_id=user_id, team_id=None), why)
    most = limits.of_team(channel)
    if most:
        fresh = store.fresh_pages(tx, channel, urgency, limit)
        since = tx.now - rules.BUDGET_TIME
        teams = {row.team_id for row in fresh}
        left = {id: most - store.charged_to_team(tx, id, channel, since, most) for id in teams}
        may = rules.allowed(left, [(row.id, row.team_id) for row in fresh])
        why = f"{most} a day are the most that one team sends by this channel"
        for team_id in sorted({row.team_id for row in fresh if row.id not in may}):
            _hold(tx, store.hold(tx, channel, urgency, but=may, user_id=None, team_id=team_id), why)


def _hold(tx: Tx, held: Sequence[Row[Any]], why: str) -> None:
    """Write down why, and see to it that each person gets a digest: the first at once, others now and then."""
    store.append(tx, [_line(tx, row.id, State.HELD, 0, f"{why}; it stands in a digest") for row in held])
    for row in {row.user_id: row for row in reversed(held)}.values():  # the first of each person
        latest = store.latest_digest(tx, row.user_id)
        if latest is not None and latest.open:
            continue
        planned_at = tx.now if latest is None else max(tx.now, latest.planned_at + rules.DIGEST_EVERY)
        address = row.address if row.channel == DIGEST_CHANNEL else _mail_address_of(tx, row.user_id)
        notice = Notice(kind=Kind.DIGEST, incident_id=row.incident_id, team_id=row.team_id, subject="", headline="",
                        cause="", thread_key=f"digest-{row.user_id}")  # fmt: skip
        id = queue(
            tx, notice, user_id=row.user_id, channel=DIGEST_CHANNEL, address=address, planned_at=planned_at
        )  # fmt: skip
        if id is not None:
            store.put_digest(tx, row.user_id, id, planned_at)


def _digest(tx: Tx, row: Row[Any], base_url: str) -> Message | None:
    """A digest as it is sent: what stands in it is fixed with its first attempt. None: nothing is held any more."""
    latest = store.latest_digest(tx, row.user_id)
    if latest is None or latest.delivery_id != row.id or not latest.open:
        return _message(tx, row, base_url)
    number = store.close_digest(tx, row.id, row.user_id)
    if number == 0:
        store.change(tx, row.id, state=State.CANCELLED, due_at=None, in_flight=False)
        store.append(tx, [_line(tx, row.id, State.CANCELLED, row.attempts, "nothing is held back any more")])
        return None
    listed = store.in_digest(tx, row.id, rules.DIGEST_LISTS)
    facts = [
        (msgspec.convert(page.notice, Notice).headline, answer_url(tx, base_url, page.id)) for page in listed
    ]  # fmt: skip
    if number > len(listed):
        facts.append(("And", f"{number - len(listed)} more"))
    more = f"{number} more page" + ("" if number == 1 else "s")
    given = msgspec.convert(row.notice, Notice)
    notice = msgspec.structs.replace(
        given,
        subject=f"[Tocsin] And {more}",
        headline=f"And {more}",
        cause="You have had so many pages lately that the others are listed here, each with the link to answer.",
        facts=facts,
    )
    store.set_notice(tx, row.id, notice)
    return _message(tx, row, base_url, notice)


def _message(tx: Tx, row: Row[Any], base_url: str, notice: Notice | None = None) -> Message:
    notice = notice or msgspec.convert(row.notice, Notice)
    thread = notice.thread_key or f"incident-{row.incident_id}"
    asks = row.kind == Kind.PAGE and bool(notice.actions)
    # The personal link shows the incident as well as it answers: nobody has to sign in to see why they were woken.
    link = answer_url(tx, base_url, row.id)
    notice = msgspec.structs.replace(notice, url="" if asks or row.kind == Kind.DIGEST else link)
    return Message(
        delivery_id=row.id,
        attempt=row.attempts,
        channel=row.channel,
        address=row.address,
        recipient=row.recipient,
        notice=notice,
        key=f"delivery-{row.id}-{tx.vault.sign(f'delivery:{row.id}')[:12]}",
        thread=f"{thread}-{tx.vault.sign(f'thread:{thread}')[:12]}",
        answer_url=link if asks else None,
        at=tx.now,
    )


def _line(tx: Tx, delivery_id: int, state: State, attempt: int, detail: str) -> dict[str, Any]:
    return {"delivery_id": delivery_id, "at": tx.now, "state": state.value, "attempt": attempt, "detail": detail}


def _mail_address_of(tx: Tx, user_id: int) -> str:
    try:
        return accounts.user(tx, user_id).email
    except NotFound:  # no digest can reach them: it is given up, and what it holds is let go
        return ""


def _name_of(tx: Tx, user_id: int) -> str:
    try:
        return accounts.user(tx, user_id).name
    except NotFound:  # left since the plan was made; the page still goes to the address it was planned for
        return ""
