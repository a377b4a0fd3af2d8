"""Passwords and secret addresses in answers: who may only look at a thing is not let in by looking at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.accounts.model import Role
from tocsin.agents import rules as grants
from tocsin.agents.model import Agent, Grant, Level, Need, Setting
from tocsin.gateway import roles
from tocsin.gateway.identity import Actor
from tocsin.registry import Catalogue, Operation, Resource

Hidden = Mapping[str, frozenset[str]]
MAX_KNOWN = 1_000
"""Sets of rights for which it is kept: worked out anew with every call it would cost more than the call."""


class Hiding:
    """Knows which attributes of which resources are secrets, and from whom."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._known: dict[tuple[Any, ...], Hidden] = {}
        self._kinds: dict[str, tuple[Resource, str]] = {}
        self._changes: dict[str, list[Operation]] = {}
        for operation in catalogue:
            for resource in (operation.resource, *(route.resource for route in operation.routes)):
                for kind in () if resource is None else (resource, *resource.parts):
                    if not operation.reads:
                        self._changes.setdefault(kind.type, []).append(operation)
                    own = kind.type not in self._kinds or operation.name.endswith(".get")  # not a list in another area
                    if own and (kind.secrets or kind.pages_by or kind.reaches):
                        self._kinds[kind.type] = (kind, operation.area)

    def of(self, actor: Actor, operation: Operation, acts: frozenset[str]) -> Hidden:
        """What this caller does not see, by the type of the resource: agents, and people who may only look at it.

        `acts`: what the call amounted to and was allowed to be: whoever may make a secret sees the one they made.
        """
        agent = actor.agent
        if agent is None:
            return {} if actor.role is None else self._of_role(actor.role)
        allowed = operation.area if "page" in acts else ""
        key = (allowed, tuple(_rights(grant) for grant in agent.grants))
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            found = self._known[key] = {
                kind: hidden
                for kind, (resource, area) in self._kinds.items()
                if (hidden := _from(agent, resource, area, area == allowed))
            }
        return found

    def _of_role(self, role: Role) -> Hidden:
        """Whoever may change a thing sees all of it; how people are reached, everybody of the team does."""
        found = self._known.get((role,))
        if found is None:
            found = self._known[(role,)] = {
                kind: hidden
                for kind, (resource, _) in self._kinds.items()
                if (hidden := frozenset((*resource.secrets, *resource.pages_by)))
                and not roles.any_of(role, self._changes.get(kind, ()))
            }
        return found


def _rights(grant: Grant) -> tuple[Any, ...]:
    """All of a grant on which it depends what is hidden."""
    return tuple(grant.levels.items()), tuple(grant.switches.items()), grant.narrowed


def _from(agent: Agent, resource: Resource, area: str, allowed: bool) -> frozenset[str]:
    hidden = frozenset[str](() if sees_addresses(agent) else resource.reaches)
    if allowed:
        return hidden
    if resource.secrets and not _may(agent, Need(area=area, level=Level.WRITE)):
        hidden |= set(resource.secrets)
    if resource.pages_by and not _may(agent, Need(area=area, level=Level.WRITE, acts=frozenset({"page"}))):
        hidden |= set(resource.pages_by)
    return hidden


def sees_addresses(agent: Agent | None) -> bool:
    """Whether this caller may see how people are reached; only agents may have to do without."""
    return agent is None or _may(agent, Need(area="team", level=Level.READ))


def _may(agent: Agent, need: Need) -> bool:
    """By itself, and for all of them."""
    return grants.decide(agent.grants, need, None).setting is Setting.ON
