"""Whatever a provider answers, and wherever it stays silent: each page is settled once, and others do not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from tests.notify.conftest import Ops
from tocsin.notify import actions
from tocsin.notify.channels import Channel
from tocsin.notify.model import Answer, GiveUp, Message, Receipt, Retry, Sent
from tocsin.notify.worker import Deliveries
from tocsin.storage import Tx


class Says:
    """A channel of our own that answers what a test wants."""

    CONNECTIONS = 8

    class Settings(msgspec.Struct):
        """Nothing to configure."""

    Target = Settings

    def __init__(self, answer: Callable[[Message], Answer], kind: str = "says") -> None:
        self.KIND = kind
        self.answer = answer
        self.sent = 0

    async def send(self, message: Message, settings: object, net: object) -> Answer:
        self.sent += 1
        return self.answer(message)


def deliveries(ops: Ops, channel: Says | Silent, given_up: actions.GivenUp | None = None) -> Deliveries:
    return Deliveries(
        ops.database,
        ops.clock,
        base_url="https://tocsin.example",
        channels={channel.KIND: cast(Channel, channel)},
        given_up=given_up,
    )


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


class Silent:
    """A channel to many servers, of which one never answers."""

    KIND = "silent"
    CONNECTIONS = 8
    MANY_SERVERS = True

    class Settings(msgspec.Struct):
        """Nothing to configure."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.waiting = 0
        self.reached: list[str] = []

    async def send(self, message: Message, settings: object, net: object) -> Answer:
        if message.address == "silent.example":
            self.waiting += 1
            await self.go_on.wait()
            self.waiting -= 1
        self.reached.append(message.address)
        return Sent("accepted")


async def test_a_server_that_is_silent_holds_up_no_other_one_of_its_kind(ops: Ops) -> None:
    silent = Silent()
    for number in range(20):
        await ops.page(incident_id=100 + number, channel="silent", address="silent.example")
    ops.clock.wind(seconds=1)
    for number in range(12):
        await ops.page(incident_id=200 + number, channel="silent", user_id=ops.bob, address="bob.example")
    worker = deliveries(ops, silent)
    async with asyncio.timeout(10):
        while len(silent.reached) < 12:
            await worker.run_once()
            await asyncio.sleep(0.001)
    assert silent.reached == ["bob.example"] * 12
    assert silent.waiting == 2, "a quarter of the channel's places"
    ops.clock.wind(minutes=10)
    await worker.run_once()
    assert worker.lag_seconds == 0, "others are reached: it is that server's trouble"
    silent.go_on.set()
    while worker.in_flight:
        await worker.drain()
        await worker.run_once()
    assert silent.reached.count("silent.example") >= 20


async def test_a_dead_place_makes_us_late_neither_after_a_restart_nor_does_it_hide_that_nobody_is_reached(
    ops: Ops,
) -> None:
    alive = True
    says = Says(lambda message: Sent("accepted") if alive and message.address != "dead" else Retry("nobody there"))
    await ops.page(channel="says")
    await ops.page(channel="says", user_id=0, target_id=1, address="dead")
    first = deliveries(ops, says)
    await first.run_once()
    await first.drain()
    ops.clock.wind(minutes=3)
    second = deliveries(ops, says)
    for _ in range(2):
        await second.run_once()
        await second.drain()
    assert second.lag_seconds == 0
    alive = False
    await ops.page(incident_id=26, channel="says")
    await second.run_once()
    await second.drain()
    ops.clock.wind(minutes=4)
    for _ in range(2):
        await second.run_once()
        await second.drain()
    assert second.lag_seconds == 240


async def test_a_look_that_fails_through_our_own_fault_keeps_no_page_back(ops: Ops) -> None:
    called: list[int] = []

    def broken(tx: Tx, incident_id: int) -> None:
        called.append(incident_id)
        raise RuntimeError("a bug")

    worker = deliveries(ops, Says(lambda message: Sent("accepted"), "email"), given_up=broken)
    lost = await ops.page()
    await worker.run_once()
    await worker.drain()
    await ops.database.write(actions.receipt, lost, Receipt.UNDELIVERED, "it came back")
    fresh = await ops.page(incident_id=27)
    next_at = await worker.run_once()
    await worker.drain()
    assert called == [25]
    assert (await ops.log(fresh, 27))[-1][0] == "sent"
    assert next_at is not None
    assert next_at > ops.clock.now(), "it does not run in circles"
    ops.clock.wind(minutes=3)
    await worker.run_once()
    assert worker.lag_seconds == 180, "and whoever asks whether we are well hears of it"


async def test_a_message_that_cannot_be_read_goes_out_with_what_is_known_and_holds_up_no_other(ops: Ops) -> None:
    broken, whole = await ops.page(incident_id=7), await ops.page(incident_id=8)

    def damage(tx: Tx) -> None:
        statement = "update deliveries set notice = '{\"subject\": 5}' where id = " + str(broken)
        tx.connection.exec_driver_sql(statement)

    await ops.database.write(damage)
    messages = await ops.database.write(actions.claim, "email", 10, "https://t.example")
    assert [message.delivery_id for message in messages] == [broken, whole]
    assert messages[0].notice.headline == "Incident 7 needs attention"
    assert messages[0].answer_url is not None, "and it can be answered"
    assert messages[1].notice.headline == ops.notice().headline
