"""The audit log: who did what, through which surface, and who was turned away and why, in plain English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text, delete, insert, select

from tocsin.gateway.identity import Actor
from tocsin.kernel.vault import HIDDEN, without_credentials
from tocsin.registry import Operation
from tocsin.storage import Instant, Json, Tx, metadata
from tocsin.storage.tables import Id

MAX_TEXT = 1_000
"""Characters of one argument kept: enough to see what was meant."""
MAX_ARGUMENTS_BYTES = 8_000
"""Of all arguments of one call together."""
KEPT_FOR = timedelta(days=400)
"""A year, and the month in which somebody asks about it."""
STRANGERS_KEPT_FOR = timedelta(days=7)
"""Refusals of callers whom nobody knows: a port scanner must not fill the disk."""

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("surface", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Id, nullable=True),
    Column("actor_name", Text, nullable=False),
    Column("team_id", Id, nullable=True),
    Column("operation", Text, nullable=False),
    Column("target", Text, nullable=True),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("arguments", Json, nullable=False),
    Column("client_address", Text, nullable=True),
    Index("ix_audit_entries_team", "team_id", "id"),
    Index("ix_audit_entries_at", "at"),
    sqlite_autoincrement=True,
)


_SURFACES = {
    "rest": "the API",
    "link": "an e-mail link",
    "phone": "a phone call",
    "sms": "a text message",
    "push": "a push notification",
    "slack": "Slack",
    "telegram": "Telegram",
    "mattermost": "Mattermost",
    "status page": "the public status page",
}

_OTHER_LINKS = frozenset({"posted link", "link in a text message", "link in a notification"})
"""By which links people answer that came in no e-mail."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. `outcome` is `allowed`, `denied` or `failed` (allowed, but it could not be done)."""

    actor: Actor
    operation: Operation
    surface: str
    request_id: str
    outcome: str
    reason: str
    target: str | None = None
    team_id: int | None = None
    arguments: Mapping[str, Any] = {}
    previewed: bool = False
    """A dry run: nothing was done. The arguments kept say so as well, with `dry_run`."""
    client_address: str | None = None

    @property
    def sentence(self) -> str:
        """E.g. `Token 'CI' created a monitor (monitor 12) through the API: allowed, the team's own token.`"""
        who = self.actor.name if self.actor.kind in ("person", "nobody", "guest") else f"Token '{self.actor.name}'"
        did = self.operation.deed if self.outcome == "allowed" else f"tried: {self.operation.name}"
        if self.previewed:
            did = f"previewed: {self.operation.name}"
        what = f" ({self.target})" if self.target else ""
        through = _SURFACES.get(self.surface, self.surface)
        if self.surface == "link" and self.actor.through in _OTHER_LINKS:
            through = f"a {self.actor.through}"
        return f"{who[:1].upper()}{who[1:]} {did}{what} through {through}: {self.outcome}, {self.reason}."


def write(tx: Tx, entry: Entry) -> None:
    """Add a line to the log, in the transaction of the deed it tells of."""
    tx.execute(
        insert(audit_entries).values(
            at=tx.now,
            request_id=entry.request_id,
            surface=entry.surface,
            actor_kind=entry.actor.kind,
            actor_id=entry.actor.id,
            actor_name=entry.actor.name,
            team_id=entry.team_id,
            operation=entry.operation.name,
            target=entry.target,
            outcome=entry.outcome,
            reason=entry.reason.rstrip("."),
            sentence=entry.sentence,
            arguments=redacted(
                entry.operation, {**entry.arguments, "dry_run": True} if entry.previewed else entry.arguments
            ),
            client_address=entry.client_address,
        )
    )


def redacted(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the log may keep them: secrets hidden, long texts cut, bounded in all."""
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        if name in operation.secrets and value not in (None, "", [], {}):
            kept[name] = HIDDEN
        elif isinstance(value, str):
            shown = without_credentials(value)
            kept[name] = shown if len(shown) <= MAX_TEXT else shown[:MAX_TEXT] + "…"
        else:
            kept[name] = value
    if len(msgspec.json.encode(kept)) > MAX_ARGUMENTS_BYTES:
        return dict.fromkeys(list(kept)[:100], "[too long to keep]")
    return kept


def prune(tx: Tx, *, at_most: int = 1_000) -> int:
    """Delete a bounded number of entries that are past their time; returns how many."""
    old = select(audit_entries.c.id).where(
        (audit_entries.c.at < tx.now - KEPT_FOR)
        | ((audit_entries.c.actor_kind == "nobody") & (audit_entries.c.at < tx.now - STRANGERS_KEPT_FOR))
    )
    ids = [row.id for row in tx.execute(old.order_by(audit_entries.c.at).limit(at_most))]
    if ids:
        tx.execute(delete(audit_entries).where(audit_entries.c.id.in_(ids)))
    return len(ids)
