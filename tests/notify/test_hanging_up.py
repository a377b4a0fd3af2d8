"""Which calls are ended when somebody has answered: those that may be live, each once, never the one that answered."""

from __future__ import annotations

from tests.notify.conftest import Ops
from tests.time import FakeClock
from tocsin.notify import actions, rules
from tocsin.notify.actions.hanging_up import UNNEEDED
from tocsin.notify.channels import call
from tocsin.notify.model import Answer, Message, Receipt, Retry, Sent

BASE_URL = "https://tocsin.example"
NUMBER = "+15550001"
WHY = "Bob acknowledged the incident"


async def claimed(ops: Ops) -> list[Message]:
    return await ops.database.write(actions.claim, "call", 10, BASE_URL)


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
    assert (message.notice.kind, message.notice.headline) == ("hang_up", WHY)
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
        clock.wind(rules.HANG_UP_LIFETIME / 2)
    assert (tries, await ops.state(id)) == (3, "given_up")
    look = await ops.database.read(actions.look)
    assert (look.due, look.next_at, look.watch_at) == ((), None, None)


async def test_when_its_sender_dies_it_is_tried_again_after_the_lease(ops: Ops, clock: FakeClock) -> None:
    await called(ops, "CA1")
    assert await answered(ops) == ["CA1"]
    assert await claimed(ops) == [], "each is one sender's"
    clock.wind(seconds=rules.LEASE_SECONDS)
    assert [message.parent for message in await claimed(ops)] == ["CA1"]
