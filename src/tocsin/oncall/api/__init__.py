"""Calendars, rotations, events and what is ours beside them on the wire (contract part 2, section 4)."""

from __future__ import annotations

from tocsin.oncall.api.calendars import calendar_operations
from tocsin.oncall.api.covering import cover_operations
from tocsin.oncall.api.events import event_operations
from tocsin.oncall.api.exchanging import exchange_operations
from tocsin.oncall.api.layers import layer_operations
from tocsin.registry import Operation

OPERATIONS: tuple[Operation, ...] = (
    *calendar_operations(),
    *event_operations(),
    *layer_operations(),
    *cover_operations(),
    *exchange_operations(),
)

__all__ = ["OPERATIONS"]
