"""A text message is answered with the code in it: one person's, about one incident, for a day."""

from __future__ import annotations

from typing import Any

from tests.notify.conftest import Ops
from tocsin.notify import actions
from tocsin.storage import Tx

BOB = "+420777000002"


async def test_a_code_names_one_incident_of_one_person_for_a_day(ops: Ops) -> None:
    sms: dict[str, Any] = {"channel": "sms", "address": BOB, "user_id": ops.bob}
    first = await ops.page(incident_id=25, **sms)
    second = await ops.page(incident_id=26, **sms)
    await ops.page(incident_id=27, channel="email", user_id=ops.bob, address="bob@example.com")

    def claimed(tx: Tx) -> dict[int, str | None]:
        return {each.delivery_id: each.code for each in actions.claim(tx, "sms", 10, "https://tocsin.example")}

    codes = await ops.database.write(claimed)
    assert set(codes) == {first, second}
    assert codes[first] != codes[second]

    async def answered(code: str | None, *who: int) -> list[int]:
        tokens = await ops.database.read(actions.by_code, who or (ops.bob,), code)
        return [int(token.partition("-")[0]) for token in tokens]

    assert await answered(codes[first]) == [first]
    assert await answered(None) == [second, first]
    assert await answered(codes[first], ops.alice) == []
    assert await answered("12345") == []
    await ops.database.write(actions.cancel, 25, "Alice acknowledged")
    assert await answered(None) == [second], "what somebody has answered need not be answered"
    assert await answered(codes[first]) == [first], "and yet it can be resolved by its code"
    ops.clock.wind(hours=24)
    assert await answered(codes[first]) == []
