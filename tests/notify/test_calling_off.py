"""What goes on by itself is called off when somebody has answered: whatever may be live, each once; of calls, never the
one that answered."""

from __future__ import annotations

from datetime import timedelta

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.actions.calling_off import UNNEEDED
from tocsin.notify.channels import call, pushover
from tocsin.notify.model import Answer, Message, Receipt, Retry, Sent
from tocsin.storage import Tx

BASE_URL = "https://tocsin.example"
NUMBER = "+15550001"
WHY = "Bob acknowledged the incident"


async def claimed(ops: Ops, channel: str = "call") -> list[Message]:
    return await ops.database.write(actions.claim, channel, 10, BASE_URL)


async def settled(ops: Ops, message: Message, answer: Answer) -> None:
    await ops.database.write(actions.settle, message.delivery_id, message.attempt, answer, received_within_seconds=180)


async def called(ops: Ops, sid: str, **more: object) -> int:
    """Somebody's phone rings; returns the id of the page."""
    id = await ops.page(channel="call", address=NUMBER, **more)  # type: ignore[arg-type]
    (message,) = await claimed(ops)
    await settled(ops, message, Sent("accepted by Twilio", provider_id=sid))
    return id


async def answered(ops: Ops) -> list[str | None]:
    """Bob acknowledges; returns which calls are then to end."""
    await ops.database.write(actions.cancel, 25, WHY)
    return [message.parent for message in await claimed(ops)]


async def test_each_call_that_may_be_live_ends_once(ops: Ops, clock: FakeClock) -> None:
    await called(ops, "CA1")
    clock.wind(minutes=1)
    await called(ops, "CA2")
    await called(ops, "CA3", user_id=ops.bob)
    await called(ops, "CA9", incident_id=26)
    assert await answered(ops) == ["CA1", "CA2", "CA3"], "two calls to one number are two calls"
    assert await answered(ops) == []


async def test_what_is_said_names_who_it_was(ops: Ops) -> None:
    await called(ops, "CA1")
    await ops.database.write(actions.cancel, 25, WHY)
    (message,) = await claimed(ops)
    assert (message.notice.kind, message.notice.headline) == ("call_off", WHY)
    assert (message.answer_url, message.answer_token) == (None, None)


async def test_a_call_that_its_provider_calls_over_is_not_asked_for(ops: Ops, clock: FakeClock) -> None:
    lost = await called(ops, "CA1")
    await ops.database.write(actions.receipt, lost, Receipt.UNDELIVERED, "Twilio: nobody picked up")
    assert await answered(ops) == []


async def test_nor_is_one_of_long_ago(ops: Ops, clock: FakeClock) -> None:
    await called(ops, "CA1")
    clock.wind(seconds=call.LIVE_SECONDS)
    assert await answered(ops) == []


async def test_one_of_which_we_have_heard_nothing_is(ops: Ops, clock: FakeClock) -> None:
    await called(ops, "CA1")
    clock.wind(seconds=181)
    await ops.database.write(actions.look_after)
    assert await answered(ops) == ["CA1"]


async def test_one_through_which_its_person_passed_it_on_is_not(ops: Ops) -> None:
    passed = await called(ops, "CA1")
    await called(ops, "CA2", user_id=ops.bob)
    await ops.database.write(actions.receipt, passed, Receipt.ANSWERED, "Alice passed it on through this phone call")
    assert await answered(ops) == ["CA2"]


async def test_one_that_was_accepted_after_it_was_taken_back_ends_then(ops: Ops, clock: FakeClock) -> None:
    await ops.page(channel="call", address=NUMBER)
    (message,) = await claimed(ops)
    assert await answered(ops) == [], "what is being asked of the provider has no name yet"
    clock.wind(seconds=2)
    await settled(ops, message, Sent("accepted by Twilio", provider_id="CA1"))
    (end,) = await claimed(ops)
    assert (end.parent, end.notice.headline) == ("CA1", WHY)
    await settled(ops, message, Sent("accepted by Twilio", provider_id="CA1"))
    assert await claimed(ops) == [], "said twice, done once"


async def test_also_when_the_receipt_was_quicker_than_our_note_of_the_acceptance(ops: Ops, clock: FakeClock) -> None:
    id = await ops.page(channel="call", address=NUMBER)
    (message,) = await claimed(ops)
    await ops.database.write(actions.receipt, id, Receipt.DELIVERED, "Twilio: somebody picked up")
    assert await answered(ops) == []
    await settled(ops, message, Sent("accepted by Twilio", provider_id="CA1"))
    (end,) = await claimed(ops)
    assert (end.parent, end.notice.headline) == ("CA1", UNNEEDED[0].upper() + UNNEEDED[1:])


async def test_one_that_is_wanted_again_meanwhile_goes_on(ops: Ops, clock: FakeClock) -> None:
    planned_at = clock.now()
    await ops.page(channel="call", address=NUMBER, planned_at=planned_at)
    (message,) = await claimed(ops)
    assert await answered(ops) == []
    await ops.page(channel="call", address=NUMBER, planned_at=planned_at)
    await settled(ops, message, Sent("accepted by Twilio", provider_id="CA1"))
    assert await claimed(ops) == []


async def test_it_is_tried_for_some_minutes_and_passes_nothing_on(ops: Ops, clock: FakeClock) -> None:
    await called(ops, "CA1")
    await ops.database.write(actions.cancel, 25, WHY)
    tries, id = 0, 0
    while waiting := await claimed(ops):
        (message,) = waiting
        tries, id = tries + 1, message.delivery_id
        await settled(ops, message, Retry("Twilio cannot be reached", elsewhere=True))
        clock.wind(seconds=call.CALL_OFF_SECONDS / 2)
    assert (tries, await ops.state(id)) == (3, "given_up")
    look = await ops.database.read(actions.look)
    assert (look.due, look.next_at, look.watch_at) == ((), None, None)


async def test_when_its_sender_dies_it_is_tried_again_after_the_lease(ops: Ops, clock: FakeClock) -> None:
    await called(ops, "CA1")
    assert await answered(ops) == ["CA1"]
    assert await claimed(ops) == [], "each is one sender's"
    clock.wind(seconds=rules.LEASE_SECONDS)
    assert [message.parent for message in await claimed(ops)] == ["CA1"]


RECEIPT, ANOTHER = "r" * 30, "s" * 30
REQUEST = "647d2300-702c-4b38-8b2f-d56326ae460b"
"""What Pushover calls a message that rings once."""


async def pushed(ops: Ops, name: str, **more: object) -> int:
    """Somebody's phone has got a push message through Pushover; returns the id of the page."""
    id = await ops.page(channel="pushover", address="Phone", **more)  # type: ignore[arg-type]
    (message,) = await claimed(ops, "pushover")
    await settled(ops, message, Sent("accepted by Pushover", provider_id=name))
    return id


async def test_what_repeats_itself_ends_and_what_rang_once_is_not_asked_for(ops: Ops, clock: FakeClock) -> None:
    await pushed(ops, RECEIPT)
    await pushed(ops, REQUEST, user_id=ops.bob)
    clock.wind(minutes=59)
    await ops.database.write(actions.cancel, 25, "people are alerted about incident 24, its cause")
    (end,) = await claimed(ops, "pushover")
    assert (end.notice.kind, end.parent) == ("call_off", RECEIPT)


async def test_what_has_repeated_itself_for_an_hour_is_over(ops: Ops, clock: FakeClock) -> None:
    await pushed(ops, RECEIPT)
    clock.wind(seconds=pushover.LIVE_SECONDS)
    await ops.database.write(actions.cancel, 25, WHY)
    assert await claimed(ops, "pushover") == []


async def test_one_that_pushover_took_after_it_was_taken_back_ends_then(ops: Ops, clock: FakeClock) -> None:
    await ops.page(channel="pushover", address="Phone")
    (message,) = await claimed(ops, "pushover")
    await ops.database.write(actions.cancel, 25, WHY)
    clock.wind(seconds=2)
    await settled(ops, message, Sent("accepted by Pushover", provider_id=RECEIPT))
    (end,) = await claimed(ops, "pushover")
    assert (end.parent, end.notice.headline) == (RECEIPT, WHY)


async def test_a_press_on_our_own_page_ends_what_repeats_itself_in_the_app(ops: Ops) -> None:
    page = await pushed(ops, RECEIPT)

    def acknowledged(tx: Tx) -> None:
        actions.cancel(tx, 25, WHY)
        actions.receipt(tx, page, Receipt.ANSWERED, f"{WHY} through this Pushover message")

    await ops.database.write(acknowledged)
    assert [message.parent for message in await claimed(ops, "pushover")] == [RECEIPT]


async def test_whoever_passes_it_on_is_left_in_peace_and_only_they(ops: Ops, clock: FakeClock) -> None:
    passed = await pushed(ops, RECEIPT)
    await pushed(ops, ANOTHER, user_id=ops.bob)
    await ops.database.write(actions.receipt, passed, Receipt.ANSWERED, "Alice passed it on")
    (end,) = await claimed(ops, "pushover")
    assert (end.parent, end.notice.headline) == (RECEIPT, "Alice passed it on")
    clock.wind(seconds=1)
    await ops.database.write(actions.cancel, 25, WHY)
    assert [message.parent for message in await claimed(ops, "pushover")] == [ANOTHER], "each once"


async def test_it_is_tried_for_as_long_as_it_repeats_itself(ops: Ops, clock: FakeClock) -> None:
    await pushed(ops, RECEIPT)
    since = clock.now()
    await ops.database.write(actions.cancel, 25, WHY)
    id, tries = 0, 0
    while (look := await ops.database.read(actions.look)).due or look.next_at:
        if not look.due:
            assert look.next_at is not None
            clock.wind(look.next_at - clock.now())
        (message,) = await claimed(ops, "pushover")
        id, tries = message.delivery_id, tries + 1
        await settled(ops, message, Retry("Pushover cannot be reached"))
    assert await ops.state(id) == "given_up"
    assert timedelta(minutes=50) < clock.now() - since < timedelta(hours=1)
    assert tries < 30
