"""Planning, taking back, claiming and settling messages, on both databases."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.model import AnswerLink, GiveUp, Paged, Retry, Sent
from tocsin.storage import Database, Tx

BASE_URL = "https://tocsin.example"


async def test_the_same_page_is_planned_once_however_often_it_is_planned(ops: Ops) -> None:
    planned_at = ops.clock.now()

    def plan(tx: Tx) -> int | None:
        return actions.queue(
            tx, ops.notice(), user_id=ops.alice, channel="email", address="alice@example.com", planned_at=planned_at
        )

    assert await ops.database.write(plan) is not None
    assert await ops.database.write(plan) is None
    assert (await ops.database.read(actions.states))["queued"] == 1


async def test_a_cancelled_message_that_is_planned_again_goes_out(ops: Ops) -> None:
    id = await ops.page()
    (first,) = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    await ops.database.write(actions.cancel, 25, "resolved")
    assert await ops.page() == id
    assert await ops.database.write(actions.settle, id, first.attempt, GiveUp("too late")) is None
    (again,) = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    assert (again.delivery_id, again.attempt) == (id, 2)
    assert await ops.database.write(actions.settle, id, again.attempt, Sent("accepted")) == "sent"
    assert [state for state, _ in await ops.log(id)] == [
        "queued", "sending", "cancelled", "queued", "sending", "sent",
    ]  # fmt: skip


async def test_another_person_instant_channel_or_kind_is_another_message(ops: Ops) -> None:
    await ops.page()
    await ops.page(user_id=ops.bob)
    await ops.page(planned_at=ops.clock.now() + timedelta(minutes=1))
    await ops.page(channel="sms")
    await ops.page(kind="resolved")
    assert (await ops.database.read(actions.states))["queued"] == 5


async def test_a_message_that_is_undone_with_its_cause_was_never_planned(ops: Ops) -> None:
    def fail(tx: Tx) -> None:
        actions.queue(tx, ops.notice(), user_id=ops.alice, channel="email", address="a@x.org", planned_at=tx.now)
        raise LookupError

    try:
        await ops.database.write(fail)
    except LookupError:
        pass
    assert await ops.database.write(actions.claim, "email", 10, BASE_URL) == []
    assert await ops.database.read(actions.log, 25) == []


async def test_what_one_worker_claimed_no_other_gets_before_the_lease_ends(ops: Ops, clock: FakeClock) -> None:
    await ops.page()
    (first,) = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    assert await ops.database.write(actions.claim, "email", 10, BASE_URL) == []
    clock.wind(seconds=rules.LEASE_SECONDS)
    (second,) = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.key == second.key


async def test_a_claim_is_bounded(ops: Ops) -> None:
    for incident_id in range(5):
        await ops.page(incident_id=incident_id + 1)
    assert len(await ops.database.write(actions.claim, "email", 3, BASE_URL)) == 3
    assert len(await ops.database.write(actions.claim, "email", 3, BASE_URL)) == 2


async def test_the_message_names_the_person_and_one_incident_is_one_thread(ops: Ops) -> None:
    await ops.page()
    await ops.page(kind="resolved")
    page, news = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    assert page.recipient == "Alice Ångström"
    assert msgspec.structs.replace(page.notice, url="") == msgspec.structs.replace(ops.notice(), url="")
    assert page.thread == news.thread
    assert page.key != news.key
    assert page.answer_url is not None
    assert page.notice.url == "", "the link to answer shows the incident too"
    assert news.answer_url is None, "there is nothing to answer"
    link = await ops.database.read(actions.verify_answer, news.notice.url.removeprefix(f"{BASE_URL}/answer/"))
    assert link is not None
    assert link.user_id == ops.alice, "but something to see, without signing in"


async def test_the_link_in_a_mail_tells_who_answers_and_cannot_be_forged(ops: Ops) -> None:
    id = await ops.page(user_id=ops.bob)
    url = await ops.database.read(actions.answer_url, BASE_URL, id)
    token = url.removeprefix(f"{BASE_URL}/answer/")
    link = await ops.database.read(actions.verify_answer, token)
    assert link == AnswerLink(delivery_id=id, team_id=ops.team_id, incident_id=25, user_id=ops.bob)
    other = token.replace(f"{id}-", f"{id + 1}-", 1)
    for forged in ("", "x", str(id), f"{id}-", f"{id}-{'0' * 32}", other, token + "0", f"{'9' * 40}-{'0' * 32}"):
        assert await ops.database.read(actions.verify_answer, forged) is None
    ops.clock.wind(days=30)
    assert await ops.database.read(actions.verify_answer, token) == link
    ops.clock.wind(seconds=1)
    assert await ops.database.read(actions.verify_answer, token) is None, "an old mailbox is no key to the past"


async def test_a_cancelled_page_is_not_claimed_and_news_is_not_cancelled(ops: Ops) -> None:
    page = await ops.page()
    await ops.page(incident_id=26)
    await ops.page(kind="resolved")
    assert await ops.database.write(actions.cancel, 25, "resolved automatically") == 1
    assert await ops.database.write(actions.cancel, 25, "resolved automatically") == 0
    claimed = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    assert [(message.notice.incident_id, message.notice.kind) for message in claimed] == [
        (26, "page"),
        (25, "resolved"),
    ]
    assert page not in [message.delivery_id for message in claimed]


async def test_a_page_cancelled_in_flight_that_fails_stays_cancelled_and_one_that_was_accepted_says_so(
    ops: Ops,
) -> None:
    await ops.page()
    await ops.page(user_id=ops.bob)
    first, second = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    await ops.database.write(actions.cancel, 25, "acknowledged")
    assert len(await ops.database.read(actions.paged, 25)) == 2, "both may have received it"
    await ops.database.write(actions.settle, first.delivery_id, 1, Retry("down"))
    await ops.database.write(actions.settle, second.delivery_id, 1, Sent("accepted"))
    assert await ops.state(first.delivery_id) == "cancelled"
    assert await ops.state(second.delivery_id) == "sent"
    assert [person.user_id for person in await ops.database.read(actions.paged, 25)] == [ops.bob]


async def test_those_who_were_paged_are_those_whose_page_was_accepted(ops: Ops) -> None:
    for user_id in (ops.alice, ops.bob):
        await ops.page(user_id=user_id, address=f"{user_id}@x.org")
    first, second = await ops.database.write(actions.claim, "email", 10, BASE_URL)
    await ops.database.write(actions.settle, first.delivery_id, 1, Sent("accepted"))
    await ops.database.write(actions.settle, second.delivery_id, 1, GiveUp("no such user"))
    assert await ops.database.read(actions.paged, 25) == [Paged(ops.alice, "email", f"{ops.alice}@x.org")]


async def test_a_late_answer_of_an_older_attempt_does_not_undo_the_newer_one(ops: Ops, clock: FakeClock) -> None:
    id = await ops.page()
    await ops.database.write(actions.claim, "email", 1, BASE_URL)
    clock.wind(seconds=rules.LEASE_SECONDS)
    await ops.database.write(actions.claim, "email", 1, BASE_URL)
    assert await ops.database.write(actions.settle, id, 1, GiveUp("too late")) is None
    assert await ops.database.write(actions.settle, id, 2, Sent("accepted")) == "sent"
    assert await ops.database.write(actions.settle, id, 1, Sent("accepted before")) is None
    assert [state for state, _ in await ops.log(id)] == ["queued", "sending", "sending", "sent"]


async def test_the_ledger_is_in_order_and_knows_whom_and_how(ops: Ops, clock: FakeClock) -> None:
    id = await ops.page()
    started_at = clock.now()
    clock.wind(seconds=1)
    await ops.database.write(actions.claim, "email", 1, BASE_URL)
    clock.wind(seconds=1)
    await ops.database.write(actions.settle, id, 1, Retry("x" * 10_000))
    lines = await ops.database.read(actions.log, 25)
    assert [line.at - started_at for line in lines] == [timedelta(seconds=n) for n in range(3)]
    assert {(line.user_id, line.address, line.channel) for line in lines} == {(ops.alice, "alice@example.com", "email")}
    assert len(lines[-1].detail) == actions.MAX_DETAIL_CHARACTERS


async def test_a_person_who_has_left_is_paged_at_the_address_that_was_planned(ops: Ops) -> None:
    await ops.page(user_id=999_999)
    (message,) = await ops.database.write(actions.claim, "email", 1, BASE_URL)
    assert (message.recipient, message.address) == ("", "alice@example.com")


async def test_settling_what_does_not_exist_changes_nothing(database: Database) -> None:
    assert await database.write(actions.settle, 12345, 1, Sent("accepted")) is None
