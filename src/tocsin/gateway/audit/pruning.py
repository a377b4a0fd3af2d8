"""Lets go of what the audit log need not keep any longer, from the beginning of each chain, so that the rest holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, select

from tocsin.gateway.audit.chains import ends, save
from tocsin.gateway.audit.table import LOG, STRANGERS, audit_entries
from tocsin.storage import Tx

KEPT_FOR = timedelta(days=400)
"""A year, and the month in which somebody asks about it."""
STRANGERS_KEPT_FOR = timedelta(days=7)
"""Refusals of callers whom nobody knows: a port scanner must not fill the disk."""
KEPT = {LOG: KEPT_FOR, STRANGERS: STRANGERS_KEPT_FOR}

_column = audit_entries.c


def prune(tx: Tx, *, at_most: int = 1_000) -> int:
    """Delete a bounded number of entries that are past their time; returns how many.

    Of a chain only a stretch at its beginning goes: up to the first entry that is still to be kept. Its last hash stays
    behind as the anchor of what follows.
    """
    gone = _prune_unchained(tx, at_most)
    for name, (known, ours) in ends(tx).items():
        if not ours or gone >= at_most or name not in KEPT:
            continue  # ends that are not ours are evidence: nothing is built on them
        rows = tx.execute(
            select(_column.id, _column.at, _column.position, _column.hash)
            .where(_column.chain == name, _column.position >= known.first_position)
            .order_by(_column.position)
            .limit(at_most - gone)
        ).all()
        old: list[Any] = []
        for row in rows:
            if row.at >= tx.now - KEPT[name] or row.position != known.first_position + len(old):
                break  # where one is missing, somebody has been at work: the rest is evidence too
            old.append(row)
        if old:
            tx.execute(delete(audit_entries).where(_column.id.in_([row.id for row in old])))
            last = old[-1]
            save(
                tx,
                msgspec.structs.replace(
                    known, first_position=last.position + 1, anchor_hash=last.hash, anchored_at=last.at
                ),
            )
        gone += len(old)
    return gone


def _prune_unchained(tx: Tx, at_most: int) -> int:
    """What an earlier version has written, and what was never ours."""
    old = select(_column.id).where(
        _column.chain.is_(None) | _column.chain.not_in(list(KEPT)),
        (_column.at < tx.now - KEPT_FOR)
        | ((_column.actor_kind == "nobody") & (_column.at < tx.now - STRANGERS_KEPT_FOR)),
    )
    ids = [row.id for row in tx.execute(old.order_by(_column.at).limit(at_most))]
    if ids:
        tx.execute(delete(audit_entries).where(_column.id.in_(ids)))
    return len(ids)
