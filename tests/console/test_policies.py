"""The rooms of policies: one is built without JavaScript, its timeline beside it, errors at their step."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from tests.visitor import form_token
from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.console.rooms.policies import form as forms
from tocsin.console.rooms.policies.timeline import lasting
from tocsin.storage import Tx

pytestmark = pytest.mark.slow

EVIL = '"><script>alert(1)</script>'


async def made(world: World, path: str, **sent: Any) -> int:
    answer = await world.api("POST", f"/{path}", sent)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["id"])


def filled(page: str) -> dict[str, Any]:
    """The builder's form as a browser without JavaScript would send it back."""
    page = page[page.index('class="workshop"') :]
    page = page[: page.index("</form>")]
    sent: dict[str, list[str]] = {}
    for tag in re.finditer(r"<(input|textarea|select)\b([^>]*)>(?:(.*?)</\1>)?", page, re.DOTALL):
        kind, attributes, inner = tag.groups()
        name = re.search(r'\bname="([^"]+)"', attributes)
        if name is None or name[1] == "csrf":
            continue
        if kind == "select":
            value = re.search(r'<option value="([^"]*)" selected', inner or "") or re.search(
                r'<option value="([^"]*)"', inner
            )
            text = value[1] if value else ""
        elif kind == "textarea":
            text = inner or ""
        else:
            if 'type="checkbox"' in attributes and " checked" not in attributes:
                continue
            value = re.search(r'\bvalue="([^"]*)"', attributes)
            text = value[1] if value else ""
        sent.setdefault(name[1], []).append(unescape(text))
    return dict(sent)


async def whole(world: World) -> tuple[int, dict[str, Any]]:
    """A policy with a step of every type and a member of every type that can be named by hand."""
    urgency = await made(world, "v2/urgencies", name=f"High {EVIL}", call=True, email=True)
    other = await made(world, "v3/policies", name=f"Other {EVIL}")
    group = await made(world, "v2/policy-groups", name=f"Shelf {EVIL}")
    target = await world.target("ntfy", f"Phones {EVIL}", {"topic": "ops"})
    steps = [
        {"type": "escalation", "wait_before": 90, "urgency_id": urgency, "step_members": [
            {"type": "current_on_call"}, {"type": "entire_team"}, {"type": "user", "email": "bob@example.com"},
            {"type": "incident_metadata", "metadata_key": "Owner"}, {"type": "policy", "id": other},
            {"type": "notification_target", "id": target}, {"type": "all_webhook_integrations"}]},
        {"type": "time_branching", "wait_before": 0, "days": ["sat", "sun"], "timezone": "Prague", "time_from": "08:00",
         "time_to": "20:00", "policy_id": other},
        {"type": "metadata_branching", "wait_until_time": "09:30", "wait_until_timezone": "UTC", "metadata_key": "Tier",
         "metadata_values": ["1", {"type": "no_value"}], "policy_metadata_key": "Policy"},
        {"type": "instructions", "wait_before": 0, "instructions_comment": f"- [ ] Look {EVIL}",
         "instructions_reminder_enabled": True, "instructions_reminder_interval_hours": 3},
    ]  # fmt: skip
    id = await made(world, "v3/policies", name=f"Standard {EVIL}", repeat_count=2, repeat_delay=7200, steps=steps,
                    fallback_policy_id=other, policy_group_id=group)  # fmt: skip
    return id, (await world.api("GET", f"/v3/policies/{id}")).json()["data"]["attributes"]


async def test_every_page_draws_empty_and_full_and_lets_nothing_foreign_in(world: World) -> None:
    alice = await world.sign_in("alice")
    pages = [
        "/policies",
        "/policies/new",
        "/policies/severities",
        "/policies/severities/new",
        "/policies/groups",
        "/on-call/simulate",
    ]
    for page in pages:
        assert (await alice.get(page)).status_code == 200, page
    id, _ = await whole(world)
    await made(world, "v2/urgency-groups", name=EVIL)
    pages += [
        f"/policies/{id}",
        "/policies/severities/1",
        f"/on-call/simulate?what=policy-{id}&down=sms&away=bob@example.com",
    ]
    for page in pages:
        shown = await alice.get(page)
        assert shown.status_code == 200, page
        assert "<script>alert" not in shown.text, page
        assert "style=" not in shown.text, page


async def test_what_is_sent_back_unchanged_changes_nothing(world: World) -> None:
    alice, (id, before) = await world.sign_in("alice"), await whole(world)
    shown = await alice.get(f"/policies/{id}")
    assert (await alice.post(f"/policies/{id}", **filled(shown.text))).status_code == 303
    assert (await world.api("GET", f"/v3/policies/{id}")).json()["data"]["attributes"] == before


async def test_a_policy_is_built_by_buttons_that_send_the_form(world: World) -> None:
    await world.on_call("alice")
    alice = await world.sign_in("alice")
    page = (await alice.get("/policies/new")).text
    assert "Alice Archer hears of it first, at once" in page
    for do in ("add-escalation", "member-add-1", "add-instructions", "up-2", "copy-0", "remove-1", "member-remove-2-0"):
        answer = await alice.post("/policies/new", **filled(page) | {"name": "Built"}, do=do)
        assert answer.status_code == 200, do
        page = answer.text
    form = filled(page) | {"s1-comment": "- [ ] Look"}
    assert form["steps"] == ["3"]
    assert [form[f"s{n}-type"][0] for n in range(3)] == ["escalation", "instructions", "escalation"]
    assert (await world.api("GET", "/v3/policies")).json()["data"] == [], "nothing is saved by any of them"
    saved = await alice.post("/policies/new", **form)
    assert saved.status_code == 303, saved.text
    assert "Choose%20it%20at%20the%20monitors" in saved.headers["set-cookie"]
    (policy,) = (await world.api("GET", "/v3/policies")).json()["data"]
    assert [step["type"] for step in policy["attributes"]["steps"]] == ["escalation", "instructions", "escalation"]
    assert policy["attributes"]["steps"][2]["wait_before"] == 300
    assert "Alice Archer created an escalation policy" in (await world.audit_log())[-1]


async def test_the_timeline_stands_beside_what_is_not_saved(world: World) -> None:
    await world.on_call("alice")
    alice = await world.sign_in("alice")
    form = filled((await alice.get("/policies/new")).text) | {"name": "Built", "s0-wait": "7"}
    shown = unescape((await alice.post("/policies/new", **form, do="preview")).text)
    assert "Alice Archer hears of it first, after 7 min, by e-mail" in shown
    assert "Built, step 1" in shown
    away = unescape((await alice.post("/policies/new", **form, away="alice@example.com", do="preview")).text)
    assert "Nobody who can answer would hear of it" in away


async def test_errors_stand_at_the_step_they_belong_to(world: World) -> None:
    alice = await world.sign_in("alice")
    page = (await alice.get("/policies/new")).text
    page = (await alice.post("/policies/new", **filled(page), do="add-metadata_branching")).text
    refused = await alice.post("/policies/new", **filled(page) | {"name": "Built"})
    assert refused.status_code == 422
    second = refused.text[refused.text.index('id="step-1"') :]
    assert "Values must be a list of at least one value" in second[: second.index("</section>")]
    assert 'class="card step bad" id="step-1"' in refused.text
    assert 'class="card step" id="step-0"' in refused.text
    named = await alice.post(
        "/policies/new", **filled(page) | {"s1-metadata_values": "1", "s1-metadata_key": "Tier", "name": ""}
    )
    assert named.status_code == 422
    assert "blank" in named.text
    strange = await alice.post(
        "/policies/new", **filled(page) | {"name": "X", "s0-wait": "soon", "s0-member": "user:999"}
    )
    assert strange.status_code == 422


async def test_it_is_said_who_uses_a_policy_before_it_goes(world: World) -> None:
    alice = await world.sign_in("alice")
    id = await made(world, "v3/policies", name="Standard")
    await world.monitor("shop", policy_id=id)
    assert "1 monitor" in (await alice.get("/policies")).text
    shown = unescape((await alice.get(f"/policies/{id}")).text)
    assert "It is used by 1 monitor: their next incident pages the whole team" in shown
    assert (await alice.post(f"/policies/{id}/delete")).status_code == 303
    assert (await alice.get(f"/policies/{id}")).status_code == 404


async def test_severities_and_groups(world: World) -> None:
    alice = await world.sign_in("alice")
    assert (await alice.post("/policies/severities/new", name=" ", call="true")).status_code == 422
    assert (
        await alice.post("/policies/severities/new", name="High", call="true", urgency_group_id="")
    ).status_code == 303
    (severity,) = (await world.api("GET", "/v2/urgencies")).json()["data"]
    assert (severity["attributes"]["call"], severity["attributes"]["email"]) == (True, False)
    path = f"/policies/severities/{severity['id']}"
    assert (await alice.post(path, name="Low", email="true", urgency_group_id="")).status_code == 303
    kept = (await world.api("GET", f"/v2/urgencies/{severity['id']}")).json()["data"]["attributes"]
    assert (kept["name"], kept["call"], kept["email"]) == ("Low", False, True)
    assert (await alice.post(f"{path}/delete")).status_code == 303
    for kind, api in (("policies", "policy-groups"), ("severities", "urgency-groups")):
        assert (await alice.post(f"/policies/groups/{kind}", name=" ")).status_code == 422
        assert (await alice.post(f"/policies/groups/{kind}", name="Shelf")).status_code == 303
        (group,) = (await world.api("GET", f"/v2/{api}")).json()["data"]
        there = f"/policies/groups/{kind}/{group['id']}"
        assert (await alice.post(there, name="Box", sort_index="3")).status_code == 303
        assert (await world.api("GET", f"/v2/{api}")).json()["data"][0]["attributes"]["sort_index"] == 3
        assert (await alice.post(f"{there}/delete")).status_code == 303
    assert (await alice.post("/policies/groups/monitors", name="X")).status_code == 404


async def test_an_outage_is_played_through(world: World) -> None:
    await world.on_call("alice")
    alice = await world.sign_in("alice")
    monitor = await world.monitor("shop", name="Shop")
    shown = unescape((await alice.get(f"/on-call/simulate?what=monitor-{monitor}")).text)
    assert "If Shop fails at" in shown
    assert "Alice Archer hears of it first" in shown
    away = unescape((await alice.get(f"/on-call/simulate?what=monitor-{monitor}&away=alice@example.com")).text)
    assert "Nobody who can answer would hear of it" in away
    wrong = await alice.get(f"/on-call/simulate?what=monitor-{monitor}&at=soon")
    assert wrong.status_code == 422
    assert (await alice.get("/on-call/simulate?what=monitor-999")).status_code == 404
    assert (await (await world.sign_in("charlie")).get(f"/on-call/simulate?what=monitor-{monitor}")).status_code == 404


async def test_another_teams_are_not_there_and_no_form_works_without_its_token(world: World) -> None:
    id, _ = await whole(world)
    severity = (await world.api("GET", "/v2/urgencies")).json()["data"][0]["id"]
    charlie, alice = await world.sign_in("charlie"), await world.sign_in("alice")
    for page in (f"/policies/{id}", f"/policies/severities/{severity}"):
        assert (await charlie.get(page)).status_code == 404
        assert (await charlie.post(page, name="Mine")).status_code == 404
        assert (await charlie.post(f"{page}/delete")).status_code == 404
        for path in (page, f"{page}/delete"):
            assert (await alice.post(path, csrf="", name="X")).status_code == 403
            assert (await alice.post(path, csrf=form_token(await charlie.get("/")), name="X")).status_code == 403
    for path in (
        "/policies/new",
        "/policies/severities/new",
        "/policies/groups/policies",
        "/policies/groups/policies/1/delete",
    ):
        assert (await alice.post(path, csrf="", name="X")).status_code == 403


async def test_whoever_may_not_has_no_button_and_is_refused(world: World) -> None:
    def make_responder(tx: Tx) -> None:
        user = accounts.user_by_email(tx, "bob@example.com")
        assert user is not None
        accounts.change_role(tx, user.id, Role.RESPONDER.id, (accounts.ensure_team(tx, "Ops").id,))

    id = await made(world, "v3/policies", name="Standard")
    await world.database.write(make_responder)
    bob = await world.sign_in("bob")
    assert "/policies/new" not in (await bob.get("/policies")).text
    shown = (await bob.get(f"/policies/{id}")).text
    assert "Save policy" not in shown
    assert "Delete policy" not in shown
    tried = await bob.post(f"/policies/{id}", **filled(shown), do="add-escalation")
    assert tried.status_code == 200, "trying things out changes nothing"
    assert (await bob.post(f"/policies/{id}", name="Mine", steps="0")).status_code == 403
    assert (await bob.post(f"/policies/{id}/delete")).status_code == 403
    assert "/policies/severities/new" not in (await bob.get("/policies/severities")).text


def test_waits_are_said_in_the_unit_that_fits() -> None:
    assert [lasting(minute) for minute in (0, 0.5, 1, 90, 1440, 3000)] == [
        "0 s",
        "30 s",
        "1 min",
        "1 h 30 min",
        "1 d",
        "2 d 2 h",
    ]
    form = forms.from_policy({
        "name": "X", "repeat_count": 0, "repeat_delay": 5400, "fallback_policy_id": None, "policy_group_id": None,
        "steps": [{"type": "escalation", "wait_before": 45}],
    })  # fmt: skip
    assert (form.repeat_delay, form.repeat_unit) == ("90", "60")
    assert forms.body(form)["repeat_delay"] == 5400
    assert forms.body(form)["steps"][0]["wait_before"] == 45
