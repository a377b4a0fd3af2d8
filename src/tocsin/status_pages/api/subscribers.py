"""Subscribers of a status page on the wire (contract part 2, 5.6): listed, added for somebody, removed."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.status_pages.actions import reach_page
from tocsin.status_pages.actions import subscribing as actions
from tocsin.status_pages.model import StatusPage, Subscriber, SubscriberKind
from tocsin.status_pages.rules import subscribing as rules
from tocsin.storage import Tx

_ALL = "/api/v2/status-pages/{status_page_id}/subscribers"
_ONE = _ALL + "/{id}"
AREA = "status_pages"
EVERY_KIND = "all"


class SubscriberAttributes(msgspec.Struct, kw_only=True):
    """Somebody who is told of a page's updates (contract part 2, 5.6)."""

    status_page_id: int
    email: str | None
    """Where it was confirmed; null for a browser."""
    status_page_resource_ids: list[int]
    """Of which they want to hear; empty = of all."""
    kind: str
    """Ours: `email`, `webhook`, `slack` or `push`."""
    address: str | None
    """Ours: of a kind other than `email`, at which server; the rest of it is a secret."""
    confirmed_at: str | None
    created_at: str
    updated_at: str


def _render(record: Subscriber) -> SubscriberAttributes:
    return SubscriberAttributes(
        status_page_id=record.status_page_id,
        email=record.email,
        status_page_resource_ids=list(record.status_page_resource_ids),
        kind=record.kind.value,
        address=None if record.kind is SubscriberKind.EMAIL else rules.where(record.kind, record.address),
        confirmed_at=None if record.confirmed_at is None else to_wire(record.confirmed_at),
        created_at=to_wire(record.created_at),
        updated_at=to_wire(record.updated_at),
    )


SUBSCRIBER = Resource(
    type=actions.SUBSCRIBER_TYPE,
    attributes=SubscriberAttributes,
    render=_render,
    doc="Somebody who is told of a page's updates.",
)
RESOURCES = (SUBSCRIBER,)


class ListSubscribers(msgspec.Struct, kw_only=True):
    """One page of those who have not left; by e-mail unless another `kind`, or `all`, is asked for."""

    status_page_id: int
    kind: Literal["email", "webhook", "slack", "push", "all"] = "email"
    search: str = ""
    """Ours: a part of the mail address."""
    confirmed: bool | None = None
    """Ours: only those who have confirmed, or have not yet."""
    page: int = 1
    per_page: int = 50


class CreateSubscriber(msgspec.Struct, kw_only=True):
    """Whom to tell; of which resources, of all when none is named."""

    status_page_id: int
    email: str
    status_page_resource_ids: list[int] | None = None


class SubscribersOf(msgspec.Struct, kw_only=True):
    """All subscribers of one page."""

    status_page_id: int


class SubscriberById(msgspec.Struct, kw_only=True):
    """One subscriber of one page."""

    status_page_id: int
    id: int


def _page(tx: Tx, call: Call, id: int) -> StatusPage:
    return reach_page(tx, id, call.team_ids)


def _list(tx: Tx, call: Call, input: ListSubscribers) -> Page[Subscriber]:
    kind = None if input.kind == EVERY_KIND else SubscriberKind(input.kind)
    found, total = actions.list_subscribers(
        tx, _page(tx, call, input.status_page_id), kind, search=input.search, confirmed=input.confirmed,
        page_number=input.page, per_page=input.per_page,
    )  # fmt: skip
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _csv(tx: Tx, call: Call, input: SubscribersOf) -> bytes:
    return actions.subscribers_csv(tx, _page(tx, call, input.status_page_id))


def _create(tx: Tx, call: Call, input: CreateSubscriber) -> Subscriber:
    page = _page(tx, call, input.status_page_id)
    return actions.add_subscriber(tx, page, input.email, input.status_page_resource_ids or [])


def _get(tx: Tx, call: Call, input: SubscriberById) -> Subscriber:
    return actions.find_subscriber(tx, _page(tx, call, input.status_page_id), input.id)


def _delete(tx: Tx, call: Call, input: SubscriberById) -> None:
    actions.remove_subscriber(tx, _page(tx, call, input.status_page_id), input.id)


SUBSCRIBER_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_page_subscribers.list",
        routes=(Route("GET", _ALL),),
        area=AREA,
        level="read",
        input=ListSubscribers,
        handler=_list,
        doc="List who is told of a status page's updates.",
        deed="listed subscribers of a status page",
        resource=SUBSCRIBER,
        answer="list",
    ),
    Operation(
        name="status_page_subscribers.export",
        routes=(Route("GET", "/api/v2/status-pages/{status_page_id}/subscribers.csv"),),
        area=AREA,
        level="read",
        input=SubscribersOf,
        handler=_csv,
        doc="Download all subscribers of a status page as a table.",
        deed="exported the subscribers of a status page",
        resource=SUBSCRIBER,
        answer="flat",
        media="text/csv",
        filename="subscribers.csv",
        people_only=True,
        upstream="not_there",
    ),
    Operation(
        name="status_page_subscribers.create",
        routes=(Route("POST", _ALL),),
        area=AREA,
        level="write",
        input=CreateSubscriber,
        handler=_create,
        doc="Subscribe an e-mail address to a status page; it counts as confirmed.",
        deed="subscribed somebody to a status page",
        resource=SUBSCRIBER,
        secrets=("email",),
        switch="notify",
    ),
    Operation(
        name="status_page_subscribers.get",
        routes=(Route("GET", _ONE),),
        area=AREA,
        level="read",
        input=SubscriberById,
        handler=_get,
        doc="Get one subscriber of a status page.",
        deed="read a subscriber of a status page",
        resource=SUBSCRIBER,
    ),
    Operation(
        name="status_page_subscribers.delete",
        routes=(Route("DELETE", _ONE),),
        area=AREA,
        level="full",
        input=SubscriberById,
        handler=_delete,
        doc="Remove a subscriber from a status page.",
        deed="removed a subscriber from a status page",
        resource=SUBSCRIBER,
        answer="none",
        switch="delete",
    ),
)
