"""The operations on calendars: the contract's five, and the plan as it comes out in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.oncall import actions
from tocsin.oncall.actions.calendars import Shown
from tocsin.oncall.actions.looking import TYPE
from tocsin.oncall.model import Calendar, OnCall, Shift
from tocsin.oncall.rules import settings
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

AREA = "on_call"
ALL = "/api/v2/on-calls"
ONE = f"{ALL}/{{id}}"
MAX_PLAN = timedelta(days=366)
"""The longest window that is laid out in one answer."""
USUAL_PLAN = timedelta(days=14)


class CalendarAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar (contract part 2, 4.1); the last two are ours."""

    name: str | None
    default_calendar: bool
    team_name: str
    handoff_notices: bool
    handoff_notice_minutes: int | None


class UserAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is on call."""

    first_name: str
    last_name: str
    email: str
    phone_numbers: list[str]


class ListCalendars(msgspec.Struct, frozen=True, kw_only=True):
    page: int = 1
    per_page: int = 50


class OneCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """Names a calendar by its id, or the default one as `default`."""

    id: str
    team_name: str | None = None
    """Whose default calendar is meant, when the token speaks for several teams."""


class LookAt(OneCalendar, frozen=True, kw_only=True):
    """A calendar at a time: a date (00:00 UTC) or an instant; now when none is given."""

    date: str | None = None


class CreateCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar to be."""

    name: str
    handoff_notices: bool | UnsetType = UNSET
    handoff_notice_minutes: int | UnsetType | None = UNSET


class UpdateCalendar(OneCalendar, frozen=True, kw_only=True):
    """What changes; what is not sent stays."""

    name: str | UnsetType | None = UNSET
    handoff_notices: bool | UnsetType = UNSET
    handoff_notice_minutes: int | UnsetType | None = UNSET


class Plan(OneCalendar, frozen=True, kw_only=True):
    """A window of a calendar: the next two weeks when nothing is given."""

    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    to: str | UnsetType = UNSET


class ShiftAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call from when to when; nobody where there is a gap."""

    starts_at: str
    ends_at: str
    users: list[str]


class PlanAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A window of a calendar, tiled by its shifts."""

    shifts: list[ShiftAnswer]


USER = Resource(
    type="user",
    attributes=UserAttributes,
    render=lambda person: UserAttributes(
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        phone_numbers=list(person.phone_numbers),
    ),
    doc="Somebody who is on call.",
)


def _render(shown: Shown) -> CalendarAttributes:
    calendar = shown.calendar
    return CalendarAttributes(
        name=calendar.name, default_calendar=calendar.default_calendar, team_name=shown.team_name,
        handoff_notices=calendar.handoff_notices, handoff_notice_minutes=calendar.handoff_notice_minutes,
    )  # fmt: skip


def _relationships(shown: Shown) -> Mapping[str, Any]:
    data = [{"id": str(person.id), "type": "user", "meta": {"email": person.email}} for person in shown.on_call]
    return {"on_call_users": {"data": data}}


def _people(shown: Shown) -> list[tuple[Resource, OnCall]]:
    return [(USER, person) for person in shown.on_call]


CALENDAR = Resource(
    type=TYPE,
    attributes=CalendarAttributes,
    render=_render,
    relationships=_relationships,
    brings=_people,
    doc="A schedule of a team: who is on call, and when.",
)


def calendar_operations() -> tuple[Operation, ...]:
    """What can be done with calendars."""
    return (
        Operation(
            name="on_calls.list", routes=(Route("GET", ALL),), area=AREA, level="read", input=ListCalendars,
            handler=_list, resource=CALENDAR, answer="list", scope=Scope.LIST,
            doc="List the on-call calendars, each with whoever is on call now.", deed="listed the on-call calendars",
        ),
        Operation(
            name="on_calls.get", routes=(Route("GET", ONE),), area=AREA, level="read", input=LookAt,
            handler=_get, resource=CALENDAR,
            doc="Show an on-call calendar, and who is on call now or at a given time.", deed="asked who is on call",
        ),
        Operation(
            name="on_calls.create", routes=(Route("POST", ALL),), area=AREA, level="write", input=CreateCalendar,
            handler=_create, resource=CALENDAR, scope=Scope.CREATE, event="schedule.created",
            doc="Create an on-call calendar.", deed="created an on-call calendar",
        ),
        Operation(
            name="on_calls.update", routes=(Route("PATCH", ONE),), area=AREA, level="write", input=UpdateCalendar,
            handler=_update, resource=CALENDAR, event="schedule.updated",
            doc="Rename an on-call calendar, or change who is told of its hand-offs.",
            deed="changed an on-call calendar",
        ),
        Operation(
            name="on_calls.delete", routes=(Route("DELETE", ONE),), area=AREA, level="full", input=OneCalendar,
            handler=_delete, resource=CALENDAR, answer="none", event="schedule.deleted", switch="delete",
            doc="Delete an on-call calendar; the default one stays.", deed="deleted an on-call calendar",
        ),
        Operation(
            name="on_calls.shifts", routes=(Route("GET", f"{ONE}/shifts"),), area=AREA, level="read", input=Plan,
            upstream="not_there",
            handler=_shifts, answer="flat", flat=PlanAnswer,
            doc="Lay out who is on call from when to when, gaps included.", deed="looked at an on-call plan",
        ),
    )  # fmt: skip


def named(tx: Tx, call: Call, input: OneCalendar) -> Calendar:
    """The calendar that an address names, if the caller may see it."""
    return actions.resolve(tx, input.id, call.team_ids, input.team_name)


def given(input: msgspec.Struct, *without: str) -> dict[str, Any]:
    """What was sent, by wire name."""
    names = [name for name in input.__struct_fields__ if name not in ("id", "team_name", *without)]
    sent = {name: value for name in names if (value := getattr(input, name)) is not UNSET}
    plain: dict[str, Any] = msgspec.to_builtins(sent)
    return plain


def window(
    since: str | UnsetType, until: str | UnsetType, now: datetime, usual: timedelta = USUAL_PLAN
) -> tuple[datetime, datetime]:  # fmt: skip
    """The window that is meant by `from` and `to`. Raises Invalid."""
    sent = {name: text for name, text in (("from", since), ("to", until)) if text is not UNSET}
    read = settings.instants(sent)
    start = read.get("from", now)
    end = read.get("to", start + usual)
    settings.check_order(start, end, "to", "from")
    if end - start > MAX_PLAN:
        raise Invalid.fields(to=f"must be within {MAX_PLAN.days} days of from")
    return start, end


def laid_out(tx: Tx, planned: Sequence[Shift]) -> PlanAnswer:
    """Shifts as the wire has them."""
    people = actions.users(tx, {id for shift in planned for id in shift.user_ids})
    return PlanAnswer(
        shifts=[
            ShiftAnswer(
                starts_at=to_wire(shift.starts_at),
                ends_at=to_wire(shift.ends_at),
                users=[people[id].email for id in shift.user_ids if id in people],
            )
            for shift in planned
        ]
    )


def _list(tx: Tx, call: Call, input: ListCalendars) -> Page[Shown]:
    found, total = actions.list_calendars(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(actions.show(tx, found, tx.now), total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: LookAt) -> Shown:
    at = tx.now if not input.date else settings.instants({"date": input.date})["date"]
    return _shown(tx, [named(tx, call, input)], at)


def _create(tx: Tx, call: Call, input: CreateCalendar) -> Shown:
    assert call.team_id is not None
    return _shown(tx, [actions.create(tx, call.team_id, given(input))], tx.now)


def _update(tx: Tx, call: Call, input: UpdateCalendar) -> Shown:
    return _shown(tx, [actions.update(tx, named(tx, call, input), given(input))], tx.now)


def _delete(tx: Tx, call: Call, input: OneCalendar) -> None:
    actions.delete(tx, named(tx, call, input))


def _shifts(tx: Tx, call: Call, input: Plan) -> PlanAnswer:
    calendar = named(tx, call, input)
    return laid_out(tx, actions.shifts(tx, calendar, *window(input.from_, input.to, tx.now)))


def _shown(tx: Tx, found: Sequence[Calendar], at: datetime) -> Shown:
    return actions.show(tx, found, at)[0]
