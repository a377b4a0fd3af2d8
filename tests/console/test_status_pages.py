"""Status pages in the console: every part draws, every deed is done and on record, and only for who may."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.world import World

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
PARTS = ("", "/structure", "/structure/add", "/design", "/settings", "/reports", "/reports/new",
         "/reports/new?kind=maintenance", "/subscribers", "/preview")  # fmt: skip


async def a_page(world: World, **more: Any) -> int:
    """A page with one line in it; returns its id, and the line's is the same as long as it is the first."""
    body = {"subdomain": "acme", "timezone": "Prague", "company_name": "Acme", "subscribable": True, **more}
    made = await world.api("POST", "/v2/status-pages", body)
    assert made.status_code == 201, made.text
    id = int(made.json()["data"]["id"])
    await world.api(
        "POST", f"/v2/status-pages/{id}/resources", {"resource_type": "ManuallyTrackedItem", "public_name": "Shop"}
    )
    return id


async def attributes(world: World, path: str) -> dict[str, Any]:
    answer = await world.api("GET", f"/v2/status-pages{path}")
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    return found["attributes"] if isinstance(found, dict) else {"all": [each["attributes"] for each in found]}


def run_by(page: str) -> list[str]:
    """What of a page would run that is none of our own files."""
    found: list[str] = []

    class Elements(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            source = given.get("src") or ""
            if (tag == "script" and not source.startswith("/assets/")) or (tag == "img" and source == "x"):
                found.append(tag)
            found.extend(name for name in given if name.startswith("on"))

    Elements().feed(page)
    return found


def number_of(answer: Any) -> int:
    """The id at the end of where a deed has led."""
    assert answer.status_code == 303, answer.text
    return int(re.findall(r"/(\d+)", answer.headers["location"])[-1])


@pytest.mark.slow
async def test_a_team_without_any_page_is_taught_and_makes_one_in_one_form(world: World) -> None:
    monitor = await world.monitor("shop", name="Shop front")
    heartbeat, _ = await world.heartbeat("Backup", period=300, grace=60)
    alice = await world.sign_in("alice")
    assert "Tell people before they ask" in (await alice.get("/status-pages")).text
    form = (await alice.get("/status-pages/new")).text
    assert f'value="Monitor:{monitor}"' in form
    assert f'value="Heartbeat:{heartbeat}"' in form
    made = await alice.post(
        "/status-pages/new", company_name="Acme", subdomain="acme", timezone="Europe/Prague", subscribable="true",
        show=[f"Monitor:{monitor}", f"Heartbeat:{heartbeat}"],
    )  # fmt: skip
    id = number_of(made)
    lines = (await attributes(world, f"/{id}/resources"))["all"]
    assert [(line["resource_type"], line["public_name"]) for line in lines] == [
        ("Monitor", "Shop front"), ("Heartbeat", "Backup"),
    ]  # fmt: skip
    assert (await attributes(world, f"/{id}"))["subscribable"] is True
    assert "Acme" in (await alice.get("/status-pages")).text
    assert "Alice Archer created a status page" in "\n".join(await world.audit_log())


@pytest.mark.slow
async def test_what_was_typed_comes_back_when_it_was_wrong(world: World) -> None:
    await a_page(world)
    monitor = await world.monitor("shop")
    alice = await world.sign_in("alice")
    form = {"company_name": "Acme & Co", "subdomain": "acme", "timezone": "Nowhere", "show": f"Monitor:{monitor}"}
    answer = await alice.post("/status-pages/new", **form)
    assert answer.status_code == 422
    assert "Acme &amp; Co" in answer.text
    assert "Has already been taken" in answer.text
    assert "time zone" in answer.text
    assert re.search(rf'value="Monitor:{monitor}" checked', answer.text)


@pytest.mark.slow
async def test_every_part_draws_for_an_empty_page_and_for_a_full_one(world: World) -> None:
    empty = await world.api("POST", "/v2/status-pages", {"subdomain": "empty", "timezone": "UTC", "published": False})
    full = await a_page(world)
    shop = {"status_page_resource_id": "1", "status": "downtime"}
    reports = f"/v2/status-pages/{full}/status-reports"
    for more in ({}, {"draft": True}, {"starts_at": "2025-01-01T00:00:00Z", "ends_at": "2025-01-01T01:00:00Z"}):
        made = await world.api(
            "POST", reports, {"title": "Down", "message": "*It is*", "affected_resources": [shop], **more}
        )
        assert made.status_code == 201, made.text
    await world.api("POST", f"/v2/status-pages/{full}/subscribers", {"email": "reader@customer.example"})
    alice = await world.sign_in("alice")
    for id in (int(empty.json()["data"]["id"]), full):
        for part in PARTS:
            answer = await alice.get(f"/status-pages/{id}{part}")
            assert answer.status_code == 200, (id, part, answer.text)
    for report in (1, 2, 3):
        for part in ("", "/edit", f"/updates/{report}"):
            assert (await alice.get(f"/status-pages/{full}/reports/{report}{part}")).status_code == 200
    assert "<em>It is</em>" in (await alice.get(f"/status-pages/{full}/reports/1")).text
    assert (await alice.get("/status-pages/groups")).status_code == 200
    assert (await alice.get(f"/status-pages/{full}/structure/resources/1")).status_code == 200


@pytest.mark.slow
async def test_what_is_on_a_page_is_put_on_moved_changed_and_taken_off(world: World) -> None:
    id = await a_page(world)
    alice = await world.sign_in("alice")
    base = f"/status-pages/{id}/structure"
    await alice.post(f"{base}/sections", name="Behind the scenes")
    await alice.post(f"{base}/add", public_name="Phone", section="1")
    await alice.post(f"{base}/add", public_name="Fax", section="1")
    names = [line["public_name"] for line in (await attributes(world, f"/{id}/resources"))["all"]]
    assert names == ["Shop", "Phone", "Fax"]

    async def order() -> list[str]:
        return [line["public_name"] for line in (await attributes(world, f"/{id}/resources"))["all"]]

    await alice.post(f"{base}/resources/3/move", by="up")
    assert await order() == ["Shop", "Fax", "Phone"]
    await alice.post(f"{base}/resources/1/move", by="down")
    assert await order() == ["Fax", "Shop", "Phone"]
    await alice.post(f"{base}/resources/2/move", section="1", before="3")
    assert await order() == ["Phone", "Fax", "Shop"]
    await alice.post(f"{base}/resources/2/move", section="2", before="")
    assert (await attributes(world, f"/{id}/resources/2"))["status_page_section_id"] == 2
    await alice.post(f"{base}/sections/2/move", by="up")
    assert [each["name"] for each in (await attributes(world, f"/{id}/sections"))["all"]] == ["Behind the scenes", None]
    await alice.post(f"{base}/sections/2", name="Inside")
    form = {"public_name": "Telephone", "explanation": "Nine to five.", "widget_type": "plain",
            "status_page_section_id": "1", "mark_as_down_for": "no_incident", "mark_as_degraded_for": "any_incident",
            "mark_as_down_metadata_rule": "", "mark_as_degraded_metadata_rule": ""}  # fmt: skip
    assert (await alice.post(f"{base}/resources/2", **form)).status_code == 303
    phone = await attributes(world, f"/{id}/resources/2")
    assert (phone["public_name"], phone["explanation"], phone["widget_type"]) == ("Telephone", "Nine to five.", "plain")
    assert (phone["mark_as_down_for"], phone["status_page_section_id"]) == ("no_incident", 1)
    assert (await alice.post(f"{base}/resources/2", **{**form, "public_name": ""})).status_code == 422
    await alice.post(f"{base}/resources/2/delete")
    await alice.post(f"{base}/sections/2/delete")
    assert await order() == ["Fax", "Shop"]
    assert len((await attributes(world, f"/{id}/sections"))["all"]) == 1


@pytest.mark.slow
async def test_look_and_rules_are_saved_and_tried_out_before(world: World) -> None:
    id = await a_page(world)
    alice = await world.sign_in("alice")
    look = {"of": "design", "company_name": "Nova", "theme": "dark", "layout": "vertical", "design": "v2",
            "announcement": "We *move*.", "custom_css": "body{color:red}</style><script>alert(1)</script>",
            "link_text": ["Home", ""], "link_href": ["https://nova.example", ""]}  # fmt: skip
    tried = await alice.post(f"/status-pages/{id}/preview", **look, language="de")
    assert tried.status_code == 200
    assert "Nova" in tried.text
    assert 'data-theme="dark"' in tried.text
    assert 'lang="de"' in tried.text
    assert not run_by(tried.text)
    policy = tried.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert tried.headers["cache-control"] == "no-store"
    assert (await attributes(world, f"/{id}"))["company_name"] == "Acme", "nothing is saved by trying out"
    wrong = await alice.post(f"/status-pages/{id}/preview", **{**look, "company_url": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert "This cannot be shown yet" in wrong.text
    assert (await alice.post(f"/status-pages/{id}/design", **look)).status_code == 303
    saved = await attributes(world, f"/{id}")
    assert (saved["company_name"], saved["theme"]) == ("Nova", "dark")
    assert saved["navigation_links"] == [{"text": "Home", "href": "https://nova.example"}]
    rules = {
        "subdomain": "nova",
        "timezone": "UTC",
        "history": "30",
        "access": "password",
        "ip_allowlist": "10.0.0.0/8",
    }
    assert "Can&#39;t be blank" in (await alice.post(f"/status-pages/{id}/settings", **rules)).text
    assert (await alice.post(f"/status-pages/{id}/settings", **rules, password="open sesame")).status_code == 303
    saved = await attributes(world, f"/{id}")
    assert (saved["subdomain"], saved["history"], saved["password_enabled"]) == ("nova", 30, True)
    assert (saved["ip_allowlist"], saved["subscribable"]) == (["10.0.0.0/8"], False)
    await alice.post(f"/status-pages/{id}/settings", **{**rules, "access": "members"})
    saved = await attributes(world, f"/{id}")
    assert (saved["password_enabled"], saved["require_sso"]) == (False, True)


@pytest.mark.slow
async def test_a_report_says_who_will_be_told_and_is_published_updated_and_resolved(world: World) -> None:
    id = await a_page(world)
    for number in range(3):
        await world.api("POST", f"/v2/status-pages/{id}/subscribers", {"email": f"reader{number}@customer.example"})
    alice = await world.sign_in("alice")
    reports = f"/status-pages/{id}/reports"
    form = {"of": "report", "title": "Shop is slow", "message": "We **look** into it.", "report_type": "manual",
            "status-1": "degraded", "notify_subscribers": "true"}  # fmt: skip
    looked = await alice.post(f"{reports}/new", **form, deed="look")
    assert "3 subscribers will be mailed" in looked.text
    assert "Shop is slow" in looked.text
    quiet = await alice.post(f"{reports}/new", **{**form, "notify_subscribers": ""}, deed="look")
    assert "No subscriber will be told" in quiet.text
    assert (await attributes(world, f"/{id}/status-reports"))["all"] == []
    tried = await alice.post(f"/status-pages/{id}/preview", **form)
    assert "Shop is slow" in tried.text
    assert "<strong>look</strong>" in tried.text
    assert not world.mail_to("reader0@customer.example")
    report = number_of(await alice.post(f"{reports}/new", **form, deed="publish"))
    assert (await attributes(world, f"/{id}/status-reports/{report}"))["aggregate_state"] == "degraded"
    assert len(world.mail_to("reader0@customer.example")) == 1
    one = f"{reports}/{report}"
    await alice.post(f"{one}/updates", message="Worse.", deed="post", **{"status-1": "downtime"})
    assert (await attributes(world, f"/{id}/status-reports/{report}"))["aggregate_state"] == "downtime"
    looked = await alice.post(f"{one}/updates", message="Fixed.", notify_subscribers="true", deed="look")
    assert "3 subscribers will be mailed" in looked.text
    update = {"of": "report", "report": str(report), "message": "Fixed at last.", "status-1": "resolved"}
    assert "Fixed at last." in (await alice.post(f"/status-pages/{id}/preview", **update)).text
    await alice.post(f"{one}/updates", message="Fixed.", deed="resolve")
    ended = await attributes(world, f"/{id}/status-reports/{report}")
    assert ended["ends_at"] is not None
    assert ended["aggregate_state"] == "operational"
    assert len(world.mail_to("reader0@customer.example")) == 1
    await alice.post(f"{one}/edit", title="Shop was slow", starts_at="2025-01-01T10:00", ends_at="2025-01-01T12:00")
    changed = await attributes(world, f"/{id}/status-reports/{report}")
    assert (changed["title"], changed["starts_at"]) == ("Shop was slow", "2025-01-01T09:00:00.000Z")  # of Prague
    await alice.post(f"{one}/updates/2", message="Much worse.")
    await alice.post(f"{one}/updates/3/delete")
    told = (await attributes(world, f"/{id}/status-reports/{report}/status-updates"))["all"]
    assert [each["message"] for each in told] == ["We **look** into it.", "Much worse."]
    await alice.post(f"{one}/delete")
    assert (await attributes(world, f"/{id}/status-reports"))["all"] == []
    assert "Alice Archer reported something on a status page" in "\n".join(await world.audit_log())


@pytest.mark.slow
async def test_drafts_and_maintenance(world: World) -> None:
    id = await a_page(world)
    await world.api("POST", f"/v2/status-pages/{id}/subscribers", {"email": "reader@customer.example"})
    alice = await world.sign_in("alice")
    new, one = f"/status-pages/{id}/reports/new", f"/status-pages/{id}/reports/"
    said = {"title": "We move", "message": "Soon.", "notify_subscribers": "true"}
    draft = number_of(await alice.post(new, **said, deed="draft"))
    shown = (await alice.get(f"{one}{draft}")).text
    assert "Nobody sees this yet" in shown
    assert "1 subscriber will be mailed" in shown
    await alice.post(f"{one}{draft}/publish")
    assert (await attributes(world, f"/{id}/status-reports/{draft}"))["draft"] is False
    await alice.post(f"{one}{draft}/end")
    assert (await attributes(world, f"/{id}/status-reports/{draft}"))["ends_at"] is not None
    planned = {**said, "report_type": "maintenance", "status-1": "maintenance"}
    refused = await alice.post(new, **planned, starts_at="tomorrow", deed="publish")
    assert refused.status_code == 422
    assert "We move" in refused.text
    assert "Is not a time" in refused.text
    times = {"starts_at": "2030-06-01T10:00", "ends_at": "2030-06-01T11:00"}
    made = number_of(await alice.post(new, **planned, **times, deed="publish"))
    report = await attributes(world, f"/{id}/status-reports/{made}")
    assert (report["starts_at"], report["report_type"]) == ("2030-06-01T08:00:00.000Z", "maintenance")
    assert "Planned" in (await alice.get(f"/status-pages/{id}/reports")).text


@pytest.mark.slow
async def test_an_incident_fills_in_a_report_without_its_cause(world: World) -> None:
    monitor = await world.monitor("shop", name="shop-prod-7")
    id = await a_page(world)
    await world.api("POST", f"/v2/status-pages/{id}/resources",
                    {"resource_type": "Monitor", "resource_id": monitor, "public_name": "Checkout"})  # fmt: skip
    await world.fast_forward(seconds=35)
    world.site("shop").down()
    await world.fast_forward(seconds=35)
    (incident,) = await world.incidents(monitor_id=monitor)
    alice = await world.sign_in("alice")
    form = (await alice.get(f"/status-pages/{id}/reports/new?incident={incident['id']}")).text
    main = form.partition("<main")[2]
    assert 'value="Problems with Checkout"' in main
    assert "shop-prod-7" not in main
    assert re.search(r'id="status-2".*?value="downtime" selected', main, re.DOTALL)
    assert (await alice.get(f"/status-pages/{id}/reports/new?incident=99999")).status_code == 200


@pytest.mark.slow
async def test_subscribers_are_found_added_removed_and_exported(world: World) -> None:
    id = await a_page(world)
    alice = await world.sign_in("alice")
    place = f"/status-pages/{id}/subscribers"
    for name in ("anna", "=cmd|x"):
        answer = await alice.post(place, email=f"{name}@customer.example")
        assert answer.status_code == 303, answer.text
    assert (await alice.post(place, email="anna@customer.example")).status_code == 422
    found = (await alice.get(f"{place}?q=ANN&confirmed=true")).text
    assert "anna@customer.example" in found
    assert "=cmd" not in found
    assert "Nobody like this" in (await alice.get(f"{place}?confirmed=false")).text
    table = await alice.get(f"{place}.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert "attachment" in table.headers["content-disposition"]
    assert "anna@customer.example" in table.text
    assert ",'=cmd|x@customer.example" in table.text
    await alice.post(f"{place}/1/delete")
    assert "anna@" not in (await alice.get(place)).text


@pytest.mark.slow
async def test_groups_and_taking_a_page_off_the_web_and_away(world: World) -> None:
    id = await a_page(world)
    alice = await world.sign_in("alice")
    await alice.post("/status-pages/groups", name="Brands", sort_index="2")
    assert (await alice.post("/status-pages/groups", name="", sort_index="")).status_code == 422
    assert (await alice.post("/status-pages/groups", name="x", sort_index="two")).status_code == 422
    await alice.post("/status-pages/groups/1", name="Labels", sort_index="")
    rules = {"subdomain": "acme", "timezone": "UTC", "history": "90", "status_page_group_id": "1"}
    await alice.post(f"/status-pages/{id}/settings", **rules)
    assert "<h2>Labels</h2>" in (await alice.get("/status-pages")).text
    await alice.post("/status-pages/groups/1/delete")
    await alice.post(f"/status-pages/{id}/publish", published="false")
    assert (await attributes(world, f"/{id}"))["published"] is False
    assert "Nobody can read it" in (await alice.get(f"/status-pages/{id}")).text
    await alice.post(f"/status-pages/{id}/publish", published="true")
    gone = await alice.post(f"/status-pages/{id}/delete")
    assert gone.headers["location"] == "/status-pages"
    assert (await alice.get(f"/status-pages/{id}")).status_code == 404


@pytest.mark.slow
async def test_another_teams_page_is_no_page(world: World) -> None:
    id = await a_page(world)
    await world.api("POST", f"/v2/status-pages/{id}/status-reports", {"title": "Down", "message": "It is."})
    charlie = await world.sign_in("charlie")
    for part in (*PARTS, "/structure/resources/1", "/reports/1", "/reports/1/edit", "/subscribers.csv"):
        assert (await charlie.get(f"/status-pages/{id}{part}")).status_code == 404, part
    for part in ("/design", "/settings", "/publish", "/delete", "/structure/sections", "/structure/resources/1/move",
                 "/reports/new", "/reports/1/updates", "/reports/1/delete", "/subscribers", "/preview"):  # fmt: skip
        assert (await charlie.post(f"/status-pages/{id}{part}", title="x", message="x")).status_code == 404, part
    assert "Acme" not in (await charlie.get("/status-pages")).text
    mine = await world.monitor("shop")
    await charlie.post("/status-pages/new", company_name="C", subdomain="c", timezone="UTC", show=f"Monitor:{mine}")
    assert "Monitor" not in (await attributes(world, f"/{id}/resources"))["all"][0]["resource_type"]


@pytest.mark.slow
async def test_hostile_words_stay_words_everywhere(world: World) -> None:
    id = await a_page(
        world, company_name=HOSTILE, announcement=HOSTILE, custom_css=f"a{{}}{HOSTILE}",
        navigation_links=[{"text": HOSTILE, "href": "/"}],
    )  # fmt: skip
    await world.monitor("shop", name=HOSTILE)
    await world.api("POST", f"/v2/status-pages/{id}/sections", {"name": HOSTILE})
    line = {"resource_type": "ManuallyTrackedItem", "public_name": HOSTILE, "explanation": HOSTILE}
    await world.api("POST", f"/v2/status-pages/{id}/resources", line)
    shop = {"status_page_resource_id": "2", "status": "downtime"}
    report = {"title": HOSTILE, "message": HOSTILE, "affected_resources": [shop]}
    await world.api("POST", f"/v2/status-pages/{id}/status-reports", report)
    await world.api("POST", "/v2/status-page-groups", {"name": HOSTILE})
    alice = await world.sign_in("alice")
    more = (
        "/structure/resources/2",
        "/reports/1",
        "/reports/1/edit",
        "/reports/1/updates/1",
        f"/subscribers?q={HOSTILE}",
    )
    pages = [f"/status-pages/{id}{part}" for part in (*PARTS, *more)]
    for path in (*pages, "/status-pages", "/status-pages/new", "/status-pages/groups"):
        text = (await alice.get(path)).text
        assert not run_by(text), path
    for path, form in (
        ("/status-pages/new", {"company_name": HOSTILE, "subdomain": HOSTILE, "timezone": HOSTILE}),
        (f"/status-pages/{id}/settings", {"subdomain": HOSTILE, "custom_domain": HOSTILE, "timezone": HOSTILE}),
        (f"/status-pages/{id}/design", {"company_url": HOSTILE, "link_text": HOSTILE, "link_href": HOSTILE}),
        (f"/status-pages/{id}/reports/new", {"title": HOSTILE, "message": HOSTILE, "starts_at": HOSTILE}),
        (f"/status-pages/{id}/subscribers", {"email": HOSTILE}),
        (f"/status-pages/{id}/preview", {"of": "report", "title": HOSTILE, "message": HOSTILE}),
        (f"/status-pages/{id}/preview", {"of": "design", "company_url": HOSTILE}),
    ):
        answer = await alice.post(path, **form)
        assert answer.status_code in (200, 422), path
        assert not run_by(answer.text), path


@pytest.mark.slow
async def test_no_form_works_without_what_proves_that_it_is_ours(world: World) -> None:
    id = await a_page(world)
    alice = await world.sign_in("alice")
    before = await attributes(world, f"/{id}")
    for part in ("/publish", "/delete", "/design", "/settings", "/preview", "/structure/sections", "/structure/add",
                 "/structure/resources/1", "/structure/resources/1/move", "/structure/resources/1/delete",
                 "/structure/sections/1", "/structure/sections/1/move", "/structure/sections/1/delete", "/reports/new",
                 "/reports/1/updates", "/reports/1/publish", "/reports/1/end", "/reports/1/reopen", "/reports/1/edit",
                 "/reports/1/delete", "/reports/1/updates/1", "/reports/1/updates/1/delete", "/subscribers",
                 "/subscribers/1/delete"):  # fmt: skip
        assert (await alice.post(f"/status-pages/{id}{part}", csrf="x.y", name="x")).status_code == 403, part
    for path in (
        "/status-pages/new",
        "/status-pages/groups",
        "/status-pages/groups/1",
        "/status-pages/groups/1/delete",
    ):
        assert (await alice.post(path, csrf="x.y", name="x")).status_code == 403, path
    assert await attributes(world, f"/{id}") == before
