"""What a deed can lead to, from only looking to waking people; who can be let in to it at all."""

from __future__ import annotations

from enum import StrEnum

from tocsin.registry.operation import Operation


class Risk(StrEnum):
    """What may come of a call. The values are the words that people read."""

    READ = "read"
    """Nothing changes."""
    WRITE = "write"
    """Something that Tocsin keeps is created or changed."""
    PAGES = "pages a person"
    """Somebody may be woken."""
    PUBLIC = "public"
    """It leaves the house: readers of a status page, subscribers, or others outside get to see it."""
    DESTRUCTIVE = "destructive"
    """Something is gone afterwards."""
    ACCESS_CONTROL = "access control"
    """Who gets in, what they may do, or how people are reached is decided anew."""


_OF_SWITCH = {"page": Risk.PAGES, "publish": Risk.PUBLIC, "notify": Risk.PUBLIC, "delete": Risk.DESTRUCTIVE}
"""Acknowledging and resolving are writes like others: they end the paging and can be taken back."""


def risks(operation: Operation) -> tuple[Risk, ...]:
    """Every risk of an operation, the plain ones first. Where it depends on what is sent, the worst is assumed."""
    if operation.reads:
        return (Risk.READ,)
    found = [Risk.WRITE]
    special = _OF_SWITCH.get(operation.switch or "")
    if special is not None:
        found.append(special)
    if operation.level == "full" and special is not Risk.DESTRUCTIVE:
        found.append(Risk.DESTRUCTIVE)
    if operation.people_only:
        found.append(Risk.ACCESS_CONTROL)
    return tuple(found)


def callers(operation: Operation) -> tuple[str, ...]:
    """Who can be let in to it at all, by the kind of what they show."""
    if not operation.routes:
        return ()
    return ("people", "tokens") if operation.people_only else ("people", "tokens", "agents")
