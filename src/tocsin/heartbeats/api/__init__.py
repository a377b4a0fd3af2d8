"""Heartbeats, their groups and their pings on the wire: names, paths and forms (contract part 1, sections 5 and 6)."""

from __future__ import annotations

from tocsin.heartbeats.api.groups import GROUP_OPERATIONS, HEARTBEAT_GROUP
from tocsin.heartbeats.api.heartbeats import HEARTBEAT, HEARTBEAT_OPERATIONS
from tocsin.heartbeats.api.pings import HEARTBEAT_PING, PING_KEY, PING_OPERATIONS
from tocsin.registry import Operation, Resource

RESOURCES: tuple[Resource, ...] = (HEARTBEAT, HEARTBEAT_GROUP, HEARTBEAT_PING, PING_KEY)
OPERATIONS: tuple[Operation, ...] = (*HEARTBEAT_OPERATIONS, *GROUP_OPERATIONS, *PING_OPERATIONS)

__all__ = ["HEARTBEAT", "HEARTBEAT_GROUP", "HEARTBEAT_PING", "OPERATIONS", "PING_KEY", "RESOURCES"]
