"""The shelf of the pager's own tests: one row for each place that is tried out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from tocsin.notify.model.self_tests import SelfTest, Sink
from tocsin.notify.store.tables import self_tests
from tocsin.storage import Tx


def everything(tx: Tx) -> list[SelfTest]:
    """All that are planned, in the order in which they were."""
    return [
        SelfTest(
            id=row.id,
            sink=Sink(row.channel, row.address),
            due_at=row.due_at,
            delivery_id=row.delivery_id,
            started_at=row.started_at,
            ended_at=row.ended_at,
            passed=row.passed,
            why=row.why,
            alarmed_at=row.alarmed_at,
        )
        for row in tx.execute(select(self_tests).order_by(self_tests.c.id))
    ]


def add(tx: Tx, sink: Sink, due_at: datetime) -> None:
    """Try this one out from then on."""
    tx.execute(insert(self_tests).values(channel=sink.channel, address=sink.address, due_at=due_at, why=""))


def remove(tx: Tx, ids: Collection[int]) -> None:
    """Try these out no longer."""
    tx.execute(delete(self_tests).where(self_tests.c.id.in_(ids)))


def change(tx: Tx, test: SelfTest, **values: Any) -> bool:
    """Note the next step; False when somebody else has taken it meanwhile."""
    column = self_tests.c
    mine = update(self_tests).where(column.id == test.id, column.due_at == test.due_at)
    return tx.execute(mine.values(**values)).rowcount == 1


def put_delivery(tx: Tx, id: int, delivery_id: int | None) -> None:
    """This is the page by which it is tried out now."""
    tx.execute(update(self_tests).where(self_tests.c.id == id).values(delivery_id=delivery_id))
