"""Cover and swaps: somebody asks for a stretch to be taken over, another accepts, and overrides say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.kernel.errors import Conflict, Invalid, NotFound
from tocsin.oncall.actions.calendars import members, moved, users
from tocsin.oncall.actions.handing_over import tell
from tocsin.oncall.actions.looking import shifts
from tocsin.oncall.actions.planning import check_room
from tocsin.oncall.model import Calendar, Cover, CoverRequest, Stretch
from tocsin.oncall.rules import covering as rules
from tocsin.oncall.rules import settings, words
from tocsin.oncall.store import calendars as calendar_shelf
from tocsin.oncall.store import covers as shelf
from tocsin.oncall.store import planned
from tocsin.oncall.store.tables import TOPIC
from tocsin.storage import Tx, events

TYPE = "on_call_cover_request"
MAX_OPEN = 100
"""Unanswered requests of one calendar."""
MAX_MESSAGE_CHARACTERS = 2_000
EXPIRED_AT_ONCE = 100


def list_requests(
    tx: Tx, calendar: Calendar, state: str | None, *, page: int, per_page: int
) -> tuple[list[CoverRequest], int]:
    """One page of a calendar's requests, newest first, and how many there are in all."""
    found, total = shelf.page(tx, calendar.id, state, page=page, per_page=per_page)
    return _named(tx, calendar, found), total


def find(tx: Tx, calendar: Calendar, id: int) -> CoverRequest:
    """Raises NotFound."""
    found = shelf.find(tx, calendar.id, id)
    if found is None:
        raise NotFound(TYPE, id)
    return _named(tx, calendar, [found])[0]


def person(tx: Tx, calendar: Calendar, user_id: int | None, email: str | None) -> User:
    """Who acts: the caller themselves, or whom a token speaks for. Raises Invalid."""
    if user_id is None:
        if not email:
            raise Invalid.missing(["user_email"])
        user_id = members(tx, calendar.team_id, [email], "user_email")[0]
    user = accounts.user(tx, user_id)
    if email and user.email.lower() != email.strip().lower():
        raise Invalid.fields(user_email="must be your own: nobody else can answer for a person")
    return user


def request(tx: Tx, calendar: Calendar, user: User, given: Mapping[str, Any]) -> CoverRequest:
    """Ask for a stretch of `user`'s to be taken over, and tell those who may. Raises Invalid."""
    read = settings.instants({name: given[name] for name in _TIMES if given.get(name) is not None})
    start, end = max(read["starts_at"], tx.now), read["ends_at"]
    settings.check_order(start, end)
    swap = read.get("swap_starts_at"), read.get("swap_ends_at")
    asked = given.get("asked_user_email")
    asked_id = members(tx, calendar.team_id, [asked], "asked_user_email")[0] if asked else None
    _check(tx, calendar, user, (start, end), swap, asked_id, str(given.get("message") or ""))
    id = shelf.add(
        tx,
        CoverRequest(
            id=0, calendar_id=calendar.id, team_id=calendar.team_id, user_id=user.id, asked_user_id=asked_id,
            starts_at=start, ends_at=end, swap_starts_at=swap[0], swap_ends_at=swap[1],
            message=str(given.get("message") or "").strip(), state=Cover.REQUESTED, decided_by_user_id=None,
            decided_at=None, created_at=tx.now,
        ),
    )  # fmt: skip
    made = find(tx, calendar, id)
    for other in _askable(tx, made):
        _tell(tx, calendar, made, other, f"{user.name} asks for cover", f"Can you take {user.name}'s shift?")
    _record(tx, made)
    tx.ring(TOPIC)
    return made


def accept(tx: Tx, calendar: Calendar, id: int, by: User) -> CoverRequest:
    """`by` takes the stretch over, and perhaps gives one in exchange: from now on overrides say so.

    Raises NotFound, Conflict (answered already, or nothing is left to take over), Invalid (not the one who is asked).
    """
    found = find(tx, calendar, id)
    state = rules.after(found.state, "accept")
    if by.id == found.user_id or found.asked_user_id not in (None, by.id):
        raise Invalid.fields(user_email="is not whom this was asked of")
    overrides = _replaced(tx, calendar, found.starts_at, found.ends_at, found.user_id, by.id)
    if not overrides:
        raise Conflict("Whoever asked is not on call in that time any more.")
    if found.swap_starts_at is not None and found.swap_ends_at is not None:
        exchanged = _replaced(tx, calendar, found.swap_starts_at, found.swap_ends_at, by.id, found.user_id)
        if not exchanged:
            raise Conflict(f"{by.name} is not on call in the time that is offered in exchange.")
        overrides += exchanged
    check_room(tx, calendar, len(overrides))
    _decide(tx, found, state, by.id)
    planned.add_events(tx, calendar.id, [(override, True) for override in overrides])
    moved(tx, calendar)
    asker = accounts.user(tx, found.user_id)
    for user, other in ((asker, by), (by, asker)):
        agreed = f"{by.name} covers for {asker.name}"
        _tell(tx, calendar, found, user, agreed, f"You and {other.name} are agreed, and the schedule says so.")
    return find(tx, calendar, id)


def decline(tx: Tx, calendar: Calendar, id: int, by: User) -> CoverRequest:
    """Whoever was asked alone says no. Raises NotFound, Conflict, Invalid."""
    found = find(tx, calendar, id)
    state = rules.after(found.state, "decline")
    if found.asked_user_id != by.id:
        raise Invalid.fields(user_email="is not whom this was asked of: who asks the whole team waits for a yes")
    _decide(tx, found, state, by.id)
    asker = accounts.user(tx, found.user_id)
    _tell(tx, calendar, found, asker, f"{by.name} cannot cover for you", "You stay on call; you may ask somebody else.")
    return find(tx, calendar, id)


def cancel(tx: Tx, calendar: Calendar, id: int, by: User) -> CoverRequest:
    """Whoever asked takes it back. Raises NotFound, Conflict, Invalid."""
    found = find(tx, calendar, id)
    state = rules.after(found.state, "cancel")
    if found.user_id != by.id:
        raise Invalid.fields(user_email="is not who asked")
    _decide(tx, found, state, by.id)
    for other in _askable(tx, found):
        _tell(tx, calendar, found, other, f"{by.name} needs no cover any more", "There is nothing left to answer.")
    return find(tx, calendar, id)


def expire_due(tx: Tx) -> int:
    """Close the requests whose stretch is over, a bounded number, and tell those who asked; returns how many."""
    closed = 0
    for found in shelf.expired(tx, EXPIRED_AT_ONCE):
        if found.ends_at > tx.now:  # the clock was set back, and moved with it what is due
            shelf.wait_until(tx, found.id, found.ends_at)
            continue
        calendar = calendar_shelf.find(tx, found.calendar_id)
        if calendar is None or not shelf.decide(
            tx, found.id, before=found.state, state=rules.after(found.state, "expire"), user_id=None
        ):
            continue
        closed += 1
        named = _named(tx, calendar, [found])[0]
        _record(tx, msgspec.structs.replace(named, state=Cover.EXPIRED))
        asker = users(tx, [found.user_id]).get(found.user_id)
        if asker is not None:
            _tell(tx, calendar, named, asker, "Nobody has covered for you", "The time you asked cover for is over.")
    return closed


def next_expiry(tx: Tx) -> datetime | None:
    """When the next request runs out."""
    return shelf.next_expiry(tx)


MAX_STRETCH = timedelta(days=92)
"""The longest time that one request is about: each shift in it becomes an override."""
_TIMES = ("starts_at", "ends_at", "swap_starts_at", "swap_ends_at")


def _check(
    tx: Tx, calendar: Calendar, user: User, stretch: tuple[datetime, datetime],
    swap: tuple[datetime | None, datetime | None], asked_id: int | None, message: str,
) -> None:  # fmt: skip
    errors: dict[str, list[str]] = {}
    start, end = stretch
    if (swap[0] is None) != (swap[1] is None):
        errors["swap_ends_at"] = ["must be given together with swap_starts_at"]
    elif swap[0] is not None and swap[1] is not None:
        settings.check_order(swap[0], swap[1], "swap_ends_at", "swap_starts_at")
        if swap[0] < tx.now:
            errors["swap_starts_at"] = ["must not be past"]
        elif swap[0] < end and swap[1] > start:
            errors["swap_starts_at"] = ["must not overlap the time that cover is asked for"]
        elif asked_id is not None and not _replaced(tx, calendar, *_both(swap), asked_id, user.id):
            errors["swap_starts_at"] = ["is a time at which whoever is asked is not on call"]
    if asked_id == user.id:
        errors["asked_user_email"] = ["must be somebody else"]
    if len(message) > MAX_MESSAGE_CHARACTERS:
        errors["message"] = [f"is too long (maximum is {MAX_MESSAGE_CHARACTERS} characters)"]
    if end - start > MAX_STRETCH:
        errors["ends_at"] = [f"must be within {MAX_STRETCH.days} days of starts_at"]
    elif not errors and not _replaced(tx, calendar, start, end, user.id, 0):
        errors["starts_at"] = ["is a time at which whoever asks is not on call: there is nothing to take over"]
    if shelf.count_open(tx, calendar.id) >= MAX_OPEN:
        errors["base"] = [f"an on-call calendar can have at most {MAX_OPEN} unanswered requests"]
    if errors:
        raise Invalid.of(errors)


def _both(swap: tuple[datetime | None, datetime | None]) -> tuple[datetime, datetime]:
    assert swap[0] is not None
    assert swap[1] is not None
    return swap[0], swap[1]


def _replaced(tx: Tx, calendar: Calendar, start: datetime, end: datetime, user_id: int, by: int) -> list[Stretch]:
    """What would put `by` in the place of `user_id` in that stretch, or what is left of it."""
    start = max(start, tx.now)
    return rules.replaced(shifts(tx, calendar, start, end), user_id, by) if start < end else []


def _decide(tx: Tx, found: CoverRequest, state: Cover, user_id: int) -> None:
    if not shelf.decide(tx, found.id, before=found.state, state=state, user_id=user_id):
        raise Conflict("This request was answered by somebody else just now.")
    _record(tx, msgspec.structs.replace(found, state=state))


def _record(tx: Tx, found: CoverRequest) -> None:
    events.record(
        tx, f"cover_request.{found.state}", team_id=found.team_id, resource_type=TYPE, resource_id=found.id,
        calendar_id=found.calendar_id, user_id=found.user_id,
    )  # fmt: skip


def _askable(tx: Tx, found: CoverRequest) -> list[User]:
    """Who may say yes."""
    return [
        user
        for user in accounts.members(tx, found.team_id)
        if user.id != found.user_id and found.asked_user_id in (None, user.id)
    ]


def _tell(tx: Tx, calendar: Calendar, found: CoverRequest, user: User, headline: str, text: str) -> None:
    facts = [("Schedule", calendar.title), ("When", words.stretch(found.starts_at, found.ends_at))]
    if found.swap_starts_at is not None and found.swap_ends_at is not None:
        facts.append(("In exchange for", words.stretch(found.swap_starts_at, found.swap_ends_at)))
    if found.message:
        facts.append(("Message", found.message))
    tell(
        tx, user, calendar.team_id, subject=f"{headline}: {calendar.title}", headline=headline, text=text, facts=facts,
        thread=f"cover-{found.id}",
    )  # fmt: skip


def _named(tx: Tx, calendar: Calendar, found: Sequence[CoverRequest]) -> list[CoverRequest]:
    """With the team and the addresses of the people."""
    named = {id for each in found for id in (each.user_id, each.asked_user_id, each.decided_by_user_id)}
    emails = {id: user.email for id, user in users(tx, {id for id in named if id is not None}).items()}
    return [msgspec.structs.replace(each, team_id=calendar.team_id, emails=emails) for each in found]
