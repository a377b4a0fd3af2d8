"""Planning who is on call: events and overrides one by one, a rotation of events, and all of the future at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid, NotFound
from tocsin.oncall.actions.calendars import members, moved, users
from tocsin.oncall.model import Calendar, Event, Rotation, Stretch
from tocsin.oncall.rules import planning, settings
from tocsin.oncall.rules import rotation as rules
from tocsin.oncall.store import planned
from tocsin.storage import Tx

EVENT_TYPE = "on_call_event"
ROTATION_TYPE = "on_call_rotation"
HISTORY = timedelta(days=730)
"""How long events are kept that are over: who was on call when is asked about for a while."""
MAX_AT_ONCE = 100
"""Events of one kind at the same instant: more would be a loop in a script."""


def list_events(tx: Tx, calendar: Calendar) -> list[Event]:
    """All events of a calendar, past and future, in order of time (contract part 2, 4.3)."""
    return _named(tx, calendar, planned.events(tx, calendar.id))


def find_event(tx: Tx, calendar: Calendar, id: int) -> Event:
    """Raises NotFound."""
    found = planned.event(tx, calendar.id, id)
    if found is None:
        raise NotFound(EVENT_TYPE, id)
    return _named(tx, calendar, [found])[0]


def create_event(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Event:
    """Add an event that begins today or later. Raises Invalid."""
    stretch = _stretch(tx, calendar, given)
    settings.check_start(stretch.starts_at, tx.now)
    override = bool(given.get("override"))
    check_room(tx, calendar, 1)
    _check_crowd(tx, calendar, [stretch], override)
    id = planned.add_event(tx, calendar.id, stretch, override)
    moved(tx, calendar)
    return find_event(tx, calendar, id)


def update_event(tx: Tx, calendar: Calendar, id: int, given: Mapping[str, Any]) -> Event:
    """Change what is in `given`; what has ended before today is history. Raises NotFound, Invalid."""
    old = find_event(tx, calendar, id)
    settings.check_open(old.ends_at, tx.now)
    read = settings.instants({name: given[name] for name in ("starts_at", "ends_at") if given.get(name) is not None})
    start, end = read.get("starts_at", old.starts_at), read.get("ends_at", old.ends_at)
    if start != old.starts_at:
        settings.check_start(start, tx.now)
    settings.check_order(start, end)
    user_ids = old.user_ids
    if given.get("users") is not None:
        user_ids = tuple(dict.fromkeys(members(tx, calendar.team_id, given["users"])))
        settings.check_people(len(user_ids))
    override = old.override if given.get("override") is None else bool(given["override"])
    stretch = Stretch(id=id, starts_at=start, ends_at=end, user_ids=user_ids)
    _check_crowd(tx, calendar, [stretch], override)
    planned.change_event(tx, id, stretch, override)
    moved(tx, calendar)
    return find_event(tx, calendar, id)


def delete_event(tx: Tx, calendar: Calendar, id: int) -> None:
    """Delete an event that has not ended before today. Raises NotFound, Invalid."""
    settings.check_open(find_event(tx, calendar, id).ends_at, tx.now)
    planned.remove_events(tx, [id])
    moved(tx, calendar)


def replace_events(tx: Tx, calendar: Calendar, given: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Delete all that starts today or later and plan this instead, all or nothing. Raises Invalid.

    Returns the events that were planned, in order of time.
    """
    if len(given) > rules.MAX_EVENTS:
        raise Invalid.fields(events=f"are too many (maximum is {rules.MAX_EVENTS})")
    wanted = [(_stretch(tx, calendar, each), bool(each.get("override"))) for each in given]
    for stretch, _ in wanted:
        settings.check_start(stretch.starts_at, tx.now)
    since = settings.midnight(tx.now)
    planned.remove_from(tx, calendar.id, since)
    check_room(tx, calendar, len(wanted))
    for override in (False, True):
        _check_crowd(tx, calendar, [stretch for stretch, overrides in wanted if overrides is override], override)
    planned.add_events(tx, calendar.id, wanted)
    moved(tx, calendar)
    return [event for event in list_events(tx, calendar) if event.starts_at >= since]


def find_rotation(tx: Tx, calendar: Calendar) -> Rotation:
    """What the calendar's events were last made from. Raises NotFound when there is no rotation."""
    found = planned.rotation(tx, calendar.id)
    if found is None:
        raise NotFound(ROTATION_TYPE, calendar.id, "This on-call calendar has no rotation.")
    known = users(tx, found.user_ids)
    return msgspec.structs.replace(found, emails=tuple(known[id].email for id in found.user_ids if id in known))


def set_rotation(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Rotation:
    """Fill the calendar with consecutive events, each of the next user, in place of what was planned there.

    Overrides stay; what ended before today stays; what reaches beyond the rotation keeps its other part (contract
    part 2, 4.2). Raises Invalid.
    """
    read = settings.instants({name: given[name] for name in ("start_rotations_at", "end_rotations_at")})
    settings.check_order(read["start_rotations_at"], read["end_rotations_at"], "end_rotations_at", "start_rotations_at")
    settings.check_turn(given["rotation_length"], given["rotation_interval"])
    settings.check_people(len(given["users"]))
    rotation = Rotation(
        calendar_id=calendar.id,
        user_ids=tuple(members(tx, calendar.team_id, given["users"])),
        rotation_length=given["rotation_length"],
        rotation_interval=given["rotation_interval"],
        start_rotations_at=read["start_rotations_at"],
        end_rotations_at=read["end_rotations_at"],
    )
    wanted = rules.consecutive(rotation, settings.midnight(tx.now))
    window = rules.span(wanted)
    if window is not None:
        _clear(tx, calendar, *window)
        check_room(tx, calendar, len(wanted))
        planned.add_events(tx, calendar.id, [(stretch, False) for stretch in wanted])
    planned.put_rotation(tx, rotation)
    moved(tx, calendar)
    return find_rotation(tx, calendar)


def _clear(tx: Tx, calendar: Calendar, start: datetime, end: datetime) -> None:
    """Take the window out of the events that are not history and override nothing."""
    today = settings.midnight(tx.now)
    within = planned.overlapping(tx, calendar.id, start, end, override=False)
    concerned = [event for event in within if event.ends_at > today]
    planned.remove_events(tx, [event.id for event in concerned])
    left = [part for event in concerned for part in rules.outside(event, start, end)]
    planned.add_events(tx, calendar.id, [(part, False) for part in left])


def _stretch(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Stretch:
    read = settings.instants({"starts_at": given["starts_at"], "ends_at": given["ends_at"]})
    settings.check_order(read["starts_at"], read["ends_at"])
    settings.check_people(len(given["users"]))
    user_ids = dict.fromkeys(members(tx, calendar.team_id, given["users"]))
    return Stretch(starts_at=read["starts_at"], ends_at=read["ends_at"], user_ids=tuple(user_ids))


def check_room(tx: Tx, calendar: Calendar, more: int) -> None:
    """Raises Invalid when a calendar would have too many events to come; makes room by forgetting old history."""
    planned.forget_history(tx, calendar.id, tx.now - HISTORY)
    if planned.count_events(tx, calendar.id, settings.midnight(tx.now)) + more > rules.MAX_EVENTS:
        raise Invalid.fields(base=f"an on-call calendar can have at most {rules.MAX_EVENTS} events to come")


def _check_crowd(tx: Tx, calendar: Calendar, added: Sequence[Stretch], override: bool) -> None:
    window = rules.span(added)
    if window is None:
        return
    mine = {stretch.id for stretch in added}
    there = planned.overlapping(tx, calendar.id, *window, override=override)
    others = [
        Stretch(starts_at=event.starts_at, ends_at=event.ends_at, user_ids=())
        for event in there
        if event.id not in mine
    ]
    if planning.at_once([*others, *added]) > MAX_AT_ONCE:
        raise Invalid.fields(base=f"more than {MAX_AT_ONCE} events would be at the same time")


def _named(tx: Tx, calendar: Calendar, found: Sequence[Event]) -> list[Event]:
    """With the addresses of the people, and whose they are."""
    known = users(tx, {id for event in found for id in event.user_ids})
    return [
        msgspec.structs.replace(
            event, team_id=calendar.team_id, emails=tuple(known[id].email for id in event.user_ids if id in known)
        )
        for event in found
    ]
