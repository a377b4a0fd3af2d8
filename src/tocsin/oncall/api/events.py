"""The operations on a calendar's rotation and events: flat objects, without an envelope (contract part 2, 4.2, 4.3)."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.oncall import actions
from tocsin.oncall.api.calendars import AREA, ONE, OneCalendar, given, named
from tocsin.oncall.model import Event, Rotation
from tocsin.registry import Call, Operation, Route
from tocsin.storage import Tx

ROTATION = f"{ONE}/rotation"
EVENTS = f"{ONE}/events"
EVENT = f"{EVENTS}/{{event_id}}"


class RotationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A rotation (contract part 2, 4.2)."""

    users: list[str]
    rotation_length: int
    rotation_interval: str
    start_rotations_at: str
    end_rotations_at: str


class SetRotation(OneCalendar, frozen=True, kw_only=True):
    """A rotation to be: whose turn it is, in order, and how long a turn is."""

    users: list[str]
    rotation_length: int
    rotation_interval: str | None = None
    rotation_period: str | None = None
    """What the documentation calls `rotation_interval`."""
    start_rotations_at: str
    end_rotations_at: str


class EventAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An event (contract part 2, 4.3): its id is a number."""

    id: int
    users: list[str]
    starts_at: str
    ends_at: str
    override: bool


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All events that were asked for, in order of time."""

    events: list[EventAnswer]


class OneEvent(OneCalendar, frozen=True, kw_only=True):
    """Names one event of a calendar."""

    event_id: int


class EventInput(msgspec.Struct, frozen=True, kw_only=True):
    """An event to be."""

    starts_at: str
    ends_at: str
    users: list[str]
    override: bool | None = None


class CreateEvent(OneCalendar, frozen=True, kw_only=True):
    """An event to be."""

    starts_at: str
    ends_at: str
    users: list[str]
    override: bool | None = None


class UpdateEvent(OneEvent, frozen=True, kw_only=True):
    """What changes; what is not sent stays."""

    starts_at: str | UnsetType | None = UNSET
    ends_at: str | UnsetType | None = UNSET
    users: list[str] | UnsetType | None = UNSET
    override: bool | UnsetType | None = UNSET


class ReplaceEvents(OneCalendar, frozen=True, kw_only=True):
    """All that is to be planned from today on."""

    events: list[EventInput]


def event_operations() -> tuple[Operation, ...]:
    """What can be done with a calendar's rotation and its events."""
    return (*_rotation_operations(), *_event_operations())


def _rotation_operations() -> tuple[Operation, ...]:
    return (
        Operation(
            name="on_call_rotation.get", routes=(Route("GET", ROTATION),), area=AREA, level="read", input=OneCalendar,
            handler=_get_rotation, answer="flat", flat=RotationAnswer,
            doc="Show the rotation of an on-call calendar.", deed="looked at an on-call rotation",
        ),
        Operation(
            name="on_call_rotation.set", routes=(Route("POST", ROTATION),), area=AREA, level="write",
            input=SetRotation, handler=_set_rotation, answer="flat", flat=RotationAnswer, statuses=(201,),
            doc="Fill an on-call calendar with consecutive events that take turns.", deed="set an on-call rotation",
        ),
    )  # fmt: skip


def _event_operations() -> tuple[Operation, ...]:
    return (
        Operation(
            name="on_call_events.list", routes=(Route("GET", EVENTS),), area=AREA, level="read", input=OneCalendar,
            handler=_list_events, answer="flat", flat=EventsAnswer,
            doc="List all events of an on-call calendar, past and future.", deed="listed on-call events",
        ),
        Operation(
            name="on_call_events.get", routes=(Route("GET", EVENT),), area=AREA, level="read", input=OneEvent,
            handler=_get_event, answer="flat", flat=EventAnswer,
            doc="Show an event of an on-call calendar.", deed="looked at an on-call event",
        ),
        Operation(
            name="on_call_events.create", routes=(Route("POST", EVENTS),), area=AREA, level="write",
            input=CreateEvent, handler=_create_event, answer="flat", flat=EventAnswer, statuses=(200,),
            doc="Put somebody on call for a while, perhaps in place of others.", deed="created an on-call event",
        ),
        Operation(
            name="on_call_events.update", routes=(Route("PATCH", EVENT),), area=AREA, level="write",
            input=UpdateEvent, handler=_update_event, answer="flat", flat=EventAnswer,
            doc="Change an event of an on-call calendar.", deed="changed an on-call event",
        ),
        Operation(
            name="on_call_events.delete", routes=(Route("DELETE", EVENT),), area=AREA, level="full", input=OneEvent,
            handler=_delete_event, answer="none", switch="delete",
            doc="Delete an event of an on-call calendar.", deed="deleted an on-call event",
        ),
        Operation(
            name="on_call_events.replace", routes=(Route("PUT", EVENTS),), area=AREA, level="full",
            input=ReplaceEvents, handler=_replace_events, answer="flat", flat=EventsAnswer, switch="delete",
            doc="Replace all events from today on.", deed="replaced on-call events",
        ),
    )  # fmt: skip


def wire(instant: datetime) -> str:
    """As the original writes times of on-call events: without milliseconds, unless there are some."""
    return to_wire(instant).replace(".000Z", "Z")


def _get_rotation(tx: Tx, call: Call, input: OneCalendar) -> RotationAnswer:
    return _rotation(actions.find_rotation(tx, named(tx, call, input)))


def _set_rotation(tx: Tx, call: Call, input: SetRotation) -> RotationAnswer:
    calendar = named(tx, call, input)
    sent = given(input)
    interval = input.rotation_interval or input.rotation_period
    if interval is None:
        raise Invalid.missing(["rotation_interval"])
    return _rotation(actions.set_rotation(tx, calendar, {**sent, "rotation_interval": interval}))


def _list_events(tx: Tx, call: Call, input: OneCalendar) -> EventsAnswer:
    return EventsAnswer(events=[_event(event) for event in actions.list_events(tx, named(tx, call, input))])


def _get_event(tx: Tx, call: Call, input: OneEvent) -> EventAnswer:
    return _event(actions.find_event(tx, named(tx, call, input), input.event_id))


def _create_event(tx: Tx, call: Call, input: CreateEvent) -> EventAnswer:
    return _event(actions.create_event(tx, named(tx, call, input), given(input)))


def _update_event(tx: Tx, call: Call, input: UpdateEvent) -> EventAnswer:
    return _event(actions.update_event(tx, named(tx, call, input), input.event_id, given(input, "event_id")))


def _delete_event(tx: Tx, call: Call, input: OneEvent) -> None:
    actions.delete_event(tx, named(tx, call, input), input.event_id)


def _replace_events(tx: Tx, call: Call, input: ReplaceEvents) -> EventsAnswer:
    planned = actions.replace_events(tx, named(tx, call, input), given(input)["events"])
    return EventsAnswer(events=[_event(event) for event in planned])


def _rotation(rotation: Rotation) -> RotationAnswer:
    return RotationAnswer(
        users=list(rotation.emails), rotation_length=rotation.rotation_length,
        rotation_interval=rotation.rotation_interval, start_rotations_at=wire(rotation.start_rotations_at),
        end_rotations_at=wire(rotation.end_rotations_at),
    )  # fmt: skip


def _event(event: Event) -> EventAnswer:
    return EventAnswer(
        id=event.id, users=list(event.emails), starts_at=wire(event.starts_at), ends_at=wire(event.ends_at),
        override=event.override,
    )  # fmt: skip
