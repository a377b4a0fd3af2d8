"""The audit log: who did what, through which surface, and who was turned away and why, as evidence."""

from tocsin.gateway.audit.entry import Entry, arguments_hash, hint, named, readable, redacted
from tocsin.gateway.audit.pruning import KEPT_FOR, STRANGERS_KEPT_FOR, prune
from tocsin.gateway.audit.table import audit_entries
from tocsin.gateway.audit.writing import write

__all__ = [
    "KEPT_FOR",
    "STRANGERS_KEPT_FOR",
    "Entry",
    "arguments_hash",
    "audit_entries",
    "hint",
    "named",
    "prune",
    "readable",
    "redacted",
    "write",
]
