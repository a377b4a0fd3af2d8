"""How far a person may go themselves: as much as that, and no more, they can let a program do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from tocsin.accounts.model import User
from tocsin.agents.model import AREAS, SWITCHES, Level
from tocsin.agents.rules.deciding import HIGHEST
from tocsin.gateway import rules
from tocsin.gateway.identity import Actor
from tocsin.registry import Operation


class Rights(msgspec.Struct, frozen=True):
    """By area the highest level, and the risky acts; an area that is not named is closed to them."""

    levels: Mapping[str, Level]
    acts: frozenset[str]


def of_person(operations: Iterable[Operation], user: User, team_ids: tuple[int, ...]) -> Rights:
    """Drawn from what the door would say to each operation that an agent can be granted at all."""
    actor = Actor(kind="person", id=user.id, name=user.name, team_ids=team_ids, user_id=user.id)
    order = list(Level).index
    levels: dict[str, Level] = {}
    acts: set[str] = set()
    for operation in operations:
        if operation.people_only or not operation.routes or operation.area not in AREAS:
            continue
        if rules.decide(actor, operation).answer is not rules.Answer.ALLOW:
            continue
        level = min(Level(operation.level), HIGHEST.get(operation.area, Level.FULL), key=order)
        levels[operation.area] = max(level, levels.get(operation.area, Level.OFF), key=order)
        if operation.acts is not None:  # which ones depends on what is sent
            acts |= set(SWITCHES)
        elif operation.switch is not None:
            acts.add(operation.switch)
    return Rights(levels, frozenset(acts))
