"""Whatever a provider answers, and wherever it stays silent: each page is settled once, and others do not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from tests.notify.conftest import Ops
from tocsin.notify import actions
from tocsin.notify.model import Answer, GiveUp, Message, Receipt, Retry, Sent
from tocsin.notify.worker import Deliveries


class Says:
    """A channel of our own that answers what a test wants."""

    KIND = "says"
    CONNECTIONS = 8

    class Settings(msgspec.Struct):
        """Nothing to configure."""

    def __init__(self, answer: Callable[[Message], Answer]) -> None:
        self.answer = answer
        self.sent = 0

    async def send(self, message: Message, settings: object, net: object) -> Answer:
        self.sent += 1
        return self.answer(message)


def deliveries(ops: Ops, channel: Says) -> Deliveries:
    return Deliveries(ops.database, ops.clock, base_url="https://tocsin.example", channels={"says": channel})


@pytest.mark.parametrize(
    "answer",
    [
        Sent("accepted\x00", provider_id="a\x00b" * 500),
        Retry("a page in UTF-16: \x00s\x00o\x00r\x00r\x00y"),
        GiveUp("no\x00"),
    ],
)
async def test_an_answer_that_no_database_can_hold_is_settled_all_the_same(ops: Ops, answer: Answer) -> None:
    says = Says(lambda message: answer)
    id = await ops.page(channel="says")
    worker = deliveries(ops, says)
    await worker.run_once()
    await asyncio.wait_for(worker.drain(), 5)
    state, detail = (await ops.log(id))[-1]
    assert state == {Sent: "sent", Retry: "failed", GiveUp: "given_up"}[type(answer)]
    assert "\x00" not in detail


async def test_a_report_that_no_database_can_hold_is_taken(ops: Ops) -> None:
    id = await ops.page(channel="says")
    await ops.database.write(actions.receipt, id, Receipt.DELIVERED, "shown\x00")
    assert (await ops.log(id))[-1] == ("delivered", "shown ")
