"""Writes a line of the audit log, in the transaction of the deed it tells of: without the line there is no deed."""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy.exc import DBAPIError

from tocsin.gateway.audit import seals
from tocsin.gateway.audit.entry import Entry, one_line, redacted
from tocsin.gateway.audit.table import LOG, STRANGERS, audit_entries
from tocsin.kernel.errors import Unavailable
from tocsin.storage import PreparedInsert, Tx
from tocsin.storage.database import translated

_INSERT = PreparedInsert(
    audit_entries,
    [
        column.name
        for column in audit_entries.c
        if column.name not in ("id", "position", "previous_hash", "hash")  # given by the database, and by the sealing
    ],
)
"""Written with every call of an agent."""


def write(tx: Tx, entry: Entry) -> None:
    """Add a line to the log. Raises Unavailable when it cannot be written: nothing may then be done or answered."""
    actor = entry.actor
    said = {**entry.arguments, "dry_run": True} if entry.previewed else entry.arguments
    kept = redacted(entry.operation, said)
    values = {
        "at": tx.now,
        "request_id": entry.request_id,
        "surface": entry.surface,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": entry.actor_name,
        "owner_name": entry.owner_name,
        "credential_hint": entry.credential_hint,
        "team_id": entry.team_id,
        "operation": entry.operation.name,
        "area": entry.operation.area,
        "target": None if entry.target is None else one_line(entry.target),
        "target_name": entry.target_name,
        "outcome": entry.outcome,
        "reason": entry.why,
        "rule": entry.rule,
        "approval_id": entry.approval_id,
        "approved_by": entry.approved_by,
        "result": entry.result,
        "sentence": entry.sentence,
        "arguments": msgspec.json.encode(kept).decode(),
        "arguments_hash": entry.arguments_hash,
        "client_address": entry.client_address,
        "client_name": entry.client_name,
        "latency_ms": entry.latency_ms,
        "chain": STRANGERS if actor.kind == "nobody" else LOG,
        "nonce": secrets.token_hex(8),
    }
    values["mark"] = seals.mark(tx.vault, values)
    values["arguments"] = kept
    try:
        _INSERT.run(tx, values)
    except DBAPIError as error:
        if isinstance(translated(error), Unavailable):
            raise  # passing trouble: the database itself knows when to try again
        raise Unavailable("The audit log cannot be written: nothing was done. Try again later.") from error
