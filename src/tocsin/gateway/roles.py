"""What a person may do in a team by the role that they have there: one table, the same on every page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Protocol

from tocsin.accounts.model import Role
from tocsin.kernel.errors import Refused


class Operation(Protocol):
    """What of an operation the table looks at."""

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> bool: ...


class Rung(IntEnum):
    """How far up a role stands: whoever stands higher may do all that those below may."""

    ANYBODY = 0
    """Looks at everything and keeps what is about themselves."""
    MEMBER = 1
    RESPONDER = 2
    TEAM_LEAD = 3
    ADMIN = 4


_STANDS = {
    Role.BILLING_ADMIN: Rung.ANYBODY,
    Role.MEMBER: Rung.MEMBER,
    Role.RESPONDER: Rung.RESPONDER,
    Role.TEAM_LEAD: Rung.TEAM_LEAD,
    Role.ADMIN: Rung.ADMIN,
}
_NAMED = {
    Rung.MEMBER: Role.MEMBER,
    Rung.RESPONDER: Role.RESPONDER,
    Rung.TEAM_LEAD: Role.TEAM_LEAD,
    Rung.ADMIN: Role.ADMIN,
}

PERSONAL = frozenset({"contact_methods", "notification_rules", "quiet_hours", "users"})
"""What is about one person, whom the address names: everybody's own, and a team lead's for others."""

_BY_NAME = {
    # The call that they lead to is judged by itself: who may not make it can neither plan nor apply it, and who
    # restores must be allowed to create what comes back.
    "plans.create": Rung.ANYBODY,
    "plans.apply": Rung.ANYBODY,
    "trash.restore": Rung.ANYBODY,
    # Whoever is asked to take a shift answers for themselves: the calendar sees to that.
    "on_call_cover_requests.create": Rung.MEMBER,
    "on_call_cover_requests.accept": Rung.MEMBER,
    "on_call_cover_requests.decline": Rung.MEMBER,
    "on_call_cover_requests.cancel": Rung.MEMBER,
    "incidents.acknowledge": Rung.MEMBER,
    "incident_comments.create": Rung.MEMBER,
    "incident_comments.update": Rung.RESPONDER,
    "incidents.delete": Rung.TEAM_LEAD,
    "heartbeat_ping_key.change": Rung.TEAM_LEAD,
    # One's own; whose else, it judges by itself.
    "sessions.end": Rung.ANYBODY,
    # A token may do everything, make admins too: who is none must not come by one.
    "api_tokens.create": Rung.ADMIN,
    # Whoever approves does it, by another's hand: they must be allowed to do it themselves.
    "approvals.approve": Rung.RESPONDER,
    "approvals.deny": Rung.RESPONDER,
}
"""Where an operation asks for another rung than the rest of its kind."""
_BY_NOUN = {
    "incidents": Rung.RESPONDER,
    "incident_comments": Rung.RESPONDER,
    "postmortems": Rung.RESPONDER,
    "monitors": Rung.RESPONDER,
    "monitor_groups": Rung.RESPONDER,
    "heartbeats": Rung.RESPONDER,
    "heartbeat_groups": Rung.RESPONDER,
    "heartbeat_ping_key": Rung.RESPONDER,
    "metadata": Rung.RESPONDER,
    "on_call_events": Rung.RESPONDER,
    "on_call_feeds": Rung.MEMBER,
    "status_reports": Rung.RESPONDER,
    "status_updates": Rung.RESPONDER,
}
"""What those on duty change; everything else is a team lead's."""


def rung(operation: Operation) -> Rung:
    """From where on this may be done; of what is about one person, by anybody for themselves."""
    if operation.reads:
        return Rung.ANYBODY
    noun = operation.name.partition(".")[0]
    if operation.name in _BY_NAME:
        return _BY_NAME[operation.name]
    return _BY_NOUN.get(noun, Rung.TEAM_LEAD)


def refusal(role: Role, operation: Operation, path: Mapping[str, str] | None, user_id: int | None) -> str | None:
    """Why somebody in this role may not do this; None when they may.

    `path`: the parameters of the address; None asks whether they may do it at all.
    """
    needed = rung(operation)
    if _STANDS[role] >= needed:
        return None
    whose = ""
    if operation.name.partition(".")[0] in PERSONAL:
        if path is None or path.get("user") in ("me", str(user_id)):
            return None
        whose = " for somebody else"
    return f"{operation.name}{whose} needs the role {least(needed).words}, and yours is {role.words}"


def least(needed: Rung) -> Role:
    """The lowest role that stands there."""
    return _NAMED[needed]


def check_restoring(role: str | None, operation: str) -> None:
    """What `operation` has deleted comes back with the rights that it had. Raises Refused."""
    if role is not None and role != Role.ADMIN and operation.startswith("team_members."):
        raise Refused(f"Bringing members back needs the role {Role.ADMIN.words}: they come back as what they were.")


def any_of(role: Role, operations: Iterable[Operation]) -> bool:
    """Whether somebody in this role may do any of these."""
    return any(_STANDS[role] >= rung(operation) for operation in operations)
