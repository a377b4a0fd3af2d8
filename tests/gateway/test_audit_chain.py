"""Whoever changes, removes, inserts or swaps entries of the audit log is found out, on both databases."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from tests.time import FakeClock
from tocsin.gateway.audit import KEPT_FOR, STRANGERS_KEPT_FOR, Entry, audit_entries, chains, prune, write
from tocsin.gateway.audit.sealing import Sealing
from tocsin.gateway.audit.table import audit_chains
from tocsin.gateway.audit.verifying import Expected, Verdict, verify
from tocsin.gateway.identity import NOBODY, Actor
from tocsin.registry import Operation, Route
from tocsin.storage import Database, Tx

ALICE = Actor(kind="person", id=1, name="Alice", team_ids=(1,))
RING = Operation(
    name="bells.ring", routes=(Route("POST", "/bells/{id}/ring"),), area="bells", level="write", input=type(None),  # type: ignore[arg-type]
    handler=lambda *_: None, doc="Ring a bell.", deed="rang a bell",
)  # fmt: skip


class Log:
    """An audit log in which Alice rings bells, with the tools of somebody who holds the database."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.sealing = Sealing(database, clock)

    async def ring(self, times: int = 1, actor: Actor = ALICE) -> None:
        def work(tx: Tx) -> None:
            for number in range(times):
                entry = Entry(
                    actor=actor, operation=RING, surface="rest", request_id="r", outcome="allowed", reason="may",
                    target=f"bell {number}", arguments={"loud": True, "n": number},
                )  # fmt: skip
                write(tx, entry)

        await self.database.write(work)

    async def seal(self) -> None:
        await self.sealing.run_once()

    async def rows(self) -> list[Any]:
        return await self.database.read(
            lambda tx: list(tx.execute(select(audit_entries).order_by(audit_entries.c.id)).all())
        )

    async def do(self, statement: Any) -> None:
        await self.database.write(lambda tx: tx.execute(statement) and None)

    def verdict(self, *expected: str) -> Verdict:
        return verify(self.database, [Expected.of(each) for each in expected])

    def found(self, *expected: str) -> list[str]:
        return self.verdict(*expected).all_findings

    @property
    def head(self) -> str:
        (walk,) = [walk for walk in self.verdict().walks if walk.name == "log"]
        assert walk.ends is not None
        return f"{walk.ends.head_position}:{walk.ends.head_hash}"


@pytest.fixture
async def log(database: Database, clock: FakeClock) -> Log:
    made = Log(database, clock)
    await made.ring(10)
    await made.seal()
    return made


def at(position: int) -> Any:
    return audit_entries.c.position == position


async def test_what_was_written_is_sealed_and_found_sound(log: Log) -> None:
    await log.ring(2)
    verdict = log.verdict(log.head)
    assert verdict.all_findings == []
    assert [(walk.name, walk.entries) for walk in verdict.walks] == [("log", 10), ("strangers", 0)]
    assert verdict.waiting == 2
    await log.seal()
    assert log.verdict().waiting == 0
    rows = await log.rows()
    assert [row.position for row in rows] == list(range(1, 13))
    assert all(later.previous_hash == earlier.hash for earlier, later in pairwise(rows))


@pytest.mark.parametrize(
    "column", ["sentence", "outcome", "actor_name", "at", "arguments", "team_id", "rule", "target"]
)
async def test_a_changed_entry_is_named_whatever_was_changed_in_it(log: Log, column: str) -> None:
    values: dict[str, Any] = {"at": log.clock.now() + timedelta(seconds=1), "arguments": {"loud": False}, "team_id": 7}
    await log.do(update(audit_entries).where(at(4)).values({column: values.get(column, "something else")}))
    (finding,) = log.found()
    assert finding.startswith("position 4, entry 4: changed")


async def test_every_column_but_the_id_and_the_seal_is_vouched_for() -> None:
    from tocsin.gateway.audit.seals import EVIDENCE

    seal = {"id", "mark", "position", "previous_hash", "hash"}
    assert {column.name for column in audit_entries.c} == set(EVIDENCE) | seal


async def test_an_entry_that_is_removed_leaves_a_gap(log: Log) -> None:
    await log.do(delete(audit_entries).where(at(4)))
    assert log.found() == ["position 4: removed"]
    await log.do(delete(audit_entries).where(audit_entries.c.position.in_([6, 7, 8])))
    assert log.found() == ["position 4: removed", "positions 6 to 8: removed"]


async def test_a_tail_that_is_cut_off_is_missed_by_the_record_of_the_ends(log: Log) -> None:
    await log.do(delete(audit_entries).where(audit_entries.c.position > 7))
    assert log.found() == ["positions 8 to 10: removed"]


async def test_a_tail_that_is_cut_off_with_all_that_was_known_of_it_is_missed_by_a_head_kept_elsewhere(
    log: Log,
) -> None:
    before = await log.database.read(lambda tx: dict(tx.execute(select(audit_chains)).mappings().first() or {}))
    await log.ring(3)
    await log.seal()
    head = log.head
    await log.do(delete(audit_entries).where(audit_entries.c.position > 10))
    await log.do(update(audit_chains).where(audit_chains.c.name == before["name"]).values(before))
    assert log.found() == [], "the database alone cannot know"
    assert log.found(head) == ["the chain 'log' ends at position 10, although it had reached 13: 3 cut off at its end"]
    await log.ring()
    with pytest.raises(chains.Broken):
        await log.seal()
    assert "position 10 is no longer" in log.found(f"10:{'0' * 64}")[0]


async def test_an_entry_that_somebody_else_has_written_is_put_aside_and_named(log: Log) -> None:
    (row, *_) = await log.rows()
    forged = {**row._mapping, "id": 99, "sentence": "Bob did it.", "position": None, "hash": None, "mark": "f" * 64}
    await log.do(insert(audit_entries).values(forged))
    assert log.found() == ["entry 99: inserted or changed, its mark is not ours"]
    await log.seal()
    assert log.found() == ["entry 99: inserted or changed before it was sealed, its mark is not ours"]
    await log.ring()
    await log.seal()
    assert len(log.found()) == 1, "what is true goes on being sealed"
    await log.do(insert(audit_entries).values({**forged, "id": 200, "mark": None}))
    assert "entry 200: inserted, it bears no mark" in log.found()
    await log.do(insert(audit_entries).values({**forged, "id": 201, "mark": "e" * 64, "position": 12}))
    assert "position 12, entry 201: inserted" in log.found()


async def test_a_true_entry_cannot_be_told_twice(log: Log) -> None:
    row = (await log.rows())[3]
    await log.do(text("DROP INDEX uq_audit_entries_mark"))
    copy = {**row._mapping, "id": 99, "position": None, "hash": None, "previous_hash": None}
    await log.do(insert(audit_entries).values(copy))
    await log.seal()
    assert log.found() == [
        f"position {n}, entry {id}: inserted, a copy of another entry" for n, id in ((4, 4), (11, 99))
    ]


async def test_entries_that_changed_places_are_both_named(log: Log) -> None:
    three, six = (await log.rows())[2], (await log.rows())[5]
    await log.do(text("DROP INDEX uq_audit_entries_position"))
    for moved, place in ((three, six), (six, three)):
        seal = {name: place._mapping[name] for name in ("position", "previous_hash", "hash")}
        await log.do(update(audit_entries).where(audit_entries.c.id == moved.id).values(seal))
    assert log.found() == [
        "position 3, entry 6: moved, it did not stand here",
        "position 6, entry 3: moved, it did not stand here",
    ]


async def test_ends_that_are_not_ours_are_said_and_nothing_is_built_on_them(log: Log) -> None:
    await log.do(update(audit_chains).where(audit_chains.c.name == "log").values(first_position=5))
    assert "the ends of the chain 'log' was changed or removed" in log.found()[0]
    await log.ring()
    with pytest.raises(chains.Broken):
        await Sealing(log.database, log.clock).run_once()
    await log.do(delete(audit_chains))
    assert "the ends of the chain 'log' was changed or removed" in log.found()[0]
    with pytest.raises(chains.Broken):
        await Sealing(log.database, log.clock).run_once()


async def test_what_is_past_its_time_goes_and_the_rest_can_still_be_verified(log: Log) -> None:
    await log.ring(3, NOBODY)
    await log.seal()
    head = log.head
    log.clock.wind(STRANGERS_KEPT_FOR + timedelta(days=1))
    await log.ring(2, NOBODY)
    await log.ring(2)
    await log.seal()
    assert [await log.database.write(prune, at_most=2) for _ in range(3)] == [2, 1, 0]
    verdict = log.verdict(head)
    assert verdict.all_findings == []
    assert [walk.entries for walk in verdict.walks] == [12, 2]
    log.clock.wind(KEPT_FOR - timedelta(days=1))
    assert await log.database.write(prune, at_most=100) == 12
    verdict = log.verdict(head)
    assert verdict.all_findings == []
    assert [walk.entries for walk in verdict.walks] == [2, 0]
    assert "past its time and gone" in log.found("3:abc")[0]
    await log.do(delete(audit_entries).where(at(11)))
    assert log.found() == ["position 11: removed"], "before its time"


async def test_entries_of_an_earlier_version_are_told_apart(database: Database, clock: FakeClock) -> None:
    log = Log(database, clock)
    await log.ring(2)
    seal = {"mark": None, "chain": None, "nonce": None}
    await log.do(update(audit_entries).values(seal))
    await log.ring(1)
    await log.seal()
    verdict = log.verdict()
    assert (verdict.all_findings, verdict.older, verdict.walks[0].entries) == ([], 2, 1)


async def test_another_key_makes_no_seal(log: Log) -> None:
    from tocsin.kernel.vault import Vault

    other, own = Vault("y" * 40), Vault("a key for tests alone, of enough characters")
    assert other.evidence("audit entry", b"x") != own.evidence("audit entry", b"x") != own.evidence("audit chain", b"x")
