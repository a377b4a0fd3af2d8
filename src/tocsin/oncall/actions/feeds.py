"""Secret addresses at which a schedule, or one person's shifts, can be read by any calendar program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import new_token
from tocsin.oncall.actions.calendars import MAX_PER_TEAM, describe, members, resolve, users
from tocsin.oncall.actions.looking import shifts
from tocsin.oncall.model import Calendar, Feed, OnCall, Shift
from tocsin.oncall.rules import feed as rules
from tocsin.oncall.rules import words
from tocsin.oncall.rules.settings import midnight
from tocsin.oncall.store import calendars as calendar_shelf
from tocsin.oncall.store import feeds as shelf
from tocsin.storage import Tx, events

TYPE = "on_call_feed"
MAX_FEEDS = 500
"""Of one team: some for each person."""
BACK, AHEAD = timedelta(days=14), timedelta(days=180)
"""What of a plan stands in a feed: programs keep what they have seen, and ask again every hour."""
MAX_ENTRIES = 5_000


def list_feeds(tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[Feed], int]:
    """One page of the feeds that the caller may see, and how many there are in all."""
    found, total = shelf.page(tx, team_ids, page=page, per_page=per_page)
    return _named(tx, found), total


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Feed:
    """Raises NotFound."""
    found = shelf.find(tx, id)
    if found is None or (team_ids is not None and found.team_id not in team_ids):
        raise NotFound(TYPE, id)
    return _named(tx, [found])[0]


def create(tx: Tx, team_id: int, given: Mapping[str, Any]) -> Feed:
    """Open an address for a calendar (`calendar_id`) or for a person's shifts (`user_email`). Raises Invalid."""
    calendar_id, email = given.get("calendar_id"), given.get("user_email")
    if bool(calendar_id) == bool(email):
        raise Invalid.fields(base="give either calendar_id, or user_email for one person's shifts in all calendars")
    calendar = user_id = None
    if calendar_id:
        try:
            calendar = resolve(tx, str(calendar_id), (team_id,))
        except NotFound:
            raise Invalid.fields(calendar_id="is not a calendar of this team") from None
    else:
        user_id = members(tx, team_id, [str(email)], "user_email")[0]
    if shelf.count(tx, team_id) >= MAX_FEEDS:
        raise Invalid.fields(base=f"a team can have at most {MAX_FEEDS} feeds: revoke one that is not used")
    id = shelf.add(
        tx, team_id=team_id, calendar_id=None if calendar is None else calendar.id, user_id=user_id, token=new_token()
    )
    events.record(tx, f"{TYPE}.created", team_id=team_id, resource_type=TYPE, resource_id=id)
    return find(tx, id, (team_id,))


def revoke(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """Close the address for good. Raises NotFound."""
    found = find(tx, id, team_ids)
    shelf.remove(tx, id)
    events.record(tx, f"{TYPE}.deleted", team_id=found.team_id, resource_type=TYPE, resource_id=id)


def render(tx: Tx, token: str) -> bytes | None:
    """The iCal text behind a secret; None when it opens nothing (any more)."""
    found = shelf.find_by_token(tx, token)
    if found is None:
        return None
    if found.calendar_id is not None:
        calendar = calendar_shelf.find(tx, found.calendar_id)
        if calendar is None:
            return None
        return rules.text(f"On call: {calendar.title}", _entries(tx, [calendar], None), tx.now)
    person = users(tx, [found.user_id or 0]).get(found.user_id or 0)
    if person is None or found.team_id not in accounts.team_ids_of(tx, person.id):
        return None  # whoever has left a team learns nothing of it any more
    calendars = calendar_shelf.of_team(tx, found.team_id, MAX_PER_TEAM)
    return rules.text(f"On call: {person.name}", _entries(tx, calendars, person.id), tx.now)


def _entries(tx: Tx, calendars: Sequence[Calendar], user_id: int | None) -> list[rules.Entry]:
    found: list[rules.Entry] = []
    today = midnight(tx.now)  # what reaches beyond the window begins and ends at the same instants all day
    for calendar in calendars:
        planned = [
            shift
            for shift in shifts(tx, calendar, today - BACK, today + AHEAD)
            if shift.user_ids and (user_id is None or user_id in shift.user_ids)
        ]
        people = describe(tx, {id for shift in planned for id in shift.user_ids})
        found += [_entry(tx, calendar, shift, people, user_id) for shift in planned]
        if len(found) > MAX_ENTRIES:
            break
    return found[:MAX_ENTRIES]


def _entry(tx: Tx, calendar: Calendar, shift: Shift, people: Mapping[int, OnCall], user_id: int | None) -> rules.Entry:
    on = [people[id] for id in shift.user_ids if id in people]
    names = words.listed([f"{person.first_name} {person.last_name}".strip() or person.email for person in on])
    who = "-".join(map(str, shift.user_ids))
    begins = to_milliseconds(shift.starts_at)
    return rules.Entry(
        uid=f"{calendar.id}-{begins}-{who}-{tx.vault.sign('on-call-feed-uid')[:12]}@tocsin",
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        title=f"On call: {calendar.title}" if user_id is not None else f"{names} ({calendar.title})",
        description=f"On call: {names}",
        emails=tuple(person.email for person in on),
    )


def _named(tx: Tx, found: Sequence[Feed]) -> list[Feed]:
    people = users(tx, {feed.user_id for feed in found if feed.user_id is not None})
    return [
        msgspec.structs.replace(feed, email=people[feed.user_id].email) if feed.user_id in people else feed
        for feed in found
    ]
