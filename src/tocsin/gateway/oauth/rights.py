"""How far a person may go themselves: as much as that, and no more, they can let a program do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tocsin.accounts.model import Role
from tocsin.agents.model import AREAS, SWITCHES, Level
from tocsin.agents.rules.deciding import HIGHEST
from tocsin.gateway import roles, rules
from tocsin.registry import Operation

_ORDER = list(Level).index


class Rights(msgspec.Struct, frozen=True):
    """By area the highest level, and the risky acts; an area that is not named is closed to them."""

    levels: Mapping[str, Level]
    acts: frozenset[str]


def of_role(operations: Iterable[Operation], role: Role) -> Rights:
    """What a role allows, in the words of grants.

    A grant opens an area up to a level, and an act in all of them: so the level is one up to which the role may do
    everything there, and the act one that it may do wherever it has the level for it.
    """
    grantable = [
        each
        for each in operations
        if each.routes and not each.people_only and not each.self_service and each.area in AREAS
    ]
    allowed = {each.name for each in grantable if roles.refusal(role, each, None, None) is None}
    levels: dict[str, Level] = {}
    for area in {each.area for each in grantable}:
        refused = [_ORDER(Level(each.level)) for each in grantable if each.area == area and each.name not in allowed]
        there = [_ORDER(Level(each.level)) for each in grantable if each.area == area]
        highest = list(Level)[max((at for at in there if at < min(refused, default=len(Level))), default=0)]
        if highest is not Level.OFF:
            levels[area] = min(highest, HIGHEST.get(area, Level.FULL), key=_ORDER)
    acts: set[str] = set()
    for act in SWITCHES:
        within = [each for each in grantable if act in _acts(each) and _within(each, levels)]
        if within and all(each.name in allowed for each in within):
            acts.add(act)
    return Rights(levels, frozenset(acts))


def joined(several: Iterable[Rights]) -> Rights:
    """What somebody may who may all of these, one in this team and one in that."""
    levels: dict[str, Level] = {}
    acts: set[str] = set()
    for rights in several:
        acts |= rights.acts
        for area, level in rights.levels.items():
            levels[area] = max(level, levels.get(area, Level.OFF), key=_ORDER)
    return Rights(levels, frozenset(acts))


def _acts(operation: Operation) -> frozenset[str]:
    """All that it can come to, whatever is sent."""
    return frozenset(SWITCHES) if operation.acts is not None else operation.least_acts()


def _within(operation: Operation, levels: Mapping[str, Level]) -> bool:
    return levels.get(operation.area, Level.OFF).reaches(rules.need(operation, None).level)
