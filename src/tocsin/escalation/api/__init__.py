"""The addresses of escalation policies and severities (contract part 2, sections 2 and 3)."""

from __future__ import annotations

from tocsin.escalation.api.groups import group_operations
from tocsin.escalation.api.policies import POLICY, POLICY_OPERATIONS
from tocsin.escalation.api.urgencies import URGENCY, URGENCY_OPERATIONS
from tocsin.registry import Operation

OPERATIONS: tuple[Operation, ...] = (
    *POLICY_OPERATIONS,
    *group_operations("policy_group", POLICY, "policies", "escalation policies"),
    *URGENCY_OPERATIONS,
    *group_operations("urgency_group", URGENCY, "urgencies", "severities"),
)

__all__ = ["OPERATIONS"]
