"""Monitors on the wire, body for body (contract part 1, section 3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, BASE, Clients

NOW = "2026-03-02T12:00:00.000Z"

ATTRIBUTES: dict[str, Any] = {
    "url": "https://shop.example.com",
    "pronounceable_name": "shop.example.com",
    "auth_username": "",
    "auth_password": "",
    "monitor_type": "status",
    "monitor_group_id": None,
    "last_checked_at": None,
    "status": "pending",
    "policy_id": None,
    "expiration_policy_id": None,
    "team_name": ALICES_TEAM,
    "required_keyword": None,
    "verify_ssl": True,
    "call": False,
    "sms": False,
    "email": True,
    "push": True,
    "critical_alert": False,
    "team_wait": None,
    "http_method": "get",
    "request_timeout": 30,
    "recovery_period": 180,
    "check_frequency": 180,
    "effective_check_frequency": 180,
    "effective_check_frequency_reason": None,
    "request_headers": [],
    "environment_variables": {},
    "request_body": "",
    "follow_redirects": True,
    "remember_cookies": True,
    "created_at": NOW,
    "updated_at": NOW,
    "ssl_expiration": None,
    "domain_expiration": None,
    "expected_status_codes": [],
    "port": None,
    "confirmation_period": 0,
    "paused_at": None,
    "proxy_host": None,
    "proxy_port": None,
    "regions": ["us", "eu", "as", "au"],
    "paused": False,
    "maintenance_from": None,
    "maintenance_to": None,
    "maintenance_timezone": "UTC",
    "maintenance_days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "playwright_script": None,
    "ip_version": None,
    "checks_version": "v2",
}
RELATIONSHIPS = {"policy": {"data": None}, "expiration_policy": {"data": None}}


async def create(at: Clients, **attributes: Any) -> dict[str, Any]:
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com", **attributes})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_a_monitor_made_from_its_url_alone_has_the_defaults_in_the_contracts_order(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com"})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data["attributes"].pop("scenario_name", None) is None  # for playwright alone
    assert data["attributes"] == ATTRIBUTES
    assert data == {"id": "1", "type": "monitor", "attributes": ATTRIBUTES, "relationships": RELATIONSHIPS}
    assert list(data["attributes"]) == list(ATTRIBUTES)


@pytest.mark.parametrize(
    "expiries", [{}, {"ssl_expiration": None, "domain_expiration": None}], ids=["minimal", "both expiries off"]
)
async def test_the_creations_that_terraform_sends_are_accepted(at: Clients, expiries: dict[str, Any]) -> None:
    sent = {**expiries, "expiration_policy_id": None, "url": "http://example.com", "monitor_type": "status"}
    answer = await at.alice.post("/api/v2/monitors", json={**sent, "http_method": "GET", "request_headers": None})
    assert answer.status_code == 201
    attributes = answer.json()["data"]["attributes"]
    assert attributes["http_method"] == "get"
    assert attributes["request_headers"] == []


async def test_the_change_that_terraform_sends_changes_one_thing(at: Clients) -> None:
    before = (await create(at))["attributes"]
    answer = await at.alice.patch("/api/v2/monitors/1", json={"domain_expiration": 7, "expiration_policy_id": None})
    assert answer.status_code == 200
    assert answer.json()["data"]["attributes"] == {**before, "domain_expiration": 7}


async def test_nothing_of_the_providers_policy_struct_breaks_on_an_update(at: Clients) -> None:
    await create(at)
    answer = await at.alice.patch("/api/v2/monitors/1", json={"pronounceable_name": "Shop"})
    assert "id" not in answer.json()["data"]["attributes"]


async def test_pages_are_asked_for_until_next_is_null(at: Clients) -> None:
    for number in range(3):
        await create(at, url=f"https://{number}.example.com")
    seen: list[str] = []
    page = 1
    while True:
        body = (await at.alice.get(f"/api/v2/monitors?per_page=2&page={page}")).json()
        seen += [each["attributes"]["url"] for each in body["data"]]
        if body["pagination"]["next"] is None:
            break
        page += 1
    assert seen == [f"https://{number}.example.com" for number in range(3)]
    assert body["pagination"] == {
        "first": f"{BASE}/api/v2/monitors?per_page=2&page=1",
        "last": f"{BASE}/api/v2/monitors?per_page=2&page=2",
        "prev": f"{BASE}/api/v2/monitors?per_page=2&page=1",
        "next": None,
    }


async def test_a_filter_matches_the_whole_property_and_no_hit_is_an_empty_list(at: Clients) -> None:
    await create(at, pronounceable_name="Shop")
    for query, hits in ((("url", "https://shop.example.com"), 1), (("url", "https://shop"), 0),
                        (("pronounceable_name", "Shop"), 1), (("pronounceable_name", "Sh%"), 0)):  # fmt: skip
        answer = await at.alice.get("/api/v2/monitors", params=dict([query]))
        assert (answer.status_code, len(answer.json()["data"])) == (200, hits)


async def test_request_headers_are_merged_not_replaced(at: Clients) -> None:
    made = await create(at, request_headers=[{"name": "X-A", "value": "a"}, {"name": "X-B", "value": "b"}])
    first, second = made["attributes"]["request_headers"]
    assert isinstance(first["id"], str)
    sent = [{"id": first["id"], "_destroy": "true"}, {"id": second["id"], "value": "c"}, {"name": "X-D", "value": "d"}]
    answer = await at.alice.patch("/api/v2/monitors/1", json={"request_headers": sent})
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]["attributes"]["request_headers"]
    assert [(each["name"], each["value"]) for each in found] == [("X-B", "c"), ("X-D", "d")]
    for nothing in (None, []):
        answer = await at.alice.patch("/api/v2/monitors/1", json={"request_headers": nothing})
        assert answer.json()["data"]["attributes"]["request_headers"] == found


async def test_pausing_and_resuming_shows_in_three_attributes(at: Clients) -> None:
    await create(at)
    paused = (await at.alice.patch("/api/v2/monitors/1", json={"paused": True})).json()["data"]["attributes"]
    assert (paused["paused"], paused["paused_at"], paused["status"]) == (True, NOW, "paused")
    resumed = (await at.alice.patch("/api/v2/monitors/1", json={"paused": False})).json()["data"]["attributes"]
    assert (resumed["paused"], resumed["paused_at"]) == (False, None)


async def test_a_monitor_paused_before_its_first_check_was_never_checked(at: Clients) -> None:
    await create(at)
    for paused in (True, False):
        answer = await at.alice.patch("/api/v2/monitors/1", json={"paused": paused})
        assert answer.json()["data"]["attributes"]["last_checked_at"] is None


async def test_secrets_are_echoed_so_that_terraform_settles(at: Clients) -> None:
    sent = {
        "auth_username": "ann",
        "auth_password": "correct horse",
        "proxy_host": "http://u:p@proxy.example",
        "proxy_port": "8080",
        "environment_variables": {"TOKEN": "abc"},
        "regions": ["eu", "us"],
        "maintenance_from": "01:00:00",
        "maintenance_to": "03:00:00",
        "maintenance_timezone": "Amsterdam",
        "maintenance_days": ["sun", "mon"],
    }
    await create(at, **sent)
    found = (await at.alice.get("/api/v2/monitors/1")).json()["data"]["attributes"]
    assert {name: found[name] for name in sent} == {**sent, "proxy_port": 8080}


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"url": ""}, {"url": ["can't be blank"]}),
        ({"monitor_group_id": 999}, {"resource_group": ["doesn't exist"]}),
    ],
)
async def test_the_errors_that_clients_know_are_worded_as_they_know_them(
    at: Clients, sent: dict[str, Any], errors: dict[str, Any]
) -> None:
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com", **sent})
    assert (answer.status_code, answer.json()) == (422, {"errors": errors})


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"monitor_type": "sonar"}, "monitor_type"),
        ({"check_frequency": "often"}, "check_frequency"),
        ({"verify_ssl": "perhaps"}, "verify_ssl"),
        ({"regions": "eu"}, "regions"),
        ({"expected_status_codes": ["ok"]}, "expected_status_codes"),
        ({"request_headers": [{"name": 1}]}, "request_headers"),
        ({"http_method": "SING"}, "http_method"),
    ],
)
async def test_each_wrong_value_is_an_error_of_its_field(at: Clients, sent: dict[str, Any], field: str) -> None:
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com", **sent})
    assert answer.status_code == 422, answer.text
    body = answer.json()
    named = body["errors"] if isinstance(body["errors"], dict) else body["allowed_values"]
    assert field in named


TYPES: dict[str, dict[str, Any]] = {
    "ping": {"url": "example.com"},
    "tcp": {"url": "example.com", "port": "443"},
    "udp": {"url": "example.com", "port": 53, "required_keyword": "pong"},
    "smtp": {"url": "mail.example.com", "port": "25,465,587"},
    "pop": {"url": "mail.example.com", "port": "110,995"},
    "imap": {"url": "mail.example.com", "port": "143,993"},
    "dns": {"url": "1.1.1.1", "request_body": "example.com", "dns_record_type": "mx",
            "dns_expected_records": ["10 mail.example.com"]},
    "playwright": {"scenario_name": "Checkout", "playwright_script": "test()", "environment_variables": {"A": "b"},
                   "request_timeout": 30},
    "json": {"url": "https://example.com/health",
             "assertions": [{"source": "json", "property": "ok", "comparison": "equals", "target": True}]},
    "postgres": {"url": "db.internal", "database": "shop", "auth_username": "ann", "tls": False},
    "grpc": {"url": "grpc.internal", "port": "50051", "grpc_service": "shop.Cart"},
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
async def test_every_type_is_taken_shown_and_can_be_sent_back_whole(at: Clients, kind: str) -> None:
    answer = await at.alice.post("/api/v2/monitors", json={"monitor_type": kind, **TYPES[kind]})
    assert answer.status_code == 201, answer.text
    shown = answer.json()["data"]["attributes"]
    assert shown["url"] == TYPES[kind].get("url", "Checkout")
    assert ("scenario_name" in shown) is (kind == "playwright")
    assert all(type(shown[name]) is str for name in ("port", "database", "dns_record_type") if shown.get(name))
    again = await at.alice.patch("/api/v2/monitors/1", json=shown)
    assert again.status_code == 200, again.text
    assert again.json()["data"]["attributes"] == shown


async def test_what_is_ours_is_shown_only_where_it_says_something(at: Clients) -> None:
    asserted = {"source": "response_time", "comparison": "less_than", "target": 500, "severity": "degraded"}
    await create(at, url="https://router.example.com")
    made = await create(at, depends_on=[1], assertions=[asserted])
    assert made["attributes"]["depends_on"] == [1]
    assert "flapping_damping" not in made["attributes"]
    undamped = await at.alice.patch("/api/v2/monitors/2", json={"flapping_damping": False})
    assert undamped.json()["data"]["attributes"]["flapping_damping"] is False
    damped = await at.alice.patch("/api/v2/monitors/2", json={"flapping_damping": None})
    assert "flapping_damping" not in damped.json()["data"]["attributes"], "null gives the default back"
    assert made["attributes"]["assertions"] == [
        {"source": "response_time", "comparison": "less_than", "target": "500", "severity": "degraded"}
    ]
    cleared = await at.alice.patch("/api/v2/monitors/2", json={"depends_on": [], "assertions": None})
    assert list(cleared.json()["data"]["attributes"]) == list(ATTRIBUTES)


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"monitor_type": "tcp", "url": "example.com"}, {"port": ["can't be blank"]}),
        ({"monitor_type": "playwright", "url": "Checkout"}, {"playwright_script": ["can't be blank"]}),
        ({"depends_on": [2]}, {"depends_on": ["has no monitor with id 2"]}),
        ({"assertions": [{"source": "body", "comparison": "matches", "target": "("}]}, None),
        ({"assertions": [{"source": "body"}]}, None),
        ({"assertions": [{"source": "body", "comparison": "contains", "target": "x", "colour": "red"}]}, None),
    ],
)
async def test_what_a_type_or_an_attribute_of_ours_lacks_is_named(
    at: Clients, sent: dict[str, Any], errors: dict[str, Any] | None
) -> None:
    await at.charlie.post("/api/v2/monitors", json={"url": "https://charlie.example.com"})
    await at.charlie.post("/api/v2/monitors", json={"url": "https://charlie.example.com"})
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com", **sent})
    assert answer.status_code == 422
    found = answer.json()["errors"]
    assert found == errors if errors is not None else list(found) == ["assertions"]


async def test_a_misspelt_attribute_is_refused_by_name(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://a.example", "check_frequenzy": 30})
    assert answer.status_code == 422
    assert answer.json() == {
        "errors": "Sorry, you misspelled some attributes",
        "invalid_attributes": ["check_frequenzy"],
    }


async def test_a_whole_answer_can_be_sent_back(at: Clients) -> None:
    attributes = (await create(at))["attributes"]
    answer = await at.alice.patch("/api/v2/monitors/1", json=attributes)
    assert answer.status_code == 200, answer.text


async def test_a_deleted_monitor_is_gone_and_its_id_is_not_given_again(at: Clients) -> None:
    await create(at)
    assert (await at.alice.delete("/api/v2/monitors/1")).status_code == 204
    gone = await at.alice.get("/api/v2/monitors/1")
    assert (gone.status_code, gone.json()) == (404, {"errors": "Resource type monitor with id = 1 was not found"})
    assert (await at.alice.delete("/api/v2/monitors/1")).status_code == 404
    assert (await create(at))["id"] == "2"


async def test_response_times_of_an_unchecked_monitor_are_empty(at: Clients) -> None:
    await create(at)
    data = (await at.alice.get("/api/v2/monitors/1/response-times")).json()["data"]
    assert (data["id"], data["type"]) == ("1", "monitor_response_times")
    assert all(not each["response_times"] for each in data["attributes"]["regions"])


async def test_availability_has_the_contracts_five_numbers(at: Clients) -> None:
    await create(at)
    data = (await at.alice.get("/api/v2/monitors/1/sla")).json()["data"]
    assert (data["id"], data["type"]) == ("1", "monitor_sla")
    assert list(data["attributes"]) == [
        "availability",
        "total_downtime",
        "number_of_incidents",
        "longest_incident",
        "average_incident",
    ]


@pytest.mark.parametrize("query", ["from=2027-01-01", "from=2026-03-02&to=2026-03-01", "from=yesterday"])
async def test_a_bad_range_of_dates_is_400(at: Clients, query: str) -> None:
    await create(at)
    answer = await at.alice.get(f"/api/v2/monitors/1/sla?{query}")
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "errors": "The data range is invalid. The date format could not be parsed, "
            "the start time is in the future, or the end time is before the start time."
        },
    )
