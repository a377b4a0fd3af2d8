"""The rooms of incidents: every deed is done by whoever presses, without JavaScript, and no stranger sees any."""

from __future__ import annotations

import re

import pytest

from tests.console.hostile import EVIL, harmless
from tests.world import World
from tocsin.console.rooms.incidents.story import lasted

pytestmark = pytest.mark.slow

DEEDS = ("acknowledge", "resolve", "reopen", "alert-next", "delete", "escalate", "merge", "comments")


async def test_from_the_inbox_to_the_end(world: World) -> None:
    alice = await world.sign_in("alice")
    assert "Nothing is broken" in (await alice.get("/incidents")).text
    incident = await world.outage("shop", name="Shop")
    inbox = await alice.get("/incidents")
    assert f'href="/incidents/{incident}"' in inbox.text
    page = await alice.get(f"/incidents/{incident}")
    assert page.status_code == 200
    assert "Nobody has it yet" in page.text
    assert "Paged Alice Archer by e-mail" in page.text
    assert page.text.index(f"/incidents/{incident}/acknowledge") < page.text.index("What happened")
    taken = await alice.post(f"/incidents/{incident}/acknowledge")
    assert taken.headers["location"] == f"/incidents/{incident}"
    page = await alice.get(f"/incidents/{incident}")
    assert "<strong>Alice Archer</strong> has it" in page.text
    assert f"/incidents/{incident}/acknowledge" not in page.text
    await alice.post(f"/incidents/{incident}/resolve")
    page = await alice.get(f"/incidents/{incident}")
    assert "by Alice Archer" in page.text
    assert f"/incidents/{incident}/resolve" not in page.text
    await alice.post(f"/incidents/{incident}/reopen")
    assert (await world.incident(incident))["status"] == "Started"
    done = [line for line in await world.audit_log() if "through the console" in line and "Alice Archer" in line]
    for deed in ("acknowledged", "resolved", "reopened"):
        assert any(f"{deed} an incident (incident {incident} 'Shop')" in line for line in done), done


async def test_what_broke_is_told_to_the_public_from_its_own_page(world: World) -> None:
    incident = await world.outage("shop")
    alice = await world.sign_in("alice")
    assert "reports/new?incident=" not in (await alice.get(f"/incidents/{incident}")).text
    for number, name in enumerate(("acme", "inside"), start=1):
        made = {"subdomain": name, "timezone": "UTC", "company_name": name.title()}
        assert (await world.api("POST", "/v2/status-pages", json=made)).status_code == 201
        page = (await alice.get(f"/incidents/{incident}")).text
        path = f"/status-pages/{number}/reports/new?incident={incident}"
        assert f'href="{path}"' in page
        assert "We are looking into a problem" in (await alice.get(path)).text
    assert f'?incident={incident}">Acme</a>' in page
    await alice.post(f"/incidents/{incident}/resolve")
    assert "reports/new?incident=" not in (await alice.get(f"/incidents/{incident}")).text


async def test_what_another_system_sent_leads_back_to_where_it_comes_in(world: World) -> None:
    source = await world.integration("prometheus-integrations", name="Cluster")
    alert = {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "db1"}, "fingerprint": "a1",
             "annotations": {"summary": EVIL}, "startsAt": "2026-03-01T08:00:00Z"}  # fmt: skip
    sent = {"version": "4", "status": "firing", "groupKey": "disks", "alerts": [alert]}
    assert (await world.send(source["webhook_url"], sent)).status_code in (200, 201, 202)
    (incident,) = await world.incidents(resolved="false")
    alice = await world.sign_in("alice")
    page = (await alice.get(f"/incidents/{incident['id']}")).text
    assert f'<a href="/integrations/in/prometheus/{source["id"]}">Cluster</a>' in page
    assert (await alice.get(f"/integrations/in/prometheus/{source['id']}")).status_code == 200
    assert '<h2 id="alerts">Alerts</h2>' in page
    harmless(page)


def test_how_long_it_took_is_said_as_exactly_as_people_want_it() -> None:
    began = "2026-01-01T00:00:00.000Z"
    ends = {"00:00:45": "45 s", "00:01:56": "1 min 56 s", "00:02:00": "2 min", "00:12:30": "12 min",
            "03:05:10": "3 h 5 min"}  # fmt: skip
    assert {at: lasted(began, f"2026-01-01T{at}.000Z") for at in ends} == ends


async def test_the_slower_of_two_is_told_that_nothing_was_changed(world: World) -> None:
    incident = await world.outage("shop")
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    await alice.post(f"/incidents/{incident}/acknowledge")
    late = await bob.post(f"/incidents/{incident}/acknowledge")
    assert "Nothing%20was%20changed" in late.headers["set-cookie"]
    assert (await world.incident(incident))["acknowledged_by"] == "Alice Archer"


async def test_what_is_coming_and_what_was_seen_stand_on_the_page(world: World) -> None:
    await world.on_call("alice")
    monitor = await world.monitor("shop", team_wait=300)
    world.site("shop").down(503, b"<b>overloaded</b>")
    await world.fast_forward(seconds=70)
    (incident,) = await world.incidents(monitor_id=monitor, resolved="false")
    page = (await (await world.sign_in("alice")).get(f"/incidents/{incident['id']}")).text
    assert "If nobody answers" in page
    assert re.search(r"<strong>Bob Builder</strong> by e-mail", page)
    assert "&lt;b&gt;overloaded&lt;/b&gt;" in page
    assert f'href="/monitors/{monitor}"' in page


async def test_many_are_answered_at_once_and_each_says_what_came_of_it(world: World) -> None:
    first, second = await world.outage("shop"), await world.outage("blog")
    alice = await world.sign_in("alice")
    await alice.post(f"/incidents/{first}/acknowledge")
    answer = await alice.post("/incidents/answers", deed="acknowledge", incident=[str(first), str(second)])
    assert answer.status_code == 200
    assert "Incident was already acknowledged." in answer.text
    assert (await world.incident(second))["acknowledged_by"] == "Alice Archer"
    many = [str(number) for number in range(1, 60)]
    assert (await alice.post("/incidents/answers", deed="resolve", incident=many)).status_code == 422
    assert (await world.incident(second))["status"] == "Acknowledged"


async def test_filters_find(world: World) -> None:
    alice = await world.sign_in("alice")
    for name in ("Checkout", "Search"):
        await world.api("POST", "/v3/incidents", {"name": name, "summary": f"{name} is slow"})
    await world.settle()
    found = (await alice.get("/incidents?q=CHECK+slow")).text
    assert "Checkout" in found
    assert "Search is slow" not in found
    assert "Nothing found" in (await alice.get("/incidents?state=Acknowledged")).text
    assert "Checkout" in (await alice.get("/incidents?mine=true")).text
    assert (await alice.get("/incidents?from=nonsense")).status_code == 422
    assert (await alice.get("/incidents?monitor_id=x")).status_code == 422


async def test_reporting_by_hand_says_first_who_would_be_paged(world: World) -> None:
    alice = await world.sign_in("alice")
    await world.on_call("bob")
    asked = await alice.post("/incidents/new", name="Shop", summary="Nobody can pay", email="true", deed="preview")
    assert "Pages Bob Builder by e-mail" in asked.text or "Wakes Bob Builder by e-mail" in asked.text
    assert await world.incidents() == []
    sent = await alice.post("/incidents/new", name="Shop", summary="Nobody can pay", email="true", deed="report")
    (incident,) = await world.incidents()
    assert sent.headers["location"] == f"/incidents/{incident['id']}"
    assert world.mail_to("bob@example.com")
    empty = await alice.post("/incidents/new", name=" ", deed="report")
    assert empty.status_code == 422
    assert "Can&#39;t be blank" in empty.text


async def test_somebody_else_is_called_for_help(world: World) -> None:
    await world.on_call("alice")
    incident = await world.outage("shop")
    alice = await world.sign_in("alice")
    form = await alice.get(f"/incidents/{incident}/escalate")
    found = re.search(r'<option value="(\d+)"[^>]*>Bob Builder', form.text)
    assert found
    assert not world.mail_to("bob@example.com")
    await alice.post(f"/incidents/{incident}/escalate", escalation_type="User", user_id=found[1])
    assert world.mail_to("bob@example.com")
    for wrong in ({"escalation_type": "User", "user_id": "x"}, {"escalation_type": "King"}):
        assert (await alice.post(f"/incidents/{incident}/escalate", **wrong)).status_code == 422


async def test_incidents_are_merged_into_another_or_taken_in(world: World) -> None:
    first, second, third = await world.outage("shop"), await world.outage("blog"), await world.outage("docs")
    alice = await world.sign_in("alice")
    assert f'value="{second}"' in (await alice.get(f"/incidents/{first}/merge")).text
    merged = await alice.post(f"/incidents/{first}/merge", direction="into", incident=str(second))
    assert merged.headers["location"] == f"/incidents/{second}"
    assert f'Part of <a href="/incidents/{second}">' in (await alice.get(f"/incidents/{first}")).text
    await alice.post(f"/incidents/{second}/merge", direction="with", incident=[str(third)])
    assert "Has the same cause" in (await alice.get(f"/incidents/{second}")).text
    assert (await alice.post(f"/incidents/{second}/merge", direction="into")).status_code == 422
    refused = await alice.post(f"/incidents/{second}/merge", direction="with", incident=[str(second)])
    assert refused.status_code == 422


async def test_comments_are_written_changed_ticked_and_deleted(world: World) -> None:
    incident = await world.outage("shop")
    alice = await world.sign_in("alice")
    await alice.post(
        f"/incidents/{incident}/comments", content="**Cause**\r\n\r\n- [ ] roll back\r\n- [x] tell support"
    )
    page = await alice.get(f"/incidents/{incident}")
    assert "<strong>Cause</strong>" in page.text
    (comment,) = (await world.api("GET", f"/v2/incidents/{incident}/comments")).json()["data"]
    here = f"/incidents/{incident}/comments/{comment['id']}"
    await alice.post(f"{here}/boxes", lines="2 3", shown="3", box=["2", "3"])
    (comment,) = (await world.api("GET", f"/v2/incidents/{incident}/comments")).json()["data"]
    assert comment["attributes"]["content"] == "**Cause**\n\n- [x] roll back\n- [x] tell support"
    stale = await alice.post(f"{here}/boxes", lines="2", shown="", box=["2"])
    assert stale.status_code == 409
    lost = await alice.post(here, content="mine", seen="2020-01-01T00:00:00.000Z")
    assert lost.status_code == 409
    assert "mine" in lost.text
    seen = comment["attributes"]["updated_at"]
    assert (await alice.post(here, content=" ", seen=seen)).status_code == 422
    assert (await alice.post(here, content="Found it", seen=seen)).status_code == 303
    assert "Found it" in (await alice.get(f"/incidents/{incident}")).text
    await alice.post(f"{here}/delete")
    assert "Found it" not in (await alice.get(f"/incidents/{incident}")).text
    assert (await alice.post(f"/incidents/{incident}/comments", content="  ")).status_code == 422


async def test_a_deleted_incident_is_gone_and_can_be_had_back(world: World) -> None:
    incident = await world.outage("shop")
    alice = await world.sign_in("alice")
    gone = await alice.post(f"/incidents/{incident}/delete")
    assert gone.headers["location"] == "/incidents"
    assert (await alice.get(f"/incidents/{incident}")).status_code == 404
    (item,) = (await world.api("GET", "/v2/trash")).json()["data"]
    assert (await world.api("POST", f"/v2/trash/{item['id']}/restore")).status_code == 200
    assert (await alice.get(f"/incidents/{incident}")).status_code == 200


async def test_charlie_finds_nothing_and_changes_nothing(world: World) -> None:
    incident = await world.outage("shop", name="Secret shop")
    charlie = await world.sign_in("charlie")
    assert "Secret shop" not in (await charlie.get("/incidents")).text
    for path in ("", "/escalate", "/merge", "/pages.csv", "/screenshot", "/trace"):
        assert (await charlie.get(f"/incidents/{incident}{path}")).status_code == 404, path
    for deed in DEEDS:
        fields = {"escalation_type": "Organization", "incident": "1", "direction": "with", "content": "hi"}
        answer = await charlie.post(f"/incidents/{incident}/{deed}", **fields)
        assert answer.status_code in (404, 422), deed
        assert "Secret shop" not in answer.text
    assert (await world.incident(incident))["status"] == "Started"


async def test_no_form_works_without_its_proof(world: World) -> None:
    incident = await world.outage("shop")
    alice = await world.sign_in("alice")
    for deed in DEEDS:
        answer = await alice.post(f"/incidents/{incident}/{deed}", csrf="x", content="hi")
        assert answer.status_code == 403, deed
    for path in ("/incidents/new", "/incidents/answers"):
        assert (await alice.post(path, csrf="x", name="x", deed="report", incident="1")).status_code == 403
    assert (await world.incident(incident))["status"] == "Started"
    assert len(await world.incidents()) == 1


async def test_hostile_words_are_shown_as_words(world: World) -> None:
    monitor = await world.monitor("shop", name=EVIL)
    world.site("shop").down(500, EVIL.encode())
    await world.fast_forward(seconds=70)
    (incident,) = await world.incidents(monitor_id=monitor)
    body = {"name": EVIL, "summary": EVIL, "description": EVIL, "metadata": {EVIL: [EVIL]}, "requester_email": "a@b.c"}
    other = (await world.api("POST", "/v3/incidents", body)).json()["data"]["id"]
    await world.settle()
    alice = await world.sign_in("alice")
    await alice.post(f"/incidents/{other}/comments", content=f"- [ ] {EVIL}\n- [x](javascript:alert(1))\n\n# {EVIL}")
    await world.api("POST", f"/v3/incidents/{other}/acknowledge", {"acknowledged_by": EVIL[:200]})
    (*_, comment) = (await world.api("GET", f"/v2/incidents/{other}/comments")).json()["data"]
    for path in (
        f"/incidents/{incident['id']}", f"/incidents/{other}", "/incidents", f"/incidents/{other}/merge", "/",
        f"/incidents/{other}/escalate", f"/incidents/{other}/comments/{comment['id']}",
        "/incidents?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&cause=%3Cimg%20src=x%20onerror=alert(1)%3E",
    ):  # fmt: skip
        page = await alice.get(path)
        assert page.status_code == 200, path
        harmless(page.text)
    refused = await alice.post("/incidents/new", name=EVIL * 30, summary=EVIL, description=EVIL, deed="report")
    assert refused.status_code == 422
    harmless(refused.text)


async def test_a_post_mortem_is_drafted_written_exported_and_had_back(world: World) -> None:
    incident = await world.outage("shop", name="Shop")
    alice, again = await world.sign_in("alice"), await world.sign_in("alice")
    await alice.post(f"/incidents/{incident}/resolve")
    here = f"/incidents/{incident}/post-mortem"
    assert here in (await alice.get(f"/incidents/{incident}")).text
    draft = await alice.get(here)
    assert "# Post-mortem: Shop" in draft.text
    assert (await alice.get(f"{here}.md")).status_code == 404
    assert (await alice.post(here, content=" ", seen="")).status_code == 422
    saved = await alice.post(here, content=f"# Learned\r\n\r\n{EVIL}", seen="")
    assert saved.headers["location"] == here
    harmless((await alice.get(here)).text)
    late = await again.post(here, content="Other words", seen="")
    assert late.status_code == 409
    assert "Alice Archer has changed the post-mortem" in late.text
    assert "Other words" in late.text
    harmless(late.text)
    file = await again.get(f"{here}.md")
    assert file.text == f"# Learned\n\n{EVIL}"
    assert file.headers["content-disposition"] == f'attachment; filename="post-mortem-{incident}.md"'
    charlie = await world.sign_in("charlie")
    for path in (here, f"{here}.md", f"{here}?edit=1"):
        assert (await charlie.get(path)).status_code == 404
    assert (await charlie.post(here, content="x", seen="")).status_code == 404
    assert (await again.post(here, csrf="x", content="x", seen="")).status_code == 403
    await alice.post(f"{here}/delete")
    assert (await alice.get(f"{here}.md")).status_code == 404
    (item,) = (await world.api("GET", "/v2/trash")).json()["data"]
    restored = await world.api("POST", f"/v2/trash/{item['id']}/restore")
    assert restored.status_code == 200, restored.text
    assert (await alice.get(f"{here}.md")).text.startswith("# Learned")
    assert any("Alice Archer wrote the post-mortem of an incident" in line for line in await world.audit_log())
