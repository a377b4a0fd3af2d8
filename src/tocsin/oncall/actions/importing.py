"""Calendars kept elsewhere: where they are read, and what was read last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.zones import zone
from tocsin.oncall.actions.calendars import moved
from tocsin.oncall.model import Calendar, Import, Stretch
from tocsin.oncall.rules import planning, settings
from tocsin.oncall.rules.importing import Person, Read
from tocsin.oncall.store import calendars as calendar_shelf
from tocsin.oncall.store import imports as shelf
from tocsin.oncall.store import planned
from tocsin.oncall.store.imports import Poll
from tocsin.oncall.store.tables import IMPORTS_TOPIC
from tocsin.storage import Tx

TYPE = "on_call_import"
MAX_IMPORTS = 10
"""Of one calendar."""
MAX_URL_CHARACTERS = 2_000
READ_EVERY = timedelta(minutes=15)
"""How soon a change elsewhere is known here."""
READ_WHOLE_EVERY = timedelta(days=1)
"""The window that is read moves on, so that "unchanged" is no answer for ever."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=1)
"""Between attempts after failures in a row; the wait doubles."""
BACK, AHEAD = timedelta(days=7), timedelta(days=400)
"""The window that is read: what is further off is read in its time."""
LEASE = timedelta(minutes=5)
"""After which another worker reads what this one has not finished."""
MAX_AT_ONCE = 100
"""Events at one instant; a calendar of birthdays is no rotation."""


def list_imports(tx: Tx, calendar: Calendar) -> list[Import]:
    """What is read into a calendar, the oldest first."""
    return [_owned(calendar, found) for found in shelf.of_calendar(tx, calendar.id, MAX_IMPORTS)]


def find(tx: Tx, calendar: Calendar, id: int) -> Import:
    """Raises NotFound."""
    found = shelf.find(tx, calendar.id, id)
    if found is None:
        raise NotFound(TYPE, id)
    return _owned(calendar, found)


def create(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Import:
    """Read an iCal address from now on. Raises Invalid."""
    if len(shelf.of_calendar(tx, calendar.id, MAX_IMPORTS)) >= MAX_IMPORTS:
        raise Invalid.fields(base=f"an on-call calendar can import at most {MAX_IMPORTS} others")
    url = _url(str(given["url"]))
    name = settings.name_of(given.get("name")) or urlsplit(url).hostname or "Calendar"
    id = shelf.add(tx, calendar_id=calendar.id, name=name, url=url, timezone=_timezone(given.get("timezone") or "UTC"))
    tx.ring(IMPORTS_TOPIC)
    return find(tx, calendar, id)


def update(tx: Tx, calendar: Calendar, id: int, given: Mapping[str, Any]) -> Import:
    """Change what is in `given`, and read the address at once. Raises NotFound, Invalid."""
    old = find(tx, calendar, id)
    shelf.change(
        tx, id,
        name=settings.name_of(given.get("name")) or old.name,
        url=_url(str(given["url"])) if given.get("url") else old.url,
        timezone=_timezone(given.get("timezone") or old.timezone),
    )  # fmt: skip
    tx.ring(IMPORTS_TOPIC)
    return find(tx, calendar, id)


def delete(tx: Tx, calendar: Calendar, id: int) -> None:
    """Read the address no more, and forget what it said. Raises NotFound."""
    find(tx, calendar, id)
    shelf.remove(tx, id)
    moved(tx, calendar)


def claim(tx: Tx, limit: int) -> list[tuple[Poll, list[Person]]]:
    """Take what is to be read now, each with the people whom it may name."""
    found = []
    for poll in shelf.claim(tx, limit, tx.now + LEASE):
        calendar = calendar_shelf.find(tx, poll.calendar_id)
        users = [] if calendar is None else accounts.members(tx, calendar.team_id)
        found.append((poll, [Person(user.id, user.email, user.name) for user in users]))
    return found


def settle(tx: Tx, poll: Poll, result: Read | str | None, etag: str) -> None:
    """Write down what came of a reading: what it says, why there is nothing (a sentence), or None: as before."""
    calendar = calendar_shelf.find(tx, poll.calendar_id)
    if calendar is None or shelf.find(tx, calendar.id, poll.id) is None:
        return
    if isinstance(result, Read) and planning.at_once(result.stretches) > MAX_AT_ONCE:
        result = f"has more than {MAX_AT_ONCE} events at the same time"
    if isinstance(result, str):
        failures = poll.failures + 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(poll.failures, 10))
        shelf.settle(
            tx, poll.id, poll_at=tx.now + wait, read=False, warning=f"The calendar {result}."[:500], failures=failures,
            etag=None,
        )  # fmt: skip
        return
    warning = None
    if isinstance(result, Read):
        warning = _warning(result)
        if _replace(tx, calendar, poll.id, result.stretches):
            moved(tx, calendar)
    shelf.settle(
        tx, poll.id, poll_at=tx.now + READ_EVERY, read=result is not None,
        warning=poll.warning if result is None else warning, failures=0, etag=None if result is None else etag,
    )  # fmt: skip


def next_poll(tx: Tx) -> datetime | None:
    """When the next one is to be read."""
    return shelf.next_poll(tx)


def _replace(tx: Tx, calendar: Calendar, import_id: int, stretches: Sequence[Stretch]) -> bool:
    """Whether it says anything else than before."""
    before = planned.imported_of(tx, import_id)
    if [(each.starts_at, each.ends_at, each.user_ids) for each in before] == [
        (each.starts_at, each.ends_at, each.user_ids) for each in stretches
    ]:
        return False
    planned.replace_imported(tx, calendar.id, import_id, stretches)
    return True


def _warning(result: Read) -> str | None:
    """What people should know about a calendar that was read."""
    words = []
    if result.left_out:
        words.append(f"Some events repeat too often, or by rules that are not read here: {_titles(result.left_out)}.")
    if result.strange:
        words.append(
            f"Some events name nobody in the team by attendee, e-mail address or full name: {_titles(result.strange)}."
        )
    return " ".join(words)[:1000] or None


def _titles(titles: Sequence[str]) -> str:
    return "; ".join(titles)


def _url(text: str) -> str:
    """The address to ask. Raises Invalid."""
    url = text.strip()
    if url.lower().startswith("webcal://"):
        url = f"https://{url[9:]}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or any(character <= " " for character in url):
        raise Invalid.fields(url="must be the address of an iCal feed, e.g. https://calendar.example.com/oncall.ics")
    if len(url) > MAX_URL_CHARACTERS:
        raise Invalid.fields(url=f"is too long (maximum is {MAX_URL_CHARACTERS} characters)")
    return url


def _timezone(text: object) -> str:
    if zone(str(text)) is None:
        raise Invalid.fields(timezone="is not a known time zone: use an IANA name like Europe/Prague")
    return str(text)


def _owned(calendar: Calendar, found: Import) -> Import:
    return msgspec.structs.replace(found, team_id=calendar.team_id)
