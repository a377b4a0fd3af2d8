"""Monitors and their groups on the wire: names, paths and forms (contract part 1, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.metadata.actions import Resolver
from tocsin.monitors.api.groups import MONITOR_GROUP, group_operations
from tocsin.monitors.api.looking import OPERATIONS as LOOKING
from tocsin.monitors.api.monitors import MONITOR, monitor_operations
from tocsin.monitors.api.trying import Try, nobody, trying_operations
from tocsin.monitors.rules.settings import Limits
from tocsin.registry import Operation, Resource

RESOURCES: tuple[Resource, ...] = (MONITOR, MONITOR_GROUP)


def operations(
    limits: Limits, references: Mapping[str, Resolver] | None = None, run: Try = nobody
) -> tuple[Operation, ...]:
    """Everything that can be done with monitors, under this installation's limits; `references`: who looks up what
    their facts refer to, by type; `run`: who runs a check at once."""
    return (
        *monitor_operations(limits, references or {}),
        *LOOKING,
        *trying_operations(limits, run),
        *group_operations(),
    )


OPERATIONS: tuple[Operation, ...] = operations(Limits())
"""The same under the default limits."""

__all__ = ["MONITOR", "MONITOR_GROUP", "OPERATIONS", "RESOURCES", "Limits", "Try", "nobody", "operations"]
