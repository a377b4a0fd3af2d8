"""Finds entries of the audit log for people: by who, what, when and where, newest first or in the chain's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, select

from tocsin.gateway.audit.table import LOG, audit_entries
from tocsin.kernel.errors import NotFound
from tocsin.storage import Tx

TYPE = "audit_log_entry"

_column = audit_entries.c


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it is kept."""

    id: int
    at: datetime
    request_id: str
    surface: str
    actor_kind: str
    actor_id: int | None
    actor_name: str
    owner_name: str | None
    credential_hint: str | None
    team_id: int | None
    operation: str
    area: str | None
    target: str | None
    target_name: str | None
    outcome: str
    reason: str
    rule: str | None
    approval_id: str | None
    approved_by: str | None
    result: str | None
    sentence: str
    arguments: Mapping[str, Any]
    arguments_hash: str | None
    client_address: str | None
    client_name: str | None
    latency_ms: int | None
    position: int | None
    previous_hash: str | None
    hash: str | None


_shown = [_column[name] for name in Line.__struct_fields__]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: None asks for any."""

    team_ids: tuple[int, ...] | None
    actor: str | None = None
    """Part of the name of whoever did it."""
    actor_kind: str | None = None
    agent_id: int | None = None
    agent_name: str | None = None
    operation: str | None = None
    outcome: str | None = None
    surface: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    target: str | None = None
    """As the log names it, e.g. `incident 4821`."""
    text: str | None = None
    """Part of the sentence."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the rows must fulfil."""
        column = _column
        found: list[ColumnElement[bool]] = []
        if self.team_ids is not None:
            found.append(column.team_id.in_(self.team_ids))
        for wanted, asked in (
            (self.operation, column.operation),
            (self.outcome, column.outcome),
            (self.surface, column.surface),
            (self.target, column.target),
            (self.actor_kind, column.actor_kind),
        ):
            if wanted is not None:
                found.append(asked == wanted)
        for part, text in ((self.actor, column.actor_name), (self.text, column.sentence)):
            if part is not None:
                found.append(func.lower(text).contains(part.lower(), autoescape=True))
        if self.agent_id is not None:
            found += [column.actor_kind == "agent", column.actor_id == self.agent_id]
        if self.agent_name is not None:
            found += [column.actor_kind == "agent", column.actor_name == self.agent_name]
        if self.since is not None:
            found.append(column.at >= self.since)
        if self.until is not None:
            found.append(column.at <= self.until)
        return found


def page(tx: Tx, wanted: Wanted, *, page: int, per_page: int) -> tuple[list[Line], int]:
    """A page of entries, newest first, and how many there are."""
    conditions = wanted.conditions()
    total = tx.execute(select(func.count()).select_from(audit_entries).where(*conditions)).scalar_one()
    rows = select(*_shown).where(*conditions).order_by(_column.id.desc()).limit(per_page)
    return _lines(tx, rows.offset((page - 1) * per_page)), int(total)


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Line:
    """One entry. Raises NotFound."""
    found = _lines(tx, select(*_shown).where(_column.id == id, *Wanted(team_ids=team_ids).conditions()))
    if not found:
        raise NotFound(TYPE, id)
    return found[0]


def following(tx: Tx, wanted: Wanted, *, after: int, limit: int) -> list[Line]:
    """The entries behind a position of the chain, in its order: nothing that is sealed later can come before them."""
    rows = select(*_shown).where(_column.chain == LOG, _column.position > after, *wanted.conditions())
    return _lines(tx, rows.order_by(_column.position).limit(limit))


def news(tx: Tx, after: int | None) -> tuple[int, frozenset[int]]:
    """(the newest entry, the teams of which there are new ones since `after`): for whoever has the log open."""
    newest = tx.execute(select(func.max(_column.id))).scalar() or 0
    if after is None or newest <= after:
        return newest, frozenset()
    teams = select(_column.team_id).where(_column.id > after, _column.team_id.is_not(None)).distinct()
    return newest, frozenset(tx.execute(teams).scalars())


def head(tx: Tx) -> int:
    """The position of the last entry of the chain; 0 when there is none."""
    return tx.execute(select(func.max(_column.position)).where(_column.chain == LOG)).scalar() or 0


def _lines(tx: Tx, statement: Select[Any]) -> list[Line]:
    rows: Sequence[Any] = tx.execute(statement).mappings().all()
    return [Line(**row) for row in rows]
