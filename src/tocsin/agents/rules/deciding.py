"""May it, must it ask, or may it not: decided from the agent's grants alone, always with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from tocsin.agents.model import About, Decision, Grant, Level, Need, Setting

COVERED_BY_SWITCH = frozenset({"acknowledge", "resolve", "page"})
"""Acts on an incident that change no settings: to see incidents and to have the switch is enough."""
HIGHEST = {"team": Level.READ}
"""Who belongs to a team, and how people are reached, is never an agent's to change."""

_WORDS = {
    "acknowledge": "Acknowledge",
    "resolve": "Resolve",
    "page": "Page people",
    "publish": "Publish",
    "notify": "Notify subscribers",
    "delete": "Delete",
}


def live(grants: Iterable[Grant], now: datetime, open_incidents: Collection[int]) -> tuple[Grant, ...]:
    """The grants that still count: not past their time, and not tied to an incident that is over."""
    return tuple(
        grant
        for grant in grants
        if (grant.expires_at is None or grant.expires_at > now)
        and (grant.incident_id is None or grant.incident_id in open_incidents)
    )


def decide(grants: Iterable[Grant], need: Need, about: About | None, *, anything: bool = False) -> Decision:
    """What the live grants say to a call. `about` None = it is about nothing to which a grant can be narrowed.

    `anything`: asked in general, whatever it will be about. One grant alone must give both the level and every switch;
    the most generous one counts. Without any: off.
    """
    answers = [_of_one(grant, need) for grant in grants if anything or _fits(grant, about)]
    for setting in (Setting.ON, Setting.ASK):
        for answer in answers:
            if answer.setting is setting:
                return answer
    if answers:
        return max(answers, key=lambda answer: _has_level(answer))
    return Decision(Setting.OFF, _level_missing(need.area, Level.OFF, need.level))


def _of_one(grant: Grant, need: Need) -> Decision:
    has = grant.levels.get(need.area, Level.OFF)
    highest = HIGHEST.get(need.area, Level.FULL)
    if not highest.reaches(need.level):
        return Decision(Setting.OFF, f"no agent may change {need.area.replace('_', ' ')}", grant.id)
    if not has.reaches(need.level):
        return Decision(Setting.OFF, _level_missing(need.area, has, need.level), grant.id)
    asks = []
    for act in sorted(need.acts):
        setting = grant.switches.get(act, Setting.OFF)
        if setting is Setting.OFF:
            return Decision(Setting.OFF, f"{_WORDS.get(act, act)} is off", grant.id)
        if setting is Setting.ASK:
            asks.append(_WORDS.get(act, act))
    if asks:
        return Decision(Setting.ASK, f"{' and '.join(asks)} must be approved by a person", grant.id)
    having = " and ".join(_WORDS.get(act, act) for act in sorted(need.acts))
    return Decision(Setting.ON, f"has {having or f'{need.level} on {_area(need.area)}'}", grant.id)


def _fits(grant: Grant, about: About | None) -> bool:
    """Whether the call is about something that the grant is good for."""
    if not grant.narrowed:
        return True
    if about is None:
        return False
    if grant.metadata and not all(value in about.facts.get(key, ()) for key, value in grant.metadata.items()):
        return False
    if not (grant.monitor_ids or grant.monitor_group_ids):
        return True
    return about.monitor_id in grant.monitor_ids or about.monitor_group_id in grant.monitor_group_ids


def _has_level(answer: Decision) -> bool:
    """A denial that names a switch comes nearer than one that names a level."""
    return answer.reason.endswith(" is off")


def _level_missing(area: str, has: Level, needed: Level) -> str:
    return f"{_area(area)} is {'off' if has is Level.OFF else f'at {has}'}, {needed} is needed"


def _area(area: str) -> str:
    return area.replace("_", " ").capitalize()
