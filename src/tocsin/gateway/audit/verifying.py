"""Walks the audit log from end to end and says which entry was changed, removed or inserted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select

from tocsin.gateway.audit import seals
from tocsin.gateway.audit.chains import CHAINS, Ends, ends
from tocsin.gateway.audit.table import FORGED, LOG, audit_entries
from tocsin.storage import Database, Tx

STEP = 500
"""Entries read in one transaction: the walk may take its time, and nobody waits for it."""
MAX_FINDINGS = 100
"""More of them say no more."""

_column = audit_entries.c
_read = [_column.id, _column.position, _column.previous_hash, _column.hash, _column.mark, *seals.AS_STORED]


class Expected(msgspec.Struct, frozen=True):
    """A head of a chain that was kept elsewhere."""

    position: int
    hash: str
    chain: str = LOG

    @classmethod
    def of(cls, text: str) -> Expected:
        """From `POSITION:HASH`, or `strangers:POSITION:HASH`. Raises ValueError."""
        parts = text.split(":")
        chain = parts.pop(0) if len(parts) == 3 else LOG
        if len(parts) != 2 or not parts[0].isdecimal() or chain not in CHAINS:
            raise ValueError(f"'{text}' is no head of the log: give POSITION:HASH, as `tocsin audit verify` prints it")
        return cls(int(parts[0]), parts[1], chain)


class Walk(msgspec.Struct):
    """What was found in one chain."""

    name: str
    ends: Ends | None
    entries: int = 0
    findings: list[str] = []

    def find(self, words: str) -> None:
        """Something is not as it was written."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(words)


class Verdict(msgspec.Struct):
    """What the whole log is worth."""

    walks: list[Walk]
    findings: list[str] = []
    """About what stands outside of the chains."""
    waiting: int = 0
    """Entries whose place comes within a second."""
    older: int = 0
    """Entries of earlier versions, for which nothing vouches."""

    @property
    def all_findings(self) -> list[str]:
        return [*self.findings, *(words for walk in self.walks for words in walk.findings)]


def verify(database: Database, expected: Sequence[Expected] = ()) -> Verdict:
    """Walk all chains in bounded steps; works beside a running server. Blocks until it is done."""
    verdict = Verdict([])
    for name in CHAINS:
        wanted = [each for each in expected if each.chain == name]
        verdict.walks.append(_walk(database, name, wanted))
    database.submit_read(_outside, verdict).result()
    return verdict


def recent(tx: Tx, at_most: int) -> Walk:
    """The same for the newest entries of the log of those whom we know, in one look: for whoever has it open."""
    found = ends(tx).get(LOG)
    walk = Walk(LOG, None if found is None else found[0])
    if walk.ends is None:
        return walk
    if found is not None and not found[1]:
        walk.find("what is known of the ends of the chain was changed or removed, or another key sealed it")
    state = _State(walk, walk.ends, [])
    begins = walk.ends.head_position - at_most + 1
    if begins > state.first:
        before = select(_column.hash).where(_column.chain == LOG, _column.position == begins - 1)
        state.first = state.next = begins
        state.anchor = state.hash = tx.execute(before).scalar() or ""
    while _step(tx, state):
        pass
    return walk


def _walk(database: Database, name: str, expected: Sequence[Expected]) -> Walk:
    known, ours = database.submit_read(_ends_of, name).result()
    walk = Walk(name, known)
    if not ours:
        walk.find(f"what is known of the ends of the chain '{name}' was changed or removed, or another key sealed it")
    state = _State(walk, known or Ends(name=name), list(expected))
    while database.submit_read(_step, state).result():
        pass
    for each in state.expected:
        if each.position < state.first - 1:
            walk.find(f"position {each.position} is past its time and gone: keep a newer head")
        elif each.position == state.first - 1:
            state.compare(each, state.anchor)
        else:
            cut = f"the chain '{name}' ends at position {state.next - 1}"
            walk.find(
                f"{cut}, although it had reached {each.position}: {each.position - state.next + 1} cut off at its end"
            )
    return walk


class _State:
    """How far a walk has come."""

    def __init__(self, walk: Walk, known: Ends, expected: list[Expected]) -> None:
        self.walk = walk
        self.first = self.next = known.first_position
        self.anchor = self.hash = known.anchor_hash
        self.expected = expected
        self.sound = True
        """Whether the entry before could be relied on."""

    def compare(self, each: Expected, hash: str) -> None:
        if each.hash != hash:
            self.walk.find(f"position {each.position} is no longer what it was when its hash was kept elsewhere")

    def missing(self, upto: int) -> None:
        if upto > self.next:
            which = f"position {self.next}" if upto == self.next + 1 else f"positions {self.next} to {upto - 1}"
            self.walk.find(f"{which}: removed")
            self.next, self.sound = upto, False


def _step(tx: Tx, state: _State) -> bool:
    """Look at the next entries, in one snapshot with the ends of the chain; whether there are more."""
    walk = state.walk
    found = ends(tx).get(walk.name)
    if found is not None and found[1]:
        walk.ends = found[0]
        if found[0].first_position > state.next:  # what was next has been past its time meanwhile
            state.first = state.next = found[0].first_position
            state.anchor = state.hash = found[0].anchor_hash
            state.sound = True
    rows = (
        tx.execute(
            select(*_read)
            .where(_column.chain == walk.name, _column.position >= state.next)
            .order_by(_column.position, _column.id)
            .limit(STEP)
        )
        .mappings()
        .all()
    )
    twice = _twice(tx, [row["mark"] for row in rows if row["mark"]])
    for row in rows:
        _look(tx, state, row, twice)
    if len(rows) == STEP:
        return True
    if walk.ends is not None and found is not None and found[1]:
        state.missing(walk.ends.head_position + 1)
        if state.sound and state.hash != walk.ends.head_hash:
            walk.find(f"position {state.next - 1} is not where the chain '{walk.name}' ends")
    return False


def _look(tx: Tx, state: _State, row: Any, twice: frozenset[str]) -> None:
    walk, position = state.walk, row["position"]
    where = f"position {position}, entry {row['id']}"
    walk.entries += 1
    if position < state.next or (walk.ends is not None and position > walk.ends.head_position):
        walk.find(f"{where}: inserted")
        return
    state.missing(position)
    own = seals.mark(tx.vault, row) == row["mark"]
    place = seals.link(tx.vault, walk.name, position, row["previous_hash"] or "", row["id"], row["mark"] or "")
    placed = place.hash == row["hash"]
    if not own:
        walk.find(f"{where}: {'changed' if placed or row['mark'] else 'inserted'} ({row['at'].isoformat()})")
    elif row["mark"] in twice:
        walk.find(f"{where}: inserted, a copy of another entry")
    elif not placed:
        walk.find(f"{where}: moved, it did not stand here")
    elif state.sound and row["previous_hash"] != state.hash:
        walk.find(f"{where}: what stood before it was replaced")
    for each in [each for each in state.expected if each.position == position]:
        state.compare(each, row["hash"])
        state.expected.remove(each)
    state.next, state.hash, state.sound = position + 1, row["hash"], own and placed


def _twice(tx: Tx, marks: list[str]) -> frozenset[str]:
    """Which of these marks more than one entry bears: the table forbids it, unless somebody has altered the table."""
    if not marks:
        return frozenset()
    counted = select(_column.mark).where(_column.mark.in_(marks)).group_by(_column.mark).having(func.count() > 1)
    return frozenset(tx.execute(counted).scalars())


def _ends_of(tx: Tx, name: str) -> tuple[Ends | None, bool]:
    """What is known of a chain, and whether that is ours; a chain that has not begun is."""
    found = ends(tx).get(name)
    if found is not None:
        return found
    placed = select(_column.id).where(_column.chain == name, _column.position.is_not(None)).limit(1)
    return None, tx.execute(placed).first() is None


def _outside(tx: Tx, verdict: Verdict) -> None:
    began = max((walk.ends.began_after_id for walk in verdict.walks if walk.ends is not None), default=None)
    unmarked = (_column.mark.is_(None), _column.position.is_(None))
    older = unmarked if began is None else (*unmarked, _column.id <= began)
    verdict.older = int(tx.execute(select(func.count()).select_from(audit_entries).where(*older)).scalar_one())
    if began is not None:
        inserted = select(_column.id).where(*unmarked, _column.id > began).order_by(_column.id).limit(MAX_FINDINGS)
        verdict.findings += [f"entry {id}: inserted, it bears no mark" for id in tx.execute(inserted).scalars()]
    strange = (_column.chain.not_in(CHAINS), _column.mark.is_not(None))
    forged = select(_column.id).where(*strange).order_by(_column.id).limit(MAX_FINDINGS)
    verdict.findings += [
        f"entry {id}: inserted or changed before it was sealed, its mark is not ours"
        for id in tx.execute(forged).scalars()
    ]
    for row in _waiting(tx):
        if seals.mark(tx.vault, row) != row["mark"]:
            verdict.findings.append(f"entry {row['id']}: inserted or changed, its mark is not ours")
        else:
            verdict.waiting += 1


def _waiting(tx: Tx) -> Iterator[Any]:
    unsealed = select(*_read).where(_column.position.is_(None), _column.mark.is_not(None), _column.chain != FORGED)
    yield from tx.execute(unsealed.order_by(_column.id).limit(20 * STEP)).mappings()
