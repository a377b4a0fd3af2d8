"""Keeping calendars: create, rename and delete them, and show them with whoever is on call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.contacts import actions as contacts
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.oncall import rules
from tocsin.oncall.actions.looking import INSTANT, TYPE, ensure_default, find, schedule
from tocsin.oncall.model import Calendar, OnCall
from tocsin.oncall.rules import settings
from tocsin.oncall.store import calendars as shelf
from tocsin.oncall.store import covers as cover_shelf
from tocsin.oncall.store import feeds as feed_shelf
from tocsin.oncall.store import imports as import_shelf
from tocsin.oncall.store import layers as layer_shelf
from tocsin.oncall.store import planned
from tocsin.oncall.store.tables import TOPIC
from tocsin.storage import Tx, events

DEFAULT = "default"
"""The word that stands for the default calendar's id in every address (contract part 2, 4.1)."""
MAX_PER_TEAM = 200
"""Calendars of one team; whoever has more has a loop in a script."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar as answers show it: with its team's name and the people who are on call."""

    id: int
    team_id: int
    calendar: Calendar
    team_name: str
    on_call: tuple[OnCall, ...]


def resolve(tx: Tx, named: str, team_ids: tuple[int, ...] | None, team_name: str | None = None) -> Calendar:
    """The calendar that an address names by id, or as `default`. Raises NotFound, Invalid.

    A caller with several teams says by `team_name` whose default calendar is meant.
    """
    if named != DEFAULT:
        if not (named.isascii() and named.isdigit() and len(named) <= 18):
            raise NotFound(TYPE, named[:40])
        return find(tx, int(named), team_ids)
    if team_name:
        team = accounts.team_by_name(tx, team_name)
        mine = [team.id] if team is not None and (team_ids is None or team.id in team_ids) else []
    else:
        mine = [team.id for team in accounts.all_teams(tx)] if team_ids is None else list(team_ids)
        if len(mine) > 1:
            raise Invalid.missing(["team_name"])
    found = shelf.default(tx, mine[0]) if mine else None
    if found is None:
        raise NotFound(TYPE, DEFAULT)
    return found


def list_calendars(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[Calendar], int]:  # fmt: skip
    """One page of the calendars that the caller may see, and how many there are in all."""
    return shelf.page(tx, team_ids, page=page, per_page=per_page)


def create(tx: Tx, team_id: int, given: Mapping[str, Any]) -> Calendar:
    """Add a calendar to a team. Raises Invalid."""
    name = settings.name_of(given.get("name"))
    if name is None:
        raise Invalid.fields(name="Can't be blank.")
    if shelf.count(tx, team_id) >= MAX_PER_TEAM:
        raise Invalid.fields(base=f"a team can have at most {MAX_PER_TEAM} schedules: delete one that is not used")
    id = shelf.add(tx, team_id=team_id, name=name, default_calendar=False)
    calendar = _changed(tx, find(tx, id), {**given, "name": name})
    events.record(tx, "schedule.created", team_id=team_id, resource_type=TYPE, resource_id=id)
    return calendar


def update(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Calendar:
    """Change what is in `given` and nothing else. Raises Invalid."""
    changed = _changed(tx, calendar, given)
    moved(tx, calendar)
    events.record(
        tx, "schedule.updated", team_id=calendar.team_id, resource_type=TYPE, resource_id=calendar.id,
        changed=sorted(given),
    )  # fmt: skip
    return changed


def delete(tx: Tx, calendar: Calendar) -> None:
    """Delete a calendar with all that is planned in it; not the default one: pages would have nowhere to go."""
    if calendar.default_calendar:
        raise Invalid.fields(base="The default on-call calendar can't be deleted.")
    for forget in (planned.forget, layer_shelf.forget, cover_shelf.forget, import_shelf.forget, feed_shelf.forget):
        forget(tx, calendar.id)
    shelf.remove(tx, calendar.id)
    events.record(
        tx, "schedule.deleted", team_id=calendar.team_id, resource_type=TYPE, resource_id=calendar.id,
        calendar_name=calendar.title,
    )  # fmt: skip


def moved(tx: Tx, calendar: Calendar) -> None:
    """Something in the calendar has changed: somebody must look who is on call now."""
    shelf.look_again(tx, calendar.id, tx.now)
    tx.ring(TOPIC)


def show(tx: Tx, found: Sequence[Calendar], at: datetime) -> list[Shown]:
    """Calendars with whoever is on call in each at an instant."""
    names = {id: accounts.team(tx, id).name for id in {calendar.team_id for calendar in found}}
    on_call = {calendar.id: rules.who(schedule(tx, calendar, at, at + INSTANT), at) for calendar in found}
    people = describe(tx, {id for ids in on_call.values() for id in ids})
    return [
        Shown(
            id=calendar.id, team_id=calendar.team_id, calendar=calendar, team_name=names[calendar.team_id],
            on_call=tuple(people[id] for id in on_call[calendar.id] if id in people),
        )
        for calendar in found
    ]  # fmt: skip


def describe(tx: Tx, user_ids: Collection[int]) -> dict[int, OnCall]:
    """People as answers name them, by id; whoever is gone is left out."""
    numbers = contacts.phone_numbers(tx, user_ids) if user_ids else {}
    return {
        id: OnCall(
            id=id, email=user.email, first_name=user.first_name, last_name=user.last_name,
            phone_numbers=tuple(numbers.get(id, ())),
        )
        for id, user in users(tx, user_ids).items()
    }  # fmt: skip


def users(tx: Tx, user_ids: Iterable[int]) -> dict[int, User]:
    """People by id; whoever is gone is left out."""
    found: dict[int, User] = {}
    for id in sorted(set(user_ids)):
        try:
            found[id] = accounts.user(tx, id)
        except NotFound:
            continue
    return found


def members(tx: Tx, team_id: int, emails: Sequence[str], field: str = "users") -> list[int]:
    """The ids of members of the team by their addresses, in this order. Raises Invalid naming strangers."""
    known = {user.email.lower(): user.id for user in accounts.members(tx, team_id)}
    strange = [email for email in emails if email.strip().lower() not in known]
    if strange:
        raise Invalid.of({field: [f"{email[:254]} is not a member of this team" for email in strange[:20]]})
    return [known[email.strip().lower()] for email in emails]


def ensure_defaults(tx: Tx) -> None:
    """Give every team that has none its default calendar."""
    for team_id in shelf.without_default(tx, [team.id for team in accounts.all_teams(tx)]):
        ensure_default(tx, team_id)


def _changed(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Calendar:
    name = settings.name_of(given["name"]) if "name" in given else calendar.name
    if name is None and not calendar.default_calendar:
        raise Invalid.fields(name="Can't be blank.")
    notices = given.get("handoff_notices")
    minutes = given.get("handoff_notice_minutes", calendar.handoff_notice_minutes)
    settings.check_minutes(minutes)
    shelf.change(
        tx, calendar.id, name=name, notices=calendar.handoff_notices if notices is None else notices, minutes=minutes
    )
    return find(tx, calendar.id)
