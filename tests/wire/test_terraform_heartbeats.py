"""What the Terraform provider says about heartbeats, said again by us (contract part 1, section 5; see
`test_terraform_replay`): what it creates reads back with nothing left to plan, and changes alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, Clients

pytestmark = pytest.mark.usefixtures("policies")

TEXT = ("url", "name", "server_timezone", "policy_id", "paused_at", "maintenance_from", "maintenance_to",
        "maintenance_timezone", "status", "created_at", "updated_at", "team_name")  # fmt: skip
NUMBERS = ("period", "grace", "team_wait", "heartbeat_group_id", "sort_index")
SWITCHES = ("call", "sms", "email", "push", "critical_alert", "paused")

SMALLEST: dict[str, Any] = {"name": "Nightly", "period": 86_400, "grace": 3_600}
WHOLE: dict[str, Any] = {
    **SMALLEST,
    "server_timezone": "Europe/Berlin",
    "call": True,
    "sms": True,
    "email": False,
    "push": False,
    "critical_alert": True,
    "team_wait": 180,
    "sort_index": 3,
    "paused": True,
    "policy_id": "1",
    "maintenance_from": "01:00:00",
    "maintenance_to": "03:00:00",
    "maintenance_timezone": "Berlin",
    "maintenance_days": ["sat", "sun"],
}
FOLLOWS = {"paused": {"paused_at", "status"}}


async def created(at: Clients, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = await at.alice.post("/api/v2/heartbeats", json=wanted)
    assert answer.status_code == 201, answer.text
    return await read(at)


async def read(at: Clients) -> dict[str, Any]:
    """The attributes, if each has the JSON type that the provider decodes; a null passes for any."""
    data = (await at.alice.get("/api/v2/heartbeats/1")).json()["data"]
    assert isinstance(data["id"], str)
    attributes: dict[str, Any] = data["attributes"]
    for names, kind in ((TEXT, str), (NUMBERS, int), (SWITCHES, bool)):
        wrong = [name for name in names if attributes[name] is not None and type(attributes[name]) is not kind]
        assert wrong == [], f"not of the type {kind.__name__}"
    assert "id" not in attributes
    return attributes


@pytest.mark.parametrize("wanted", [SMALLEST, WHOLE], ids=["the smallest", "the whole"])
async def test_what_was_created_reads_back_so_that_nothing_is_left_to_plan(at: Clients, wanted: dict[str, Any]) -> None:
    found = await created(at, wanted)
    assert {name: found[name] for name in wanted} == wanted
    assert (await at.alice.delete("/api/v2/heartbeats/1")).status_code == 204
    assert (await at.alice.get("/api/v2/heartbeats/1")).status_code == 404


@pytest.mark.parametrize("name", [name for name in WHOLE if WHOLE[name] != SMALLEST.get(name)])
async def test_each_attribute_can_be_changed_alone_and_changes_nothing_else(at: Clients, name: str) -> None:
    before = await created(at, SMALLEST | ({"maintenance_from": "00:00:00", "maintenance_to": "02:00:00"}))
    answer = await at.alice.patch("/api/v2/heartbeats/1", json={name: WHOLE[name]})
    assert answer.status_code == 200, answer.text
    after = await read(at)
    assert after[name] == WHOLE[name]
    assert {each for each in after if after[each] != before[each]} - FOLLOWS.get(name, set()) == {name}


@pytest.mark.parametrize(
    ("name", "sent"),
    [("policy_id", ""), ("policy_id", None), ("server_timezone", ""), ("team_wait", None), ("sort_index", None)],
)
async def test_what_is_cleared_is_gone(at: Clients, name: str, sent: Any) -> None:
    assert (await created(at, WHOLE))[name] is not None
    assert (await at.alice.patch("/api/v2/heartbeats/1", json={name: sent})).status_code == 200
    assert (await read(at))[name] is None


async def test_a_group_of_the_provider(at: Clients) -> None:
    made = await at.alice.post("/api/v2/heartbeat-groups", json={"name": "Backups", "sort_index": 1, "paused": False})
    assert made.status_code == 201
    await created(at, {**SMALLEST, "heartbeat_group_id": 1})
    changed = await at.alice.patch("/api/v2/heartbeat-groups/1", json={"name": "Nightly backups"})
    attributes = changed.json()["data"]["attributes"]
    assert (attributes["name"], attributes["sort_index"], attributes["team_name"]) == (
        "Nightly backups",
        1,
        ALICES_TEAM,
    )
