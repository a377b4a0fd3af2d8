"""The words in which a program asks for rights, and what they amount to: a level in an area, or one risky act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tocsin.agents.model import AREAS, SWITCHES, Level, Setting
from tocsin.agents.model.oauth import Choice
from tocsin.agents.rules.deciding import HIGHEST

BROAD = ("read", "write")
"""What clients ask for that ask for all there is. They are proposed little; the person gives more."""
SCOPES = (
    *BROAD,
    *(
        f"{area}:{level}"
        for area in AREAS
        for level in Level
        if level is not Level.OFF and HIGHEST.get(area, Level.FULL).reaches(level)
    ),
    *SWITCHES,
)
"""Every scope there is."""
_KNOWN = frozenset(SCOPES)

MAX_CHARACTERS = 2_000


def known(scope: str | None) -> tuple[str, ...]:
    """The scopes of a request that there are, each once, in order; what nobody knows is left out (RFC 6749, 3.3)."""
    return tuple(dict.fromkeys(word for word in (scope or "").split() if word in _KNOWN))


def proposed(scopes: Iterable[str]) -> tuple[dict[str, Level], dict[str, Setting]]:
    """What the consent page has chosen already: a fine scope as it was asked for, a broad one as reading alone; a risky
    act is asked about each time. Nothing is proposed to be deleted, nor anything switched on for good."""
    asked = set(scopes)
    levels: dict[str, Level] = {}
    for area in AREAS:
        if not asked or asked & set(BROAD):
            levels[area] = Level.READ
        for level in (Level.READ, Level.WRITE, Level.FULL):
            if f"{area}:{level}" in asked:
                levels[area] = min(level, Level.WRITE, key=list(Level).index)
    switches = {act: Setting.ASK for act in SWITCHES if act in asked or ("write" in asked and act != "delete")}
    return levels, switches


def capped(choice: Choice, highest: Mapping[str, Level], acts: Iterable[str]) -> Choice:
    """A choice as far as the person has the right themselves: nobody gives away what is not theirs."""
    order = list(Level).index
    mine = set(acts)
    return Choice(
        team_id=choice.team_id,
        levels={
            area: min(level, highest.get(area, Level.OFF), key=order)
            for area, level in choice.levels.items()
            if min(level, highest.get(area, Level.OFF), key=order) is not Level.OFF
        },
        switches={
            act: setting for act, setting in choice.switches.items() if act in mine and setting is not Setting.OFF
        },
    )


def granted(asked: Iterable[str], choice: Choice) -> str:
    """The scopes that a client is told it has: of those that it asked for, the ones that hold at least in part; all of
    them in fine words when it asked for none."""
    words = tuple(asked) or SCOPES[len(BROAD) :]
    return " ".join(word for word in words if _holds(word, choice))


def _holds(word: str, choice: Choice) -> bool:
    if word in SWITCHES:
        return choice.switches.get(word, Setting.OFF) is not Setting.OFF
    area, _, level = word.rpartition(":")
    needed = Level(level)
    given = choice.levels.values() if not area else [choice.levels.get(area, Level.OFF)]
    return any(each.reaches(needed) for each in given)
