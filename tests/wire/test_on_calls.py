"""On-call calendars, their rotation and their events, as the contract's clients send and read them (part 2, 4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.rest.clients import ALICES_TEAM, Clients
from tests.time import FakeClock

ALICE, BOB = "alice@tocsin.example", "bob@tocsin.example"
ON_CALLS = "/api/v2/on-calls"
DEFAULT = f"{ON_CALLS}/default"


@pytest.fixture
def alice(at: Clients) -> httpx.AsyncClient:
    """Alice's client; Bob is in her team. It is Monday, 2026-03-02, at noon."""
    return at.alice


async def planned(client: httpx.AsyncClient, path: str = DEFAULT) -> list[tuple[str, str, str]]:
    """(beginning, end, people) of all events."""
    events = (await client.get(f"{path}/events")).json()["events"]
    return [
        (each["starts_at"], each["ends_at"], ", ".join(name.partition("@")[0] for name in each["users"]))
        for each in events
    ]


async def on_call(client: httpx.AsyncClient, date: str, path: str = DEFAULT) -> list[str]:
    answer = await client.get(path, params={"date": date})
    assert answer.status_code == 200, answer.text
    people = answer.json()["data"]["relationships"]["on_call_users"]["data"]
    return [person["meta"]["email"].partition("@")[0] for person in people]


async def event(client: httpx.AsyncClient, start: str, end: str, *users: str, **more: Any) -> dict[str, Any]:
    body = {"starts_at": start, "ends_at": end, "users": list(users), **more}
    answer = await client.post(f"{DEFAULT}/events", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_every_team_has_a_calendar_from_the_start_and_default_stands_for_its_id(
    alice: httpx.AsyncClient,
) -> None:
    (only,) = (await alice.get(ON_CALLS)).json()["data"]
    assert only["type"] == "on_call_calendar"
    assert only["attributes"]["name"] is None
    assert only["attributes"]["default_calendar"] is True
    assert only["attributes"]["team_name"] == ALICES_TEAM
    assert only["relationships"] == {"on_call_users": {"data": []}}
    assert (await alice.get(DEFAULT)).json() == {"data": only, "included": []}
    refused = await alice.delete(f"{ON_CALLS}/{only['id']}")
    assert refused.status_code == 422
    assert refused.json() == {"errors": {"base": ["The default on-call calendar can't be deleted."]}}
    made = (await alice.post(f"{ON_CALLS}/", json={"name": "Tier 2"})).json()["data"]
    assert made["attributes"]["default_calendar"] is False
    assert (await alice.patch(f"{ON_CALLS}/{made['id']}", json={"name": ""})).status_code == 422
    assert (await alice.delete(f"{ON_CALLS}/{made['id']}")).status_code == 204
    assert (await alice.get(f"{ON_CALLS}/{made['id']}")).status_code == 404


async def test_a_global_token_says_whose_default_calendar_it_means(at: Clients, alice: httpx.AsyncClient) -> None:
    unclear = await at.everyone.get(DEFAULT)
    assert unclear.json()["required_attributes"] == ["team_name"]
    answer = await at.everyone.get(DEFAULT, params={"team_name": "Charlie's team"})
    assert answer.json()["data"]["attributes"]["team_name"] == "Charlie's team"
    assert len((await at.everyone.get(ON_CALLS)).json()["data"]) == 2


async def test_who_is_on_call_is_shown_with_names_now_and_at_any_date(alice: httpx.AsyncClient) -> None:
    made = await event(alice, "2026-03-02T00:00:00Z", "2026-03-03T00:00:00+01:00", ALICE, BOB)
    assert made == {
        "id": made["id"], "users": [ALICE, BOB], "starts_at": "2026-03-02T00:00:00Z",
        "ends_at": "2026-03-02T23:00:00Z", "override": False,
    }  # fmt: skip
    assert isinstance(made["id"], int)
    answer = (await alice.get(DEFAULT)).json()
    people = answer["data"]["relationships"]["on_call_users"]["data"]
    assert people[0] == {"id": people[0]["id"], "type": "user", "meta": {"email": ALICE}}
    assert answer["included"][1] == {
        "id": people[1]["id"], "type": "user",
        "attributes": {"first_name": "Bob", "last_name": "", "email": BOB, "phone_numbers": []},
    }  # fmt: skip
    assert (await alice.get(ON_CALLS)).json()["included"] == answer["included"]
    assert await on_call(alice, "2026-03-02") == ["alice", "bob"]
    assert await on_call(alice, "2026-03-02T23:59:59+01:00") == ["alice", "bob"]
    assert await on_call(alice, "2026-03-03") == []
    wrong = await alice.get(DEFAULT, params={"date": "tomorrow"})
    assert wrong.status_code == 422
    assert "date" in wrong.json()["errors"]


async def test_a_rotation_becomes_consecutive_events_in_place_of_those_that_were_there(
    alice: httpx.AsyncClient,
) -> None:
    assert (await alice.get(f"{DEFAULT}/rotation")).status_code == 404
    await event(alice, "2026-03-02T10:00:00Z", "2026-03-09T10:00:00Z", BOB)
    override = await event(alice, "2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z", BOB, override=True)
    body = {
        "users": [ALICE, BOB], "rotation_length": 2, "rotation_interval": "day",
        "start_rotations_at": "2026-02-20T09:00:00Z", "end_rotations_at": "2026-03-05T09:00:00Z",
    }  # fmt: skip
    answer = await alice.post(f"{DEFAULT}/rotation", json=body)
    assert (answer.status_code, answer.json()) == (201, body)
    assert (await alice.get(f"{DEFAULT}/rotation")).json() == body
    assert await planned(alice) == [
        ("2026-02-28T09:00:00Z", "2026-03-02T09:00:00Z", "alice"),
        ("2026-03-02T09:00:00Z", "2026-03-04T09:00:00Z", "bob"),
        ("2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z", "bob"),
        ("2026-03-04T09:00:00Z", "2026-03-05T09:00:00Z", "alice"),
        ("2026-03-05T09:00:00Z", "2026-03-09T10:00:00Z", "bob"),
    ], "only what ends today or later, the turns counted from the start; what reaches beyond keeps its end"
    assert (await alice.get(f"{DEFAULT}/events/{override['id']}")).status_code == 200
    as_documented = {**body, "rotation_period": "week"}
    del as_documented["rotation_interval"]
    again = await alice.post(f"{DEFAULT}/rotation", json=as_documented)
    assert again.json()["rotation_interval"] == "week"
    endless = await alice.post(
        f"{DEFAULT}/rotation", json={**body, "rotation_interval": "hour", "end_rotations_at": "2199-01-01"}
    )
    assert endless.status_code == 422
    assert "layer" in endless.json()["errors"]["end_rotations_at"][0]


async def test_an_override_takes_the_place_of_whoever_is_planned(alice: httpx.AsyncClient) -> None:
    await event(alice, "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", ALICE)
    await event(alice, "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", BOB, override=True)
    days = [await on_call(alice, f"2026-03-0{day}") for day in (2, 3, 4)]
    assert days == [["alice"], ["bob"], ["alice"]]
    await event(alice, "2026-03-03T00:00:00Z", "2026-03-03T12:00:00Z", ALICE, override=True)
    assert await on_call(alice, "2026-03-03") == ["alice"], "the newest override counts"


async def test_what_is_past_can_be_neither_planned_nor_changed(alice: httpx.AsyncClient, clock: FakeClock) -> None:
    too_early = {
        "errors": "Sorry, these attributes have unsupported values",
        "allowed_values": {"event": {"starts_at": ["must be today at 00:00 UTC or later"]}},
    }
    body = {"starts_at": "2026-03-01T23:59:59Z", "ends_at": "2026-03-02T20:00:00Z", "users": [ALICE]}
    for answer in (
        await alice.post(f"{DEFAULT}/events", json=body),
        await alice.put(f"{DEFAULT}/events", json={"events": [body]}),
    ):
        assert (answer.status_code, answer.json()) == (422, too_early)
    made = await event(alice, "2026-03-02T00:00:00Z", "2026-03-02T20:00:00Z", ALICE)
    moved = await alice.patch(f"{DEFAULT}/events/{made['id']}", json={"starts_at": "2026-03-01"})
    assert moved.json() == too_early
    clock.set(datetime.fromisoformat("2026-03-03T00:00:01Z"))
    history = {"errors": {"base": ["events ending before today at 00:00 UTC can't be updated or deleted"]}}
    for answer in (
        await alice.patch(f"{DEFAULT}/events/{made['id']}", json={"users": [BOB]}),
        await alice.delete(f"{DEFAULT}/events/{made['id']}"),
    ):
        assert (answer.status_code, answer.json()) == (422, history)


async def test_all_events_from_today_on_are_replaced_at_once(alice: httpx.AsyncClient, clock: FakeClock) -> None:
    await event(alice, "2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z", ALICE)
    clock.wind(days=1)
    await event(alice, "2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z", ALICE)
    new = {"starts_at": "2026-03-03T08:00:00Z", "ends_at": "2026-03-03T20:00:00Z", "users": [BOB], "override": True}
    strangers = {**new, "users": ["nobody@example.com", "charlie@tocsin.example"]}
    refused = await alice.put(f"{DEFAULT}/events", json={"events": [new, strangers]})
    assert refused.status_code == 422
    assert refused.json()["errors"]["users"] == [
        "nobody@example.com is not a member of this team",
        "charlie@tocsin.example is not a member of this team",
    ]
    assert len(await planned(alice)) == 2, "all or nothing"
    answer = await alice.put(f"{DEFAULT}/events", json={"events": [new]})
    assert answer.status_code == 200
    (only,) = answer.json()["events"]
    assert {name: only[name] for name in new} == new
    assert await planned(alice) == [
        ("2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z", "alice"),
        ("2026-03-03T08:00:00Z", "2026-03-03T20:00:00Z", "bob"),
    ], "what began before today stays"


async def test_events_change_piece_by_piece_and_say_what_is_wrong_with_them(alice: httpx.AsyncClient) -> None:
    made = await event(alice, "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", ALICE)
    address = f"{DEFAULT}/events/{made['id']}"
    changed = await alice.patch(address, json={"users": [BOB], "ends_at": "2026-03-03T12:00:00Z"})
    assert changed.json() == {**made, "users": [BOB], "ends_at": "2026-03-03T12:00:00Z"}
    for wrong, field in (
        ({"ends_at": "2026-03-03T00:00:00Z"}, "ends_at"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"users": []}, "users"),
    ):
        answer = await alice.patch(address, json=wrong)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == [field]
    assert (await alice.get(address)).json() == changed.json()
    other = (await alice.post(ON_CALLS, json={"name": "Other"})).json()["data"]["id"]
    assert (await alice.get(f"{ON_CALLS}/{other}/events/{made['id']}")).status_code == 404
    assert (await alice.delete(address)).status_code == 204


async def test_layers_lie_above_one_another_and_overrides_above_all(alice: httpx.AsyncClient) -> None:
    base = {"users": [ALICE], "timezone": "Berlin", "handoff_time": "9:00"}
    await alice.post(f"{DEFAULT}/layers", json=base)
    hours = {"days": ["mon", "tue"], "time_from": "09:00", "time_to": "17:00"}
    made = await alice.post(f"{DEFAULT}/layers", json={"users": [BOB], "restrictions": [hours], "timezone": "UTC"})
    layer = made.json()["data"]
    assert layer["type"] == "on_call_layer"
    assert layer["attributes"] == {
        "name": "", "position": 2, "users": [BOB], "rotation_length": 1, "rotation_interval": "week",
        "handoff_time": "12:00", "timezone": "UTC", "starts_at": "2026-03-02T12:00:00.000Z", "ends_at": None,
        "restrictions": [hours],
    }  # fmt: skip
    assert await on_call(alice, "2026-03-03T10:00:00Z") == ["bob"]
    assert await on_call(alice, "2026-03-03T18:00:00Z") == ["alice"]
    await alice.patch(f"{DEFAULT}/layers/{layer['id']}", json={"position": 1})
    assert await on_call(alice, "2026-03-03T10:00:00Z") == ["alice"]
    await event(alice, "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", BOB, override=True)
    shifts = await alice.get(f"{DEFAULT}/shifts", params={"from": "2026-03-02", "to": "2026-03-05"})
    assert [(each["starts_at"][:16], each["users"]) for each in shifts.json()["shifts"]] == [
        ("2026-03-02T00:00", []), ("2026-03-02T12:00", [ALICE]), ("2026-03-03T00:00", [BOB]),
        ("2026-03-04T00:00", [ALICE]),
    ]  # fmt: skip
    wrong = {"timezone": "Mars", "handoff_time": "25:00", "restrictions": [{"days": ["someday"], "time_from": "x"}]}
    answer = await alice.patch(f"{DEFAULT}/layers/{layer['id']}", json=wrong)
    assert set(answer.json()["errors"]) == {"timezone", "handoff_time", "restrictions"}
    assert (await alice.delete(f"{DEFAULT}/layers/{layer['id']}")).status_code == 204
    (left,) = (await alice.get(f"{DEFAULT}/layers")).json()["data"]
    assert left["attributes"]["position"] == 1


async def test_a_layer_is_laid_out_before_it_is_saved(alice: httpx.AsyncClient) -> None:
    base = {"users": [ALICE], "timezone": "UTC", "handoff_time": "09:00"}
    made = (await alice.post(f"{DEFAULT}/layers", json=base)).json()["data"]
    window = {"from": "2026-03-02T12:00:00Z", "to": "2026-03-16T12:00:00Z"}

    async def preview(**sent: Any) -> list[tuple[str, str]]:
        answer = await alice.post(f"{DEFAULT}/layers/preview", json=window | sent)
        assert answer.status_code == 200, answer.text
        return [(each["starts_at"][:16], each["users"][0][:3]) for each in answer.json()["shifts"]]

    both = {"layer_id": int(made["id"]), "users": [ALICE, BOB]}
    assert await preview(**both) == [
        ("2026-03-02T12:00", "ali"), ("2026-03-09T09:00", "bob"), ("2026-03-16T09:00", "ali"),
    ]  # fmt: skip
    above = {"users": [BOB], "timezone": "UTC", "restrictions": [{"days": ["sat"]}]}
    assert await preview(**above) == [
        ("2026-03-02T12:00", "ali"), ("2026-03-07T00:00", "bob"), ("2026-03-08T00:00", "ali"),
        ("2026-03-14T00:00", "bob"), ("2026-03-15T00:00", "ali"),
    ]  # fmt: skip
    assert await preview(**above, position=1) == [("2026-03-02T12:00", "ali")], "under one that never ends"
    (kept,) = (await alice.get(f"{DEFAULT}/layers")).json()["data"]
    assert kept == made, "nothing of it is kept"
    for wrong in ({"users": []}, {"users": ["nobody@example.com"]}, {"users": [BOB], "timezone": "Nowhere"}):
        assert (await alice.post(f"{DEFAULT}/layers/preview", json=wrong)).status_code == 422
    assert (await alice.post(f"{DEFAULT}/layers/preview", json={"layer_id": 99})).status_code == 404
