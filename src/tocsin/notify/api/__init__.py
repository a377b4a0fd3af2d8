"""Telling people and places, on the wire."""

from __future__ import annotations

from tocsin.notify.api.integrations import integration_operations
from tocsin.notify.api.targets import target_operations
from tocsin.registry import Operation

OPERATIONS: tuple[Operation, ...] = (*integration_operations(), *target_operations())
"""Everything that can be done here."""

__all__ = ["OPERATIONS"]
