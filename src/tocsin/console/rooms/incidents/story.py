"""Makes of the lines of a timeline a story that can be read: each message once, with everything that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

_BY = {
    "email": "e-mail", "call": "phone call", "sms": "text message", "push": "push notification", "slack": "Slack",
    "microsoft_teams": "Microsoft Teams", "telegram": "Telegram", "discord": "Discord", "pushover": "Pushover",
}  # fmt: skip
_STEPS = (
    ("queued_at", "queued"), ("accepted_at", "accepted"), ("delivered_at", "delivered"), ("seen_at", "seen"),
    ("acknowledged_at", "answered"), ("failed_at", "failed"), ("undelivered_at", "did not arrive"),
    ("given_up_at", "given up"), ("cancelled_at", "cancelled"), ("held_at", "held back"),
)  # fmt: skip
_FAULTY = frozenset({"failed", "undelivered", "given_up"})
_TONES = (
    ("acknowledged", "held"), ("resolved", "good"), ("recovered", "good"), ("started", "bad"), ("reopened", "bad"),
    ("nobody", "bad"), ("fail", "bad"), ("confirmed", "bad"),
)  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the story."""

    at: str
    kind: str
    """`said` (a change of the incident), `message`, `comment`, or `payload` (what came from outside, as it came)."""
    title: str
    words: str = ""
    tone: str = ""
    """`bad`, `held`, `good` or nothing."""
    steps: Sequence[tuple[str, str]] = ()
    """Of a message: (what became of it, when), in the order of time."""
    state: str = ""
    comment: Mapping[str, Any] | None = None


def story_of(
    timeline: Iterable[Mapping[str, Any]], pages: Sequence[Mapping[str, Any]], comments: Mapping[str, Mapping[str, Any]]
) -> list[Line]:
    """The newest first. `timeline`, `pages`: as the API has them; `comments`: by id, as they are drawn."""
    lines = [_message(page) for page in reversed(pages)]  # first: of one instant, people are told after it happened
    lines += [line for item in timeline if (line := _line(item, comments)) is not None]
    return sorted(lines, key=lambda line: line.at, reverse=True)


def by(channel: str) -> str:
    """`email` as it is said of a message: `e-mail`."""
    return _BY.get(channel, channel.replace("_", " "))


def lasted(since: str, until: str | None) -> str:
    """How long something took, between two instants of the API: `45 s`, `1 min 56 s`, `12 min`, `3 h 5 min`."""
    if not until:
        return "not yet"
    seconds = max(0, int((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    if minutes >= 10 or (minutes and not seconds % 60):
        return f"{minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _line(item: Mapping[str, Any], comments: Mapping[str, Mapping[str, Any]]) -> Line | None:
    kind, data = item["item_type"], item["data"]
    if kind == "response_item" or item["id"].startswith("delivery-"):
        return None  # the evidence has a place of its own, and of each message one line says everything
    if kind == "comment":
        id = item["id"].removeprefix("comment-")
        author = (data["content"].get("user") or {}).get("name") or "Somebody"
        found = comments.get(id)
        return None if found is None else Line(at=item["at"], kind="comment", title=author, comment=found)
    words = data.get("content") or ""
    if kind == "payload":
        return Line(at=item["at"], kind="payload", title=data["title"], words=words)
    return Line(at=item["at"], kind="said", title=data["title"], words=words, tone=_tone(data["title"]))


def _tone(title: str) -> str:
    return next((tone for word, tone in _TONES if word in title.lower()), "")


def _message(page: Mapping[str, Any]) -> Line:
    whom = page["recipient"] or page["address"]
    deed = {"page": "Paged", "call_off": "Took back the message to"}.get(page["kind"], "Told")
    steps = sorted(((at, word) for name, word in _STEPS if (at := page[name])), key=lambda step: step[0])
    return Line(
        at=page["queued_at"] or page["planned_at"],
        kind="message",
        title=f"{deed} {whom} by {by(page['channel'])}",
        words=page["reason"] if page["state"] in _FAULTY else "",
        tone="bad" if page["state"] in _FAULTY else "",
        steps=[(word, at) for at, word in steps],
        state=page["state"],
    )
