"""A page that does not reach its person is followed at once by their next way, by a mail, or by the next person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.model import Answer, GiveUp, Receipt, Retry, Sent
from tocsin.storage import Tx

BASE_URL = "https://tocsin.example"
NUMBER = "+15550001"


class Story:
    """One incident, and what was asked of whoever planned its pages."""

    def __init__(self, ops: Ops) -> None:
        self.ops = ops
        self.handed_on: list[int] = []

    def given_up(self, tx: Tx, incident_id: int) -> None:
        self.handed_on.append(incident_id)

    async def page(self, channel: str, *, after_seconds: float = 0, **more: object) -> int:
        planned_at = self.ops.clock.now() + timedelta(seconds=after_seconds)
        address = NUMBER if channel != "email" else "alice@example.com"
        return await self.ops.page(channel=channel, planned_at=planned_at, **({"address": address} | more))  # type: ignore[arg-type]

    async def send(self, channel: str, answer: Answer) -> list[int]:
        """Everything that is due by this channel is tried, with this answer; returns what was tried."""
        messages = await self.ops.database.write(actions.claim, channel, 10, BASE_URL)
        for message in messages:
            await self.ops.database.write(
                actions.settle, message.delivery_id, message.attempt, answer, self.given_up, received_within_seconds=90
            )
        return [message.delivery_id for message in messages]

    async def hear(self, id: int, receipt: Receipt) -> str | None:
        return await self.ops.database.write(actions.receipt, id, receipt, "Twilio says so")

    async def look(self) -> None:
        await self.ops.database.write(actions.look_after, self.given_up)


@pytest.fixture
def story(ops: Ops) -> Story:
    return Story(ops)


async def test_a_call_that_is_refused_makes_the_next_way_of_that_person_due_at_once(story: Story) -> None:
    await story.page("call")
    sms = await story.page("sms", after_seconds=120)
    later = await story.page("email", after_seconds=600)
    await story.send("call", GiveUp("the number is not in service"))
    assert await story.send("sms", Sent("accepted by Twilio")) == [sms]
    assert story.handed_on == [], "there is something left for this person"
    assert (await story.ops.log(sms))[1] == ("queued", "at once, because nothing arrived by call")
    assert await story.ops.state(later) == "queued", "one step at a time"


async def test_when_no_way_is_left_the_person_is_mailed_and_then_it_goes_on_to_the_next_person(story: Story) -> None:
    await story.page("call")
    await story.send("call", GiveUp("no such number"))
    assert story.handed_on == [], "everybody has an address"
    (mail,) = await story.send("email", GiveUp("no such mailbox"))
    assert story.handed_on == [25]
    assert (await story.ops.database.read(actions.paged, 25)) == []
    assert mail not in await story.send("email", Sent("accepted")), "nobody is mailed twice"


async def test_who_was_reached_by_another_way_is_not_mailed_besides(story: Story) -> None:
    await story.page("push")
    await story.page("call")
    await story.send("push", Sent("accepted by the push service"))
    await story.send("call", GiveUp("no such number"))
    assert await story.send("email", Sent("accepted")) == []
    assert story.handed_on == []


async def test_what_is_just_being_tried_is_waited_for_and_a_failing_mail_server_is_not(story: Story) -> None:
    await story.page("email")
    await story.page("call")
    (mail,) = await story.ops.database.write(actions.claim, "email", 10, BASE_URL)
    await story.send("call", GiveUp("no such number"))
    assert story.handed_on == []
    await story.ops.database.write(actions.settle, mail.delivery_id, 1, Retry("no connection"), story.given_up)
    assert story.handed_on == [25], "nobody knows when the mail server comes back"


async def test_an_accepted_text_that_does_not_arrive_counts_as_one_that_was_refused(story: Story) -> None:
    sms = await story.page("sms")
    await story.send("sms", Sent("accepted by Twilio", "SM1"))
    assert await story.hear(sms, Receipt.UNDELIVERED) == "undelivered"
    assert await story.hear(sms, Receipt.UNDELIVERED) is None
    await story.look()
    assert len(await story.send("email", Sent("accepted"))) == 1
    assert await story.hear(sms, Receipt.DELIVERED) == "delivered", "what arrives late has arrived"


async def test_silence_of_the_provider_counts_as_not_received(story: Story, clock: FakeClock) -> None:
    sms = await story.page("sms")
    call = await story.page("call", after_seconds=600)
    await story.send("sms", Sent("accepted by Twilio"))
    clock.wind(seconds=89)
    await story.look()
    assert await story.ops.state(sms) == "sent"
    clock.wind(seconds=1)
    await story.look()
    assert await story.ops.state(sms) == "undelivered"
    assert await story.send("call", Sent("accepted")) == [call]


async def test_a_receipt_that_comes_before_our_own_note_is_believed(story: Story) -> None:
    sms = await story.page("sms")
    (message,) = await story.ops.database.write(actions.claim, "sms", 10, BASE_URL)
    await story.hear(sms, Receipt.DELIVERED)
    await story.ops.database.write(actions.settle, sms, message.attempt, Sent("accepted by Twilio", "SM7"))
    assert [state for state, _ in await story.ops.log(sms)] == ["queued", "sending", "delivered"]
    (proof,), _ = await story.ops.database.read(lambda tx: actions.proofs(tx, 25, page=1, per_page=10))
    assert (proof.state, proof.provider_id) == ("delivered", "SM7")


async def test_nothing_follows_when_somebody_has_answered(story: Story) -> None:
    sms = await story.page("sms")
    await story.send("sms", Sent("accepted"))
    await story.ops.database.write(actions.cancel, 25, "Ann acknowledged the incident")
    await story.hear(sms, Receipt.UNDELIVERED)
    await story.look()
    assert await story.send("email", Sent("accepted")) == []
    assert story.handed_on == []


async def test_a_dead_place_of_a_team_hands_on_only_when_nobody_else_was_reached(story: Story) -> None:
    await story.page("slack", user_id=0, target_id=7, address="#ops")
    await story.send("slack", GiveUp("channel_not_found"))
    assert story.handed_on == [25]
    await story.page("email")
    await story.send("email", Sent("accepted"))
    story.ops.clock.wind(seconds=1)
    await story.page("slack", user_id=0, target_id=7, address="#ops")
    await story.send("slack", GiveUp("channel_not_found"))
    assert story.handed_on == [25]


async def test_a_page_that_nobody_takes_for_five_minutes_is_a_breach_and_recorded_once(
    story: Story, clock: FakeClock
) -> None:
    started_at = clock.now()
    await story.page("email")
    await story.page("email", user_id=story.ops.bob, address="bob@example.com")
    await story.send("email", Retry("no connection to mail.example.com:25"))
    clock.wind(rules.ACCEPTED_WITHIN - timedelta(seconds=1))
    await story.look()
    assert await story.ops.database.read(actions.breach, 25) is None
    clock.wind(seconds=1)
    await story.look()
    await story.send("email", Sent("accepted"))
    found = await story.ops.database.read(actions.breach, 25)
    assert found is not None
    assert (found.started_at, found.recorded_at, found.accepted_at) == (started_at, clock.now(), clock.now())
    assert "no connection to mail.example.com:25" in found.why
    assert (await story.ops.events()).count("page.late") == 1
    assert await story.ops.database.read(actions.count_breaches) == 1


async def test_it_is_a_breach_whoever_notices_it_and_none_when_another_page_was_taken_in_time(
    story: Story, clock: FakeClock
) -> None:
    await story.page("email")
    clock.wind(minutes=6)
    await story.send("email", Sent("accepted"))
    assert await story.ops.database.read(actions.breach, 25) is not None, "the sender was quicker than the look"
    clock.wind(seconds=1)
    await story.page("email", incident_id=26)
    await story.page("sms", incident_id=26)
    await story.send("email", Sent("accepted"))
    clock.wind(minutes=6)
    await story.look()
    assert await story.ops.database.read(actions.breach, 26) is None


async def test_acknowledged_before_anything_was_accepted_is_no_breach(story: Story, clock: FakeClock) -> None:
    await story.page("email")
    await story.ops.database.write(actions.cancel, 25, "Ann acknowledged the incident")
    clock.wind(minutes=6)
    await story.look()
    assert await story.ops.database.read(actions.breach, 25) is None


async def test_a_breach_is_kept_as_long_as_the_messages_and_goes_with_its_incident(
    story: Story, clock: FakeClock
) -> None:
    for incident_id in (25, 26, 27):
        await story.page("email", incident_id=incident_id)
    clock.wind(minutes=6)
    await story.look()
    assert await story.ops.database.read(actions.count_breaches) == 3
    while await story.ops.database.write(actions.forget, [27], at_most=100):
        pass
    clock.wind(rules.KEPT_FOR + timedelta(seconds=1))
    await story.ops.database.write(actions.prune, at_most=100, unresolved=[26])
    assert await story.ops.database.read(actions.count_breaches) == 1
    assert await story.ops.database.read(actions.breach, 26) is not None
