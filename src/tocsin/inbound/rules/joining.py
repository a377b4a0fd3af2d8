"""Which incident an alert belongs to: one of its own, its group's, or the one that stands for a whole storm."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tocsin.inbound.model import Alert

STORM_AFTER = 10
"""Alerts of one integration, each of which would page, within the window: a person can still read so many."""
STORM_WINDOW = timedelta(minutes=5)
JOIN_WITHIN = timedelta(hours=1)
"""How long after its beginning an incident takes in further alerts without paging anew: whoever answered an hour ago
has read about the old ones, so the next one pages again."""
MAX_KEY_CHARACTERS = 255
MAX_FACTS = 50
MAX_FACT_KEY_CHARACTERS = 255
MAX_FACT_CHARACTERS = 2_000
MAX_FACTS_CHARACTERS = 20_000
"""Of all facts of an alert together: there may be ten thousand alerts."""
MAX_LISTED = 20_000
"""Alerts that one incident lists; a storm beyond that is somebody's mistake, or mischief."""
MAX_TITLE_CHARACTERS = 255
MAX_CAUSE_CHARACTERS = 5_000
MAX_URL_CHARACTERS = 2_000


class Place(StrEnum):
    """How an alert comes to its incident; the word in the column `joined`."""

    OWN = "own"
    GROUP = "group"
    STORM = "storm"
    STORM_OPENER = "storm_opener"


class Candidate(msgspec.Struct, frozen=True):
    """An incident that an alert might join."""

    incident_id: int
    began_at: datetime
    open: bool


def place(ungrouped: int, group: Candidate | None, storm: Candidate | None, now: datetime) -> Place:
    """Where a new alert belongs. `ungrouped`: how many of the integration began within the window on their own."""
    if joinable(group, now):
        return Place.GROUP
    if ungrouped < STORM_AFTER:
        return Place.OWN
    return Place.STORM if joinable(storm, now) else Place.STORM_OPENER


def joinable(candidate: Candidate | None, now: datetime) -> bool:
    """Whether an incident still takes in alerts."""
    return candidate is not None and candidate.open and now - candidate.began_at < JOIN_WITHIN


def key_of(alert: Alert) -> str:
    """What makes two messages speak of the same trouble: the sender's id, else what they say."""
    if alert.alert_id is not None:
        return _bounded("id:" + alert.alert_id)
    return _bounded("text:" + hashlib.sha256(f"{alert.title}\n{alert.cause}".encode("utf-8", "replace")).hexdigest())


def bounded(alert: Alert) -> Alert:
    """The alert with every text of a size that fits into an incident."""
    facts: dict[str, str] = {}
    room = MAX_FACTS_CHARACTERS
    for key, value in list(alert.facts.items())[:MAX_FACTS]:
        if key.strip() and value.strip() and room > 0:
            facts[clean(key)[:MAX_FACT_KEY_CHARACTERS]] = clean(value)[: min(MAX_FACT_CHARACTERS, room)]
            room -= len(key) + len(value)
    title = " ".join(clean(alert.title).split())[:MAX_TITLE_CHARACTERS]
    cause = clean(alert.cause).strip()[:MAX_CAUSE_CHARACTERS]
    return msgspec.structs.replace(
        alert,
        alert_id=None if alert.alert_id is None else _bounded(clean(alert.alert_id)),
        title=title or " ".join(cause.split())[:MAX_TITLE_CHARACTERS] or "Alert",
        cause=cause or title or "Alert",
        severity=None if not alert.severity else clean(alert.severity)[:MAX_KEY_CHARACTERS],
        url=None if not alert.url else clean(alert.url)[:MAX_URL_CHARACTERS],
        group_key=None if not alert.group_key else _bounded(clean(alert.group_key)),
        facts=facts,
    )


def milestone(before: int, after: int) -> bool:
    """Whether a growing number of alerts is worth a line of the story: at 2, 10, 100, 1,000 and so on."""
    return any(before < step <= after for step in (2, *(10**power for power in range(1, 10))))


def say_count(count: int) -> str:
    """`1 alert`, `10,000 alerts`."""
    return "1 alert" if count == 1 else f"{count:,} alerts"


def _bounded(text: str) -> str:
    """The text itself while it is short; its beginning and its fingerprint when it is long."""
    if len(text) <= MAX_KEY_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return f"{text[: MAX_KEY_CHARACTERS - 65]}#{digest}"


def clean(text: str) -> str:
    """Text that both databases can hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()
