"""Monitors and their groups on the wire: names, paths and forms (contract part 1, sections 3 and 4)."""

from __future__ import annotations

from tocsin.monitors.api.groups import MONITOR_GROUP, group_operations
from tocsin.monitors.api.monitors import MONITOR, monitor_operations
from tocsin.monitors.rules.settings import Limits
from tocsin.registry import Operation, Resource

RESOURCES: tuple[Resource, ...] = (MONITOR, MONITOR_GROUP)


def operations(limits: Limits) -> tuple[Operation, ...]:
    """Everything that can be done with monitors, under this installation's limits."""
    return (*monitor_operations(limits), *group_operations())


OPERATIONS: tuple[Operation, ...] = operations(Limits())
"""The same under the default limits."""

__all__ = ["MONITOR", "MONITOR_GROUP", "OPERATIONS", "RESOURCES", "Limits", "operations"]
