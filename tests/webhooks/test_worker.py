"""Messages to other systems on their way, over real HTTP: taken, refused, hung, sent on, killed in the middle."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import threading
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from tests.kernel.servers import answer
from tests.time import START
from tests.webhooks.conftest import Ops
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.kernel.vault import Vault
from tocsin.storage import MemoryBus, Tx, events, open_database
from tocsin.webhooks import actions
from tocsin.webhooks.model import Outcome, Verdict
from tocsin.webhooks.rules import delivering
from tocsin.webhooks.store.tables import webhooks
from tocsin.webhooks.worker import WebhookDeliveries


async def test_events_arrive_in_order_and_each_once(ops: Ops) -> None:
    id = await ops.webhook(on_incident_comment=True, on_incident_reopened=True)
    await ops.happen("started", "acknowledged", "comment", "resolved", "reopened", "escalated", "deleted")
    await ops.work()
    await ops.work()
    told = ["started 1", "acknowledged 1", "comment 1", "resolved 1", "reopened 1"]
    assert ops.receiver.told() == told
    assert await ops.states(id) == ["delivered"] * 5
    headers, _ = ops.receiver.heard()[0]
    assert headers["user-agent"].startswith("Tocsin")
    assert headers["webhook-id"] == (await ops.log(id))[0].message_id
    assert headers["content-type"] == "application/json"
    assert "webhook-signature" not in headers


async def test_a_refusal_is_tried_again_later_and_what_comes_after_waits_for_it(ops: Ops) -> None:
    id = await ops.webhook()
    sending = ops.workers()[1]
    ops.receiver.server.answer("/in", 500, b"no \x00 today \xff")
    await ops.happen("started", "resolved")
    await ops.happen("started", incident=2)
    await ops.work(sending)
    assert sorted(ops.receiver.told()) == ["started 1", "started 2"]
    first = (await ops.log(id))[0]
    assert (first.state, first.attempts, first.refusals) == ("failed", 1, 1)
    assert first.log[0].status_code == 500
    assert first.log[0].detail == "The endpoint answered 500"
    assert first.log[0].response_excerpt == "no \ufffd today \ufffd"
    assert first.due_at is not None
    assert timedelta(seconds=3) < first.due_at - ops.clock.now() <= timedelta(seconds=5)
    ops.receiver.server.answer("/in", 204)
    await ops.pass_time(sending, seconds=6)
    assert ops.receiver.told()[-1] == "resolved 1"
    assert await ops.states(id) == ["delivered"] * 3


@pytest.mark.slow
async def test_what_an_endpoint_keeps_refusing_lets_later_news_of_the_incident_pass(ops: Ops) -> None:
    id = await ops.webhook()
    sending = ops.workers()[1]

    async def picky(line: str, got: dict[str, str], sent: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(422 if b'"started"' in sent else 200))

    ops.receiver.server.routes["/in"] = picky
    await ops.happen("started", "resolved")
    await ops.pass_time(sending, seconds=100, step=5)
    assert "resolved 1" not in ops.receiver.told(), "order is kept as long as there is hope"
    await ops.pass_time(sending, seconds=600, step=5)
    assert ops.receiver.told().count("resolved 1") == 1
    assert await ops.states(id) == ["failed", "delivered"]


async def test_retry_after_is_honoured_for_the_whole_endpoint(ops: Ops) -> None:
    await ops.webhook()
    sending = ops.workers()[1]
    ops.receiver.server.answer("/in", 429, b"slow down", "Retry-After: 120")
    await ops.happen("started")
    await ops.work(sending)
    ops.receiver.server.answer("/in", 200)
    await ops.happen("started", incident=2)
    await ops.pass_time(sending, seconds=110, step=5)
    assert ops.receiver.told() == ["started 1"]
    await ops.pass_time(sending, seconds=20, step=5)
    assert sorted(ops.receiver.told()) == ["started 1", "started 1", "started 2"]


async def test_a_redirect_is_not_followed(ops: Ops) -> None:
    id = await ops.webhook()
    ops.receiver.server.answer("/in", 307, b"", f"Location: {ops.receiver.url('/secret')}")
    await ops.happen("started")
    await ops.work()
    assert ops.receiver.heard("/secret") == []
    (delivery,) = await ops.log(id)
    assert delivery.state == "failed"
    assert "redirect" in delivery.log[0].detail


async def test_410_is_final_for_its_message_alone(ops: Ops) -> None:
    id = await ops.webhook()
    ops.receiver.server.answer("/in", 410)
    await ops.happen("started")
    await ops.work()
    ops.receiver.server.answer("/in", 200)
    await ops.happen("resolved")
    await ops.work()
    assert await ops.states(id) == ["given_up", "delivered"]


@pytest.mark.slow
async def test_a_message_is_given_up_after_a_day_with_the_last_reason_even_if_it_was_never_its_turn(ops: Ops) -> None:
    id = await ops.webhook()
    sending = ops.workers()[1]
    ops.receiver.server.answer("/in", 503)
    await ops.happen("started", "resolved")
    await ops.pass_time(sending, seconds=24 * 3600 + 1200, step=600)
    assert await ops.states(id) == ["given_up", "given_up"]
    first, second = await ops.log(id)
    assert "not delivered within 24 hours; the last reason: The endpoint answered 503" in first.log[0].detail
    assert first.finished_at is not None
    assert first.due_at is None
    assert second.log[0].detail.startswith("not delivered within 24 hours")


@pytest.mark.slow
async def test_an_endpoint_that_hangs_holds_up_no_other_and_has_few_requests_at_once(ops: Ops) -> None:
    await ops.webhook("/hangs")
    await ops.webhook("/in")
    ops.receiver.server.script("/hangs", 30.0)
    sending = ops.workers()[1]
    for number in range(1, 11):
        await ops.happen("started", incident=number)
    await ops.workers()[0].run_once()
    for _ in range(100):
        await sending.run_once()
        await asyncio.sleep(0.02)
        if len(ops.receiver.heard("/in")) == 10:
            break
    assert len(ops.receiver.heard("/in")) == 10
    assert len(ops.receiver.heard("/hangs")) == 4
    await sending.close()


async def test_what_was_sent_but_never_noted_is_sent_again_under_the_same_id(ops: Ops) -> None:
    id = await ops.webhook()
    arrived, go_on = threading.Event(), threading.Event()

    async def slow(line: str, got: dict[str, str], sent: bytes, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        writer.write(answer(200))

    ops.receiver.server.routes["/in"] = slow
    await ops.happen("started")
    fan_out, killed = ops.workers()
    await fan_out.run_once()
    await killed.run_once()
    assert await asyncio.to_thread(arrived.wait, 5)
    for task in list(killed._flight.tasks):  # as a killed process: what it would have done next is never done
        task.cancel()
    go_on.set()
    await ops.work()
    assert len(ops.receiver.heard()) == 2
    assert len({headers["webhook-id"] for headers, _ in ops.receiver.heard()}) == 1
    (delivery,) = await ops.log(id)
    assert (delivery.state, delivery.attempts) == ("delivered", 2)


async def test_a_second_process_waits_for_the_lease_of_the_first(ops: Ops) -> None:
    id = await ops.webhook()
    await ops.happen("started")
    await ops.workers()[0].run_once()
    await ops.database.write(actions.claim, id, 4, "")
    second = ops.workers(alone=False)[1]
    await ops.pass_time(second, seconds=55, step=5)
    assert ops.receiver.heard() == []
    await ops.pass_time(second, seconds=10, step=5)
    assert len(ops.receiver.heard()) == 1


async def test_a_signature_can_be_checked_by_what_standard_webhooks_says(ops: Ops) -> None:
    id = await ops.webhook(signing_secret="generate")
    webhook = await ops.database.read(actions.find, id, None)
    assert webhook.signing_secret is not None
    await ops.happen("started")
    await ops.work()
    _, headers, body = ops.receiver.server.requests[0]
    key = base64.b64decode(webhook.signing_secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == int(START.timestamp())


@pytest.mark.parametrize("method", ["get", "head"])
async def test_a_get_carries_no_body(ops: Ops, method: str) -> None:
    id = await ops.webhook(custom_webhook_template_attributes={"http_method": method, "body_template": {"a": "$NAME"}})
    await ops.happen("started")
    await ops.work()
    ((line, _, body),) = ops.receiver.server.requests
    assert line.startswith(method.upper())
    assert body == b""
    assert await ops.states(id) == ["delivered"]


async def test_headers_hold_no_line_break_whatever_an_incident_is_called(ops: Ops) -> None:
    template = {"headers_template": [{"name": "X-Name", "value": "$NAME"}, {"name": "User-Agent", "value": "mine"}]}
    await ops.webhook(custom_webhook_template_attributes=template)

    def hostile(tx: Tx) -> None:
        then = {"name": "Shop\r\nX-Evil: yes\x00\u2028é", "cause": "x"}
        events.record(
            tx, "incident.started", team_id=ops.team_id, resource_type="incident", resource_id=1, incident=then
        )

    await ops.database.write(hostile)
    await ops.work()
    headers, body = ops.receiver.heard()[0]
    assert headers["x-name"] == "Shop X-Evil: yes ?"
    assert "x-evil" not in headers
    assert headers["user-agent"] == "mine"
    assert body["data"]["attributes"]["name"].startswith("Shop\r\n")


async def test_no_request_goes_to_a_private_address_where_these_are_forbidden(ops: Ops) -> None:
    id = await ops.webhook()
    strict = RealNet(SystemClock(), allow_private=False)
    strict.start()
    try:
        await ops.happen("started")
        await ops.work(WebhookDeliveries(ops.database, ops.clock, strict, base_url="", alone=True))
    finally:
        strict.stop()
    assert ops.receiver.heard() == []
    (delivery,) = await ops.log(id)
    assert delivery.state == "failed"
    assert delivery.log[0].status_code is None


@pytest.mark.slow
async def test_our_own_lack_of_network_is_not_the_endpoints_failure(ops: Ops) -> None:
    id = await ops.webhook()
    stopped = RealNet(SystemClock())
    await ops.happen("started")
    await ops.work(WebhookDeliveries(ops.database, ops.clock, stopped, base_url="", alone=True))
    webhook = await ops.database.read(actions.find, id, None)
    assert webhook.failures == 0
    (delivery,) = await ops.log(id)
    assert (delivery.state, delivery.refusals) == ("failed", 0)
    ops.clock.wind(seconds=31)
    await ops.work()
    assert await ops.states(id) == ["delivered"]


async def test_a_body_that_would_never_end_is_given_up_not_built(ops: Ops) -> None:
    id = await ops.webhook(custom_webhook_template_attributes={"body_template": {"x": "$NAME" * 5_000}})

    def long(tx: Tx) -> None:
        then = {"name": "n" * 10_000, "cause": "x"}
        events.record(
            tx, "incident.started", team_id=ops.team_id, resource_type="incident", resource_id=1, incident=then
        )

    await ops.database.write(long)
    await ops.work()
    (delivery,) = await ops.log(id)
    assert delivery.state == "given_up"
    assert "longer than" in delivery.log[0].detail


async def test_a_replay_is_a_new_delivery_of_the_same_message_and_a_test_a_sample(ops: Ops) -> None:
    id = await ops.webhook()
    await ops.happen("started")
    await ops.work()
    (first,) = await ops.log(id)

    def again(tx: Tx) -> None:
        webhook = actions.find(tx, id, None)
        actions.replay(tx, webhook, first.id)
        actions.test(tx, webhook)

    await ops.database.write(again)
    await ops.work()
    assert len({headers["webhook-id"] for headers, body in ops.receiver.heard() if body["data"]["id"] == "1"}) == 1
    _, replayed, tested = await ops.log(id)
    assert replayed.message_id == first.message_id
    assert [body["event"] for _, body in ops.receiver.heard()] == ["started"] * 3
    assert tested.event == "outgoing_webhook.tested"
    assert sorted(body["data"]["id"] for _, body in ops.receiver.heard()) == ["0", "1", "1"], (
        "a sample is about nothing"
    )
    assert await ops.states(id) == ["delivered"] * 3


async def test_replaying_what_still_waits_sends_it_now(ops: Ops) -> None:
    id = await ops.webhook()
    ops.receiver.server.answer("/in", 500)
    await ops.happen("started")
    await ops.work()
    ops.receiver.server.answer("/in", 200)
    (first,) = await ops.log(id)
    await ops.database.write(lambda tx: actions.replay(tx, actions.find(tx, id, None), first.id))
    await ops.work()
    assert await ops.states(id) == ["delivered"]


async def test_other_teams_and_older_events_are_not_told(ops: Ops) -> None:
    await ops.happen("started")
    await ops.webhook()
    await ops.happen("resolved", team_id=ops.other_team_id)
    await ops.work()
    assert ops.receiver.heard() == []
    waiting = await ops.database.read(lambda tx: events.due(tx, 10))
    assert waiting == [], "they are looked at once, not for ever"


async def test_deleting_a_webhook_forgets_its_messages_bit_by_bit(ops: Ops) -> None:
    id = await ops.webhook()
    ops.receiver.server.answer("/in", 500)
    await ops.happen(*["started"] * 5)
    await ops.work()
    await ops.database.write(actions.delete, id, None)
    await ops.work()
    while await ops.database.write(lambda tx: actions.prune(tx, at_most=8)):
        pass
    from tocsin.webhooks.store.tables import attempts, deliveries

    for table in (deliveries, attempts):
        assert await ops.database.read(lambda tx, table=table: tx.execute(select(table)).all()) == []


async def test_finished_messages_are_kept_thirty_days(ops: Ops) -> None:
    id = await ops.webhook()
    await ops.happen("started")
    await ops.work()
    ops.clock.wind(days=29)
    await ops.database.write(lambda tx: actions.prune(tx, at_most=500))
    assert len(await ops.log(id)) == 1
    ops.clock.wind(days=2)
    await ops.database.write(lambda tx: actions.prune(tx, at_most=500))
    assert await ops.log(id) == []


async def test_the_metrics_count_messages_by_state(ops: Ops) -> None:
    await ops.webhook()
    await ops.happen("started", "resolved")
    ops.receiver.server.answer("/in", 500)
    await ops.work()
    assert await ops.database.read(actions.states) == {
        "queued": 1, "sending": 0, "delivered": 0, "failed": 1, "given_up": 0
    }  # fmt: skip


async def test_secrets_of_another_key_are_said_and_hide_no_other_webhook(sqlite_ops: Ops) -> None:
    ops = sqlite_ops
    lost = await ops.webhook()
    other = open_database(ops.database.url, ops.clock, MemoryBus(), Vault("another key, after the first one was lost"))
    try:
        moved = msgspec.structs.replace(ops, database=other)
        sound = await moved.webhook()
        await moved.happen("started")
        await moved.work()
        assert await moved.states(sound) == ["delivered"]
        (delivery,) = await moved.log(lost)
        assert delivery.state == "failed"
        assert "another key" in delivery.log[0].detail
        await other.write(actions.update, lost, None, {"url": ops.receiver.url()})
        ops.clock.wind(seconds=10)
        await moved.work()
        assert await moved.states(lost) == ["delivered"]
    finally:
        other.close()


async def test_answers_that_come_together_count_as_if_they_came_one_by_one(ops: Ops) -> None:
    id = await ops.webhook()
    for number in range(1, 5):
        await ops.happen("started", incident=number)
    await ops.workers()[0].run_once()
    first, *others = await ops.database.write(actions.claim, id, 4, "")
    down = Outcome(verdict=Verdict.UNAVAILABLE, detail="no answer")
    answered = [(first, Outcome(verdict=Verdict.ACCEPTED)), *((each, down) for each in others)]
    assert await ops.database.write(actions.settle, answered) == ["delivered", "failed", "failed", "failed"]
    assert await ops.states(id) == ["delivered", "failed", "failed", "failed"]
    assert [len(delivery.log) for delivery in await ops.log(id)] == [1, 1, 1, 1]
    webhook = await ops.database.read(lambda tx: actions.find(tx, id, None))
    assert webhook.failures == len(others)
    assert webhook.held_until is not None
    await ops.database.write(actions.delete, id, None)
    assert await ops.database.write(actions.settle, answered) == [None] * 4


async def test_a_late_acceptance_outdoes_the_failure_that_comes_with_it(ops: Ops) -> None:
    id = await ops.webhook()
    await ops.happen("started")
    await ops.workers()[0].run_once()
    (early,) = await ops.database.write(actions.claim, id, 4, "")
    ops.clock.wind(seconds=delivering.LEASE_SECONDS)
    (late,) = await ops.database.write(actions.claim, id, 4, "")
    answered = [
        (late, Outcome(verdict=Verdict.UNAVAILABLE, detail="no answer")),
        (early, Outcome(verdict=Verdict.ACCEPTED)),
    ]
    assert await ops.database.write(actions.settle, answered) == ["failed", "delivered"]
    (delivery,) = await ops.log(id)
    assert (delivery.state, delivery.due_at, len(delivery.log)) == ("delivered", None, 2)


@pytest.mark.slow
async def test_a_webhook_that_cannot_be_taken_silences_none_of_those_taken_with_it(sqlite_ops: Ops) -> None:
    ops = sqlite_ops
    broken, whole = await ops.webhook("/broken"), await ops.webhook()
    await ops.happen("started")
    fan_out, sending = ops.workers()
    await fan_out.run_once()

    def spoil(tx: Tx) -> None:
        tx.execute(webhooks.update().where(webhooks.c.id == broken).values(trigger_type="of another version"))

    await ops.database.write(spoil)
    await sending.run_once()
    await sending.drain()
    assert ops.receiver.heard("/broken") == []
    assert ops.receiver.told() == ["started 1"]
    assert await ops.states(whole) == ["delivered"]
