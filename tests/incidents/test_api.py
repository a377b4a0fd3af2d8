"""Incidents on the wire, through the door and the REST surface (contract part 2, section 1)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.rest.clients import ALICES_TEAM, BASE, Clients, clients
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.incidents import actions
from tocsin.incidents.api import OPERATIONS
from tocsin.incidents.model import Incident, Opening
from tocsin.monitors.model import Evidence
from tocsin.storage import Database, Tx

ALL = "/api/v3/incidents"


@pytest.fixture
async def at(database: Database) -> Clients:
    found = await clients(database, OPERATIONS, base_url=BASE)

    def join(tx: Tx) -> None:
        team = accounts.ensure_team(tx, ALICES_TEAM)
        for email, name in (("ann@shop.example", "Ann Lee"), ("ben@shop.example", "Ben Moss")):
            accounts.join(tx, team.id, accounts.create_user(tx, email=email, name=name, password=None).id)

    await database.write(join)
    return found


async def made(at: Clients, **body: Any) -> dict[str, Any]:
    """A reported incident's `data`."""
    answer = await at.alice.post(ALL, json={"summary": "The shop is closed", "requester_email": "me@x.example", **body})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def outage(database: Database, **changes: Any) -> Incident:
    """An incident that a monitor opened for Alice's team."""

    def open(tx: Tx) -> Incident:
        opening = Opening(
            team_id=accounts.ensure_team(tx, ALICES_TEAM).id,
            owner_type="monitor",
            owner_id=7,
            name="Shop",
            url="https://shop.example/",
            http_method="GET",
            cause="Status 503",
            regions=["eu"],
            paging=Paging(),
            confirmed=True,
            evidence=Evidence(url="https://shop.example/", status_code=503, headers=[("Server", "x")], body=b"sorry"),
        )
        return actions.open(tx, msgspec.structs.replace(opening, **changes), BASE)

    return await database.write(open)


async def test_a_reported_incident_carries_every_attribute_of_the_contract(at: Clients, clock: FakeClock) -> None:
    data = await made(at, name="Shop", call=True, metadata={"Region": "eu"})
    assert data["type"] == "incident"
    assert data["id"].isdigit()
    assert data["relationships"] == {}
    attributes = data["attributes"]
    assert attributes == {
        "name": "Shop",
        "url": None,
        "http_method": None,
        "cause": "The shop is closed",
        "incident_group_id": None,
        "started_at": "2026-03-02T12:00:00.000Z",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "resolved_by": None,
        "reopened_at": None,
        "reopened_by": None,
        "status": "Started",
        "team_name": ALICES_TEAM,
        "response_content": None,
        "response_options": None,
        "regions": None,
        "response_url": None,
        "screenshot_url": None,
        "origin_url": None,
        "escalation_policy_id": None,
        "ssl_certificate_expires_at": None,
        "domain_expires_at": None,
        "call": True,
        "sms": False,
        "email": True,
        "push": True,
        "critical_alert": False,
        "metadata": {"Region": [{"type": "String", "value": "eu"}]},
    }


async def test_version_2_shows_metadata_as_plain_texts(at: Clients) -> None:
    data = await made(at, metadata={"Region": ["eu", "us"], "Owner": [{"type": "User", "email": "ann@shop.example"}]})
    flat = (await at.alice.get(f"/api/v2/incidents/{data['id']}")).json()["data"]["attributes"]["metadata"]
    assert flat == {"Region": "eu, us", "Owner": "Ann Lee"}


async def test_a_reference_is_answered_with_all_that_is_known_of_it(at: Clients) -> None:
    data = await made(at, metadata={"Owner": [{"type": "User", "email": "ANN@shop.example"}]})
    owner = data["attributes"]["metadata"]["Owner"][0]
    assert owner == {"type": "User", "item_id": owner["item_id"], "name": "Ann Lee", "email": "ann@shop.example"}
    wrong = await at.alice.post(ALL, json={"metadata": {"Owner": [{"type": "User", "email": "eve@x.example"}]}})
    assert wrong.status_code == 422
    assert wrong.json() == {"errors": {"metadata": ["Owner refers to a User that doesn't exist"]}}


@pytest.mark.parametrize("policy_id", ["12", 12])
async def test_a_policy_that_is_not_known_here_pages_the_whole_team_and_says_so(
    at: Clients, policy_id: str | int
) -> None:
    data = await made(at, policy_id=policy_id, email=False, push=False)
    assert data["attributes"]["escalation_policy_id"] == "12"
    items = (await at.alice.get(f"{ALL}/{data['id']}/timeline")).json()["data"]
    story = str([item["attributes"]["data"] for item in items])
    assert "Escalation policy 12 is not known here, so the whole team is alerted by e-mail." in story
    assert "queued" in story


async def test_references_to_what_is_not_kept_here_are_stored_as_given(at: Clients) -> None:
    given = {"Plan": [{"type": "Policy", "item_id": 4}], "Rota": [{"type": "Schedule", "name": "Nights"}]}
    data = await made(at, metadata=given)
    shown = data["attributes"]["metadata"]
    assert (shown["Plan"][0]["item_id"], shown["Rota"][0]["name"]) == (4, "Nights")


@pytest.mark.parametrize("switch", ["call", "sms", "email", "push", "critical_alert"])
async def test_null_leaves_a_switch_at_its_default(at: Clients, switch: str) -> None:
    usual = await made(at)
    data = await made(at, **{switch: None})
    assert data["attributes"][switch] == usual["attributes"][switch]


async def test_everything_in_a_report_is_optional(at: Clients) -> None:
    answer = await at.alice.post(ALL, json={})
    assert answer.status_code == 201
    attributes = answer.json()["data"]["attributes"]
    assert (attributes["name"], attributes["cause"]) == ("Manual incident", f"Reported by {ALICES_TEAM}")


async def test_the_description_becomes_the_first_comment(at: Clients) -> None:
    data = await made(at, description="Since *noon*.", requester_email="ann@shop.example")
    comments = (await at.alice.get(f"/api/v2/incidents/{data['id']}/comments")).json()["data"]
    assert [comment["attributes"]["content"] for comment in comments] == ["Since *noon*."]
    assert comments[0]["attributes"]["user_email"] == "ann@shop.example"


WRONG_REPORTS: list[tuple[dict[str, Any], dict[str, list[str]] | None]] = [
    ({"requester_email": "nobody"}, {"requester_email": ["is not an e-mail address"]}),
    ({"team_wait": -1}, {"team_wait": ["must be between 0 and 2592000 seconds"]}),
    ({"team_wait": 2**62}, {"team_wait": ["must be between 0 and 2592000 seconds"]}),
    ({"policy_id": "on-call"}, {"policy_id": ["is not the id of a policy"]}),
    ({"policy_id": "-1"}, {"policy_id": ["is not the id of a policy"]}),
    ({"call": "perhaps"}, {"call": ["must be true or false"]}),
    ({"metadata": {"Key": [{"type": "Moon", "name": "x"}]}}, None),
    ({"metadata": {"Key": [{"type": "Team"}]}}, None),
    ({"metadata": {"Key": [[["deep"]]]}}, None),
    ({"metadata": {"": "x"}}, None),
    ({"metadata": {"Key": [{"type": "User", "item_id": "9" * 30}]}}, None),
    ({"metadata": {"Key": [{"type": {"a": 1}, "name": "x"}]}}, None),
    ({"metadata": {"Key": [{"type": ["User"], "name": "x"}]}}, None),
    ({"metadata": {"Key": "a\x00b"}}, None),
]
"""What is sent, and the errors; None = some error about `metadata`."""


async def test_a_wrong_report_is_told_which_field_is_wrong(at: Clients) -> None:
    for body, errors in WRONG_REPORTS:
        answer = await at.alice.post(ALL, json=body)
        assert answer.status_code == 422, (body, answer.text)
        if errors is None:
            assert list(answer.json()["errors"]) == ["metadata"], body
        else:
            assert answer.json() == {"errors": errors}
    assert (await at.alice.get(ALL)).json()["data"] == []


async def test_numbers_and_booleans_in_metadata_become_texts(at: Clients) -> None:
    data = await made(at, metadata={"Count": 3, "Big": 1e300, "Live": True, "Nothing": None, "Blank": ""})
    values = {key: values[0]["value"] for key, values in data["attributes"]["metadata"].items()}
    assert values == {"Count": "3", "Big": "1e+300", "Live": "true"}


MAD_BODIES = [
    b'{"metadata": {"Key": 1e999}}',
    b'{"metadata": {"Key": ' + b"9" * 5000 + b"}}",
    b'{"metadata": {"Key": [{"type": "User", "item_id": 1e999}]}}',
    b'{"metadata": {"Key": {"type": "User", "item_id": [1]}}}',
    b'{"metadata": {"Key": "\\ud800"}}',
    b'{"name": "\\ud800"}',
    b'{"name": {"first": 1}}',
    b'{"metadata": []}',
    b'{"summary": "' + b"x" * 20_000 + b'"}',
    b'{"description": "' + b"x" * 60_000 + b'"}',
]


async def test_the_maddest_body_gets_an_answer_and_opens_nothing(at: Clients) -> None:
    for body in MAD_BODIES:
        answer = await at.alice.post(ALL, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), (body[:60], answer.text)
    assert (await at.alice.get(ALL)).json()["data"] == []


async def test_a_misspelt_attribute_is_refused(at: Clients) -> None:
    answer = await at.alice.post(ALL, json={"sumary": "x"})
    assert (answer.status_code, answer.json()["invalid_attributes"]) == (422, ["sumary"])


async def test_acknowledging_without_a_body_names_the_caller(at: Clients) -> None:
    id = (await made(at))["id"]
    answer = await at.alice.post(f"{ALL}/{id}/acknowledge")
    assert answer.status_code == 200
    attributes = answer.json()["data"]["attributes"]
    assert (attributes["status"], attributes["acknowledged_by"]) == ("Acknowledged", ALICES_TEAM)
    again = await at.alice.post(f"{ALL}/{id}/acknowledge")
    assert (again.status_code, again.json()) == (409, {"errors": "Incident was already acknowledged"})


async def test_a_members_address_is_answered_with_the_persons_name(at: Clients) -> None:
    id = (await made(at))["id"]
    answer = await at.alice.post(f"{ALL}/{id}/acknowledge", json={"acknowledged_by": "ben@shop.example"})
    assert answer.json()["data"]["attributes"]["acknowledged_by"] == "Ben Moss"
    answer = await at.alice.post(f"{ALL}/{id}/resolve", json={"resolved_by": "deploy-bot"})
    attributes = answer.json()["data"]["attributes"]
    assert (attributes["status"], attributes["resolved_by"]) == ("Resolved", "deploy-bot")
    again = await at.alice.post(f"{ALL}/{id}/resolve", json={})
    assert (again.status_code, again.json()) == (409, {"errors": "Incident was already resolved"})


async def test_reopening_starts_over(at: Clients) -> None:
    id = (await made(at))["id"]
    early = await at.alice.post(f"{ALL}/{id}/reopen")
    assert early.status_code == 409
    await at.alice.post(f"{ALL}/{id}/resolve")
    attributes = (await at.alice.post(f"{ALL}/{id}/reopen", json={"reopened_by": "ann@shop.example"})).json()["data"][
        "attributes"
    ]
    assert (attributes["status"], attributes["resolved_at"], attributes["reopened_by"]) == ("Started", None, "Ann Lee")


ESCALATIONS: list[tuple[dict[str, Any], int, dict[str, Any]]] = [
    ({"escalation_type": "User", "user_email": "ben@shop.example"}, 200, {}),
    ({"escalation_type": "Team", "team_name": ALICES_TEAM}, 200, {}),
    ({}, 422, {"required_attributes": ["escalation_type"]}),
    ({"escalation_type": "User"}, 422, {"required_attributes": ["user_email", "user_id"]}),
    ({"escalation_type": "User", "user_id": 999}, 422, {"errors": {"user_id": ["doesn't exist"]}}),
    ({"escalation_type": "User", "user_email": "x@x.example"}, 422, {"errors": {"user_email": ["doesn't exist"]}}),
    ({"escalation_type": "Team"}, 422, {"required_attributes": ["team_name", "team_id"]}),
    (
        {"escalation_type": "Team", "team_name": "Charlie's team"},
        422,
        {"errors": {"team_name": ["doesn't exist"]}},
    ),
    ({"escalation_type": "Schedule"}, 422, {"required_attributes": ["schedule_id"]}),
    ({"escalation_type": "Schedule", "schedule_id": 999}, 422, {"errors": {"schedule_id": ["doesn't exist"]}}),
    ({"escalation_type": "Policy"}, 422, {"required_attributes": ["policy_id"]}),
    ({"escalation_type": "Policy", "policy_id": "999"}, 422, {"errors": {"policy_id": ["doesn't exist"]}}),
    ({"escalation_type": "Organization"}, 200, {}),
    (
        {"escalation_type": "Moon"},
        422,
        {"allowed_values": {"escalation_type": ["User", "Team", "Schedule", "Policy", "Organization"]}},
    ),
]
"""What is sent, the status, and what the answer must contain."""


async def test_escalating_says_what_is_missing_or_unknown(at: Clients) -> None:
    id = (await made(at))["id"]
    for body, status, part in ESCALATIONS:
        answer = await at.alice.post(f"{ALL}/{id}/escalate", json=body)
        assert answer.status_code == status, (body, answer.text)
        for key, value in part.items():
            assert answer.json()[key] == value


async def test_what_is_over_is_not_escalated(at: Clients) -> None:
    id = (await made(at))["id"]
    await at.alice.post(f"{ALL}/{id}/resolve")
    answer = await at.alice.post(f"{ALL}/{id}/escalate", json={"escalation_type": "Team", "team_name": ALICES_TEAM})
    assert (answer.status_code, answer.json()) == (409, {"errors": "Incident was already resolved"})


async def test_deleting_is_for_good(at: Clients) -> None:
    id = (await made(at))["id"]
    answer = await at.alice.delete(f"{ALL}/{id}")
    assert (answer.status_code, answer.content) == (204, b"")
    gone = await at.alice.get(f"{ALL}/{id}")
    assert (gone.status_code, gone.json()) == (404, {"errors": f"Resource type incident with id = {id} was not found"})


async def test_a_monitors_incident_names_its_monitor_and_shows_the_evidence(at: Clients, database: Database) -> None:
    incident = await outage(database)
    data = (await at.alice.get(f"{ALL}/{incident.id}")).json()["data"]
    assert data["relationships"] == {"monitor": {"data": {"id": "7", "type": "monitor"}}}
    attributes = data["attributes"]
    assert (attributes["http_method"], attributes["response_content"]) == ("get", "sorry")
    assert msgspec.json.decode(attributes["response_options"])["status_code"] == 503
    assert attributes["metadata"] == {"Response code": [{"type": "String", "value": "503"}]}
    stored = await at.alice.get(attributes["response_url"].removeprefix(BASE))
    assert stored.json() == {
        "url": "https://shop.example/",
        "status_code": 503,
        "headers": [["Server", "x"]],
        "body": "sorry",
        "body_encoding": "text",
        "body_truncated": False,
        "remote_ip": None,
    }
    assert (await at.charlie.get(f"{ALL}/{incident.id}/response")).status_code == 404


@pytest.mark.slow
async def test_the_list_is_newest_first_and_pages_of_ten_up_to_fifty(at: Clients) -> None:
    ids = [(await made(at))["id"] for _ in range(12)]
    first = (await at.alice.get(ALL)).json()
    assert [data["id"] for data in first["data"]] == ids[:1:-1]
    assert "included" not in first
    second = (await at.alice.get(first["pagination"]["next"].removeprefix(BASE))).json()
    assert [data["id"] for data in second["data"]] == [ids[1], ids[0]]
    assert second["pagination"]["next"] is None
    clamped = (await at.alice.get(f"{ALL}?per_page=1000")).json()
    assert len(clamped["data"]) == 12
    assert "per_page=1000" not in clamped["pagination"]["first"] or len(clamped["data"]) <= 50


async def listed(at: Clients, query: str) -> list[str]:
    answer = await at.alice.get(f"{ALL}?{query}")
    assert answer.status_code == 200, answer.text
    return [data["attributes"]["name"] for data in answer.json()["data"]]


@pytest.mark.slow
async def test_filters(at: Clients, database: Database, clock: FakeClock) -> None:
    await made(at, name="first", metadata={"Region": ["eu", "us"]})
    clock.wind(days=1)
    second = await made(at, name="second", metadata={"Region": "asia", "Owner": {"type": "User", "name": "Ann Lee"}})
    clock.wind(days=1)
    await outage(database, name="third")
    await at.alice.post(f"{ALL}/{second['id']}/acknowledge")
    await at.alice.post(f"{ALL}/{second['id']}/resolve")
    assert await listed(at, "resolved=false") == ["third", "first"]
    assert await listed(at, "resolved=true") == ["second"]
    assert await listed(at, "acknowledged=true") == ["second"]
    assert await listed(at, "monitor_id=7") == ["third"]
    assert await listed(at, "heartbeat_id=7") == []
    assert await listed(at, "from=2026-03-03") == ["third", "second"]
    assert await listed(at, "to=2026-03-03") == ["second", "first"]
    assert await listed(at, "from=2026-03-03&to=2026-03-03") == ["second"]
    assert await listed(at, "from=2026-03-03T12:00:00.000Z") == ["third", "second"]
    assert await listed(at, "metadata[Region][][value]=us") == ["first"]
    assert await listed(at, "metadata[Region][][value]=us&metadata[Region][][value]=asia") == ["second", "first"]
    assert await listed(at, "metadata[Owner][][type]=User&metadata[Owner][][email]=ann@shop.example") == ["second"]
    assert await listed(at, "metadata[Region][][value]=us&metadata[Owner][][type]=User&metadata[Owner][][name]=x") == []
    assert await listed(at, "status=whatever&resolved=") == ["third", "second", "first"]
    wrong = await at.alice.get(f"{ALL}?from=yesterday")
    assert (wrong.status_code, wrong.json()) == (422, {"errors": {"from": ["is not a date, use YYYY-MM-DD"]}})
    assert (await at.alice.get(f"{ALL}?to=9999-12-31")).status_code == 422


async def test_charlie_sees_nothing_of_alices_team(at: Clients) -> None:
    id = (await made(at))["id"]
    assert (await at.charlie.get(ALL)).json()["data"] == []
    for method, path in (
        ("GET", ""),
        ("POST", "/acknowledge"),
        ("POST", "/resolve"),
        ("POST", "/reopen"),
        ("DELETE", ""),
        ("GET", "/timeline"),
    ):
        assert (await at.charlie.request(method, f"{ALL}/{id}{path}")).status_code == 404
    assert (await at.charlie.get(f"/api/v2/incidents/{id}/comments")).status_code == 404


async def test_a_global_token_names_the_team(at: Clients) -> None:
    unnamed = await at.everyone.post(ALL, json={"summary": "x"})
    assert unnamed.status_code == 422
    named = await at.everyone.post(ALL, json={"summary": "x", "team_name": ALICES_TEAM})
    assert named.json()["data"]["attributes"]["team_name"] == ALICES_TEAM
    assert len((await at.everyone.get(f"{ALL}?team_name=Charlie's team")).json()["data"]) == 0


async def test_comments_are_written_read_changed_and_deleted(at: Clients, clock: FakeClock) -> None:
    id = (await made(at))["id"]
    comments = f"/api/v2/incidents/{id}/comments"
    answer = await at.alice.post(comments, json={"content": "On it."})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data["type"] == "incident_comment"
    assert data["attributes"] == {
        "id": int(data["id"]),
        "content": "On it.",
        "created_at": "2026-03-02T12:00:00.000Z",
        "updated_at": "2026-03-02T12:00:00.000Z",
    }
    clock.wind(seconds=5)
    changed = await at.alice.patch(f"{comments}/{data['id']}", json={"content": "Done."})
    assert changed.status_code == 200
    assert changed.json()["data"]["attributes"]["updated_at"] == "2026-03-02T12:00:05.000Z"
    listed = (await at.alice.get(comments)).json()
    assert "pagination" not in listed
    assert [comment["attributes"]["content"] for comment in listed["data"]] == ["Done."]
    blank = await at.alice.post(comments, json={"content": " "})
    assert (blank.status_code, blank.json()) == (422, {"errors": {"content": ["can't be blank"]}})
    assert (await at.alice.delete(f"{comments}/{data['id']}")).status_code == 204
    assert (await at.alice.get(f"{comments}/{data['id']}")).status_code == 404


async def test_the_timeline_is_in_the_contracts_shape(at: Clients) -> None:
    id = (await made(at, description="Look at the till."))["id"]
    await at.alice.post(f"{ALL}/{id}/acknowledge", json={"acknowledged_by": "ann@shop.example"})
    for path in (f"{ALL}/{id}/timeline", f"/api/v2/incidents/{id}/timeline"):
        answer = (await at.alice.get(path)).json()
        assert "pagination" not in answer
        assert {item["type"] for item in answer["data"]} == {"timeline_item"}
        kinds = {item["attributes"]["item_type"] for item in answer["data"]}
        assert kinds == {"generic", "generic_card", "comment"}
        assert len({item["id"] for item in answer["data"]}) == len(answer["data"])
    contents = [item["attributes"]["data"].get("content") for item in answer["data"]]
    assert "Ann Lee is on it." in contents
    assert any(isinstance(content, str) and "ben@shop.example" in content for content in contents)
