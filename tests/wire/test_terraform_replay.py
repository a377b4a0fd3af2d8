"""What the Terraform provider for Better Stack says on the wire, said again by us: create, read back, change, clear.

This is a replay written from the contract (part 1, sections 2.5, 3.4 and 3.8), not the provider itself: it proves that
those requests are answered so that a second plan would find nothing to do, as far as our reading of the provider goes.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import ALICES_TEAM, Clients

pytestmark = pytest.mark.usefixtures("policies")

TEXT = ("url", "pronounceable_name", "monitor_type", "http_method", "request_body", "required_keyword", "policy_id",
        "port", "ip_version", "auth_username", "auth_password", "proxy_host", "maintenance_from", "maintenance_to",
        "maintenance_timezone", "playwright_script", "scenario_name", "paused_at", "last_checked_at", "status",
        "created_at", "updated_at", "team_name")  # fmt: skip
NUMBERS = ("ssl_expiration", "domain_expiration", "expiration_policy_id", "monitor_group_id", "check_frequency",
           "request_timeout", "confirmation_period", "recovery_period", "team_wait", "proxy_port")  # fmt: skip
SWITCHES = ("call", "sms", "email", "push", "critical_alert", "paused", "follow_redirects", "remember_cookies",
            "verify_ssl")  # fmt: skip

EXAMPLES: dict[str, dict[str, Any]] = {
    "the smallest": {"url": "https://example.com", "monitor_type": "status"},
    "expected status codes": {
        "url": "https://example.com",
        "monitor_type": "expected_status_code",
        "expected_status_codes": [200, 201, 204],
    },
    "keyword": {"url": "https://example.com", "monitor_type": "keyword", "required_keyword": "Open"},
    "keyword absence": {"url": "https://example.com", "monitor_type": "keyword_absence", "required_keyword": "Oops"},
    "all of HTTP": {
        "url": "https://shop.example.com",
        "monitor_type": "status",
        "policy_id": "1",
        "expiration_policy_id": 1,
        "domain_expiration": 30,
        "ssl_expiration": 30,
        "proxy_host": "user:pass@proxy.example.com",
        "proxy_port": 8080,
        "check_frequency": 30,
        "recovery_period": 180,
        "http_method": "POST",
        "request_body": '{"ping":true}',
        "regions": ["us", "eu"],
        "ip_version": "ipv4",
        "request_timeout": 30,
        "pronounceable_name": "Example API",
        "team_wait": 180,
        "maintenance_from": "01:00:00",
        "maintenance_to": "03:00:00",
        "maintenance_days": ["sat", "sun"],
        "maintenance_timezone": "Berlin",
        "request_headers": [{"name": "X-Source", "value": "terraform"}],
    },
}

CHANGES: dict[str, Any] = {
    "url": "https://other.example.com",
    "pronounceable_name": "Other",
    "policy_id": "2",
    "expiration_policy_id": 2,
    "ssl_expiration": 7,
    "domain_expiration": 14,
    "call": True,
    "sms": True,
    "email": False,
    "push": False,
    "critical_alert": True,
    "team_wait": 60,
    "paused": True,
    "follow_redirects": False,
    "remember_cookies": False,
    "verify_ssl": False,
    "regions": ["au", "as"],
    "check_frequency": 60,
    "confirmation_period": 30,
    "recovery_period": 0,
    "http_method": "HEAD",
    "request_timeout": 10,
    "auth_username": "ann",
    "auth_password": "correct horse",
    "ip_version": "ipv6",
    "maintenance_timezone": "Paris",
    "maintenance_days": ["sun", "mon"],
    "proxy_host": "proxy.example.com",
    "proxy_port": 3128,
    "environment_variables": {"TOKEN": "abc"},
    "request_headers": [{"name": "X-B", "value": "b"}],
}


class Replay:
    """One `betteruptime_monitor`: what its configuration wants, and the requests that follow from it."""

    def __init__(self, at: Clients, wanted: dict[str, Any]) -> None:
        self.client = at.alice
        self.wanted = dict(wanted)
        self.path = ""

    async def create(self) -> None:
        sent = {"expiration_policy_id": None, "http_method": "GET", "request_headers": None, **self.wanted}
        answer = await self.client.post("/api/v2/monitors", json=sent)
        assert answer.status_code == 201, answer.text
        self.path = f"/api/v2/monitors/{decoded(answer.json()['data'])['id']}"

    async def change(self, **sent: Any) -> None:
        """An update: what changed, and always the expiration policy."""
        answer = await self.client.patch(
            self.path, json={"expiration_policy_id": self.wanted.get("expiration_policy_id"), **sent}
        )
        assert answer.status_code == 200, answer.text
        assert "id" not in answer.json()["data"]["attributes"]  # decoded into a struct whose id is a number

    async def read(self) -> dict[str, Any]:
        answer = await self.client.get(self.path)
        assert answer.status_code == 200
        attributes: dict[str, Any] = decoded(answer.json()["data"])["attributes"]
        return attributes

    async def plan(self) -> dict[str, Any]:
        """What a second plan would still change, by attribute: (found, wanted)."""
        found = await self.read()
        found["request_headers"] = [without_id(header) for header in found["request_headers"]]
        return {name: (found[name], value) for name, value in self.wanted.items() if not same(name, found[name], value)}


def decoded(data: dict[str, Any]) -> dict[str, Any]:
    """The answer, if each attribute has the JSON type that the provider decodes; a null passes for any."""
    assert isinstance(data["id"], str)
    attributes = data["attributes"]
    for names, kind in ((TEXT, str), (NUMBERS, int), (SWITCHES, bool)):
        wrong = [name for name in names if attributes.get(name) is not None and type(attributes[name]) is not kind]
        assert wrong == [], f"not of the type {kind.__name__}"
    assert attributes["url"] is not None
    assert all(type(code) is int for code in attributes["expected_status_codes"])
    assert all(type(header["id"]) is str for header in attributes["request_headers"])
    return data


def without_id(header: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in header.items() if name != "id"}


def same(name: str, found: Any, wanted: Any) -> bool:
    return bool(found == (wanted.lower() if name == "http_method" else wanted))


@pytest.mark.parametrize("wanted", EXAMPLES.values(), ids=EXAMPLES.keys())
async def test_what_was_created_reads_back_so_that_nothing_is_left_to_plan(at: Clients, wanted: dict[str, Any]) -> None:
    monitor = Replay(at, wanted)
    await monitor.create()
    assert await monitor.plan() == {}
    await monitor.client.delete(monitor.path)
    assert (await monitor.client.get(monitor.path)).status_code == 404


@pytest.mark.parametrize("name", CHANGES)
async def test_each_attribute_can_be_changed_alone_and_changes_nothing_else(at: Clients, name: str) -> None:
    monitor = Replay(at, {"url": "https://example.com", "monitor_type": "status"})
    await monitor.create()
    before = await monitor.read()
    monitor.wanted[name] = CHANGES[name]
    await monitor.change(**{name: CHANGES[name]})
    assert await monitor.plan() == {}
    after = await monitor.read()
    follows = {"paused": {"paused_at", "status"}, "check_frequency": {"effective_check_frequency"}}.get(name, set())
    assert {each for each in after if after[each] != before[each]} - follows == {name}


@pytest.mark.parametrize(
    ("name", "sent", "left"),
    [
        ("policy_id", "", None),
        ("policy_id", None, None),
        ("expiration_policy_id", None, None),
        ("ssl_expiration", None, None),
        ("domain_expiration", None, None),
        ("proxy_host", "", None),
        ("proxy_port", 0, None),
        ("ip_version", "", None),
        ("environment_variables", {}, {}),
        ("auth_username", "", ""),
        ("auth_password", "", ""),
    ],
)
async def test_what_is_cleared_is_gone(at: Clients, name: str, sent: Any, left: Any) -> None:
    monitor = Replay(at, {"url": "https://example.com", "monitor_type": "status", name: CHANGES[name]})
    await monitor.create()
    assert await monitor.plan() == {}
    monitor.wanted.pop(name)
    await monitor.change(**{name: sent})
    assert (await monitor.read())[name] == left


async def test_a_body_and_a_maintenance_window_are_cleared_by_empty_texts(at: Clients) -> None:
    monitor = Replay(at, EXAMPLES["all of HTTP"])
    await monitor.create()
    await monitor.change(request_body="", maintenance_from="", maintenance_to="")
    found = await monitor.read()
    assert (found["request_body"] or "", found["maintenance_from"], found["maintenance_to"]) == ("", None, None)


async def test_an_edited_header_is_replaced_and_a_removed_one_destroyed(at: Clients) -> None:
    headers = [{"name": "X-A", "value": "a"}, {"name": "X-B", "value": "b"}]
    monitor = Replay(at, {"url": "https://example.com", "monitor_type": "status", "request_headers": headers})
    await monitor.create()
    first, second = (await monitor.read())["request_headers"]
    monitor.wanted["request_headers"] = [{"name": "X-A", "value": "a"}, {"name": "X-B", "value": "changed"}]
    edited = {"name": "X-B", "value": "changed"}
    await monitor.change(request_headers=[first, edited, {"id": second["id"], "_destroy": "true"}])
    assert await monitor.plan() == {}
    monitor.wanted["request_headers"] = []
    gone = [{"id": header["id"], "_destroy": "true"} for header in (await monitor.read())["request_headers"]]
    await monitor.change(request_headers=gone)
    assert await monitor.plan() == {}


def headers_to_send(known: list[dict[str, str]], wanted: list[dict[str, str]]) -> list[dict[str, str]]:
    """What the provider sends for an edit: all that are wanted in their order, those that it knows with their ids, and
    behind them those to be destroyed. Of two that are equal it destroys one and creates another.
    """
    sent = [dict(header) for header in wanted]
    destroyed = []
    for header in known:
        found = next((each for each in sent if without_id(each) == without_id(header)), None)
        if found is None or "id" in found:
            destroyed.append({"id": header["id"], "_destroy": "true"})
        else:
            found["id"] = header["id"]
    return sent + destroyed


@pytest.mark.parametrize(
    "edited",
    [
        ["A2", "B", "C"],
        ["A", "B2", "C"],
        ["A", "B", "C2"],
        ["N", "A", "B", "C"],
        ["A", "N", "B", "C"],
        ["C", "A", "B"],
        ["B", "A2", "N"],
        ["B"],
        ["C", "B2", "A", "N", "M"],
        ["A", "A", "B"],
        [],
    ],
    ids="".join,
)
async def test_whichever_header_is_edited_the_second_plan_is_empty(at: Clients, edited: list[str]) -> None:
    def header(word: str) -> dict[str, str]:
        return {"name": f"X-{word[0]}", "value": word}

    first = [header(word) for word in "ABC"]
    monitor = Replay(at, {"url": "https://example.com", "monitor_type": "status", "request_headers": first})
    await monitor.create()
    for words in (edited, ["B", "A"], ["A", "B", "C"]):
        known = (await monitor.read())["request_headers"]
        monitor.wanted["request_headers"] = [header(word) for word in words]
        await monitor.change(request_headers=headers_to_send(known, monitor.wanted["request_headers"]))
        assert await monitor.plan() == {}


async def test_a_monitor_is_looked_up_by_its_url_among_all_pages(at: Clients) -> None:
    for number in range(3):
        await Replay(at, {"url": f"https://{number}.example.com", "monitor_type": "status"}).create()
    answer = (await at.alice.get("/api/v2/monitors?page=1")).json()
    found = [decoded(each)["id"] for each in answer["data"] if each["attributes"]["url"] == "https://1.example.com"]
    assert (found, answer["pagination"]["next"]) == (["2"], None)


async def test_a_group_settles_through_its_life(at: Clients) -> None:
    made = await at.alice.post("/api/v2/monitor-groups", json={"name": "example", "sort_index": 0})
    assert made.status_code == 201
    path = f"/api/v2/monitor-groups/{made.json()['data']['id']}"
    for sent in ({"name": "other"}, {"sort_index": 3}, {"paused": True}, {"paused": False}):
        assert (await at.alice.patch(path, json=sent)).status_code == 200
        found = (await at.alice.get(path)).json()["data"]["attributes"]
        assert {name: found[name] for name in sent} == sent
    assert found["team_name"] == ALICES_TEAM
    assert (await at.alice.delete(path)).status_code == 204
    assert (await at.alice.get(path)).status_code == 404
