"""The log of what was sent to a webhook, and sending it again: not in the original's API."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.storage import Tx
from tocsin.webhooks import actions
from tocsin.webhooks.api.webhooks import AREA, OneWebhook
from tocsin.webhooks.model import Attempt, Delivery, State


class AttemptAttributes(msgspec.Struct):
    """One request and what came of it."""

    attempt: int
    at: str
    duration: float
    """Seconds."""
    status_code: int | None
    """Null: there was no answer."""
    detail: str
    response_excerpt: str


class DeliveryAttributes(msgspec.Struct):
    """One message."""

    message_id: str
    """The `webhook-id` header: the same for every attempt and every replay."""
    event: str
    state: str
    attempts: int
    created_at: str
    next_attempt_at: str | None
    finished_at: str | None
    log: list[AttemptAttributes]
    """The attempts, newest first; in a list only the newest."""


class OneDelivery(msgspec.Struct, kw_only=True):
    id: int
    delivery_id: int


class ListDeliveries(msgspec.Struct, kw_only=True):
    """`state` shows only messages that stand there."""

    id: int
    state: Literal["queued", "sending", "delivered", "failed", "given_up"] | UnsetType = UNSET
    page: int = 1
    per_page: int = 50


def _render(delivery: Delivery) -> DeliveryAttributes:
    return DeliveryAttributes(
        message_id=delivery.message_id,
        event=delivery.event,
        state=delivery.state.value,
        attempts=delivery.attempts,
        created_at=to_wire(delivery.planned_at),
        next_attempt_at=_when(delivery.due_at),
        finished_at=_when(delivery.finished_at),
        log=[_render_attempt(line) for line in delivery.log],
    )


def _render_attempt(line: Attempt) -> AttemptAttributes:
    return AttemptAttributes(
        attempt=line.attempt,
        at=to_wire(line.at),
        duration=line.duration_ms / 1000,
        status_code=line.status_code,
        detail=line.detail,
        response_excerpt=line.response_excerpt,
    )


def _when(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)


DELIVERY = Resource(
    type=actions.DELIVERY_TYPE,
    attributes=DeliveryAttributes,
    render=_render,
    doc="A message to an outgoing webhook about one event, and what came of every attempt to deliver it.",
)


def delivery_operations() -> tuple[Operation, ...]:
    all = "/api/v2/outgoing-webhooks/{id}/deliveries"
    one = all + "/{delivery_id}"
    return (
        Operation(
            name="outgoing_webhooks.deliveries", routes=(Route("GET", all),), area=AREA, level="read",
            upstream="not_there",
            input=ListDeliveries, handler=_list, resource=DELIVERY, answer="list",
            doc="List what was sent to an outgoing webhook in the last 30 days, newest first.",
            deed="looked at the messages to an outgoing webhook",
        ),
        Operation(
            name="outgoing_webhooks.delivery", routes=(Route("GET", one),), area=AREA, level="read",
            upstream="not_there",
            input=OneDelivery, handler=_get, resource=DELIVERY,
            doc="Show a message to an outgoing webhook with all its attempts.",
            deed="looked at a message to an outgoing webhook",
        ),
        Operation(
            name="outgoing_webhooks.replay", routes=(Route("POST", one + "/replay"),), area=AREA, level="write",
            upstream="not_there",
            input=OneDelivery, handler=_replay, resource=DELIVERY, switch="notify",
            doc="Send a message to an outgoing webhook again.", deed="sent a message to an outgoing webhook again",
        ),
        Operation(
            name="outgoing_webhooks.test", routes=(Route("POST", "/api/v2/outgoing-webhooks/{id}/test"),), area=AREA,
            upstream="not_there",
            level="write", input=OneWebhook, handler=_test, resource=DELIVERY, switch="notify",
            event="outgoing_webhook.tested",
            doc="Send a sample message to an outgoing webhook.", deed="tested an outgoing webhook",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListDeliveries) -> Page[Delivery]:
    webhook = actions.find(tx, input.id, call.team_ids)
    state = None if isinstance(input.state, UnsetType) else State(input.state)
    found, total = actions.list_deliveries(tx, webhook, state, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneDelivery) -> Delivery:
    return actions.find_delivery(tx, actions.find(tx, input.id, call.team_ids), input.delivery_id)


def _replay(tx: Tx, call: Call, input: OneDelivery) -> Delivery:
    return actions.replay(tx, actions.find(tx, input.id, call.team_ids), input.delivery_id)


def _test(tx: Tx, call: Call, input: OneWebhook) -> Delivery:
    return actions.test(tx, actions.find(tx, input.id, call.team_ids))
