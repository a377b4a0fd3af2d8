"""Outgoing webhooks on the wire (contract part 2, section 8.1), and the log of their messages."""

from __future__ import annotations

from tocsin.registry import Operation
from tocsin.webhooks.api.deliveries import DELIVERY, delivery_operations
from tocsin.webhooks.api.webhooks import WEBHOOK, webhook_operations

OPERATIONS: tuple[Operation, ...] = (*webhook_operations(), *delivery_operations())
"""Everything that can be done with outgoing webhooks."""

__all__ = ["DELIVERY", "OPERATIONS", "WEBHOOK"]
