"""Messages reach a real mail server whatever happens on the way."""

from __future__ import annotations

from tests.notify.conftest import Ops
from tests.notify.mailserver import Mailbox, mail_server, unused_port
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.channels import email
from tocsin.notify.worker import Deliveries
from tocsin.storage import Database


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
        from datetime import timedelta

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


async def test_a_recipient_that_is_put_off_is_tried_again_and_accepted(ops: Ops, clock: FakeClock) -> None:
    box = Mailbox()
    box.answer_recipient = lambda address: "451 4.7.1 greylisted, come back"
    async with mail_server(box):
        id = await ops.page()
        deliveries = worker(ops, box.port)
        await work(deliveries)
        assert (await ops.log(id))[-1] == (
            "failed",
            "127.0.0.1 put the recipient off: 451 4.7.1 greylisted, come back",
        )
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
    assert (await ops.log(id))[-1] == ("failed", f"127.0.0.1:{port} refused the connection")
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
    assert (await ops.log(id))[-1] == ("failed", f"127.0.0.1:{box.port} did not answer within 0.05 s")


async def test_without_a_mail_server_the_page_waits_and_says_what_to_do(ops: Ops, clock: FakeClock) -> None:
    id = await ops.page()
    await work(Deliveries(ops.database, clock, base_url="https://tocsin.example"))
    assert (await ops.log(id))[-1] == (
        "failed",
        "no SMTP server is configured: start with --smtp-url smtp://…",
    )
    async with mail_server() as box:  # the operator mends the configuration and starts again
        await work(worker(ops, box.port, alone=True))
    assert await ops.state(id) == "sent"


async def test_a_crash_between_sending_and_marking_sends_the_same_message_again(ops: Ops, clock: FakeClock) -> None:
    async with mail_server() as box:
        id = await ops.page()
        first = worker(ops, box.port)
        (message,) = await ops.database.write(actions.claim, "email", 10, "https://tocsin.example")
        await email.send(message, first.settings_of("email"))
        # … and here the process dies.
        second = worker(ops, box.port)
        await work(second)
        assert len(box.mails) == 1, "the lease still holds"
        clock.wind(seconds=rules.LEASE_SECONDS)
        await work(second)
    assert len(box.mails) == 2
    assert len(set(box.message_ids)) == 1
    assert [state for state, _ in await ops.log(id)] == ["queued", "sending", "sending", "sent"]


async def test_a_process_that_is_alone_takes_over_what_its_predecessor_left_leased(ops: Ops) -> None:
    id = await ops.page()
    await ops.database.write(actions.claim, "email", 10, "https://tocsin.example")
    async with mail_server() as box:
        await work(worker(ops, box.port, alone=True))
    assert await ops.state(id) == "sent"


async def test_a_thousand_messages_are_sent_exactly_once_by_two_workers(ops: Ops) -> None:
    from tocsin.storage import Tx

    def storm(tx: Tx) -> None:
        for number in range(1_000):
            actions.queue(
                tx, ops.notice(incident_id=number + 1), user_id=ops.alice, channel="email",
                address=f"person{number}@example.com", planned_at=tx.now,
            )  # fmt: skip

    await ops.database.write(storm)
    async with mail_server() as box:
        import asyncio

        await asyncio.gather(work(worker(ops, box.port)), work(worker(ops, box.port)))
    assert sorted(box.recipients) == sorted(f"person{number}@example.com" for number in range(1_000))
    assert len(set(box.message_ids)) == 1_000
    assert box.most_at_once <= 2 * email.CONNECTIONS
    assert await ops.database.read(actions.states) == {
        "queued": 0, "sending": 0, "sent": 1_000, "failed": 0, "given_up": 0, "cancelled": 0,
    }  # fmt: skip


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
    assert deliveries.lag_seconds == 0
