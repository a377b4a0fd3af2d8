"""Telling subscribers: plan a message for each, lease those that are due, write down what came of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row

from tocsin.kernel.signatures import SECRET_PREFIX
from tocsin.status_pages.actions.standing import states_of
from tocsin.status_pages.actions.subscribing import confirmation_token, subscription_token, unsubscribe
from tocsin.status_pages.model import Affected, StatusPage, Subscriber, SubscriberKind
from tocsin.status_pages.model import State as PageState
from tocsin.status_pages.model.notices import Kind, Look, News, Notice, Outcome, Part, State, Verdict
from tocsin.status_pages.model.views import root_of
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.rules import subscribing
from tocsin.status_pages.store import notices as shelf
from tocsin.status_pages.store import pages as page_shelf
from tocsin.status_pages.store import subscribers as subscriber_shelf
from tocsin.status_pages.store.tables import NOTICES_TOPIC
from tocsin.storage import Tx

CHANNELS = (Kind.CONFIRM.value, *(kind.value for kind in SubscriberKind))
"""What has its own queue, the most urgent first: who waits for a confirmation waits behind nobody's updates."""
EXPANDED_AT_ONCE = 200
"""Subscribers for whom an update is planned in one transaction: a page must not wait behind more."""
TELLING_AT_ONCE = 20
"""Pages whose updates are planned in turn."""
COUNTED = timedelta(days=1)
"""How far back finished messages are counted for the metrics."""
_RETURNED = re.compile(r"(bounce|unsubscribe)\+([0-9]{1,18})\.([0-9a-f]{32})")


def look(tx: Tx, wanted: Mapping[str, int]) -> Look:
    """What there is to do: `wanted` says how many messages could be sent now, by channel."""
    telling = shelf.telling(tx, TELLING_AT_ONCE)
    overdue = [at for _, at in telling]
    instants: list[datetime] = []
    due: dict[str, list[int]] = {}
    for channel in CHANNELS:
        oldest, following = shelf.waiting(tx, channel)
        if following is not None:
            instants.append(following)
        if oldest is not None and oldest <= tx.now:
            overdue.append(oldest)
            if wanted.get(channel, 0) > 0:
                due[channel] = shelf.due(tx, channel, wanted[channel])
    return Look(
        telling=tuple(id for id, _ in telling),
        due=due,
        next_at=min(instants, default=None),
        oldest_due_at=min(overdue, default=None),
    )


def expand(tx: Tx, update_id: int) -> int:
    """Plan an update for some more of its page's subscribers; returns for how many. Neither twice nor never: where it
    stands is moved on in the same transaction."""
    found = shelf.reported(tx, [update_id]).get(update_id)
    if found is None or found.told_through_id is None:
        return 0
    page = page_shelf.find(tx, found.page_id)
    if page is None or not page.published or not found.visible:
        shelf.told(tx, update_id, found.told_through_id, None)
        return 0
    rows = shelf.listeners(tx, page.id, found.told_through_id, EXPANDED_AT_ONCE)
    through_id = rows[-1].id if len(rows) == EXPANDED_AT_ONCE else None
    if not shelf.told(tx, update_id, found.told_through_id, through_id):
        return 0
    affected = _named(found)
    wanted = [row for row in rows if rules.concerned(row.status_page_resource_ids, affected)]
    already = shelf.planned(tx, update_id, [row.id for row in wanted])
    fresh = [(row.id, row.kind) for row in wanted if row.id not in already]
    shelf.add(tx, page.id, update_id, fresh)
    tx.ring(NOTICES_TOPIC)
    return len(fresh)


def claim(tx: Tx, ids: Collection[int], base_url: str) -> list[Notice]:
    """Lease these messages, as far as they are still due. What is not true any more is dropped here."""
    rows = shelf.take(tx, ids, tx.now + timedelta(seconds=rules.LEASE_SECONDS))
    made = _made(tx, rows, base_url)
    shelf.change(
        tx, {row.id: (State.DROPPED, None, why) for row in rows if isinstance(why := made[row.id], str)}
    )  # fmt: skip
    return [each for row in rows if isinstance(each := made[row.id], Notice)]


def still_true(tx: Tx, notice: Notice, base_url: str) -> bool:
    """Whether a message that has waited since it was claimed is still to be sent, and still ours to send."""
    row = shelf.held(tx, [notice.id]).get(notice.id)
    return row is not None and row.attempts == notice.attempt and isinstance(_made(tx, [row], base_url)[row.id], Notice)


def settle(tx: Tx, answered: Sequence[tuple[Notice, Outcome]]) -> list[State | None]:
    """Write down what came of attempts. Returns the new states, None where it changes nothing."""
    rows = shelf.held(tx, {notice.id for notice, _ in answered})
    changes: dict[int, rules.Change] = {}
    settled: list[State | None] = []
    for notice, outcome in answered:
        row = rows.get(notice.id)
        if row is None or (row.attempts != notice.attempt and outcome.verdict is not Verdict.ACCEPTED):
            settled.append(None)
            continue
        change = rules.settled(
            notice.kind, notice_id=notice.id, attempt=notice.attempt, planned_at=notice.planned_at, outcome=outcome,
            now=tx.now,
        )  # fmt: skip
        changes[notice.id] = change
        settled.append(change.state)
        _of_subscriber(tx, notice, change)
    shelf.change(tx, {id: (change.state, change.due_at, change.detail) for id, change in changes.items()})
    tx.ring(NOTICES_TOPIC)
    return settled


def give_up(tx: Tx, id: int, why: str) -> None:
    """Try a message no more that cannot even be made: a bug of ours with one must not silence the others."""
    shelf.change(tx, {id: (State.GIVEN_UP, None, why[: rules.MAX_DETAIL_CHARACTERS])})
    tx.ring(NOTICES_TOPIC)


def take_over(tx: Tx) -> int:
    """Make due now what a predecessor had leased: for a process that is alone, after a crash."""
    return shelf.hasten(tx)


def states(tx: Tx) -> dict[str, int]:
    """Messages by state, for the metrics: those planned within the last day, and all that are unfinished."""
    found = shelf.count_by_state(tx, tx.now - COUNTED)
    return {state.value: found.get(state.value, 0) for state in State}


def prune_notices(tx: Tx, *, at_most: int) -> int:
    """Delete finished messages that are past their time; returns how many."""
    return shelf.prune(tx, tx.now - rules.KEPT_FOR, at_most)


def takes_mail(tx: Tx, token: str) -> bool:
    """Whether mail to `token@…` is about a subscriber: one that comes back, or asks to hear no more."""
    return _returned(tx, token) is not None


def receive_mail(tx: Tx, token: str, content_type: str, report: str) -> bool:
    """A mail has come to such an address; `report`: its delivery report, if it has one. False: it is not ours."""
    found = _returned(tx, token)
    if found is None:
        return False
    deed, id = found
    subscriber = subscriber_shelf.find(tx, id)
    if subscriber is None:
        return True
    if deed == "unsubscribe":
        unsubscribe(tx, id)
        return True
    bounce = rules.bounced(content_type, report)
    if bounce is not None:
        _count(tx, subscriber, gone=bounce.gone)
    return True


def _returned(tx: Tx, token: str) -> tuple[str, int] | None:
    match = _RETURNED.fullmatch(token.lower())
    if match is None or not tx.vault.signed(f"status page {match[1]}:{match[2]}", match[3]):
        return None
    return match[1], int(match[2])


def _of_subscriber(tx: Tx, notice: Notice, change: rules.Change) -> None:
    """What the fate of a message says about whoever it was for."""
    before = notice.subscriber
    if notice.kind is Kind.CONFIRM and subscribing.listening(before):
        return  # it was only about a mail address that vouches for them
    if change.counts:
        now = subscriber_shelf.find(tx, before.id)
        if now is not None:
            _count(tx, now, gone=change.gone)
    elif change.state is State.SENT and before.failures and _well(before, tx.now):
        subscriber_shelf.change(tx, before.id, failures=0)


def _well(subscriber: Subscriber, now: datetime) -> bool:
    """Whether a message that was accepted has arrived: a mail may still come back."""
    return subscriber.kind is not SubscriberKind.EMAIL or subscriber.updated_at < now - rules.QUIET


def _count(tx: Tx, subscriber: Subscriber, *, gone: bool) -> None:
    values: dict[str, object] = {"failures": subscriber.failures + 1}
    if subscriber.unsubscribed_at is None and (gone or subscriber.failures + 1 >= rules.MAX_FAILURES):
        values["unsubscribed_at"] = tx.now
    subscriber_shelf.change(tx, subscriber.id, **values)


def _made(tx: Tx, rows: Sequence[Row[Any]], base_url: str) -> dict[int, Notice | str]:
    """Each message as it is to be sent, or why it is not."""
    people = subscriber_shelf.find_all(tx, {row.subscriber_id for row in rows})
    pages = {id: page_shelf.find(tx, id) for id in {row.status_page_id for row in rows}}
    names = subscriber_shelf.resource_names(tx, pages)
    reported = shelf.reported(tx, {row.status_update_id for row in rows if row.status_update_id})
    told_all = {row.status_page_id for row in rows if row.channel == SubscriberKind.WEBHOOK}
    states = states_of(tx, [page for id, page in pages.items() if page is not None and id in told_all])
    parts: dict[int, list[Part]] = {}
    made: dict[int, Notice | str] = {}
    for row in rows:
        page, person = pages[row.status_page_id], people.get(row.subscriber_id)
        kind = Kind(row.kind)
        if page is None or not page.published:
            made[row.id] = "the page is not published any more"
        elif person is None:
            made[row.id] = "the subscriber is forgotten"
        elif rules.too_old(kind, row.planned_at, tx.now):
            made[row.id] = "it was never its turn in time"
        elif kind is Kind.CONFIRM and not page.settings.subscribable:
            made[row.id] = "the page takes no subscribers any more"
        elif kind is Kind.CONFIRM:
            made[row.id] = _notice(tx, row, page, person, None, base_url)
        elif not subscribing.listening(person):
            made[row.id] = "the subscriber has left"
        elif (found := reported.get(row.status_update_id)) is None or not found.visible:
            made[row.id] = "the update was taken back"
        elif not rules.concerned(person.status_page_resource_ids, _named(found)):
            made[row.id] = "the subscriber has chosen otherwise"
        else:
            if row.channel == SubscriberKind.WEBHOOK and found.report_id not in parts:
                parts[found.report_id] = shelf.parts(tx, found.report_id)
            news = _news(found, names[page.id], parts.get(found.report_id, []), tx.now)
            made[row.id] = msgspec.structs.replace(
                _notice(tx, row, page, person, news, base_url),
                page_state=states.get(page.id, PageState.OPERATIONAL).value,
            )
    return made


def _named(found: shelf.Reported) -> frozenset[int]:
    """The resources that an update, or its report, names."""
    return rules.resource_ids(found.affected, found.report_affected)


def _news(found: shelf.Reported, names: Mapping[int, str], parts: Sequence[Part], now: datetime) -> News:
    affected: Sequence[Affected] = found.affected or found.report_affected
    shown = ((int(each.status_page_resource_id), each.status) for each in affected)
    return News(
        update_id=found.update_id,
        report_id=found.report_id,
        title=found.title,
        report_type=found.report_type,
        message=found.message,
        published_at=found.published_at,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        created_at=found.created_at,
        updated_at=found.updated_at,
        standing=rules.standing(
            found.report_type, affected, starts_at=found.starts_at, ends_at=found.ends_at, at=now
        ),
        affected=tuple((names[id], word) for id, word in shown if id in names),
        parts=tuple(part for part in parts if (part.published_at, part.id) <= (found.published_at, found.update_id)),
    )  # fmt: skip


def _notice(
    tx: Tx, row: Row[Any], page: StatusPage, person: Subscriber, news: News | None, base_url: str
) -> Notice:  # fmt: skip
    asks = news is None and not subscribing.listening(person)
    webhook = person.kind is SubscriberKind.WEBHOOK
    return Notice(
        id=row.id,
        attempt=row.attempts,
        kind=Kind(row.kind),
        channel=row.channel,
        planned_at=row.planned_at,
        at=tx.now,
        page=page,
        subscriber=person,
        root=root_of(page, base_url),
        subscription_token=subscription_token(tx, person.id),
        confirmation_token=confirmation_token(tx, person.id, tx.now) if asks else "",
        signing_secret=_signing_secret(tx, person.id) if webhook else "",
        return_path=_return_path(tx, "bounce", person.id),
        leave_path=_return_path(tx, "unsubscribe", person.id),
        news=news,
    )


def _return_path(tx: Tx, deed: str, id: int) -> str:
    return f"{deed}+{id}.{tx.vault.sign(f'status page {deed}:{id}')}"


def _signing_secret(tx: Tx, id: int) -> str:
    """A webhook's own; drawn from the installation's key, so that none is there to lose."""
    drawn = tx.vault.sign(f"status page webhook, first half:{id}") + tx.vault.sign(
        f"status page webhook, second half:{id}"
    )
    return SECRET_PREFIX + base64.b64encode(bytes.fromhex(drawn)).decode()
