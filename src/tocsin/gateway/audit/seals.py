"""What proves that an entry of the audit log is ours and stands where it stood: marks, and the chain of hashes.

An entry gets its mark in the transaction that writes it: an HMAC over everything it says. A worker gives it its place:
a position, and a hash over that, the hash before it, its id and its mark. All keys are derived from the installation's
secret, so whoever has the database alone can make neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Text, type_coerce

from tocsin.gateway.audit.table import audit_entries
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.vault import Vault

VERSION = 1
"""Of what is put together for a mark: another form of it gets another number."""
GENESIS = ""
"""The hash before the first entry of a chain."""

EVIDENCE = (
    "at", "request_id", "surface", "actor_kind", "actor_id", "actor_name", "owner_name", "credential_hint", "team_id",
    "operation", "area", "target", "target_name", "outcome", "reason", "rule", "approval_id", "approved_by", "result",
    "sentence", "arguments", "arguments_hash", "client_address", "client_name", "latency_ms", "chain", "nonce",
)  # fmt: skip
"""What a mark vouches for, in this order: every column of an entry but its id and its seal."""
AS_STORED = [
    type_coerce(audit_entries.c[name], Text).label(name) if name == "arguments" else audit_entries.c[name]
    for name in EVIDENCE
]
"""The same columns to be read for a mark: JSON as the text that it is."""


class Link(msgspec.Struct, frozen=True):
    """The place of one entry in its chain."""

    position: int
    previous_hash: str
    hash: str


def mark(vault: Vault, values: Mapping[str, Any]) -> str:
    """The mark of an entry with these values: `at` an instant, `arguments` their JSON text."""
    said = [to_milliseconds(values["at"]), *[values[name] for name in EVIDENCE[1:]]]
    return vault.evidence("audit entry", msgspec.json.encode([VERSION, *said]))


def link(vault: Vault, chain: str, position: int, previous_hash: str, id: int, mark: str) -> Link:
    """The entry's place behind the one that has `previous_hash`."""
    place = msgspec.json.encode([VERSION, chain, position, previous_hash, id, mark])
    return Link(position, previous_hash, vault.evidence("audit chain", place))


def ends(vault: Vault, values: Sequence[str | int | None]) -> str:
    """The seal of what is known of a chain's beginning and end."""
    return vault.evidence("audit ends", msgspec.json.encode([VERSION, *values]))
