"""Turns what would happen about an outage into what a person reads at a glance: minute by minute, person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

SHOWN = 40
"""Instants that are drawn; what follows them is counted."""
WORDS = {"call": "phone call", "sms": "SMS", "push": "push", "email": "e-mail"}
PLACES = {
    "slack": "Slack", "microsoft_teams": "Microsoft Teams", "ntfy": "ntfy", "telegram": "Telegram",
    "discord": "Discord", "pagerduty": "PagerDuty", "pushover": "Pushover",
}  # fmt: skip
CHART_WIDTH = 100
"""Per cent: lanes are as wide as there is room."""
LANES = 12
"""People and places that are drawn; the list below names all."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One person or place at one instant."""

    name: str
    ways: Sequence[str]
    """E.g. `phone call to +420777123456`."""
    outcome: str
    """`delivered`, `away` or `failed`: the best of its ways."""
    reasons: Sequence[str]


class Instant(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that happens at one instant."""

    at: str
    minute: float
    offset: str
    """`At once`, `After 5 min`."""
    heading: str
    """Which step of which policy, and which time round."""
    told: Sequence[Told]
    remarks: Sequence[str]
    first_answer: bool
    """Whether somebody who can answer hears of it here for the first time."""


class Mark(msgspec.Struct, frozen=True):
    """One page on a lane; `x` in per cent."""

    x: float
    outcome: str
    title: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever one person or place hears, along the time."""

    name: str
    marks: Sequence[Mark]


class Tick(msgspec.Struct, frozen=True):
    """A line of the scale; `x` in per cent."""

    x: float
    words: str


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    instants: Sequence[Instant]
    more: int
    """Instants beyond those that are shown."""
    cut: bool
    lanes: Sequence[Lane]
    ticks: Sequence[Tick]
    verdict: str
    good: bool
    """Whether anybody who can answer hears of it."""


def timeline(answer: Mapping[str, Any]) -> Timeline:
    """An answer of `on_calls.simulate` or `policies.preview` as it is drawn."""
    first = answer["first_answer"]
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    said: dict[str, list[str]] = {}
    minutes: dict[str, float] = {}
    for page in answer["pages"]:
        grouped.setdefault(page["at"], []).append(page)
        minutes[page["at"]] = page["minute"]
    for remark in answer["remarks"]:
        said.setdefault(remark["at"], []).append(remark["content"])
        minutes.setdefault(remark["at"], remark["minute"])
    order = sorted(minutes)
    instants = [
        _instant(at, minutes[at], grouped.get(at, []), said.get(at, []), first is not None and first["at"] == at)
        for at in order[:SHOWN]
    ]
    lanes, ticks = _chart(answer["pages"])
    return Timeline(
        instants=instants, more=max(0, len(order) - SHOWN), cut=answer["more"], lanes=lanes, ticks=ticks,
        verdict=_verdict(answer, first), good=first is not None,
    )  # fmt: skip


def offset(minute: float) -> str:
    """How long after the failure, as people say it."""
    if minute <= 0:
        return "At once"
    return f"After {lasting(minute)}"


def lasting(minute: float) -> str:
    """Minutes as people say them: `30 s`, `5 min`, `1 h 30 min`, `2 d 3 h`."""
    seconds = round(minute * 60)
    days, hours, minutes, rest = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60, seconds % 60
    if days:
        parts = [(days, "d"), (hours, "h")]
    elif hours:
        parts = [(hours, "h"), (minutes, "min")]
    else:
        parts = [(minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def _instant(
    at: str, minute: float, pages: Sequence[Mapping[str, Any]], remarks: Sequence[str], first: bool
) -> Instant:  # fmt: skip
    people: dict[str, list[Mapping[str, Any]]] = {}
    for page in pages:
        people.setdefault(page["recipient"], []).append(page)
    headings = list(dict.fromkeys(_heading(page) for page in pages))
    return Instant(
        at=at,
        minute=minute,
        offset=offset(minute),
        heading=", ".join(heading for heading in headings if heading),
        told=[_told(name, each) for name, each in people.items()],
        remarks=list(dict.fromkeys(remarks)),
        first_answer=first,
    )


def _heading(page: Mapping[str, Any]) -> str:
    if page["policy_name"] is None:
        return ""
    again = f", time {page['round']}" if page["round"] > 1 else ""
    return f"{page['policy_name']}, step {page['step']}{again}"


def _told(name: str, pages: Sequence[Mapping[str, Any]]) -> Told:
    outcomes = {page["outcome"] for page in pages}
    best = next(each for each in ("delivered", "away", "failed") if each in outcomes)
    return Told(
        name=name,
        ways=[_way(page, name) for page in pages],
        outcome=best,
        reasons=list(dict.fromkeys(page["reason"] for page in pages if page["reason"])),
    )


def _way(page: Mapping[str, Any], name: str) -> str:
    words = WORDS.get(page["channel"]) or PLACES.get(page["channel"]) or page["channel"].replace("_", " ")
    failed = " (fails)" if page["outcome"] == "failed" else ""
    to = "" if page["address"] in ("", name) else f" to {page['address']}"
    return f"{words}{to}{failed}"


def _chart(pages: Sequence[Mapping[str, Any]]) -> tuple[list[Lane], list[Tick]]:
    if not pages:
        return [], []
    longest = max(1.0, *(page["minute"] for page in pages))
    step = next((each for each in _STEPS if longest / each <= 6), _STEPS[-1])
    span = step * max(1, -(-longest // step))
    names = list(dict.fromkeys(page["recipient"] for page in pages))[:LANES]
    lanes = []
    for name in names:
        marks: dict[float, Mark] = {}
        for page in pages:
            if page["recipient"] == name:
                x = round(page["minute"] / span * 100, 2)
                title = f"{offset(page['minute'])}: {name} by {_way(page, name)}"
                if x not in marks or marks[x].outcome == "failed":
                    marks[x] = Mark(x, page["outcome"], title)
        lanes.append(Lane(name=name, marks=list(marks.values())))
    count = round(span / step)
    ticks = [Tick(round(n * 100 / count, 2), "0" if n == 0 else lasting(n * step)) for n in range(count + 1)]
    return lanes, ticks


_STEPS = (
    0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1_440, 2_880, 7_200, 14_400, 43_200, 144_000, 432_000, 1_440_000,
)  # fmt: skip
"""Minutes between two lines of the scale."""


def _verdict(answer: Mapping[str, Any], first: Mapping[str, Any] | None) -> str:
    if first is None:
        return "Nobody who can answer would hear of it." if answer["pages"] else "Nobody would be paged."
    when = "at once" if first["minute"] <= 0 else f"after {lasting(first['minute'])}"
    return f"{first['recipient']} hears of it first, {when}, by {_way(first, first['recipient'])}."
