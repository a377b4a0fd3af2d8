"""Messages reach a real mail server whatever happens on the way."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tests.notify.conftest import Ops
from tests.notify.mailserver import Mailbox, mail_server, unused_port
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.channels import email
from tocsin.notify.model import Answer, Message, Sent
from tocsin.notify.worker import Deliveries
from tocsin.storage import Database, Tx


def worker(ops: Ops, port: int, *, alone: bool = False, options: str = "") -> Deliveries:
    settings = email.settings(f"smtp://127.0.0.1:{port}?from=Tocsin <tocsin@ops.example>{options}")
    return Deliveries(
        ops.database, ops.clock, base_url="https://tocsin.example", settings={"email": settings}, alone=alone
    )


async def work(deliveries: Deliveries) -> None:
    """Look and send until a look finds nothing more to start."""
    await deliveries.run_once()
    while deliveries.in_flight:
        await deliveries.drain()
        await deliveries.run_once()


async def test_a_page_is_accepted_by_the_server_and_the_ledger_says_so(ops: Ops) -> None:
    async with mail_server() as box:
        id = await ops.page()
        await work(worker(ops, box.port))
    assert box.recipients == ["alice@example.com"]
    assert await ops.log(id) == [
        ("queued", ""),
        ("sending", ""),
        ("sent", "accepted by 127.0.0.1: 250 2.0.0 Ok: taken"),
    ]


async def test_a_page_planned_for_later_waits_until_then(ops: Ops, clock: FakeClock) -> None:
    async with mail_server() as box:
        planned_at = clock.now() + timedelta(minutes=3)
        await ops.page(planned_at=planned_at)
        deliveries = worker(ops, box.port)
        assert await deliveries.run_once() == planned_at
        await work(deliveries)
        assert box.mails == []
        clock.wind(minutes=3)
        await work(deliveries)
        assert len(box.mails) == 1


async def test_a_refused_recipient_is_given_up_at_once_and_told_to_the_rest_of_the_house(ops: Ops) -> None:
    box = Mailbox()
    box.answer_recipient = lambda address: "550 5.1.1 no such user"
    async with mail_server(box):
        id = await ops.page()
        await work(worker(ops, box.port))
    assert (await ops.log(id))[-1] == ("given_up", "127.0.0.1 refused the recipient: 550 5.1.1 no such user")
    assert await ops.events() == ["delivery.given_up"]


async def test_after_a_day_without_a_mail_server_the_page_of_an_open_incident_still_goes_out(
    ops: Ops, clock: FakeClock
) -> None:
    port = unused_port()
    deliveries = worker(ops, port)
    await ops.page()
    clock.wind(hours=25)
    await work(deliveries)
    box = Mailbox()
    async with mail_server(box, port=port):
        clock.wind(minutes=5)
        await work(deliveries)
        assert len(box.mails) == 1


async def test_a_recipient_that_is_put_off_is_tried_again_and_accepted(ops: Ops, clock: FakeClock) -> None:
    box = Mailbox()
    box.answer_recipient = lambda address: "451 4.7.1 greylisted, come back"
    async with mail_server(box):
        id = await ops.page()
        deliveries = worker(ops, box.port)
        await work(deliveries)
        reason = "127.0.0.1 put the recipient off: 451 4.7.1 greylisted, come back; trying again in "
        assert await ops.failure(id) == f"{reason}4 s" or await ops.failure(id) == f"{reason}5 s"
        box.answer_recipient = lambda address: None
        await work(deliveries)
        assert box.mails == [], "not before its time"
        clock.wind(seconds=rules.FIRST_WAIT_SECONDS)
        await work(deliveries)
    assert len(box.mails) == 1
    assert await ops.state(id) == "sent"


async def test_a_server_that_is_down_then_up_costs_time_but_no_page(ops: Ops, clock: FakeClock) -> None:
    port = unused_port()
    id = await ops.page()
    deliveries = worker(ops, port)
    for _ in range(4):
        await work(deliveries)
        clock.wind(seconds=rules.LONGEST_WAIT_SECONDS)
    assert (await ops.failure(id)).startswith(f"127.0.0.1:{port} refused the connection; trying again in ")
    async with mail_server(port=port) as box:
        await work(deliveries)
    assert len(box.mails) == 1
    assert [state for state, _ in await ops.log(id)] == ["queued", *["sending", "failed"] * 4, "sending", "sent"]


async def test_a_server_that_dawdles_is_left_after_the_timeout_and_tried_again(ops: Ops) -> None:
    box = Mailbox()
    box.dawdle_seconds = 0.5
    async with mail_server(box):
        id = await ops.page()
        await work(worker(ops, box.port, options="&timeout=0.05"))
    assert (await ops.failure(id)).startswith(f"127.0.0.1:{box.port} did not answer in time; trying again in ")


async def test_without_a_mail_server_the_page_waits_and_says_what_to_do(ops: Ops, clock: FakeClock) -> None:
    id = await ops.page()
    await work(Deliveries(ops.database, clock, base_url="https://tocsin.example"))
    assert await ops.failure(id) == f"{email.UNCONFIGURED}; trying again in 60 s"
    async with mail_server() as box:  # the operator mends the configuration and starts again
        await work(worker(ops, box.port, alone=True))
    assert await ops.state(id) == "sent"


async def test_a_crash_between_sending_and_marking_sends_the_same_message_again(ops: Ops, clock: FakeClock) -> None:
    async with mail_server() as box:
        id = await ops.page()
        (message,) = await ops.database.write(actions.claim, "email", 10, "https://tocsin.example")
        await email.send(message, email.settings(f"smtp://127.0.0.1:{box.port}?from=Tocsin <tocsin@ops.example>"))
        # … and here the process dies.
        second = worker(ops, box.port)
        await work(second)
        assert len(box.mails) == 1, "the lease still holds"
        clock.wind(seconds=rules.LEASE_SECONDS)
        await work(second)
    assert len(box.mails) == 2
    assert len(set(box.message_ids())) == 1
    assert [state for state, _ in await ops.log(id)] == ["queued", "sending", "sending", "sent"]


async def test_a_process_that_is_alone_takes_over_what_its_predecessor_left_leased(ops: Ops) -> None:
    id = await ops.page()
    await ops.database.write(actions.claim, "email", 10, "https://tocsin.example")
    later = await ops.page(planned_at=ops.clock.now() + timedelta(minutes=3))
    async with mail_server() as box:
        await work(worker(ops, box.port, alone=True))
    assert await ops.state(id) == "sent"
    assert await ops.state(later) == "queued", "what is planned for later stays so"


@pytest.mark.slow
@pytest.mark.parametrize("number", [100, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_many_messages_are_sent_exactly_once_by_two_workers(ops: Ops, number: int) -> None:
    def storm(tx: Tx) -> None:
        for person in range(number):
            actions.queue(
                tx, ops.notice(incident_id=person + 1), user_id=ops.alice, channel="email",
                address=f"person{person}@example.com", planned_at=tx.now,
            )  # fmt: skip

    await ops.database.write(storm)
    async with mail_server() as box:
        await asyncio.gather(work(worker(ops, box.port)), work(worker(ops, box.port)))
    assert sorted(box.recipients) == sorted(f"person{person}@example.com" for person in range(number))
    assert len(set(box.message_ids())) == number
    assert box.most_at_once <= 2 * email.CONNECTIONS
    assert {state: count for state, count in (await ops.database.read(actions.states)).items() if count} == {
        "sent": number
    }


async def test_an_acknowledged_incident_pages_nobody_any_more(ops: Ops) -> None:
    async with mail_server() as box:
        id = await ops.page()
        assert await ops.database.write(actions.cancel, 25, "acknowledged by Bob") == 1
        await work(worker(ops, box.port))
    assert box.mails == []
    assert (await ops.log(id))[-1] == ("cancelled", "acknowledged by Bob")


async def test_pages_go_before_other_news(ops: Ops) -> None:
    for incident_id in range(1, 4):
        await ops.page(incident_id=incident_id, kind="resolved")
    await ops.page(incident_id=4)
    async with mail_server() as box:
        await work(worker(ops, box.port, options="&connections=1"))
    assert len(box.mails) == 4
    assert box.mails[0]["References"].startswith("<incident-4-")


async def test_a_channel_that_does_not_exist_is_given_up_with_the_reason(ops: Ops, database: Database) -> None:
    id = await ops.page(channel="pigeon")
    await work(worker(ops, unused_port()))
    assert (await ops.log(id))[-1] == ("given_up", "this Tocsin has no channel “pigeon”")


async def test_the_lag_is_the_age_of_the_oldest_overdue_page(ops: Ops, clock: FakeClock) -> None:
    deliveries = worker(ops, unused_port())
    await ops.page()
    clock.wind(seconds=42)
    await deliveries.run_once()
    assert deliveries.lag_seconds == 42
    await deliveries.drain()
    await deliveries.run_once()
    assert deliveries.lag_seconds == 42, "put off is not sent"


class Stuck:
    """A channel of our own whose provider takes its time."""

    KIND = "stuck"
    CONNECTIONS = 3

    class Settings(msgspec.Struct):
        """Nothing to configure."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.keys: list[str] = []

    async def send(self, message: Message, settings: object, net: object) -> Answer:
        self.keys.append(message.key)
        await self.go_on.wait()
        return Sent("accepted at last")


async def test_a_channel_that_is_stuck_holds_up_no_other(ops: Ops, clock: FakeClock) -> None:
    stuck = Stuck()
    for number in range(10):
        await ops.page(incident_id=100 + number, channel="stuck")
    id = await ops.page()
    async with mail_server() as box:
        deliveries = Deliveries(
            ops.database,
            clock,
            base_url="https://tocsin.example",
            settings={"email": email.settings(f"smtp://127.0.0.1:{box.port}")},
            channels={"stuck": stuck, "email": email},
        )
        while not box.mails:
            await deliveries.run_once()
            await asyncio.sleep(0.01)
        assert len(stuck.keys) == Stuck.CONNECTIONS
        stuck.go_on.set()
        await work(deliveries)
    assert await ops.state(id) == "sent"
    assert len(set(stuck.keys)) == len(stuck.keys) == 10


async def test_a_shutdown_in_the_middle_of_sending_loses_nothing(
    ops: Ops, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.notify.worker.sending.CLOSE_SECONDS", 0.01)
    stuck = Stuck()
    id = await ops.page(channel="stuck")
    first = Deliveries(ops.database, clock, base_url="https://tocsin.example", channels={"stuck": stuck})
    await first.run_once()
    await asyncio.sleep(0)
    await first.close()
    assert first.in_flight == 0
    stuck.go_on.set()
    second = Deliveries(ops.database, clock, base_url="https://tocsin.example", channels={"stuck": stuck}, alone=True)
    await work(second)
    assert (await ops.log(id))[-1] == ("sent", "accepted at last")
    assert len(stuck.keys) >= 1
    assert len(set(stuck.keys)) == 1


async def test_a_settled_message_rings_the_bell_so_that_the_next_one_is_looked_for(ops: Ops, clock: FakeClock) -> None:
    async with mail_server() as box:
        for number in range(3):
            await ops.page(incident_id=number + 1)
        deliveries = worker(ops, box.port, options="&connections=1")
        while len(box.mails) < 3:
            await deliveries.run_once()
            assert await ops.bus.wait("deliveries", 5)
        await deliveries.drain()
    assert len(set(box.message_ids())) == 3


@pytest.mark.slow
async def test_an_answer_waits_for_a_locked_database_and_is_not_sent_twice(
    sqlite_database: Database, sqlite_ops: Ops, clock: FakeClock
) -> None:
    ops = sqlite_ops
    stuck = Stuck()
    id = await ops.page(channel="stuck")
    deliveries = Deliveries(ops.database, clock, base_url="https://tocsin.example", channels={"stuck": stuck})
    await deliveries.run_once()
    other_process = sqlite3.connect(Path(sqlite_database.url.removeprefix("sqlite:///")), isolation_level=None)
    other_process.execute("BEGIN IMMEDIATE")
    stuck.go_on.set()
    await asyncio.sleep(6)  # longer than the database is waited for: the first try to settle has failed by now
    assert deliveries.in_flight == 1
    other_process.execute("ROLLBACK")
    other_process.close()
    await work(deliveries)
    assert await ops.state(id) == "sent"
    assert len(stuck.keys) == 1


async def test_an_answer_that_the_database_refuses_for_once_is_offered_again_and_the_page_is_sent_once(
    sqlite_ops: Ops,
) -> None:
    ops = sqlite_ops
    refuse = (
        "CREATE TRIGGER refuse BEFORE UPDATE ON deliveries WHEN NEW.state = 'sent'"
        " BEGIN SELECT RAISE(ABORT, 'not today'); END"
    )
    async with mail_server() as box:
        id = await ops.page()
        await ops.database.write(lambda tx: tx.connection.exec_driver_sql(refuse))
        deliveries = worker(ops, box.port)
        await deliveries.run_once()
        while not box.mails:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await ops.database.write(lambda tx: tx.connection.exec_driver_sql("DROP TRIGGER refuse"))
        await work(deliveries)
    assert len(box.mails) == 1
    assert await ops.state(id) == "sent"


async def test_a_message_that_waited_for_its_turn_is_asked_for_once_more_before_it_leaves(
    sqlite_ops: Ops, clock: FakeClock
) -> None:
    ops = sqlite_ops
    await ops.page()
    sent: list[int] = []

    class Slow:
        """A channel of a busy process: between the claim and its turn somebody answers."""

        KIND = "email"
        CONNECTIONS = 5

        class Settings(msgspec.Struct):
            pass

        async def send(self, message: Message, settings: object, net: object) -> Answer:
            sent.append(message.delivery_id)
            return Sent("accepted")

    sender = Deliveries(ops.database, clock, base_url="https://t.example", channels={"email": Slow()})  # type: ignore[dict-item]
    await sender.run_once()  # claimed; its task has not begun
    clock.wind(seconds=1)
    ops.database.submit_write(actions.cancel, 25, "Ann acknowledged the incident").result(10)  # before the loop turns
    await sender.drain()
    assert sent == []
    assert (await ops.database.read(actions.states))["cancelled"] == 1
    assert await ops.database.read(actions.paged, 25) == [], "nobody needs to be told more"
