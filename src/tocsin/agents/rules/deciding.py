"""May it, must it ask, or may it not: decided from the agent's grants alone, always with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
_DOING = {
    "acknowledge": "Acknowledging",
    "resolve": "Resolving",
    "page": "Paging people",
    "publish": "Publishing",
    "notify": "Mailing subscribers",
    "delete": "Deleting",
}


def live(grants: Iterable[Grant], now: datetime, open_incidents: Collection[int]) -> tuple[Grant, ...]:
    """The grants that still count: not past their time, and not tied to an incident that is over."""
    return tuple(
        grant
        for grant in grants
        if (grant.expires_at is None or grant.expires_at > now)
        and (grant.incident_id is None or grant.incident_id in open_incidents)
    )


def decide(grants: Sequence[Grant], need: Need, about: About | None, *, anything: bool = False) -> Decision:
    """What the live grants say to a call. `about` None = it is about nothing to which a grant can be narrowed.

    `anything`: asked in general, whatever it will be about. One grant alone must give both the level and every switch;
    the most generous one counts. Without any: off.
    """
    best: tuple[int, Grant] | None = None
    for grant in grants:
        if not (anything or _fits(grant, about)):
            continue
        stands = _stands(grant, need)
        if stands == _ALLOWED:
            return _said(grant, need, stands)
        if best is None or stands > best[0]:
            best = (stands, grant)
    if best is not None and best[0] >= _ASKS:
        return _said(best[1], need, best[0])
    elsewhere = next((grant for grant in grants if grant.narrowed and gives(grant, need)), None)
    if elsewhere is not None:
        return Decision(Setting.OFF, "it is granted for some things only, and this is none of them", elsewhere.id)
    if best is None:
        return Decision(Setting.OFF, _level_missing(need.area, Level.OFF, need.level))
    return _said(best[1], need, best[0])


def gives(grant: Grant, need: Need) -> bool:
    """Whether a grant gives this, or lets it be asked for, where it is good."""
    return _stands(grant, need) >= _ASKS


_LACKS_LEVEL, _LACKS_SWITCH, _ASKS, _ALLOWED = range(4)
"""How far a grant goes towards a call: the further, the nearer its refusal comes to what is missing."""


def _stands(grant: Grant, need: Need) -> int:
    """How far this grant goes; asked for every grant of every call."""
    has, highest = grant.levels.get(need.area, Level.OFF), HIGHEST.get(need.area, Level.FULL)
    if not has.reaches(need.level) or not highest.reaches(need.level):
        return _LACKS_LEVEL
    stands = _ALLOWED
    for act in need.acts:
        setting = grant.switches.get(act, Setting.OFF)
        if setting is Setting.OFF:
            return _LACKS_SWITCH
        if setting is Setting.ASK:
            stands = _ASKS
    return stands


def _said(grant: Grant, need: Need, stands: int) -> Decision:
    """The same in words."""
    if stands == _LACKS_LEVEL:
        if not HIGHEST.get(need.area, Level.FULL).reaches(need.level):
            return Decision(Setting.OFF, f"no agent may change {need.area.replace('_', ' ')}", grant.id)
        return Decision(
            Setting.OFF, _level_missing(need.area, grant.levels.get(need.area, Level.OFF), need.level), grant.id
        )
    acts = sorted(need.acts)
    if stands == _LACKS_SWITCH:
        off = next(act for act in acts if grant.switches.get(act, Setting.OFF) is Setting.OFF)
        return Decision(Setting.OFF, f"{_WORDS.get(off, off)} is off", grant.id)
    if stands == _ASKS:
        asks = [_DOING.get(act, act) for act in acts if grant.switches[act] is Setting.ASK]
        return Decision(Setting.ASK, f"{' and '.join(asks)} must be approved by a person", grant.id)
    having = " and ".join(_WORDS.get(act, act) for act in acts)
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


def _level_missing(area: str, has: Level, needed: Level) -> str:
    return f"{_area(area)} is {'off' if has is Level.OFF else f'at {has}'}, {needed} is needed"


def _area(area: str) -> str:
    return area.replace("_", " ").capitalize()
