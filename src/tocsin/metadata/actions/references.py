"""Looks up who or what a reference means, so that answers can say all we know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tocsin.accounts import actions as accounts
from tocsin.metadata.model import Value
from tocsin.storage import Tx

Resolver = Callable[[Tx, Value, int], Value | None]
"""(tx, the value as it was given, the team's id) to the value with everything that is known; None: there is no such
thing within the team. Concepts above this one hand theirs in through runtime.wiring."""

MAX_LOOKED_UP = 200
"""References looked up for one call: more are a mistake, and each may be a question to the database."""


def user(tx: Tx, given: Value, team_id: int) -> Value | None:
    """A member of the team, by id, e-mail address or full name; all that is given must agree."""
    for person in accounts.members(tx, team_id):
        by_email = given.email is None or person.email.lower() == given.email.lower()
        by_name = given.name is None or person.name == given.name
        if by_email and by_name and given.item_id in (None, person.id):
            return Value(type="User", item_id=person.id, name=person.name, email=person.email)
    return None


def team(tx: Tx, given: Value, team_id: int) -> Value | None:
    """The team itself, by id or name: other teams are nobody's business."""
    own = accounts.team(tx, team_id)
    if given.item_id in (None, own.id) and given.name in (None, own.name):
        return Value(type="Team", item_id=own.id, name=own.name)
    return None


KNOWN: Mapping[str, Resolver] = {"User": user, "Team": team}
"""What this concept can look up by itself; any other type is stored as it was given, unless somebody hands more in."""
