"""What is wrong with a team's schedules before anybody is paged: gaps, people who have left, rotations of one."""

from __future__ import annotations

from datetime import timedelta

from tocsin.accounts import actions as accounts
from tocsin.contacts.model import Shortcoming
from tocsin.oncall import rules
from tocsin.oncall.actions.calendars import MAX_PER_TEAM, users
from tocsin.oncall.actions.importing import MAX_IMPORTS
from tocsin.oncall.actions.looking import TYPE, schedule
from tocsin.oncall.model import Calendar, Schedule
from tocsin.oncall.rules import words
from tocsin.oncall.store import calendars as shelf
from tocsin.oncall.store import imports as import_shelf
from tocsin.storage import Tx

HORIZON = timedelta(days=90)
"""How far ahead somebody must be on call."""


def warnings(tx: Tx, team_id: int) -> list[Shortcoming]:
    """Everything that will keep pages of a team from reaching somebody, as far as its schedules are concerned.

    Codes: `on_call_gap`, `one_person_rotation`, `on_call_member_left`, `on_call_import_failing`. A default calendar in
    which nobody has ever planned anything is no gap: such a team works without schedules.
    """
    return [
        warning
        for calendar in shelf.of_team(tx, team_id, MAX_PER_TEAM)
        for warning in (*_of_plan(tx, calendar), *_of_imports(tx, calendar))
    ]


def _of_plan(tx: Tx, calendar: Calendar) -> list[Shortcoming]:
    plan = schedule(tx, calendar, tx.now, tx.now + HORIZON)
    found: list[Shortcoming] = []
    if calendar.default_calendar and not shelf.was_used(tx, calendar.id):
        return found
    gap = next((shift for shift in rules.shifts(plan, tx.now, tx.now + HORIZON) if not shift.user_ids), None)
    if gap is not None:
        since = "now" if gap.starts_at == tx.now else words.at(gap.starts_at)
        until = "" if gap.ends_at >= tx.now + HORIZON else f" until {words.at(gap.ends_at)}"
        found.append(_about(calendar, "on_call_gap", f"Nobody is on call in {calendar.title} from {since}{until}."))
    for layer in plan.layers:
        if len(set(layer.user_ids)) == 1 and not (layer.ends_at is not None and layer.ends_at <= tx.now):
            name = f"Layer {layer.name or layer.position} of {calendar.title}"
            found.append(_about(calendar, "one_person_rotation", f"{name} has one person, who never gets a rest."))
    if not plan.layers and len({id for each in plan.events for id in each.user_ids}) == 1 and len(plan.events) > 1:
        found.append(
            _about(calendar, "one_person_rotation", f"Only one person is planned in {calendar.title} and gets no rest.")
        )
    left = sorted(_named(plan) - (plan.present or frozenset()))
    if left:
        people = users(tx, left)
        names = words.listed([people[id].name if id in people else f"person {id}" for id in left])
        team = accounts.team(tx, calendar.team_id).name
        sentence = f"{calendar.title} still names people who have left {team}: {names}. Others take their turns."
        found.append(_about(calendar, "on_call_member_left", sentence))
    return found


def _of_imports(tx: Tx, calendar: Calendar) -> list[Shortcoming]:
    return [
        _about(calendar, "on_call_import_failing", f"{each.name}, read into {calendar.title}: {each.warning}")
        for each in import_shelf.of_calendar(tx, calendar.id, MAX_IMPORTS)
        if each.warning is not None
    ]


def _named(plan: Schedule) -> set[int]:
    planned = [each.user_ids for each in (*plan.overrides, *plan.events, *plan.imported)]
    return {id for user_ids in (*planned, *(layer.user_ids for layer in plan.layers)) for id in user_ids}


def _about(calendar: Calendar, code: str, sentence: str) -> Shortcoming:
    return Shortcoming(code, sentence, TYPE, calendar.id)
