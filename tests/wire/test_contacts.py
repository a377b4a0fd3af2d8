"""How people are reached, on the wire: what is refused, and what nobody may see of others."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.rest.clients import Clients

ALICE = "/api/v2/users/alice@tocsin.example"


@pytest.mark.parametrize(
    "at_an_instant",
    ["9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "1999-12-31", "soon", "\x00"],
)
async def test_how_somebody_is_reached_is_told_of_instants_that_calendars_have(at: Clients, at_an_instant: str) -> None:
    hours = {"timezone": "Pacific/Kiritimati", "time_from": "22:00", "time_to": "07:00"}
    assert (await at.alice.post(f"{ALICE}/quiet-hours", json=hours)).status_code == 201
    answer = await at.alice.get(f"{ALICE}/reach?call=true&at={quote(at_an_instant)}")
    assert answer.status_code == 400
    assert "`at` must be an instant between 2000 and 2199" in answer.json()["errors"]
    for edge in ("2000-01-01T00:00:00Z", "2199-12-31T23:59:59Z"):
        assert (await at.alice.get(f"{ALICE}/reach?call=true&at={edge}")).status_code == 200


async def test_no_rule_can_name_the_address_or_the_severity_of_somebody_else(at: Clients) -> None:
    private = {"kind": "email", "address": "alice.private@tocsin.example"}
    method = (await at.alice.post(f"{ALICE}/contact-methods", json=private)).json()["data"]
    urgency = (await at.alice.post("/api/v2/urgencies", json={"name": "High"})).json()["data"]
    rules = "/api/v2/users/charlie@tocsin.example/notification-rules"
    foreign = [
        ({"steps": [{"contact_method_id": int(method["id"])}]}, "steps"),
        ({"urgency_id": int(urgency["id"]), "steps": [{"channel": "email"}]}, "urgency_id"),
    ]
    for sent, field in foreign:
        answer = await at.charlie.post(rules, json=sent)
        assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert (await at.charlie.get(rules)).json()["data"] == []
