"""Heartbeats in the console: found, made, changed and deleted as the person who is signed in, and by nobody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.world import World

EVIL = '"><script>alert(1)</script>'
SHOWN = "&lt;script&gt;alert(1)"
pytestmark = pytest.mark.slow


async def test_without_any_the_list_says_what_heartbeats_are_for(world: World) -> None:
    page = await (await world.sign_in("alice")).get("/heartbeats")
    assert page.status_code == 200
    assert "No job calls here yet" in page.text
    assert 'href="/heartbeats/new"' in page.text


async def test_a_heartbeat_is_made_and_waits_until_the_job_calls(world: World) -> None:
    alice = await world.sign_in("alice")
    form = await alice.get("/heartbeats/new")
    assert "When a call is expected" in form.text
    made = await alice.post(
        "/heartbeats/new", name="Nightly backup", period="1", period_unit="days", grace="90", grace_unit="minutes",
        email="true", maintenance_days=["mon", "sun"],
    )  # fmt: skip
    assert made.status_code == 303, made.text
    place = made.headers["location"]
    page = await alice.get(place)
    assert "Waiting for the first call" in page.text
    assert "A call every day. An incident opens when it is 1 hour 30 minutes late." in page.text
    found = (await world.api("GET", "/v2/heartbeats")).json()["data"][0]["attributes"]
    assert (found["period"], found["grace"], found["email"], found["push"]) == (86_400, 5_400, True, False)
    assert found["maintenance_days"] == ["mon", "sun"]
    await world.ping(found["url"], "POST", said=f"uploaded {EVIL}")
    page = await alice.get(place)
    assert "Waiting for the first call" not in page.text
    assert "Last good call" in page.text
    assert SHOWN in page.text
    assert EVIL not in page.text
    assert (await world.audit_log())[-1].startswith("Alice Archer created a heartbeat (heartbeat 1) in team Ops")


async def test_each_way_to_call_carries_the_real_address(world: World) -> None:
    id, url = await world.heartbeat("Orders & more", period=900)
    alice = await world.sign_in("alice")
    for key in ("curl", "cron", "systemd", "kubernetes", "python"):
        page = await alice.get(f"/heartbeats/{id}?snippet={key}")
        assert page.text.count(url) >= 2, key
    assert "*/15 * * * *" in (await alice.get(f"/heartbeats/{id}?snippet=cron")).text
    assert "name: orders-more" in (await alice.get(f"/heartbeats/{id}?snippet=kubernetes")).text
    assert "secrets.HEARTBEAT_URL" in (await alice.get(f"/heartbeats/{id}?snippet=github")).text


async def test_what_is_wrong_is_said_beside_the_field_and_nothing_typed_is_lost(world: World) -> None:
    alice = await world.sign_in("alice")
    page = await alice.post("/heartbeats/new", name=EVIL, period="2", period_unit="seconds", grace="5")
    assert page.status_code == 422
    assert "Nothing was saved." in page.text
    assert 'id="wrong-period"' in page.text
    assert SHOWN in page.text
    assert EVIL not in page.text
    assert (await world.api("GET", "/v2/heartbeats")).json()["data"] == []


async def test_a_heartbeat_is_changed_copied_paused_and_deleted(world: World) -> None:
    id, _ = await world.heartbeat("Backup", period=3_600, grace=60)
    alice = await world.sign_in("alice")
    form = (await alice.get(f"/heartbeats/{id}/edit")).text
    assert re.search(r'name="period" value="1"', form)
    saved = await alice.post(
        f"/heartbeats/{id}/edit", name="Backup 2", period="1", period_unit="hours", grace="1", grace_unit="minutes",
        schedule="0 2 * * *", schedule_timezone="Europe/Berlin",
    )  # fmt: skip
    assert saved.headers["location"] == f"/heartbeats/{id}"
    assert "0 2 * * *" in (await alice.get(f"/heartbeats/{id}")).text
    assert "Backup 2 (copy)" in (await alice.get(f"/heartbeats/new?from={id}")).text
    await alice.post(f"/heartbeats/{id}/pause", paused="true")
    assert "Resume" in (await alice.get(f"/heartbeats/{id}")).text
    await alice.post(f"/heartbeats/{id}/pause", paused="false")
    gone = await alice.post(f"/heartbeats/{id}/delete")
    assert gone.headers["location"] == "/heartbeats"
    assert (await alice.get(f"/heartbeats/{id}")).status_code == 404
    assert [line.partition(" (")[0] for line in (await world.audit_log())[-4:]] == [
        "Alice Archer changed a heartbeat", "Alice Archer changed a heartbeat", "Alice Archer changed a heartbeat",
        "Alice Archer deleted a heartbeat",
    ]  # fmt: skip


async def test_many_are_changed_at_once(world: World) -> None:
    ids = [(await world.heartbeat(name, period=60))[0] for name in ("One", "Two", "Three")]
    bob = await world.sign_in("bob")
    await bob.post("/heartbeats/groups", name="Backups")
    group = (await world.api("GET", "/v2/heartbeat-groups")).json()["data"][0]["id"]
    await bob.post("/heartbeats/bulk", deed="move", ids=[str(ids[0]), str(ids[1])], group=group)
    narrowed = (await bob.get(f"/heartbeats?group={group}&q=t")).text
    assert "Two" in narrowed
    assert "Three" not in narrowed
    await bob.post("/heartbeats/bulk", deed="pause", ids=[str(id) for id in ids])
    assert (await world.api("GET", "/v2/heartbeat-counts")).json()["paused"] == 3
    await bob.post("/heartbeats/bulk", deed="delete", ids=[str(ids[0]), "999", "x"])
    assert (await world.api("GET", "/v2/heartbeats")).json()["pagination"]["last"]
    assert len((await world.api("GET", "/v2/heartbeats")).json()["data"]) == 2
    await bob.post("/heartbeats/bulk", deed="explode", ids=[str(ids[1])])
    assert len((await world.api("GET", "/v2/heartbeats")).json()["data"]) == 2


async def test_groups_are_made_changed_paused_and_deleted(world: World) -> None:
    id, _ = await world.heartbeat("Backup", period=60)
    alice = await world.sign_in("alice")
    assert "No groups yet" in (await alice.get("/heartbeats/groups")).text
    assert (await alice.post("/heartbeats/groups", name="")).status_code == 422
    await alice.post("/heartbeats/groups", name=EVIL)
    group = (await world.api("GET", "/v2/heartbeat-groups")).json()["data"][0]["id"]
    assert EVIL not in (await alice.get("/heartbeats/groups")).text
    await alice.post(f"/heartbeats/groups/{group}", name="Nightly")
    assert "Edit Nightly" in (await alice.get(f"/heartbeats/groups/{group}")).text
    await alice.post("/heartbeats/bulk", deed="move", ids=str(id), group=group)
    await alice.post(f"/heartbeats/groups/{group}/pause", paused="true")
    assert (await world.api("GET", f"/v2/heartbeats/{id}")).json()["data"]["attributes"]["paused"] is True
    await alice.post(f"/heartbeats/groups/{group}/delete")
    assert (await world.api("GET", "/v2/heartbeat-groups")).json()["data"] == []


async def test_an_outage_shows_in_the_days_the_figures_and_the_incidents(world: World) -> None:
    id, url = await world.heartbeat("Backup", period=60)
    await world.ping(url)
    for _ in range(6):  # somebody looks at the deadlines all the time, else it was we who were away
        world.clock.wind(timedelta(seconds=30))
        await world.deadlines.run_once()
    await world.settle()
    page = (await (await world.sign_in("alice")).get(f"/heartbeats/{id}?from=2020-01-01")).text
    assert "Down on 1 of 90 days" in page
    assert "No heartbeat for" in page
    assert (await (await world.sign_in("alice")).get(f"/heartbeats/{id}?from=yesterday")).status_code == 200


async def test_another_teams_heartbeats_are_not_there(world: World) -> None:
    id, _ = await world.heartbeat("Backup", period=60)
    await (await world.sign_in("alice")).post("/heartbeats/groups", name="Nightly")
    group = (await world.api("GET", "/v2/heartbeat-groups")).json()["data"][0]["id"]
    charlie = await world.sign_in("charlie")
    assert "Backup" not in (await charlie.get("/heartbeats")).text
    for path in (
        f"/heartbeats/{id}",
        f"/heartbeats/{id}/edit",
        f"/heartbeats/new?from={id}",
        f"/heartbeats/groups/{group}",
    ):
        assert (await charlie.get(path)).status_code == 404, path
    for path in (f"/heartbeats/{id}/edit", f"/heartbeats/{id}/pause", f"/heartbeats/{id}/delete",
                 f"/heartbeats/groups/{group}", f"/heartbeats/groups/{group}/pause",
                 f"/heartbeats/groups/{group}/delete"):  # fmt: skip
        assert (await charlie.post(path, name="Mine", period="60")).status_code == 404, path
    await charlie.post("/heartbeats/bulk", deed="delete", ids=str(id))
    assert (await world.api("GET", f"/v2/heartbeats/{id}")).status_code == 200


async def test_no_form_works_without_what_proves_that_it_is_ours(world: World) -> None:
    id, _ = await world.heartbeat("Backup", period=60)
    alice = await world.sign_in("alice")
    for path in ("/heartbeats/new", "/heartbeats/bulk", "/heartbeats/groups", f"/heartbeats/{id}/edit",
                 f"/heartbeats/{id}/pause", f"/heartbeats/{id}/delete"):  # fmt: skip
        assert (await alice.post(path, csrf="", name="x", paused="true")).status_code == 403, path


async def test_nothing_foreign_gets_into_a_page(world: World) -> None:
    id, url = await world.heartbeat(
        EVIL, period=60, failure_keyword=EVIL, success_keyword=EVIL, maintenance_from="01:00", maintenance_to="02:00"
    )
    await world.ping(url + "/fail", "POST", said=EVIL)
    alice = await world.sign_in("alice")
    for path in ("/heartbeats", f"/heartbeats/{id}", f"/heartbeats/{id}?snippet=kubernetes", f"/heartbeats/{id}/edit",
                 "/heartbeats?q=" + EVIL, f"/heartbeats/{id}?from=" + EVIL):  # fmt: skip
        page = await alice.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text, path
