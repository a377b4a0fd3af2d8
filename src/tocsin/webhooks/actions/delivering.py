"""Handing events on to those outside who asked for them: plan messages, lease them, write down what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.escalation.actions import WEBHOOKS_EVENT
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import NotFound
from tocsin.storage import Tx, events
from tocsin.webhooks.model import TEST_EVENT, Attempt, Delivery, Listener, Look, Message, Outcome, State, Webhook
from tocsin.webhooks.rules import delivering, payloads, templates
from tocsin.webhooks.rules.delivering import Change, Standing
from tocsin.webhooks.store import deliveries as shelf
from tocsin.webhooks.store import webhooks as webhook_shelf

TOPIC = "webhook_deliveries"
"""Rung when there may be something to send."""
DELIVERY_TYPE = "outgoing_webhook_delivery"
MAX_WEBHOOKS_LOOKED_AT = 1_000
"""Webhooks with something to send that one look considers, those that have waited longest first."""
EXPIRED_AT_ONCE = 200
"""Messages that are given up in one transaction because their day is over."""
MAX_LOG_LINES = 200
"""Attempts shown of one message: more than there can be in a day."""
MAX_DETAIL_CHARACTERS = 500
ROWS_PER_DELIVERY = 4
"""A message and its usual attempts: how many messages fit into one bounded clean-up."""
_BEGINNINGS = ("incident.started", "incident.reopened")
"""The events with which people begin to be paged about an incident."""
COUNTED = timedelta(days=1)
"""How far back finished messages are counted for the metrics, so that a long history costs nothing."""


def waiting_events(tx: Tx, limit: int) -> tuple[list[int], datetime | None]:
    """(ids of events that are still to be handed on, in order; since when the oldest waits)"""
    return events.due(tx, limit), events.oldest_due(tx)


def hand_on(tx: Tx, event_ids: Sequence[int]) -> int:
    """Plan a message for every webhook that wants one of these events, and mark the events, in one: neither twice nor
    never. Returns how many messages were planned."""
    rows = _rows(tx, events.take(tx, event_ids))
    if rows:
        shelf.add(tx, rows)
        tx.ring(TOPIC)
    return len(rows)


def foresee(tx: Tx, happened: Sequence[events.Event]) -> list[tuple[int, str]]:
    """(webhook id, event) of the messages that these events will be handed on with."""
    return [(row["webhook_id"], row["event"]) for row in _rows(tx, happened)]


def newest_delivery(tx: Tx) -> int:
    """The id of the last message that was planned; `queued_since` tells what came after it."""
    return shelf.newest(tx)


def queued_since(tx: Tx, delivery_id: int, limit: int) -> list[tuple[int, str]]:
    """(webhook id, event) of the messages that were planned after this one, e.g. again, or to try it out."""
    return shelf.since(tx, delivery_id, limit)


def _rows(tx: Tx, happened: Sequence[events.Event]) -> list[dict[str, Any]]:
    """The messages that are to be planned about these events."""
    taken = [event for event in happened if event.team_id is not None]
    listeners = webhook_shelf.listeners(tx, {event.team_id for event in taken if event.team_id is not None})
    rows = [
        _row(listener.id, event, event.name)
        for event in taken
        for listener in listeners
        if listener.team_id == event.team_id
        and listener.after_event_id < event.id
        and payloads.wants(listener, event.name, event.data)
    ]
    for event in taken:
        if event.name == WEBHOOKS_EVENT:
            rows += _called(tx, event, [each for each in listeners if each.team_id == event.team_id])
    return _untold(tx, rows)


def _called(tx: Tx, event: events.Event, listeners: Sequence[Listener]) -> list[dict[str, Any]]:
    """A step of a policy calls webhooks: they are told that the incident has started, as it stood when it began."""
    started = events.latest(tx, _BEGINNINGS, resource_type=event.resource_type, resource_id=event.resource_id)
    ids = event.data.get("webhook_ids")
    if started is None:
        return []
    return [_row(each.id, started, _BEGINNINGS[0]) for each in listeners if payloads.called(each, ids)]


def _untold(tx: Tx, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without those that are planned already: a webhook may be called again and again, and by its switch."""
    fresh = {(row["webhook_id"], row["event_id"]): row for row in reversed(rows)}
    for event_id in {row["event_id"] for row in rows if row["event"] in _BEGINNINGS}:
        webhook_ids = [webhook_id for webhook_id, about in fresh if about == event_id]
        for webhook_id in shelf.planned(tx, event_id, webhook_ids):
            del fresh[webhook_id, event_id]
    return sorted(fresh.values(), key=lambda row: row["event_id"])


def _row(webhook_id: int, event: events.Event, name: str) -> dict[str, Any]:
    subject = payloads.subject(event.name, event.resource_id)
    return {"webhook_id": webhook_id, "event_id": event.id, "event": name, "subject": subject}


def look(tx: Tx) -> Look:
    """Who has something to send now, and when there is more."""
    due: list[int] = []
    probing: set[int] = set()
    instants = []
    overdue = []
    for row in shelf.waiting(tx, MAX_WEBHOOKS_LOOKED_AT):
        held = row.held_until is not None and row.held_until > tx.now
        if held:
            instants.append(row.held_until)
            continue
        if row.first <= tx.now:
            due.append(row.id)
        if row.following is not None:
            instants.append(row.following)
        if row.failures >= delivering.FAILURES_UNTIL_HELD:
            probing.add(row.id)
        elif row.first <= tx.now:
            overdue.append(row.first)
    return Look(
        due=tuple(due),
        probing=frozenset(probing),
        next_at=min(instants, default=None),
        oldest_due_at=min(overdue, default=None),
    )


def claim(tx: Tx, webhook_id: int, limit: int, base_url: str) -> list[Message]:
    """Lease up to `limit` due messages of a webhook. What is not settled is sent again."""
    webhook = webhook_shelf.find(tx, webhook_id)
    if webhook is None:
        return []
    lease_until = tx.now + timedelta(seconds=delivering.LEASE_SECONDS)
    rows = shelf.take(tx, webhook_id, limit, delivering.REFUSALS_UNTIL_PASSED, lease_until)
    found = events.find(tx, [row.event_id for row in rows])
    return [
        Message(
            delivery_id=row.id,
            attempt=row.attempts,
            webhook=webhook,
            event_id=row.event_id,
            event=row.event,
            sent_at=tx.now,
            # A sample is about nothing: its number must not be that of a real incident.
            resource_id=0 if event is None or row.event == TEST_EVENT else event.resource_id,
            data=event.data if event is not None else {},
            metadata=_metadata(tx, webhook, event),
            base_url=base_url.rstrip("/"),
        )
        for row in rows
        for event in (found.get(row.event_id),)
    ]


def claim_all(tx: Tx, wanted: Sequence[tuple[int, int]], base_url: str) -> list[Message]:
    """`claim` for several webhooks, given as (id, how many messages at most), in one transaction."""
    return [message for webhook_id, limit in wanted for message in claim(tx, webhook_id, limit, base_url)]


def settle(tx: Tx, answered: Sequence[tuple[Message, Outcome]]) -> list[State | None]:
    """Write down what came of attempts, in order. Returns the new states, None where it changes nothing."""
    tx.ring(TOPIC)  # a place has become free, and perhaps what came next about the same incident
    rows = shelf.standing(tx, {message.delivery_id for message, _ in answered})
    before = {row.webhook_id: Standing(failures=row.failures, held_until=row.held_until) for row in rows.values()}
    endpoints, states = dict(before), {id: State(row.state) for id, row in rows.items()}
    attempts: list[tuple[int, Attempt]] = []
    changes: dict[int, Change] = {}
    settled: list[State | None] = []
    for message, outcome in answered:
        row = rows.get(message.delivery_id)
        if row is None:  # deleted meanwhile, with its webhook
            settled.append(None)
            continue
        outcome = msgspec.structs.replace(outcome, detail=outcome.detail[:MAX_DETAIL_CHARACTERS])
        endpoints[row.webhook_id] = delivering.endpoint_after(
            row.webhook_id, endpoints[row.webhook_id], outcome, tx.now
        )
        change = delivering.settled(
            states[row.id],
            delivery_id=row.id,
            attempt=message.attempt,
            attempts=row.attempts,
            planned_at=row.planned_at,
            outcome=outcome,
            now=tx.now,
        )
        attempts.append((row.id, _attempt(message, outcome, change, tx.now)))
        if change is not None:
            states[row.id] = change.state
            changes[row.id] = change  # the last one: an earlier attempt's late acceptance outdoes a later failure
        settled.append(None if change is None else change.state)
    shelf.add_attempts(tx, attempts)
    shelf.change(tx, {id: (change.state, change.due_at, change.refused) for id, change in changes.items()})
    for webhook_id in sorted(endpoints):  # in one order, so that two processes never wait for each other
        if endpoints[webhook_id] != before[webhook_id]:
            after = endpoints[webhook_id]
            webhook_shelf.stand(tx, webhook_id, failures=after.failures, held_until=after.held_until)
    return settled


def _attempt(message: Message, outcome: Outcome, change: Change | None, now: datetime) -> Attempt:
    return Attempt(
        attempt=message.attempt,
        at=now - timedelta(milliseconds=outcome.duration_ms),
        duration_ms=outcome.duration_ms,
        status_code=outcome.status_code,
        detail=outcome.detail if change is None else change.detail,
        response_excerpt=outcome.response_excerpt,
    )


def any_expired(tx: Tx) -> bool:
    """Whether `expire` has something to do."""
    return bool(shelf.expired(tx, tx.now - delivering.LIFETIME, 1))


def expire(tx: Tx) -> int:
    """Give up what was tried (or waited behind a dead endpoint) for a day; returns how many messages."""
    found = shelf.expired(tx, tx.now - delivering.LIFETIME, EXPIRED_AT_ONCE)
    shelf.change(tx, {id: (State.GIVEN_UP, None, False) for id, _ in found})
    words = [
        (id, Attempt(
            attempt=0, at=tx.now, duration_ms=0, status_code=None, detail=delivering.given_up(last_reason),
            response_excerpt="",
        ))
        for id, last_reason in found
    ]  # fmt: skip
    shelf.add_attempts(tx, words)
    if found:
        tx.ring(TOPIC)  # what waited behind them may go
    return len(found)


def take_over(tx: Tx) -> int:
    """Make due now what a predecessor had leased: for a process that is alone, after a crash."""
    return shelf.hasten(tx)


def find_delivery(tx: Tx, webhook: Webhook, id: int) -> Delivery:
    """A message of a webhook with its log. Raises NotFound."""
    found = shelf.find(tx, webhook.id, id, MAX_LOG_LINES)
    if found is None:
        raise NotFound(DELIVERY_TYPE, id)
    return msgspec.structs.replace(found, team_id=webhook.team_id)


def list_deliveries(
    tx: Tx, webhook: Webhook, state: State | None, *, page: int, per_page: int
) -> tuple[list[Delivery], int]:
    """One page of a webhook's messages, newest first, and how many there are in all."""
    return shelf.page(tx, webhook.id, state, offset=(page - 1) * per_page, limit=per_page)


def replay(tx: Tx, webhook: Webhook, id: int) -> Delivery:
    """Send a message again: one that is unfinished at once, a finished one as a new delivery with the same message id.

    Raises NotFound.
    """
    delivery = find_delivery(tx, webhook, id)
    tx.ring(TOPIC)
    if delivery.due_at is not None:
        if delivery.state is not State.SENDING:
            shelf.hasten(tx, delivery.id)
            webhook_shelf.stand(tx, webhook.id, failures=0, held_until=None)
        return find_delivery(tx, webhook, id)
    copy = shelf.add_copy(tx, webhook_id=webhook.id, event_id=delivery.event_id, event=delivery.event)
    return find_delivery(tx, webhook, copy)


def test(tx: Tx, webhook: Webhook) -> Delivery:
    """Send a sample message, whatever the webhook wants to be told of."""
    sample = payloads.sample(webhook.trigger_type, tx.now)
    event_id = events.record(
        tx, TEST_EVENT, team_id=webhook.team_id, resource_type="outgoing_webhook", resource_id=webhook.id, **sample
    )
    tx.ring(TOPIC)
    copy = shelf.add_copy(tx, webhook_id=webhook.id, event_id=event_id, event=TEST_EVENT)
    return find_delivery(tx, webhook, copy)


def states(tx: Tx) -> dict[str, int]:
    """Messages by state, for the metrics: those planned within the last day, and all that are unfinished."""
    found = shelf.count_by_state(tx, tx.now - COUNTED)
    return {state.value: found.get(state.value, 0) for state in State}


def prune(tx: Tx, *, at_most: int) -> int:
    """Delete messages that are past their time or whose webhook is gone; returns how many rows, at most `at_most`."""
    most = at_most // ROWS_PER_DELIVERY
    ids = shelf.orphans(tx, most) or shelf.old(tx, tx.now - delivering.KEPT_FOR, most)
    return shelf.remove(tx, ids, at_most) if ids else 0


def _metadata(tx: Tx, webhook: Webhook, event: events.Event | None) -> dict[str, list[dict[str, Any]]]:
    """The facts of the event's incident in their wire form, when the template asks for them; as they are by now."""
    if event is None or event.resource_type != "incident" or not _asks_for_metadata(webhook):
        return {}
    try:
        shown = incidents.show(tx, incidents.find(tx, event.resource_id), "")
    except NotFound:
        return {}
    return {
        key: [
            {name: given for name, given in msgspec.structs.asdict(value).items() if given is not None}
            for value in values
        ]
        for key, values in shown.metadata.items()
    }


def _asks_for_metadata(webhook: Webhook) -> bool:
    template = webhook.template
    if template is None:
        return False
    texts = [template.body_template or "", *(header.value for header in template.headers_template)]
    return any(map(templates.uses_metadata, texts))
