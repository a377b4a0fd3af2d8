"""Hand-offs: who goes on call and who goes off is told to both, and to whoever outside wants to know."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.notify import actions as notify
from tocsin.notify.actions import targets as places
from tocsin.notify.channels import tells
from tocsin.notify.model import Kind, Notice
from tocsin.oncall import rules
from tocsin.oncall.actions.looking import TYPE, schedule
from tocsin.oncall.model import Calendar, Shift
from tocsin.oncall.rules import settings, words
from tocsin.oncall.store import calendars as shelf
from tocsin.storage import Tx, events

CHANGED = "on_call.changed"
"""The event that `on_call_change` webhooks are sent for."""
LOOK_AHEAD = timedelta(minutes=settings.MAX_LOOK_AHEAD_MINUTES) + timedelta(days=1)
"""How far a look sees: further than anybody wants to be told beforehand."""
LOOK_AT_LEAST_EVERY = timedelta(hours=1)
"""People leave a team without anything changing in a calendar."""
TRY_AGAIN_AFTER = timedelta(minutes=1)
DUE_AT_ONCE = 100


def due(tx: Tx) -> list[tuple[int, datetime]]:
    """(id, planned instant) of the calendars that are to be looked at now, a bounded number."""
    return shelf.due(tx, DUE_AT_ONCE)


def next_look(tx: Tx) -> datetime | None:
    """When the next calendar is to be looked at."""
    return shelf.next_look(tx)


def teams_without_default(tx: Tx) -> list[int]:
    """The teams that were founded where nobody knew of calendars."""
    return shelf.without_default(tx, [team.id for team in accounts.all_teams(tx)])


def hand_over(tx: Tx, calendar_id: int, seen: datetime) -> bool:
    """Look who is on call now, tell everybody concerned if that has changed, and plan the next look.

    `seen` is the planned instant of this look; False: somebody else has looked since.
    """
    calendar = shelf.find(tx, calendar_id)
    if calendar is None:
        return False
    plan = schedule(tx, calendar, tx.now, tx.now + LOOK_AHEAD)
    laid_out = rules.shifts(plan, tx.now, tx.now + LOOK_AHEAD)
    current = laid_out[0]
    coming = laid_out[1] if len(laid_out) > 1 else None
    before, announced_until = shelf.told(tx, calendar_id)
    notice_at = _notice_at(calendar, coming, announced_until)
    announce = notice_at is not None and notice_at <= tx.now
    instants = [tx.now + LOOK_AT_LEAST_EVERY]
    if coming is not None:
        instants.append(coming.starts_at)
    if notice_at is not None and not announce:
        instants.append(notice_at)
    idle = coming is None and not current.user_ids and not shelf.holds_anything(tx, calendar_id)
    if not shelf.claim(tx, calendar_id, seen, None if idle else min(instants)):
        return False
    if announce and coming is not None:
        announced_until = coming.starts_at
        _announce(tx, calendar, current, coming)
    shelf.tell(tx, calendar_id, user_ids=current.user_ids, announced_until=announced_until)
    if set(current.user_ids) != set(before):
        _tell(tx, calendar, before, current, coming)
    return True


def postpone(tx: Tx, calendar_id: int) -> None:
    """Look again in a while: something went wrong."""
    shelf.look_again(tx, calendar_id, tx.now + TRY_AGAIN_AFTER)


def tell(tx: Tx, user: User, team_id: int, *, subject: str, headline: str, text: str, facts: Sequence[tuple[str, str]],
         thread: str) -> None:  # fmt: skip
    """Send one e-mail about being on call; the same words at the same instant go out once."""
    notice = Notice(
        kind=Kind.NOTICE, incident_id=0, team_id=team_id, subject=f"[Tocsin] {subject}", headline=headline, cause=text,
        facts=list(facts), thread_key=thread,
    )  # fmt: skip
    notify.queue(tx, notice, user_id=user.id, channel="email", address=user.email, planned_at=tx.now)


def _notice_at(calendar: Calendar, coming: Shift | None, announced_until: datetime | None) -> datetime | None:
    """When those who come next are to be told beforehand; None: they are not, or were."""
    if coming is None or not coming.user_ids or calendar.handoff_notice_minutes is None:
        return None
    if announced_until is not None and announced_until >= coming.starts_at:
        return None
    return coming.starts_at - timedelta(minutes=calendar.handoff_notice_minutes)


def _announce(tx: Tx, calendar: Calendar, current: Shift, coming: Shift) -> None:
    people = _people(tx, calendar, {*current.user_ids, *coming.user_ids})
    when = words.in_minutes((coming.starts_at - tx.now).total_seconds())
    for id in coming.user_ids:
        if id in people and id not in current.user_ids:
            tell(
                tx, people[id], calendar.team_id, subject=f"You go on call {when}: {calendar.title}",
                headline=f"You go on call {when}",
                text=f"Your shift in {calendar.title} begins on {words.at(coming.starts_at)}.",
                facts=[*_facts(tx, calendar, coming), ("On call until then", _names(people, current.user_ids))],
                thread=_thread(calendar),
            )  # fmt: skip


def _tell(tx: Tx, calendar: Calendar, before: Sequence[int], current: Shift, coming: Shift | None) -> None:
    people = _people(tx, calendar, {*before, *current.user_ids, *(coming.user_ids if coming else ())})
    on = [people[id] for id in current.user_ids if id in people]
    message = words.changed([user.name for user in on])
    on_call = {
        "message": message,
        "emails": [user.email for user in on],
        "calendar_id": calendar.id,
        "calendar_name": calendar.name,
        "primary_calendar": calendar.default_calendar,
    }
    events.record(
        tx, CHANGED, team_id=calendar.team_id, resource_type=TYPE, resource_id=calendar.id, on_call=on_call
    )  # fmt: skip
    _tell_places(tx, calendar, message, current, coming)
    if not calendar.handoff_notices:
        return
    for user in on:
        if user.id not in before:
            tell(
                tx, user, calendar.team_id, subject=f"You are on call: {calendar.title}",
                headline="You are on call now", text=f"Pages for {calendar.title} reach you from now on.",
                facts=[*_facts(tx, calendar, current, coming), ("Took over from", _names(people, before))],
                thread=_thread(calendar),
            )  # fmt: skip
    for id in before:
        if id in people and id not in current.user_ids:
            tell(
                tx, people[id], calendar.team_id, subject=f"You are off call: {calendar.title}",
                headline="Your on-call shift is over",
                text=f"{message} Pages for {calendar.title} no longer reach you.",
                facts=_facts(tx, calendar), thread=_thread(calendar),
            )  # fmt: skip


def _tell_places(tx: Tx, calendar: Calendar, message: str, current: Shift, coming: Shift | None) -> None:
    """The places that a team reads, as far as they want to hear of it (contract part 2, 9.3)."""
    notice = Notice(
        kind=Kind.NOTICE, incident_id=0, team_id=calendar.team_id, subject=f"[Tocsin] {message} ({calendar.title})",
        headline=message, cause=f"Pages for {calendar.title} reach them from now on." if current.user_ids else "",
        facts=_facts(tx, calendar, current, coming), thread_key=_thread(calendar),
    )  # fmt: skip
    for place in places.of_team(tx, calendar.team_id, on_call=True):
        if tells(place.kind, Kind.NOTICE):
            notify.queue(
                tx, notice, user_id=0, target_id=place.id, channel=place.kind, address=place.name, planned_at=tx.now
            )


def _facts(
    tx: Tx, calendar: Calendar, shift: Shift | None = None, coming: Shift | None = None
) -> list[tuple[str, str]]:  # fmt: skip
    facts = [("Schedule", calendar.title), ("Team", accounts.team(tx, calendar.team_id).name)]
    if shift is not None and shift.ends_at < tx.now + LOOK_AHEAD:
        facts.append(("Until", words.at(shift.ends_at)))
    if coming is not None:
        facts.append(("Next", _names(_people(tx, calendar, coming.user_ids), coming.user_ids)))
    return facts


def _people(tx: Tx, calendar: Calendar, user_ids: Collection[int]) -> dict[int, User]:
    """Those of them who are in the team: whoever has left it is told nothing of it."""
    return {user.id: user for user in accounts.members(tx, calendar.team_id) if user.id in user_ids}


def _names(people: dict[int, User], ids: Sequence[int]) -> str:
    return words.listed([people[id].name for id in ids if id in people])


def _thread(calendar: Calendar) -> str:
    return f"on-call-{calendar.id}"
