"""The pager is tried out on a schedule, and people hear of it when a test page does not get through."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions
from tocsin.notify.model import Answer, GiveUp, Receipt, Retry, Sent
from tocsin.notify.model.self_tests import Sink
from tocsin.notify.rules import self_tests as rules
from tocsin.notify.worker import SelfTests

MAIL = Sink("email", "pager@example.com")
SMS = Sink("sms", "+15550001")


def trial(ops: Ops, *sinks: Sink, alarms: tuple[Sink, ...] = ()) -> SelfTests:
    return SelfTests(
        ops.database, ops.clock, sinks=sinks, alarms=alarms, every=timedelta(hours=24), with_receipts={"sms"}
    )


async def send(ops: Ops, channel: str, answer: Answer) -> list[tuple[str, str]]:
    """Whatever is due by this channel is tried; returns (address, subject) of each."""
    messages = await ops.database.write(actions.claim, channel, 10, "https://tocsin.example")
    for message in messages:
        await ops.database.write(actions.settle, message.delivery_id, message.attempt, answer)
    return [(message.address, message.notice.subject) for message in messages]


async def test_a_test_page_that_a_provider_takes_passes_and_comes_again_the_next_day(
    ops: Ops, clock: FakeClock
) -> None:
    worker = trial(ops, MAIL)
    started_at = clock.now()
    await worker.run_once()
    assert await send(ops, "email", Sent("accepted")) == [("pager@example.com", "[Tocsin] Pager self-test")]
    clock.wind(rules.LOOK_AGAIN)
    assert await worker.run_once() == started_at + timedelta(hours=24)
    (found,) = worker.results
    assert (found.passed, found.why) == (True, "a provider accepted the page")
    assert await send(ops, "email", Sent("accepted")) == [], "nobody is told that all is well"
    clock.wind(hours=24)
    await worker.run_once()
    assert len(await send(ops, "email", Sent("accepted"))) == 1


@pytest.mark.slow
async def test_a_refused_test_page_alarms_the_team_once_a_day_and_they_hear_when_it_works_again(
    ops: Ops, clock: FakeClock
) -> None:
    worker = trial(ops, SMS)
    told = []
    for _ in range(25):
        await worker.run_once()
        await send(ops, "sms", GiveUp("unknown number"))
        clock.wind(rules.LOOK_AGAIN)
        await worker.run_once()
        told += await send(ops, "email", Sent("accepted"))
        clock.wind(rules.SOONER)
    assert told == [
        (f"{person}@example.com", "[Tocsin] The pager's test by sms failed") for person in 2 * ["alice", "bob"]
    ]
    await worker.run_once()
    await send(ops, "sms", Sent("accepted by Twilio"))
    (running,) = worker.results
    assert running.delivery_id is not None
    await ops.database.write(actions.receipt, running.delivery_id, Receipt.DELIVERED, "Twilio says so")
    clock.wind(rules.LOOK_AGAIN)
    await worker.run_once()
    assert {subject for _, subject in await send(ops, "email", Sent("accepted"))} == {
        "[Tocsin] The pager works again by sms"
    }


@pytest.mark.parametrize("answer", [Sent("accepted by Twilio"), Retry("no connection")])
async def test_acceptance_alone_proves_nothing_where_arrival_is_told(
    ops: Ops, clock: FakeClock, answer: Answer
) -> None:  # fmt: skip
    worker = trial(ops, SMS, alarms=(Sink("email", "boss@example.com"),))
    await worker.run_once()
    await send(ops, "sms", answer)
    clock.wind(rules.LOOK_AGAIN)
    await worker.run_once()
    assert worker.results[0].passed is None
    clock.wind(rules.LIMIT)
    await worker.run_once()
    assert worker.results[0].passed is False
    assert [address for address, _ in await send(ops, "email", Sent("accepted"))] == ["boss@example.com"]
    clock.wind(rules.SOONER / 2)
    assert await send(ops, "sms", Sent("accepted by Twilio")) == [], "a test that is over does not ring any more"
    assert (await ops.database.read(actions.look)).oldest_tried_page_at is None


async def test_what_is_no_longer_wanted_is_forgotten(ops: Ops) -> None:
    await trial(ops, MAIL, SMS).run_once()
    worker = trial(ops, SMS)
    await worker.run_once()
    assert [test.sink for test in worker.results] == [SMS]


def test_sinks_are_read_as_an_operator_writes_them() -> None:
    assert rules.sinks(" Email:pager@example.com, sms:+15550001 ,,") == (MAIL, SMS)
    for wrong in ("email", "email:", ":x", "pager@example.com"):
        with pytest.raises(ValueError, match="CHANNEL:ADDRESS"):
            rules.sinks(wrong)
