"""The operations on requests for cover, and on swaps. Ours, beside the contract."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.oncall import actions
from tocsin.oncall.actions.covering import TYPE
from tocsin.oncall.api.calendars import AREA, ONE, OneCalendar, given, named
from tocsin.oncall.model import CoverRequest
from tocsin.oncall.rules.words import wire
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.storage import Tx

ALL = f"{ONE}/cover-requests"
REQUEST = f"{ALL}/{{cover_request_id}}"
State = Literal["requested", "accepted", "declined", "cancelled", "expired"]


class CoverAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A request for cover; with `swap_…` it is an exchange."""

    state: str
    user_email: str | None
    asked_user_email: str | None
    starts_at: str
    ends_at: str
    swap_starts_at: str | None
    swap_ends_at: str | None
    message: str
    decided_by: str | None
    decided_at: str | None
    created_at: str


class ListCovers(OneCalendar, frozen=True, kw_only=True):
    state: State | None = None
    page: int = 1
    per_page: int = 50


class OneCover(OneCalendar, frozen=True, kw_only=True):
    """Names one request of a calendar."""

    cover_request_id: int


class AnswerCover(OneCover, frozen=True, kw_only=True):
    """Who answers: a token says for whom it speaks, a person is themselves."""

    user_email: str | None = None


class CreateCover(OneCalendar, frozen=True, kw_only=True):
    """A stretch to be taken over; by anybody in the team, unless somebody is asked."""

    starts_at: str
    ends_at: str
    user_email: str | None = None
    asked_user_email: str | None = None
    swap_starts_at: str | None = None
    swap_ends_at: str | None = None
    message: str | None = None


def _render(found: CoverRequest) -> CoverAttributes:
    def email(id: int | None) -> str | None:
        return None if id is None else found.emails.get(id)

    return CoverAttributes(
        state=found.state, user_email=email(found.user_id), asked_user_email=email(found.asked_user_id),
        starts_at=to_wire(found.starts_at), ends_at=to_wire(found.ends_at), swap_starts_at=wire(found.swap_starts_at),
        swap_ends_at=wire(found.swap_ends_at), message=found.message, decided_by=email(found.decided_by_user_id),
        decided_at=wire(found.decided_at), created_at=to_wire(found.created_at),
    )  # fmt: skip


RESOURCE = Resource(
    type=TYPE, attributes=CoverAttributes, render=_render, doc="Somebody asks for a stretch of theirs to be taken over."
)


def cover_operations() -> tuple[Operation, ...]:
    """What can be done with requests for cover."""
    return (
        Operation(
            name="on_call_cover_requests.list", routes=(Route("GET", ALL),), area=AREA, level="read",
            upstream="not_there",
            input=ListCovers, handler=_list, resource=RESOURCE, answer="list",
            doc="List the requests for cover in an on-call calendar, the newest first.", deed="listed cover requests",
        ),
        Operation(
            name="on_call_cover_requests.get", routes=(Route("GET", REQUEST),), area=AREA, level="read",
            upstream="not_there",
            input=OneCover, handler=_get, resource=RESOURCE,
            doc="Show a request for cover.", deed="looked at a cover request",
        ),
        Operation(
            name="on_call_cover_requests.create", routes=(Route("POST", ALL),), area=AREA, level="write",
            upstream="not_there",
            input=CreateCover, handler=_create, resource=RESOURCE, event="cover_request.requested", switch="notify",
            doc="Ask for a stretch of on-call time to be taken over, perhaps in exchange.",
            deed="asked for cover on call",
        ),
        Operation(
            name="on_call_cover_requests.accept", routes=(Route("POST", f"{REQUEST}/accept"),), area=AREA,
            upstream="not_there",
            level="write", input=AnswerCover, handler=_accept, resource=RESOURCE, statuses=(200,), conflicts=True,
            event="cover_request.accepted", people_only=True,
            doc="Take the stretch over: overrides say so from then on.", deed="accepted a cover request",
        ),
        Operation(
            name="on_call_cover_requests.decline", routes=(Route("POST", f"{REQUEST}/decline"),), area=AREA,
            upstream="not_there",
            level="write", input=AnswerCover, handler=_decline, resource=RESOURCE, statuses=(200,), conflicts=True,
            event="cover_request.declined", people_only=True,
            doc="Say no to a request for cover.", deed="declined a cover request",
        ),
        Operation(
            name="on_call_cover_requests.cancel", routes=(Route("POST", f"{REQUEST}/cancel"),), area=AREA,
            upstream="not_there",
            level="write", input=AnswerCover, handler=_cancel, resource=RESOURCE, statuses=(200,), conflicts=True,
            event="cover_request.cancelled", people_only=True,
            doc="Take a request for cover back.", deed="cancelled a cover request",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListCovers) -> Page[CoverRequest]:
    found, total = actions.list_covers(
        tx, named(tx, call, input), input.state, page=input.page, per_page=input.per_page
    )
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneCover) -> CoverRequest:
    return actions.find_cover(tx, named(tx, call, input), input.cover_request_id)


def _create(tx: Tx, call: Call, input: CreateCover) -> CoverRequest:
    calendar = named(tx, call, input)
    user = actions.person(tx, calendar, call.actor.user_id, input.user_email)
    return actions.request_cover(tx, calendar, user, given(input, "user_email"))


def _accept(tx: Tx, call: Call, input: AnswerCover) -> CoverRequest:
    calendar = named(tx, call, input)
    actions.find_cover(tx, calendar, input.cover_request_id)
    user = actions.person(tx, calendar, call.actor.user_id, input.user_email)
    return actions.accept_cover(tx, calendar, input.cover_request_id, user)


def _decline(tx: Tx, call: Call, input: AnswerCover) -> CoverRequest:
    calendar = named(tx, call, input)
    user = actions.person(tx, calendar, call.actor.user_id, input.user_email)
    return actions.decline_cover(tx, calendar, input.cover_request_id, user)


def _cancel(tx: Tx, call: Call, input: AnswerCover) -> CoverRequest:
    calendar = named(tx, call, input)
    user = actions.person(tx, calendar, call.actor.user_id, input.user_email)
    return actions.cancel_cover(tx, calendar, input.cover_request_id, user)
