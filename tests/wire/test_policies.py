"""Escalation policies, severities and their groups on the wire (contract part 2, sections 2 and 3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, Clients

NOW = "2026-03-02T12:00:00.000Z"
TERRAFORMS = {"days": [], "metadata_values": [], "step_members": None, "urgency_id": None}
"""What the provider sends with every step, whether its type knows it or not."""


async def made(at: Clients, path: str, **sent: Any) -> dict[str, Any]:
    answer = await at.alice.post(f"/api/{path}", json=sent)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_a_policy_comes_back_whole_with_each_step_in_the_attributes_of_its_type(at: Clients) -> None:
    urgency = int((await made(at, "v2/urgencies", name="High", call=True))["id"])
    second = int((await made(at, "v3/policies", name="Second"))["id"])
    user = {"type": "user", "email": "ALICE@tocsin.example"}
    sent = [
        TERRAFORMS | {"type": "escalation", "wait_before": 0, "urgency_id": urgency,
                      "step_members": [{"type": "current_on_call"}, user, {"type": "entire_team", "team_id": 1},
                                       {"type": "incident_metadata", "metadata_key": "Owner"}]},
        TERRAFORMS | {"type": "time_branching", "wait_before": 60, "timezone": "Prague", "days": ["sat", "sun"],
                      "time_from": "00:00", "time_to": "00:00", "policy_id": second},
        TERRAFORMS | {"type": "metadata_branching", "wait_until_time": "9:00", "wait_until_timezone": "UTC",
                      "metadata_key": "Tier", "policy_metadata_key": "Policy",
                      "metadata_values": [{"type": "String", "value": "1"}, "2", {"type": "no_value"}]},
        TERRAFORMS | {"type": "instructions", "wait_before": 0, "instructions_comment": "- [ ] check {server_region}"},
    ]  # fmt: skip
    data = await made(at, "v3/policies", name="Standard", repeat_count=3, repeat_delay=1800, steps=sent,
                      fallback_policy_id=second)  # fmt: skip
    token = data["attributes"].pop("incident_token")
    assert len(token) == 25
    assert data == {
        "id": data["id"],
        "type": "policy",
        "attributes": {
            "name": "Standard", "repeat_count": 3, "repeat_delay": 1800, "policy_group_id": None,
            "fallback_policy_id": second, "team_name": ALICES_TEAM,
            "steps": [
                {"type": "escalation", "wait_before": 0, "urgency_id": urgency,
                 "step_members": [{"type": "current_on_call"},
                                  {"type": "user", "id": 1, "email": "alice@tocsin.example"},
                                  {"type": "entire_team", "id": 1},
                                  {"type": "incident_metadata", "metadata_key": "Owner"}]},
                {"type": "time_branching", "wait_before": 60, "urgency_id": None, "timezone": "Prague",
                 "days": ["sat", "sun"], "time_from": "00:00", "time_to": "00:00", "policy_id": second},
                {"type": "metadata_branching", "wait_until_time": "09:00", "wait_until_timezone": "UTC",
                 "urgency_id": None, "metadata_key": "Tier", "policy_id": None, "policy_metadata_key": "Policy",
                 "metadata_values": [{"type": "String", "value": "1"}, {"type": "String", "value": "2"},
                                     {"type": "no_value"}]},
                {"type": "instructions", "wait_before": 0, "instructions_comment": "- [ ] check {server_region}",
                 "instructions_reminder_enabled": False, "instructions_reminder_interval_hours": 24},
            ],
        },
    }  # fmt: skip
    again = (await at.alice.get(f"/api/v2/policies/{data['id']}")).json()["data"]
    assert (again["attributes"].pop("incident_token"), again) == (token, data)


async def test_what_terraform_reads_back_and_sends_again_changes_nothing(at: Clients) -> None:
    member = {"type": "user", "email": "alice@tocsin.example"}
    policy = await made(at, "v3/policies", name="Standard", steps=[{"type": "escalation", "step_members": [member]}])
    shown = policy["attributes"]
    answer = await at.alice.patch(f"/api/v3/policies/{policy['id']}", json=shown)
    assert (answer.status_code, answer.json()["data"]) == (200, policy)


async def test_a_policy_may_be_silent_and_its_steps_are_replaced_together(at: Clients) -> None:
    policy = await made(at, "v3/policies", name="Collects only")
    assert policy["attributes"]["steps"] == []
    for steps in ([{"type": "escalation", "step_members": [{"type": "entire_team"}]}], []):
        answer = await at.alice.patch(f"/api/v3/policies/{policy['id']}", json={"steps": steps})
        assert len(answer.json()["data"]["attributes"]["steps"]) == len(steps)
        assert answer.json()["data"]["attributes"]["name"] == "Collects only"


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"type": "escalate"}, "type must be one of: escalation, time_branching, metadata_branching, instructions"),
        ({"type": ["escalation"]}, "type must be one of: escalation, time_branching"),
        ({"type": "escalation", "wait_before": -1}, "wait_before must be between 0 and 2592000"),
        ({"type": "escalation", "wait_before": 5, "wait_until_time": "09:00"},
         "has either wait_before or wait_until_time, not both"),
        ({"type": "escalation", "wait_until_time": "24:00"}, "wait_until_time must be a time of day such as 09:30"),
        ({"type": "escalation", "step_members": [{"type": "slack_integration"}]},
         "step_members 1: slack_integration needs an id"),
        ({"type": "escalation", "step_members": [{"type": "user"}]}, "step_members 1: user needs an id or an email"),
        ({"type": "escalation", "step_members": [{"type": "user", "email": "charlie@tocsin.example"}]},
         'Team member with email "charlie@tocsin.example" not found'),
        ({"type": "escalation", "urgency_id": 99}, "urgency_id is not the id of an urgency of your team"),
        ({"type": "time_branching", "days": ["someday"], "timezone": "UTC"},
         "days must be some of: mon, tue, wed, thu, fri, sat, sun"),
        ({"type": "time_branching", "days": ["mon"], "timezone": "Atlantis"},
         "timezone is not a time zone that we know, such as Prague or Europe/Prague"),
        ({"type": "time_branching", "days": ["mon"], "policy_id": 99},
         "policy_id is not the id of a policy of your team"),
        ({"type": "metadata_branching", "metadata_key": "Tier", "metadata_values": []},
         "metadata_values must be a list of at least one value"),
        ({"type": "metadata_branching", "metadata_key": "Tier",
          "metadata_values": [{"type": "no_value", "value": "x"}]},
         "a value of type no_value has no other attributes"),
        ({"type": "instructions"}, "instructions_comment can't be blank"),
        ({"type": "escalation", "wait": 3}, "has unknown attributes: wait"),
        ("escalation", "must be a list of objects"),
    ],
)  # fmt: skip
async def test_a_wrong_step_is_refused_by_its_number(at: Clients, step: Any, why: str) -> None:
    sent = {"name": "Standard", "steps": [{"type": "escalation"}, step]}
    answer = await at.alice.post("/api/v3/policies", json=sent)
    assert answer.status_code == 422
    (said,) = answer.json()["errors"]["steps"]
    assert why in said
    assert said.startswith("step 2: ") or not isinstance(step, dict)
    assert (await at.alice.get("/api/v3/policies")).json()["data"] == []


async def test_another_teams_policies_urgencies_and_groups_do_not_exist(at: Clients) -> None:
    foreign = {}
    for kind in ("policies", "urgencies", "policy-groups", "urgency-groups"):
        answer = await at.charlie.post(f"/api/v2/{kind}", json={"name": "Charlie's"})
        foreign[kind] = int(answer.json()["data"]["id"])
    calendars = (await at.charlie.get("/api/v2/on-calls")).json()["data"]
    on_call = {"type": "current_on_call", "id": int(calendars[0]["id"])}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"steps": [{"type": "escalation", "step_members": [on_call]}]}, "steps"),
        ({"steps": [{"type": "escalation", "step_members": [{"type": "slack_integration", "id": 99}]}]}, "steps"),
        ({"fallback_policy_id": foreign["policies"]}, "fallback_policy_id"),
        ({"policy_group_id": foreign["policy-groups"]}, "policy_group_id"),
        ({"steps": [{"type": "escalation", "urgency_id": foreign["urgencies"]}]}, "steps"),
        ({"steps": [{"type": "escalation", "step_members": [{"type": "entire_team", "id": 2}]}]}, "steps"),
        ({"steps": [{"type": "escalation", "step_members": [{"type": "policy", "id": foreign["policies"]}]}]}, "steps"),
    ]
    for sent, field in wrong:
        answer = await at.alice.post("/api/v3/policies", json={"name": "Alice's", **sent})
        assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    sent = {"name": "High", "urgency_group_id": foreign["urgency-groups"]}
    assert (await at.alice.post("/api/v2/urgencies", json=sent)).status_code == 422


async def test_a_policy_needs_a_name_and_reasonable_repeats(at: Clients) -> None:
    answer = await at.alice.post("/api/v3/policies", json={"repeat_count": 2})
    assert (answer.status_code, answer.json()) == (422, {"errors": {"name": ["Can't be blank."]}})
    policy = await made(at, "v3/policies", name="Standard")
    for sent in ({"repeat_count": -1}, {"repeat_count": 101}, {"repeat_delay": 10**9}, {"name": ""}):
        answer = await at.alice.patch(f"/api/v3/policies/{policy['id']}", json=sent)
        assert (answer.status_code, list(answer.json()["errors"])) == (422, list(sent))
    itself = await at.alice.patch(f"/api/v3/policies/{policy['id']}", json={"fallback_policy_id": policy["id"]})
    assert (itself.status_code, list(itself.json()["errors"])) == (422, ["fallback_policy_id"])


async def test_an_urgency_comes_back_whole_and_changes_alone(at: Clients) -> None:
    sent = {"name": "High", "sms": True, "call": True, "email": False, "push": True, "critical_alert": False}
    data = await made(at, "v2/urgencies/", **sent)
    attributes = {**sent, "urgency_group_id": None, "team_name": ALICES_TEAM}
    assert data == {"id": "1", "type": "urgency", "attributes": attributes}
    group = await made(at, "v2/urgency-groups", name="At night", sort_index=2)
    answer = await at.alice.patch("/api/v2/urgencies/1", json={"urgency_group_id": int(group["id"]), "call": False})
    expected = attributes | {"urgency_group_id": 1, "call": False}
    assert answer.json()["data"]["attributes"] == expected
    assert (await at.alice.delete("/api/v2/urgency-groups/1")).status_code == 204
    assert (await at.alice.get("/api/v2/urgencies/1")).json()["data"]["attributes"]["urgency_group_id"] is None


async def test_a_group_of_policies_lists_its_own(at: Clients) -> None:
    group = await made(at, "v2/policy-groups", name="Databases", sort_index=None)
    assert group == {
        "id": "1",
        "type": "policy_group",
        "attributes": {
            "name": "Databases", "sort_index": None, "created_at": NOW, "updated_at": NOW, "team_name": ALICES_TEAM,
        },
    }  # fmt: skip
    await made(at, "v3/policies", name="Outside")
    for name in ("First", "Second"):
        await made(at, "v3/policies", name=name, policy_group_id=1)
    inside = (await at.alice.get("/api/v2/policy-groups/1/policies?per_page=1")).json()
    assert [each["attributes"]["name"] for each in inside["data"]] == ["First"]
    assert inside["pagination"]["next"] == f"{BASE}/api/v2/policy-groups/1/policies?per_page=1&page=2"


async def test_a_fallback_that_was_deleted_may_be_sent_back_as_it_is_read_and_cleared(at: Clients) -> None:
    last = int((await made(at, "v3/policies", name="Last resort"))["id"])
    policy = await made(at, "v3/policies", name="Standard", fallback_policy_id=last)
    assert (await at.alice.delete(f"/api/v3/policies/{last}")).status_code == 204
    address = f"/api/v3/policies/{policy['id']}"
    read = (await at.alice.get(address)).json()["data"]["attributes"]
    renamed = await at.alice.patch(address, json=read | {"name": "Renamed"})
    assert (renamed.status_code, renamed.json()["data"]["attributes"]) == (200, read | {"name": "Renamed"})
    cleared = await at.alice.patch(address, json={"fallback_policy_id": None})
    assert cleared.json()["data"]["attributes"]["fallback_policy_id"] is None
    again = await at.alice.patch(address, json={"fallback_policy_id": last})
    assert (again.status_code, list(again.json()["errors"])) == (422, ["fallback_policy_id"])


async def test_a_place_that_no_database_can_keep_is_refused(at: Clients) -> None:
    for kind in ("policy-groups", "urgency-groups"):
        path = f"/api/v2/{kind}"
        for place in (2**31, -(2**31), 2**63 - 1):
            refused = await at.alice.post(path, json={"name": "Databases", "sort_index": place})
            assert (refused.status_code, list(refused.json()["errors"])) == (422, ["sort_index"])
        made = await at.alice.post(path, json={"name": "Databases", "sort_index": 2**31 - 1})
        assert made.json()["data"]["attributes"]["sort_index"] == 2**31 - 1
        refused = await at.alice.patch(f"{path}/{made.json()['data']['id']}", json={"sort_index": 2**31})
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["sort_index"])


async def test_a_deleted_policy_is_gone_at_both_addresses(at: Clients) -> None:
    policy = await made(at, "v3/policies", name="Standard")
    assert (await at.alice.delete(f"/api/v3/policies/{policy['id']}")).status_code == 204
    for version in ("v2", "v3"):
        gone = await at.alice.get(f"/api/{version}/policies/{policy['id']}")
        assert gone.status_code == 404


async def test_a_policy_is_played_through_before_it_is_saved(at: Clients) -> None:
    everybody = {"type": "escalation", "wait_before": 300, "step_members": [{"type": "entire_team"}]}
    alone = {"type": "escalation", "wait_before": 0, "step_members": [{"type": "user", "email": "bob@tocsin.example"}]}
    answer = await at.alice.post("/api/v3/policies/preview", json={"name": "New", "steps": [alone, everybody]})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["subject"] == "New"
    pages = {(page["minute"], page["recipient"], page["step"]) for page in shown["pages"]}
    assert (0, "Bob", 1) in {(minute, name.split()[0], step) for minute, name, step in pages}
    assert {minute for minute, _, step in pages if step == 2} == {5}
    assert (await at.alice.get("/api/v3/policies")).json()["data"] == [], "nothing of it is kept"

    saved = int((await made(at, "v3/policies", name="Saved", steps=[everybody]))["id"])
    changed = {"id": saved, "steps": [everybody | {"wait_before": 60}], "at": "2026-12-24T03:00:00Z"}
    shown = (await at.alice.post("/api/v3/policies/preview", json=changed)).json()
    assert (shown["subject"], {page["minute"] for page in shown["pages"]}) == ("Saved", {1})
    monitor = await made(at, "v2/monitors", url="https://shop.example.com", confirmation_period=120)
    shown = (await at.alice.post("/api/v3/policies/preview", json=changed | {"monitor_id": int(monitor["id"])})).json()
    assert {page["minute"] for page in shown["pages"]} == {3}, "first it must have failed for two minutes"
    kept = (await at.alice.get(f"/api/v3/policies/{saved}")).json()["data"]["attributes"]["steps"]
    assert kept[0]["wait_before"] == 300


async def test_a_policy_that_could_not_be_saved_is_not_played_through_either(at: Clients) -> None:
    answer = await at.alice.post("/api/v3/policies/preview", json={"steps": [{"type": "time_branching"}]})
    assert answer.status_code == 422
    assert answer.json()["errors"]["steps"] == ["step 1: days must be some of: mon, tue, wed, thu, fri, sat, sun"]
    both = {"monitor_id": 1, "heartbeat_id": 1}
    assert (await at.alice.post("/api/v3/policies/preview", json=both)).status_code == 422
    mine = int((await made(at, "v3/policies", name="Saved"))["id"])
    assert (await at.charlie.post("/api/v3/policies/preview", json={"id": mine})).status_code == 404
    monitor = int((await made(at, "v2/monitors", url="https://shop.example.com"))["id"])
    assert (await at.charlie.post("/api/v3/policies/preview", json={"monitor_id": monitor})).status_code == 404


async def test_it_is_said_what_uses_a_policy(at: Clients) -> None:
    used = int((await made(at, "v3/policies", name="Used"))["id"])
    idle = int((await made(at, "v3/policies", name="Idle", fallback_policy_id=used))["id"])
    monitor = await made(at, "v2/monitors", url="https://shop.example.com", policy_id=used, paused=True)
    heartbeat = await made(at, "v2/heartbeats", name="Backup", period=3600, grace=60, policy_id=used)
    integration = await made(at, "v2/incoming-webhooks", name="Alerts", policy_id=used)
    answer = await at.alice.get("/api/v3/policies/uses")
    assert answer.status_code == 200
    of_used, of_idle = answer.json()["policies"]
    assert of_idle == {"policy_id": str(idle), "total": 0, "counts": {}, "uses": []}
    assert of_used["counts"] == {"heartbeat": 1, "integration": 1, "monitor": 1, "policy": 1}
    assert [(use["resource_type"], use["resource_id"]) for use in of_used["uses"]] == [
        ("heartbeat", heartbeat["id"]), ("integration", integration["id"]), ("monitor", monitor["id"]),
        ("policy", str(idle)),
    ]  # fmt: skip
    alone = (await at.alice.get("/api/v3/policies/uses", params={"policy_id": idle})).json()["policies"]
    assert [each["policy_id"] for each in alone] == [str(idle)]
    assert (await at.charlie.get("/api/v3/policies/uses", params={"policy_id": used})).status_code == 404
    assert (await at.charlie.get("/api/v3/policies/uses")).json() == {"policies": []}
