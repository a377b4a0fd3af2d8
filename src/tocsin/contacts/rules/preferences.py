"""What makes a person's own rules and quiet hours acceptable."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tocsin.contacts.model import ACCOUNT_METHOD_ID, CHANNELS, Kind, Method, RuleStep
from tocsin.kernel.errors import Invalid
from tocsin.kernel.maintenance import DAYS
from tocsin.kernel.zones import zone

MAX_STEPS = 20
"""Of one rule: more would page one person for longer than anybody stays asleep."""
MAX_AFTER_SECONDS = 86_400
"""A day: later than that, somebody else has long been asked."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_NAMES = tuple(channel for channels in CHANNELS.values() for channel in channels)


def checked_steps(steps: Sequence[RuleStep], methods: Sequence[Method]) -> tuple[RuleStep, ...]:
    """The steps in the order of their times, each with its channel. Raises Invalid (field `steps`).

    The first must come at once: when a page is due, something has to be sent.
    """
    if not steps:
        raise Invalid.fields(steps="can't be empty: delete the rule to be reached as the severity says")
    if len(steps) > MAX_STEPS:
        raise Invalid.fields(steps=f"are too many (maximum is {MAX_STEPS})")
    kinds = {method.id: method.kind for method in methods} | {ACCOUNT_METHOD_ID: Kind.EMAIL}
    checked = [_step(step, number, kinds) for number, step in enumerate(steps, 1)]
    if min(step.after_seconds for step in checked) > 0:
        raise Invalid.fields(steps="must begin with one of after_seconds 0: a page is never kept back")
    return tuple(sorted(checked, key=lambda step: step.after_seconds))


def checked_zone(name: str) -> str:
    """The name of a zone as it was written. Raises Invalid (field `timezone`)."""
    if zone(name) is None:
        raise Invalid.fields(timezone="is not a time zone, e.g. Europe/Prague or Prague")
    return name


def checked_days(days: Sequence[str]) -> tuple[str, ...]:
    """Days of the week in their order, each once. Raises Invalid (field `days`)."""
    unknown = [day for day in days if day not in DAYS]
    if unknown or not days:
        raise Invalid.fields(days=f"must be some of: {', '.join(DAYS)}")
    return tuple(day for day in DAYS if day in days)


def checked_time(text: str, field: str) -> str:
    """`HH:MM`. Raises Invalid (the field)."""
    if not _TIME.fullmatch(text):
        raise Invalid.of({field: ["must be a time of day, e.g. 22:00"]})
    return text


def _step(step: RuleStep, number: int, kinds: dict[int, Kind]) -> RuleStep:
    where = f"(step {number})"
    if not 0 <= step.after_seconds <= MAX_AFTER_SECONDS:
        raise Invalid.fields(steps=f"must have after_seconds from 0 to {MAX_AFTER_SECONDS:,} {where}")
    id, channel = step.contact_method_id, step.channel
    if id is None:
        if channel not in _NAMES:
            raise Invalid.fields(steps=f"must name a channel, one of {', '.join(_NAMES)}, or a contact method {where}")
        return step
    if id not in kinds:
        raise Invalid.fields(steps=f"name contact method {id}, which does not exist {where}")
    fitting = CHANNELS[kinds[id]]
    if not channel and len(fitting) == 1:
        channel = fitting[0]
    if channel not in fitting:
        raise Invalid.fields(steps=f"must use contact method {id} by {' or '.join(fitting)} {where}")
    return RuleStep(channel=channel, contact_method_id=id, after_seconds=step.after_seconds)
