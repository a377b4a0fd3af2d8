"""When the pager is tried out, and what counts as a test that it has passed."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.notify.model import State
from tocsin.notify.model.self_tests import Sink

LOOK_AGAIN = timedelta(seconds=5)
"""How often a test under way is looked at."""
LIMIT = timedelta(minutes=5)
"""The longest way of a test page: as long as a real one may take before that counts as a breach."""
SOONER = timedelta(hours=1)
"""After a failure the next test comes this soon, so that people hear when it works again."""
ALARM_AGAIN = timedelta(days=1)
"""How often people are told of one that keeps failing."""

_ARRIVED = (State.DELIVERED, State.SEEN, State.ACKNOWLEDGED)
_LOST = (State.GIVEN_UP, State.UNDELIVERED, State.CANCELLED)


def sinks(text: str) -> tuple[Sink, ...]:
    """`email:pager@example.com, sms:+4915550100`: the sinks that an operator named. Raises ValueError."""
    found = []
    for part in (part.strip() for part in text.split(",")):
        channel, colon, address = part.partition(":")
        if not part:
            continue
        if not colon or not channel.strip() or not address.strip():
            raise ValueError(f"“{part}” is not CHANNEL:ADDRESS, e.g. email:pager@example.com or sms:+4915550100")
        found.append(Sink(channel.strip().lower(), address.strip()))
    return tuple(dict.fromkeys(found))


def verdict(state: str | None, started_at: datetime, now: datetime, *, receipts: bool) -> tuple[bool, str] | None:
    """(passed, why) of a test page in this state; None = that cannot be said yet.

    `receipts`: whether this way tells of arrival; then a provider's acceptance alone proves nothing.
    """
    if state is None:
        return False, "the test page was lost"
    if state in _LOST:
        return False, "the provider refused the page" if state == State.GIVEN_UP else "the page did not arrive"
    if state in _ARRIVED or (state == State.SENT and not receipts):
        return True, "the page was delivered" if state in _ARRIVED else "a provider accepted the page"
    if now - started_at < LIMIT:
        return None
    minutes = LIMIT // timedelta(minutes=1)
    if state == State.SENT:
        return False, f"the page was accepted, but there was no word of its arrival within {minutes} minutes"
    return False, f"no provider accepted the page within {minutes} minutes"


def next_test(passed: bool, started_at: datetime, now: datetime, every: timedelta) -> datetime:
    """When this way is tried out next."""
    return max(now, started_at + (every if passed else min(every, SOONER)))
