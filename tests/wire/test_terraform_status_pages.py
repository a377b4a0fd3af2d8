"""What the Terraform provider says about status pages, said again by us (contract part 2, 5.2 to 5.4; see
`test_terraform_replay`): what it creates reads back with nothing left to plan, and changes alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import Clients

TEXT = ("company_name", "company_url", "contact_url", "logo_remote_url", "dark_logo_remote_url", "timezone",
        "subdomain", "custom_domain", "custom_css", "custom_javascript", "google_analytics_id", "announcement",
        "announcement_embed_link", "announcement_embed_css", "design", "theme", "layout", "aggregate_state",
        "created_at", "updated_at")  # fmt: skip
NUMBERS = ("min_incident_length", "history", "status_page_group_id")
SWITCHES = ("whitelabeled", "subscribable", "hide_from_search_engines", "automatic_reports", "published",
            "announcement_embed_visible", "password_enabled", "require_sso")  # fmt: skip

SMALLEST: dict[str, Any] = {
    "company_name": "Acme",
    "company_url": "https://acme.example",
    "timezone": "UTC",
    "subdomain": "acme",
}
WHOLE: dict[str, Any] = {
    **SMALLEST,
    "contact_url": "mailto:help@acme.example",
    "logo_remote_url": "https://acme.example/logo.png",
    "dark_logo_remote_url": "https://acme.example/dark.png",
    "timezone": "Eastern Time (US & Canada)",
    "custom_domain": "status.acme.example",
    "custom_css": "h1 { color: red }\n",
    "custom_javascript": "console.log(1)\n",
    "google_analytics_id": "G-ABC1234567",
    "min_incident_length": 180,
    "announcement": "We move on Sunday.",
    "announcement_embed_visible": True,
    "announcement_embed_link": "https://acme.example/move",
    "announcement_embed_css": "a { color: red }\n",
    "automatic_reports": True,
    "subscribable": True,
    "hide_from_search_engines": True,
    "whitelabeled": True,
    "history": 30,
    "published": False,
    "ip_allowlist": ["10.0.0.0/8 # inside", "2001:db8::1"],
    "design": "v1",
    "theme": "dark",
    "layout": "horizontal",
    "navigation_links": [{"text": "Status", "href": "/"}, {"text": "Acme", "href": "https://acme.example"}],
    "status_page_group_id": 1,
}
NEEDS = {"custom_javascript": {"custom_domain": "status.acme.example"}}
FOLLOWS = {
    "logo_remote_url": {"logo_url"},
    "dark_logo_remote_url": {"dark_logo_url"},
}


async def created(at: Clients, wanted: dict[str, Any]) -> dict[str, Any]:
    await at.alice.post("/api/v2/status-page-groups", json={"name": "Customers"})
    answer = await at.alice.post("/api/v2/status-pages", json=wanted)
    assert answer.status_code == 201, answer.text
    return await read(at)


async def read(at: Clients) -> dict[str, Any]:
    """The attributes, if each has the JSON type that the provider decodes; a null passes for any."""
    data = (await at.alice.get("/api/v2/status-pages/1")).json()["data"]
    assert isinstance(data["id"], str)
    attributes: dict[str, Any] = data["attributes"]
    for names, kind in ((TEXT, str), (NUMBERS, int), (SWITCHES, bool)):
        wrong = [name for name in names if attributes[name] is not None and type(attributes[name]) is not kind]
        assert wrong == [], f"not of the type {kind.__name__}"
    return attributes


@pytest.mark.parametrize("wanted", [SMALLEST, WHOLE], ids=["the smallest", "the whole"])
async def test_what_was_created_reads_back_so_that_nothing_is_left_to_plan(at: Clients, wanted: dict[str, Any]) -> None:
    found = await created(at, wanted)
    assert {name: found[name] for name in wanted} == wanted
    assert (await at.alice.delete("/api/v2/status-pages/1")).status_code == 204
    assert (await at.alice.get("/api/v2/status-pages/1")).status_code == 404


async def test_each_attribute_can_be_changed_alone_and_changes_nothing_else(at: Clients) -> None:
    before = await created(at, SMALLEST)
    for name in [name for name in WHOLE if WHOLE[name] != SMALLEST.get(name)]:
        start = (await at.alice.patch("/api/v2/status-pages/1", json=NEEDS.get(name, {}))).json()["data"]["attributes"]
        answer = await at.alice.patch("/api/v2/status-pages/1", json={name: WHOLE[name]})
        assert answer.status_code == 200, answer.text
        after = await read(at)
        assert after[name] == WHOLE[name]
        assert {each for each in after if after[each] != start[each]} - FOLLOWS.get(name, set()) == {name}
        back = {name: before[name], **dict.fromkeys(NEEDS.get(name, {}), None)}
        assert (await at.alice.patch("/api/v2/status-pages/1", json=back)).status_code == 200
        assert await read(at) == before


async def test_what_is_cleared_is_gone(at: Clients) -> None:
    await created(at, WHOLE)
    cleared = ("contact_url", "custom_domain", "custom_css", "google_analytics_id", "announcement", "logo_remote_url",
               "min_incident_length", "announcement_embed_link", "announcement_embed_css")  # fmt: skip
    for name in cleared:
        assert (await at.alice.patch("/api/v2/status-pages/1", json={name: ""})).status_code == 200
        assert (await read(at))[name] is None
    for name, sent in (("ip_allowlist", []), ("navigation_links", []), ("status_page_group_id", None)):
        assert (await at.alice.patch("/api/v2/status-pages/1", json={name: sent})).status_code == 200
        assert (await read(at))[name] == (sent if sent is not None else None)


async def test_sections_and_resources_read_back_where_they_were_put_in_whatever_order(at: Clients) -> None:
    """The provider creates several at once, each with its place and `fixed_position`."""
    await created(at, SMALLEST)
    page = "/api/v2/status-pages/1"
    monitor = (await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com"})).json()["data"]["id"]
    for position in (2, 0, 1):
        body = {"name": f"Section {position}", "position": position, "fixed_position": True}
        made = (await at.alice.post(f"{page}/sections", json=body)).json()["data"]["attributes"]
        assert made == {"name": f"Section {position}", "position": position, "status_page_id": 1}
    for position in (1, 0):
        body = {
            "status_page_section_id": 2, "resource_id": int(monitor), "resource_type": "Monitor",
            "public_name": f"Shop {position}", "explanation": "", "history": True, "widget_type": "response_times",
            "position": position, "fixed_position": True,
        }  # fmt: skip
        answer = await at.alice.post(f"{page}/resources", json=body)
        assert answer.status_code == 201, answer.text
        shown = answer.json()["data"]["attributes"]
        assert {name: shown[name] for name in body if name not in ("fixed_position", "explanation")} == {
            name: body[name] for name in body if name not in ("fixed_position", "explanation")
        }
        assert type(shown["availability"]) is float
        for day in shown["status_history"]:
            assert type(day["downtime_duration"]) is int
            assert type(day["maintenance_duration"]) is int
    listed = (await at.alice.get(f"{page}/resources")).json()["data"]
    assert [each["attributes"]["position"] for each in listed] == [0, 1]
