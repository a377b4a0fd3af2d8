"""Contact methods, notification rules and quiet hours on the wire; all ours, beyond the API that we speak."""

from __future__ import annotations

from tocsin.contacts.api.methods import CONTACT_METHOD, method_operations
from tocsin.contacts.api.preferences import (
    NOTIFICATION_RULE,
    QUIET_HOURS,
    UrgencyTeam,
    preview_operation,
    quiet_operations,
    rule_operations,
)
from tocsin.registry import Operation

RESOURCES = (CONTACT_METHOD, NOTIFICATION_RULE, QUIET_HOURS)


def operations(urgency_team: UrgencyTeam) -> tuple[Operation, ...]:
    """What can be done. `urgency_team(tx, id)`: whose severity it is, None when there is none of that id."""
    return (
        *method_operations(),
        *rule_operations(urgency_team),
        *quiet_operations(),
        preview_operation(urgency_team),
    )


__all__ = ["RESOURCES", "operations"]
