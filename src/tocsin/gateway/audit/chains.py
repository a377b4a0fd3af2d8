"""Keeps the two chains of the audit log: seals what was written, and knows where each begins and ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from sqlalchemy import bindparam, func, insert, select, update

from tocsin.gateway.audit import seals
from tocsin.gateway.audit.table import FORGED, LOG, STRANGERS, audit_chains, audit_entries
from tocsin.kernel.clock import to_milliseconds
from tocsin.storage import Tx

log = structlog.get_logger()

CHAINS = (LOG, STRANGERS)

_column = audit_entries.c
_unsealed = (
    select(_column.id, _column.mark, *seals.AS_STORED)
    .where(_column.position.is_(None), _column.mark.is_not(None))
    .order_by(_column.id)
    .limit(bindparam("at_most"))
)
_place = (
    update(audit_entries)
    .where(_column.id == bindparam("entry"))
    .values(
        position=bindparam("its_position"), previous_hash=bindparam("its_previous_hash"), hash=bindparam("its_hash")
    )
)


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain begins and ends."""

    name: str
    first_position: int = 1
    """Of the oldest entry that is kept."""
    anchor_hash: str = seals.GENESIS
    """The hash of the entry before it, which was past its time."""
    anchored_at: datetime | None = None
    """The instant of that entry."""
    head_position: int = 0
    head_hash: str = seals.GENESIS
    began_after_id: int = 0
    """Entries up to this id are older than the chains."""

    def seal(self, tx: Tx) -> str:
        """Proves that these ends are ours."""
        anchored = None if self.anchored_at is None else to_milliseconds(self.anchored_at)
        values = (
            self.name, self.first_position, self.anchor_hash, anchored, self.head_position, self.head_hash,
            self.began_after_id,
        )  # fmt: skip
        return seals.ends(tx.vault, values)


class Broken(Exception):
    """Somebody has been at the chains: nothing more is built on them until a person has looked."""


class Sealed(msgspec.Struct, frozen=True):
    """What a round of sealing has done."""

    looked_at: int
    """How many entries."""
    ends: dict[str, Ends] | None
    """Of the chains, by name, as they are now; None when what the table says of them is not ours."""


def ends(tx: Tx) -> dict[str, tuple[Ends, bool]]:
    """What is known of each chain by its name, and whether it is ours; a chain that has not begun is left out."""
    names = Ends.__struct_fields__
    found = {}
    for row in tx.execute(select(audit_chains)).mappings():
        known = Ends(**{name: row[name] for name in names})
        found[known.name] = known, known.seal(tx) == row["seal"]
    return found


def save(tx: Tx, known: Ends) -> None:
    """Write down where a chain begins and ends now."""
    values = {name: getattr(known, name) for name in Ends.__struct_fields__} | {"seal": known.seal(tx)}
    changed = tx.execute(update(audit_chains).where(audit_chains.c.name == known.name).values(values))
    if not changed.rowcount:
        tx.execute(insert(audit_chains).values(values))


def seal(tx: Tx, at_most: int, last_heads: Mapping[str, tuple[int, str]] | None = None) -> Sealed:
    """Give up to `at_most` entries their place. `last_heads`: (position, hash) where each chain ended at last.

    What bears no mark of ours is put aside, and loudly: somebody else has written into the table. Where the ends of the
    chains are not ours, nothing is built on them: entries wait, and keep their marks.
    """
    known = _known(tx)
    if known is None:
        return Sealed(0, None)
    for name, head in (last_heads or {}).items():
        if name not in known or (known[name].head_position, known[name].head_hash) != head:
            return Sealed(0, None)
    rows = unsealed(tx, at_most)
    placed: list[dict[str, Any]] = []
    for row in rows:
        end = known.get(row["chain"])
        if end is None or seals.mark(tx.vault, row) != row["mark"]:
            _put_aside(tx, row["id"])
            continue
        link = seals.link(tx.vault, end.name, end.head_position + 1, end.head_hash, row["id"], row["mark"])
        known[end.name] = msgspec.structs.replace(end, head_position=link.position, head_hash=link.hash)
        placed.append(
            {
                "entry": row["id"],
                "its_position": link.position,
                "its_previous_hash": link.previous_hash,
                "its_hash": link.hash,
            }
        )
    if placed:
        tx.execute(_place, placed)
        for end in known.values():
            save(tx, end)
    return Sealed(len(rows), known)


def oldest_unsealed(tx: Tx) -> datetime | None:
    """Since when the first entry waits for its place; None when none does."""
    first = select(_column.at).where(_column.position.is_(None), _column.mark.is_not(None)).order_by(_column.id)
    found: datetime | None = tx.execute(first.limit(1)).scalar()
    return found


def unsealed(tx: Tx, at_most: int) -> Sequence[Any]:
    """Entries that wait for their place, as `AS_STORED` with `id` and `mark`."""
    return tx.execute(_unsealed, {"at_most": at_most}).mappings().all()


def _known(tx: Tx) -> dict[str, Ends] | None:
    """The ends of all chains, begun where there is none yet; None when somebody has changed or removed them."""
    found = ends(tx)
    if not all(ours for _, ours in found.values()):
        return None
    known = {name: end for name, (end, _) in found.items()}
    if len(known) < len(CHAINS):
        placed = select(_column.id).where(_column.chain.in_(CHAINS), _column.position.is_not(None)).limit(1)
        if tx.execute(placed).first() is not None:
            return None
        before = tx.execute(select(func.max(_column.id)).where(_column.mark.is_(None))).scalar() or 0
        for name in CHAINS:
            known[name] = Ends(name=name, began_after_id=before)
            save(tx, known[name])
    return known


def _put_aside(tx: Tx, id: int) -> None:
    log.error("an entry of the audit log was not written by Tocsin", entry=id)
    # A position of its own, outside of every chain: it is found there, and never looked at again here.
    tx.execute(update(audit_entries).where(_column.id == id).values(chain=FORGED, position=-id))
