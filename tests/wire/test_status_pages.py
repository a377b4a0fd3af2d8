"""Status pages, their groups, sections and resources, as clients of the API meet them (contract part 2, 5.1 to 5.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.clients import Clients

PAGES = "/api/v2/status-pages"


async def made(client: Any, address: str, **attributes: Any) -> dict[str, Any]:
    answer = await client.post(address, json=attributes)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


@pytest.fixture
async def page(at: Clients) -> str:
    """The address of a page of Alice's team."""
    data = await made(at.alice, PAGES, subdomain="acme", timezone="Prague", company_name="Acme")
    return f"{PAGES}/{data['id']}"


async def test_a_page_has_every_attribute_with_its_default(at: Clients) -> None:
    data = await made(at.alice, PAGES, subdomain="Acme-1", timezone="Eastern Time (US & Canada)")
    attributes = data["attributes"]
    assert data["type"] == "status_page"
    assert isinstance(data["id"], str)
    created, updated = attributes.pop("created_at"), attributes.pop("updated_at")
    assert created == updated
    assert attributes == {
        "company_name": "", "company_url": "", "contact_url": None, "logo_url": None, "logo_remote_url": None,
        "dark_logo_url": None, "dark_logo_remote_url": None, "whitelabeled": False,
        "timezone": "Eastern Time (US & Canada)", "subdomain": "acme-1", "custom_domain": None, "custom_css": None,
        "custom_javascript": None, "google_analytics_id": None, "min_incident_length": None, "announcement": None,
        "announcement_embed_visible": False, "announcement_embed_css": None, "announcement_embed_link": None,
        "automatic_reports": False, "aggregate_state": "operational", "design": "v2", "theme": "light",
        "layout": "vertical", "navigation_links": [], "subscribable": False, "hide_from_search_engines": False,
        "history": 90, "published": True, "password_enabled": False, "require_sso": False, "ip_allowlist": [],
        "status_page_group_id": None, "team_name": "Alice's team",
    }  # fmt: skip


async def test_what_is_set_comes_back_and_what_is_not_sent_stays(at: Clients, page: str) -> None:
    sent = {
        "company_url": "https://acme.example", "contact_url": "mailto:help@acme.example", "whitelabeled": True,
        "timezone": "Europe/Berlin", "custom_domain": "Status.Acme.example", "custom_css": "h1 { color: red }",
        "custom_javascript": "console.log(1)", "google_analytics_id": "G-ABC1234567", "min_incident_length": 60,
        "announcement": "We move on Sunday.", "announcement_embed_visible": True,
        "announcement_embed_link": "https://acme.example/move", "announcement_embed_css": "a { color: red }",
        "automatic_reports": True, "design": "v1", "theme": "system", "layout": "horizontal",
        "navigation_links": [{"text": "Status", "href": "/"}, {"text": "Home", "href": "https://acme.example"}],
        "subscribable": True, "hide_from_search_engines": True, "history": 30, "published": False,
        "ip_allowlist": ["10.0.0.0/8", "2001:db8::/32", "# the office", "192.0.2.7 # Ann"],
    }  # fmt: skip
    answer = await at.alice.patch(page, json=sent)
    assert answer.status_code == 200, answer.text
    attributes = answer.json()["data"]["attributes"]
    assert attributes.items() >= {**sent, "custom_domain": "status.acme.example"}.items()
    again = (await at.alice.patch(page, json={"history": 60})).json()["data"]["attributes"]
    changed = {name for name in again if again[name] != attributes[name]}
    assert changed == {"history"}


async def test_a_logo_has_two_names(at: Clients, page: str) -> None:
    for name in ("logo_url", "logo_remote_url"):
        address = f"https://acme.example/{name}.png"
        attributes = (await at.alice.patch(page, json={name: address})).json()["data"]["attributes"]
        assert attributes["logo_url"] == attributes["logo_remote_url"] == address
    attributes = (await at.alice.patch(page, json={"dark_logo_remote_url": "https://acme.example/d.png"})).json()
    assert attributes["data"]["attributes"]["dark_logo_url"] == "https://acme.example/d.png"
    both = {"logo_url": "", "logo_remote_url": "https://acme.example/terraform.png"}
    attributes = (await at.alice.patch(page, json=both)).json()["data"]["attributes"]
    assert attributes["logo_url"] == "https://acme.example/terraform.png"


async def test_a_password_is_never_shown_and_an_empty_one_opens_the_page(at: Clients, page: str) -> None:
    refused = await at.alice.patch(page, json={"password_enabled": True})
    assert refused.status_code == 422
    assert refused.json()["errors"] == {"password": ["can't be blank while password_enabled is true"]}
    answer = await at.alice.patch(page, json={"password_enabled": True, "password": "open sesame"})
    assert answer.json()["data"]["attributes"]["password_enabled"] is True
    assert "sesame" not in answer.text
    assert "password" not in answer.json()["data"]["attributes"]
    kept = await at.alice.patch(page, json={"announcement": "Hello"})
    assert kept.json()["data"]["attributes"]["password_enabled"] is True
    both = await at.alice.patch(page, json={"require_sso": True})
    assert both.status_code == 422
    opened = await at.alice.patch(page, json={"password": ""})
    assert opened.json()["data"]["attributes"]["password_enabled"] is False


async def test_an_empty_domain_removes_it_and_the_script_that_needs_it(at: Clients, page: str) -> None:
    await at.alice.patch(page, json={"custom_domain": "status.acme.example", "custom_javascript": "1"})
    attributes = (await at.alice.patch(page, json={"custom_domain": ""})).json()["data"]["attributes"]
    assert attributes["custom_domain"] is None
    assert attributes["custom_javascript"] is None


async def test_a_domain_is_kept_as_browsers_and_mails_write_it(at: Clients, page: str) -> None:
    """Else no reader who asks for it is ever given the page, and mails about it carry a header that is none."""
    answer = await at.alice.patch(page, json={"custom_domain": "Störung.Acme.example"})
    assert answer.json()["data"]["attributes"]["custom_domain"] == "xn--strung-xxa.acme.example"
    twin = {"subdomain": "twin", "timezone": "UTC", "custom_domain": "xn--strung-xxa.acme.example"}
    assert (await at.alice.post(PAGES, json=twin)).json()["errors"] == {"custom_domain": ["has already been taken"]}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"subdomain": "not a label"}, "subdomain"),
        ({"subdomain": "-acme"}, "subdomain"),
        ({"subdomain": "a" * 64}, "subdomain"),
        ({"timezone": "Atlantis"}, "timezone"),
        ({"custom_domain": "https://status.acme.example"}, "custom_domain"),
        ({"custom_domain": "localhost"}, "custom_domain"),
        ({"custom_domain": "tocsin.example"}, "custom_domain"),
        ({"custom_domain": "10.0.0.1"}, "custom_domain"),
        ({"company_url": "javascript:alert(1)"}, "company_url"),
        ({"contact_url": "data:text/html,x"}, "contact_url"),
        ({"logo_url": "ftp://acme.example/logo.png"}, "logo_url"),
        ({"history": 6}, "history"),
        ({"history": 366}, "history"),
        ({"min_incident_length": -1}, "min_incident_length"),
        ({"custom_javascript": "1"}, "custom_javascript"),
        ({"google_analytics_id": '"><script>'}, "google_analytics_id"),
        ({"google_analytics_id": "GTM-ABC1234"}, "google_analytics_id"),  # a container runs whatever is put into it
        ({"ip_allowlist": ["10.0.0.0/33"]}, "ip_allowlist"),
        ({"navigation_links": [{"text": "Home", "href": "javascript:alert(1)"}]}, "navigation_links"),
        ({"navigation_links": [{"text": "", "href": "/"}]}, "navigation_links"),
        ({"status_page_group_id": 99}, "status_page_group_id"),
        ({"company_name": "a" * 256}, "company_name"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(at: Clients, page: str, sent: dict[str, Any], field: str) -> None:
    before = (await at.alice.get(page)).json()
    answer = await at.alice.patch(page, json=sent)
    assert answer.status_code == 422, answer.text
    assert list(answer.json()["errors"]) == [field]
    assert (await at.alice.get(page)).json() == before


async def test_words_that_the_api_does_not_know_are_answered_with_those_that_it_does(at: Clients, page: str) -> None:
    answer = await at.alice.patch(page, json={"design": "v3", "theme": "pink"})
    assert answer.status_code == 422
    assert answer.json()["allowed_values"] == {"design": ["v1", "v2"], "theme": ["light", "dark", "system"]}
    answer = await at.alice.post(f"{page}/resources", json={"resource_type": "Toaster", "public_name": "Kitchen"})
    assert answer.json()["allowed_values"]["resource_type"][:2] == ["ManuallyTrackedItem", "Monitor"]


async def test_what_a_page_needs_is_named(at: Clients) -> None:
    answer = await at.alice.post(PAGES, json={"company_name": "Acme"})
    assert answer.status_code == 422
    assert answer.json()["required_attributes"] == ["subdomain", "timezone"]


async def test_an_address_is_one_pages_of_all_teams(at: Clients, page: str) -> None:
    await at.alice.patch(page, json={"custom_domain": "status.acme.example"})
    taken = {"subdomain": "ACME", "timezone": "UTC", "custom_domain": "status.acme.example"}
    answer = await at.charlie.post(PAGES, json=taken)
    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "subdomain": ["has already been taken"],
        "custom_domain": ["has already been taken"],
    }
    assert (await at.alice.patch(page, json={"subdomain": "acme"})).status_code == 200, "its own is not taken"


async def test_a_name_below_our_own_host_is_one_pages_however_it_is_written(at: Clients, page: str) -> None:
    """Every page is found at SUBDOMAIN.BASE_HOST too: no other page may have that as its domain, or the reverse."""
    mine = {"subdomain": "mine", "timezone": "UTC"}
    answer = await at.charlie.post(PAGES, json={**mine, "custom_domain": "acme.tocsin.example"})
    assert answer.json()["errors"] == {"custom_domain": ["has already been taken"]}
    await made(at.charlie, PAGES, **mine, custom_domain="news.tocsin.example")
    answer = await at.alice.patch(page, json={"subdomain": "news"})
    assert answer.json()["errors"] == {"subdomain": ["has already been taken"]}
    assert (await at.alice.patch(page, json={"custom_domain": "acme.tocsin.example"})).status_code == 200, "its own"


async def test_a_global_token_names_the_team(at: Clients) -> None:
    asked = await at.everyone.post(PAGES, json={"subdomain": "a", "timezone": "UTC"})
    assert asked.json()["required_attributes"] == ["team_name"]
    data = await made(at.everyone, PAGES, subdomain="a", timezone="UTC", team_name="Charlie's team")
    assert data["attributes"]["team_name"] == "Charlie's team"
    listed = await at.charlie.get(PAGES)
    assert [each["id"] for each in listed.json()["data"]] == [data["id"]]


async def test_a_group_is_left_by_its_pages_when_it_goes(at: Clients, page: str) -> None:
    group = await made(at.alice, "/api/v2/status-page-groups", name="Customers", sort_index=3)
    assert group["attributes"]["sort_index"] == 3
    foreign = await made(at.charlie, "/api/v2/status-page-groups", name="Others")
    assert (await at.alice.patch(page, json={"status_page_group_id": int(foreign["id"])})).status_code == 422
    attributes = (await at.alice.patch(page, json={"status_page_group_id": int(group["id"])})).json()["data"]
    assert attributes["attributes"]["status_page_group_id"] == int(group["id"])
    assert (await at.alice.delete(f"/api/v2/status-page-groups/{group['id']}")).status_code == 204
    assert (await at.alice.get(page)).json()["data"]["attributes"]["status_page_group_id"] is None


# --- sections ---------------------------------------------------------------------------------------------------------


async def places(client: Any, address: str, name: str) -> list[tuple[str, int]]:
    listed = (await client.get(address)).json()["data"]
    return [(each["attributes"][name], each["attributes"]["position"]) for each in listed]


async def test_sections_come_last_or_push_others_down(at: Clients, page: str) -> None:
    for name in ("A", "B", "C"):
        await made(at.alice, f"{page}/sections", name=name)
    await made(at.alice, f"{page}/sections", name="D", position=1)
    assert await places(at.alice, f"{page}/sections", "name") == [("A", 0), ("D", 1), ("B", 2), ("C", 3)]


async def test_a_fixed_position_moves_nobody_else(at: Clients, page: str) -> None:
    """Terraform says where each of them is, in any order: a push would leave the others where nobody put them."""
    ids = {}
    for position, name in enumerate("ABCD"):
        data = await made(at.alice, f"{page}/sections", name=name, position=position, fixed_position=True)
        ids[name] = data["id"]
    await at.alice.patch(f"{page}/sections/{ids['A']}", json={"position": 1, "fixed_position": True})
    await at.alice.patch(f"{page}/sections/{ids['B']}", json={"position": 0, "fixed_position": True})
    assert await places(at.alice, f"{page}/sections", "name") == [("B", 0), ("A", 1), ("C", 2), ("D", 3)]


async def test_a_section_is_moved_renamed_and_may_have_no_name(at: Clients, page: str) -> None:
    first = await made(at.alice, f"{page}/sections", name="A")
    second = await made(at.alice, f"{page}/sections")
    assert second["attributes"] == {"name": None, "position": 1, "status_page_id": int(page.rpartition("/")[2])}
    moved = await at.alice.patch(f"{page}/sections/{second['id']}", json={"position": 0, "name": "B"})
    assert moved.json()["data"]["attributes"]["position"] == 0
    assert await places(at.alice, f"{page}/sections", "name") == [("B", 0), ("A", 1)]
    assert (await at.alice.delete(f"{page}/sections/{first['id']}")).status_code == 204
    assert (await at.alice.get(f"{page}/sections/{first['id']}")).status_code == 404


async def test_a_section_of_another_page_is_not_found_here(at: Clients, page: str) -> None:
    other = await made(at.alice, PAGES, subdomain="other", timezone="UTC")
    section = await made(at.alice, f"{PAGES}/{other['id']}/sections", name="Elsewhere")
    assert (await at.alice.get(f"{page}/sections/{section['id']}")).status_code == 404
    sent = {"resource_type": "ManuallyTrackedItem", "public_name": "X", "status_page_section_id": int(section["id"])}
    assert (await at.alice.post(f"{page}/resources", json=sent)).status_code == 422


# --- resources --------------------------------------------------------------------------------------------------------


async def test_a_resource_without_a_section_goes_to_the_first_which_is_made_if_need_be(at: Clients, page: str) -> None:
    one = await made(at.alice, f"{page}/resources", resource_type="ManuallyTrackedItem", public_name="Website")
    (section,) = (await at.alice.get(f"{page}/sections")).json()["data"]
    two = await made(at.alice, f"{page}/resources", resource_type="ManuallyTrackedItem", public_name="App", position=0)
    assert one["attributes"]["status_page_section_id"] == int(section["id"])
    assert two["attributes"]["status_page_section_id"] == int(section["id"])
    assert await places(at.alice, f"{page}/resources", "public_name") == [("App", 0), ("Website", 1)]
    attributes = one["attributes"]
    assert attributes["resource_id"] is None
    assert attributes["widget_type"] == "history"
    assert attributes["history"] is True
    assert attributes["status"] == "operational"
    assert attributes["availability"] == 1.0
    assert attributes["mark_as_down_for"] == "any_incident"
    assert attributes["mark_as_degraded_for"] == "no_incident"


async def test_a_resource_is_about_something_of_the_team(at: Clients, page: str) -> None:
    monitor = await made(at.alice, "/api/v2/monitors", url="https://shop.example.com")
    sent = {"resource_type": "Monitor", "public_name": "Shop", "explanation": "Where you buy"}
    assert (await at.alice.post(f"{page}/resources", json=sent)).json()["errors"] == {"resource_id": ["can't be blank"]}
    data = await made(at.alice, f"{page}/resources", resource_id=int(monitor["id"]), **sent)
    assert data["attributes"]["resource_id"] == int(monitor["id"])
    foreign = await made(at.charlie, "/api/v2/monitors", url="https://shop.example.com")
    refused = await at.alice.post(f"{page}/resources", json={**sent, "resource_id": int(foreign["id"])})
    assert refused.json()["errors"] == {"resource_id": ["names no Monitor of this team"]}
    assert (await at.alice.delete(f"/api/v2/monitors/{monitor['id']}")).status_code == 204
    renamed = await at.alice.patch(f"{page}/resources/{data['id']}", json={"public_name": "The shop"})
    assert renamed.json()["data"]["attributes"]["public_name"] == "The shop", "what is gone may still be renamed"


@pytest.mark.parametrize(
    ("kind", "address", "attributes"),
    [
        ("MonitorGroup", "/api/v2/monitor-groups", {"name": "Production"}),
        ("Heartbeat", "/api/v2/heartbeats", {"name": "Backup", "period": 60, "grace": 0}),
        ("HeartbeatGroup", "/api/v2/heartbeat-groups", {"name": "Backups"}),
        ("EmailIntegration", "/api/v2/email-integrations", {"name": "Mails"}),
        ("IncomingWebhook", "/api/v2/incoming-webhooks", {"name": "Alerts"}),
        ("WebhookIntegration", "/api/v2/prometheus-integrations", {"name": "Alertmanager"}),
    ],
)
async def test_everything_that_is_here_can_be_a_resource(
    at: Clients, page: str, kind: str, address: str, attributes: dict[str, Any]
) -> None:
    subject = await made(at.alice, address, **attributes)
    data = await made(
        at.alice, f"{page}/resources", resource_type=kind, resource_id=int(subject["id"]), public_name="X"
    )
    assert data["attributes"]["resource_type"] == kind


@pytest.mark.parametrize("kind", ["ResourceGroup", "LogsChart", "CatalogReference"])
async def test_what_is_not_here_is_kept_as_given_and_not_monitored(at: Clients, page: str, kind: str) -> None:
    data = await made(at.alice, f"{page}/resources", resource_type=kind, resource_id=4711, public_name="X")
    assert data["attributes"]["resource_id"] == 4711


async def test_a_widget_counts_before_the_older_word_for_it(at: Clients, page: str) -> None:
    base = {"resource_type": "ManuallyTrackedItem", "public_name": "X"}
    plain = await made(at.alice, f"{page}/resources", **base, history=False)
    assert (plain["attributes"]["widget_type"], plain["attributes"]["history"]) == ("plain", False)
    both = await made(at.alice, f"{page}/resources", **base, history=False, widget_type="intraday_history")
    assert both["attributes"]["widget_type"] == "intraday_history"
    refused = await at.alice.post(f"{page}/resources", json={**base, "widget_type": "response_times"})
    assert refused.json()["errors"] == {"widget_type": ["response_times is only for: Monitor, LogsChart"]}


async def test_a_resource_that_becomes_about_something_else_keeps_no_widget_that_it_cannot_have(
    at: Clients, page: str
) -> None:
    monitor = await made(at.alice, "/api/v2/monitors", url="https://a.example", monitor_type="status")
    shop = await made(at.alice, f"{page}/resources", resource_type="Monitor", resource_id=int(monitor["id"]),
                      public_name="X", widget_type="response_times")  # fmt: skip
    sent = {"resource_type": "ManuallyTrackedItem"}
    changed = await at.alice.patch(f"{page}/resources/{shop['id']}", json=sent)
    assert changed.json()["data"]["attributes"]["widget_type"] == "history"


async def test_metadata_may_decide_which_incidents_count(at: Clients, page: str) -> None:
    base = {"resource_type": "ManuallyTrackedItem", "public_name": "X"}
    asked = await at.alice.post(f"{page}/resources", json={**base, "mark_as_down_for": "incident_matching_metadata"})
    assert list(asked.json()["errors"]) == ["mark_as_down_metadata_rule"]
    rule = {"key": "Customer", "values": [{"type": "String", "value": "Acme"}, {"type": "String", "value": "All"}]}
    data = await made(
        at.alice,
        f"{page}/resources",
        **base,
        mark_as_down_for="incident_matching_metadata",
        mark_as_down_metadata_rule=rule,
        mark_as_degraded_for="any_incident",
    )
    shown = data["attributes"]["mark_as_down_metadata_rule"]
    assert shown["key"] == "Customer"
    assert [value["value"] for value in shown["values"]] == ["Acme", "All"]
    assert data["attributes"]["mark_as_degraded_for"] == "any_incident"
    back = await at.alice.patch(f"{page}/resources/{data['id']}", json={"mark_as_down_for": "no_incident"})
    assert back.json()["data"]["attributes"]["mark_as_down_metadata_rule"] is None


async def test_a_section_goes_with_its_resources_and_a_page_with_everything(at: Clients, page: str) -> None:
    section = await made(at.alice, f"{page}/sections", name="A")
    resource = await made(at.alice, f"{page}/resources", resource_type="ManuallyTrackedItem", public_name="X")
    assert (await at.alice.delete(f"{page}/sections/{section['id']}")).status_code == 204
    assert (await at.alice.get(f"{page}/resources/{resource['id']}")).status_code == 404
    await made(at.alice, f"{page}/resources", resource_type="ManuallyTrackedItem", public_name="Y")
    assert (await at.alice.delete(page)).status_code == 204
    assert (await at.alice.get(f"{page}/resources")).status_code == 404
    assert (await made(at.alice, PAGES, subdomain="acme", timezone="UTC"))["id"] != page.rpartition("/")[2]
