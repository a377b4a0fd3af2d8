"""Who is on call: the question that everything else is for."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import NotFound
from tocsin.oncall import rules
from tocsin.oncall.model import Calendar, Event, Layer, Schedule, Shift, Stretch
from tocsin.oncall.store import calendars as shelf
from tocsin.oncall.store import layers as layer_shelf
from tocsin.oncall.store import planned
from tocsin.storage import Tx

TYPE = "on_call_calendar"
"""How a calendar is named in answers and events."""
INSTANT = timedelta(milliseconds=1)
"""The shortest time there is here."""


def on_call(tx: Tx, team_id: int, calendar_id: int | None, at: datetime) -> list[int]:
    """Who is on call at an instant (user ids, whoever is first is to be reached first); empty when nobody is.

    `calendar_id` None is the team's default calendar. A calendar that is gone, or another team's, has nobody.
    """
    calendar = shelf.default(tx, team_id) if calendar_id is None else shelf.find(tx, calendar_id)
    if calendar is None or calendar.team_id != team_id:
        return []
    return list(rules.who(schedule(tx, calendar, at, at + INSTANT), at))


def find(tx: Tx, calendar_id: int, team_ids: tuple[int, ...] | None = None) -> Calendar:
    """The calendar, if it belongs to one of the teams (None = any). Raises NotFound."""
    found = shelf.find(tx, calendar_id)
    if found is None or (team_ids is not None and found.team_id not in team_ids):
        raise NotFound(TYPE, calendar_id)
    return found


def team_of(tx: Tx, calendar_id: int) -> int | None:
    """Whose calendar it is; None when there is none."""
    found = shelf.find(tx, calendar_id)
    return None if found is None else found.team_id


def zones(tx: Tx, team_id: int) -> dict[int, str]:
    """In which time zone the people of a team hand their duty over, by person: the best guess at where they live."""
    found: dict[int, str] = {}
    for user_ids, timezone in layer_shelf.zones(tx, team_id):
        for user_id in user_ids:
            found.setdefault(user_id, timezone)
    return found


def ensure_default(tx: Tx, team_id: int) -> Calendar:
    """The team's calendar that is meant when none is named, made if there is none yet."""
    found = shelf.default(tx, team_id)
    if found is None:
        found = shelf.find(tx, shelf.add(tx, team_id=team_id, name=None, default_calendar=True))
    assert found is not None
    return found


def schedule(tx: Tx, calendar: Calendar, start: datetime, end: datetime) -> Schedule:
    """All that decides who is on call in [start, end)."""
    events = planned.overlapping(tx, calendar.id, start, end)
    return Schedule(
        overrides=tuple(_stretch(event) for event in events if event.override),
        events=tuple(_stretch(event) for event in events if not event.override),
        imported=tuple(planned.imported_within(tx, calendar.id, start, end)),
        layers=tuple(layer_shelf.of_calendar(tx, calendar.id)),
        present=frozenset(user.id for user in accounts.members(tx, calendar.team_id)),
    )


def shifts(
    tx: Tx, calendar: Calendar, start: datetime, end: datetime, layers: tuple[Layer, ...] | None = None
) -> list[Shift]:
    """The plan of [start, end) without a gap: a shift with nobody stands where nobody is on call.

    `layers`: taken in place of those that the calendar has; for a look at what is not saved yet.
    """
    plan = schedule(tx, calendar, start, end)
    if layers is not None:
        plan = msgspec.structs.replace(plan, layers=layers)
    return rules.shifts(plan, start, end)


def _stretch(event: Event) -> Stretch:
    return Stretch(id=event.id, starts_at=event.starts_at, ends_at=event.ends_at, user_ids=event.user_ids)
