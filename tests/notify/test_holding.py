"""Too many pages for one person: the rest is held back, said so, and told in one message that is never lost."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import text

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.model import UNLIMITED, GiveUp, Limits, Message, Retry, Sent
from tocsin.storage import Tx

BASE = "https://tocsin.example"
THREE = Limits(pages_per_hour=3)


async def claim(ops: Ops, limits: Limits = THREE, *, channel: str = "email", at_once: int = 10) -> list[Message]:
    return await ops.database.write(actions.claim, channel, at_once, BASE, limits)


async def sent(ops: Ops, messages: list[Message]) -> None:
    for message in messages:
        await ops.database.write(actions.settle, message.delivery_id, message.attempt, Sent("accepted by mx: 250 Ok"))


async def pages(ops: Ops, number: int, *, first: int = 100, **more: object) -> list[int]:
    return [await ops.page(incident_id=first + n, **more) for n in range(number)]


async def states(ops: Ops, ids: list[int]) -> list[str]:
    def read(tx: Tx) -> list[str]:
        found = dict(tx.execute(text("select id, state from deliveries")).all())  # type: ignore[arg-type]
        return [found[id] for id in ids]

    return await ops.database.read(read)


async def test_what_goes_beyond_the_allowance_stands_in_a_digest_that_leaves_at_once(ops: Ops) -> None:
    ids = await pages(ops, 10)
    messages = await claim(ops)
    assert [message.notice.kind for message in messages] == ["page", "page", "page", "digest"]
    assert await states(ops, ids) == ["sending"] * 3 + ["held"] * 7
    digest = messages[-1].notice
    assert digest.subject == "[Tocsin] And 7 more pages"
    assert len(digest.facts) == 7
    for (label, link), id in zip(digest.facts, ids[3:], strict=True):
        assert label == "shop.example.com is down"
        assert link.startswith(f"{BASE}/answer/{id}-")
    assert messages[-1].answer_url is None


async def test_a_held_page_says_so_and_then_says_where_it_was_told(ops: Ops) -> None:
    ids = await pages(ops, 4)
    await sent(ops, await claim(ops))
    lines = await ops.log(ids[3], 103)
    assert [state for state, _ in lines] == ["queued", "held", "held"]
    assert "3 pages within an hour" in lines[1][1]
    assert lines[2][1] == "told in a digest, accepted by mx: 250 Ok"


async def test_while_more_is_held_a_digest_leaves_now_and_then(ops: Ops, clock: FakeClock) -> None:
    await pages(ops, 5)
    await sent(ops, await claim(ops))
    clock.wind(seconds=10)
    await pages(ops, 4, first=200)
    assert await claim(ops) == []
    clock.wind(rules.DIGEST_EVERY)
    (digest,) = await claim(ops)
    assert digest.notice.subject == "[Tocsin] And 4 more pages"


async def test_after_an_hour_there_is_room_again(ops: Ops, clock: FakeClock) -> None:
    await pages(ops, 5)
    await sent(ops, await claim(ops))
    clock.wind(rules.ALLOWANCE_TIME)
    ids = await pages(ops, 2, first=200)
    assert [message.delivery_id for message in await claim(ops)] == ids


async def test_a_critical_alert_is_never_held_back(ops: Ops) -> None:
    await pages(ops, 3)
    await sent(ops, await claim(ops))
    notice = msgspec.structs.replace(ops.notice(incident_id=7), critical=True)
    await ops.database.write(
        lambda tx: actions.queue(
            tx, notice, user_id=ops.alice, channel="email", address="alice@example.com", planned_at=tx.now
        )
    )
    (message,) = await claim(ops)
    assert message.notice.critical


async def test_one_persons_flood_holds_back_nobody_elses_page(ops: Ops) -> None:
    await pages(ops, 10)
    await ops.page(incident_id=999, user_id=ops.bob, address="bob@example.com")
    addresses = [message.address for message in await claim(ops, at_once=20)]
    assert "bob@example.com" in addresses


async def test_a_page_that_is_tried_again_is_not_counted_twice_nor_held(ops: Ops, clock: FakeClock) -> None:
    ids = await pages(ops, 3)
    for message in await claim(ops):
        await ops.database.write(actions.settle, message.delivery_id, message.attempt, Retry("busy", 1))
    clock.wind(seconds=2)
    assert [message.delivery_id for message in await claim(ops)] == ids


@pytest.mark.slow
async def test_a_digest_is_as_durable_as_a_page_and_says_the_same_when_it_is_sent_again(
    ops: Ops, clock: FakeClock
) -> None:
    await pages(ops, 5)
    first = (await claim(ops))[-1]
    await ops.database.write(actions.settle, first.delivery_id, 1, Retry("busy"))
    await pages(ops, 2, first=200)
    for _ in range(100):
        clock.wind(seconds=rules.LONGEST_WAIT_SECONDS)
        tried = [message for message in await claim(ops) if message.delivery_id == first.delivery_id]
        if tried:
            assert (tried[0].notice, tried[0].key) == (first.notice, first.key)
            await ops.database.write(actions.settle, first.delivery_id, tried[0].attempt, Retry("busy"))
    assert (await states(ops, [first.delivery_id]))[0] == "failed", "still being tried, eight hours later"


async def test_when_a_digest_can_never_arrive_its_pages_go_out_by_themselves(ops: Ops) -> None:
    ids = await pages(ops, 5)
    digest = (await claim(ops))[-1]
    await ops.database.write(actions.settle, digest.delivery_id, 1, GiveUp("no such mailbox"))
    assert [message.delivery_id for message in await claim(ops)] == ids[3:]


async def test_what_is_answered_before_the_digest_leaves_is_not_in_it(ops: Ops, clock: FakeClock) -> None:
    await pages(ops, 4)
    await sent(ops, await claim(ops))
    ids = await pages(ops, 3, first=200)
    assert await claim(ops) == []
    await ops.database.write(actions.cancel, 200, "Alice acknowledged the incident")
    clock.wind(rules.DIGEST_EVERY)
    (digest,) = await claim(ops)
    assert digest.notice.subject == "[Tocsin] And 2 more pages"
    assert await states(ops, ids) == ["cancelled", "held", "held"]


async def test_a_digest_that_has_nothing_left_to_say_is_not_sent(ops: Ops, clock: FakeClock) -> None:
    await pages(ops, 4)
    await sent(ops, await claim(ops))
    await pages(ops, 2, first=200)
    assert await claim(ops) == []
    for incident_id in (200, 201):
        await ops.database.write(actions.cancel, incident_id, "it is over")
    clock.wind(rules.DIGEST_EVERY)
    assert await claim(ops) == []
    look = await ops.database.read(actions.look)
    assert (look.due, look.next_at) == ((), None)


@pytest.mark.parametrize(("channel", "limits"), [("sms", Limits(sms_per_day=2)), ("call", Limits(calls_per_day=2))])
async def test_a_teams_budget_for_texts_and_calls_holds_back_the_rest_for_a_mail(
    ops: Ops, channel: str, limits: Limits
) -> None:
    ids = await pages(ops, 2, channel=channel, address="+4912345")
    ids += await pages(ops, 2, first=200, channel=channel, address="+4967890", user_id=ops.bob)
    assert [message.delivery_id for message in await claim(ops, limits, channel=channel)] == ids[:2]
    assert await states(ops, ids[2:]) == ["held", "held"]
    (digest,) = await claim(ops, limits)
    assert (digest.address, digest.notice.kind) == ("bob@example.com", "digest")


async def test_without_limits_everything_goes(ops: Ops) -> None:
    ids = await pages(ops, 20)
    assert [message.delivery_id for message in await claim(ops, UNLIMITED, at_once=50)] == ids


@pytest.mark.slow
async def test_a_place_gets_so_many_a_minute_and_the_rest_in_the_next_ones(ops: Ops, clock: FakeClock) -> None:
    most = rules.TARGET_MESSAGES_PER_MINUTE
    for incident_id in range(1, 2 * most + 11):
        await ops.page(incident_id=incident_id, user_id=0, target_id=7, channel="slack", address="#ops")
    left = []
    for _ in range(3):
        claimed = []
        while some := await ops.database.write(actions.claim, "slack", 25, "https://t.example", Limits()):
            claimed += some
            for message in some:
                await ops.database.write(actions.settle, message.delivery_id, message.attempt, Sent("accepted"))
        left.append([message.notice.incident_id for message in claimed])
        clock.wind(rules.TARGET_TIME)
    assert [len(minute) for minute in left] == [most, most, 10]
    assert [*left[0], *left[1], *left[2]] == list(range(1, 2 * most + 11)), "in order, and nothing is left out"
