"""What visitors of a public page may do: subscribe, confirm, choose, leave. No API leads here, only the page itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.registry import Call, Operation
from tocsin.status_pages.actions import reach_page
from tocsin.status_pages.actions import subscribing as actions
from tocsin.status_pages.api.subscribers import AREA, SUBSCRIBER
from tocsin.status_pages.model import Subscriber, SubscriberKind
from tocsin.status_pages.rules import subscribing as rules
from tocsin.storage import Tx


class Subscribe(msgspec.Struct, kw_only=True):
    """Who wants to hear of which resources, and how; of all when none is named."""

    id: int
    """Of the page."""
    kind: Literal["email", "webhook", "slack", "push"] = "email"
    email: str | None = None
    """Where updates go, or who confirms that a webhook or a chat may be posted to."""
    url: str | None = None
    """Of a webhook or a chat."""
    subscription: str | None = None
    """What a browser's PushSubscription says of itself, as JSON."""
    status_page_resource_ids: list[int] | None = None
    language: str | None = None


class OfSubscriber(msgspec.Struct, kw_only=True):
    """One subscriber: whose link was opened."""

    id: int


class Choose(msgspec.Struct, kw_only=True):
    """Of which resources a subscriber wants to hear; of all when none is named."""

    id: int
    status_page_resource_ids: list[int] | None = None
    language: str | None = None


class Answered(msgspec.Struct, kw_only=True):
    """The same for everybody: it does not say who is known here."""

    check_mail: bool
    """Whether a mail says how it goes on; a browser needs none."""


def _subscribe(tx: Tx, call: Call, input: Subscribe) -> Answered:
    page = reach_page(tx, input.id, call.team_ids)
    kind = SubscriberKind(input.kind)
    asked = rules.asked(kind, email=input.email, url=input.url, subscription=input.subscription)
    actions.subscribe(tx, page, asked, input.status_page_resource_ids or [], input.language or "")
    return Answered(check_mail=kind is not SubscriberKind.PUSH)


def _confirm(tx: Tx, call: Call, input: OfSubscriber) -> Subscriber:
    return actions.confirm(tx, input.id)


def _unsubscribe(tx: Tx, call: Call, input: OfSubscriber) -> Subscriber:
    return actions.unsubscribe(tx, input.id)


def _choose(tx: Tx, call: Call, input: Choose) -> Subscriber:
    return actions.choose(tx, input.id, input.status_page_resource_ids or [], input.language)


VISITOR_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_page_visitors.subscribe",
        routes=(),
        area=AREA,
        level="write",
        input=Subscribe,
        handler=_subscribe,
        doc="Ask to be told of a status page's updates.",
        deed="asked to be told of a status page's updates",
        answer="flat",
        flat=Answered,
        statuses=(200,),
        secrets=("email", "url", "subscription"),
    ),
    Operation(
        name="status_page_visitors.confirm",
        routes=(),
        area=AREA,
        level="write",
        input=OfSubscriber,
        handler=_confirm,
        doc="Confirm a subscription to a status page.",
        deed="confirmed a subscription to a status page",
        resource=SUBSCRIBER,
    ),
    Operation(
        name="status_page_visitors.unsubscribe",
        routes=(),
        area=AREA,
        level="write",
        input=OfSubscriber,
        handler=_unsubscribe,
        doc="Leave a status page's subscribers.",
        deed="left the subscribers of a status page",
        resource=SUBSCRIBER,
    ),
    Operation(
        name="status_page_visitors.choose",
        routes=(),
        area=AREA,
        level="write",
        input=Choose,
        handler=_choose,
        doc="Choose the resources of a status page to hear of.",
        deed="chose which resources of a status page to hear of",
        resource=SUBSCRIBER,
    ),
)
