"""Integrations, what they received and the alerts of an incident on the wire (contract part 2, section 9, and ours)."""

from __future__ import annotations

from tocsin.inbound.api.integrations import integration_operations
from tocsin.inbound.api.looking import looking_operations
from tocsin.inbound.model import KINDS
from tocsin.registry import Operation


def operations(email_domain: str) -> tuple[Operation, ...]:
    """Everything that can be done with inbound alerts. `email_domain`: after the @ of the addresses we hand out."""
    managed = tuple(
        operation for kind in KINDS.values() for operation in integration_operations(kind, email_domain or "localhost")
    )
    return (*managed, *looking_operations())


__all__ = ["operations"]
