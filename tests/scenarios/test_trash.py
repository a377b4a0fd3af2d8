"""Something was deleted by mistake, and somebody takes it back: what watches and pages goes on where that is safe."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from tests.scenarios.test_an_agent_asks import hired
from tests.scenarios.test_heartbeats import pass_by
from tests.scenarios.test_subscribers import StatusPage
from tests.world import World
from tocsin.gateway import trash
from tocsin.storage import Tx, metadata

DOWN = "[Tocsin] Down: shop.example.com (Status 503)"


async def delete(world: World, path: str) -> str:
    answer = await world.api("DELETE", path)
    assert answer.status_code == 204, answer.text
    await world.settle()
    return answer.headers["x-undo-id"]


async def undo(world: World, id: str) -> dict[str, Any]:
    answer = await world.api("POST", f"/v2/trash/{id}/restore")
    assert answer.status_code == 200, answer.text
    await world.settle()
    found: dict[str, Any] = answer.json()["data"]["attributes"]
    return found


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 409, answer.text
    return str(answer.json()["errors"])


async def test_a_monitor_that_is_back_is_checked_at_once_and_pages_when_it_is_down(world: World) -> None:
    monitor = await world.monitor("shop")
    await world.fast_forward(minutes=2)
    world.site("shop").down()
    await world.fast_forward(seconds=35)
    assert world.new_mails() == [("alice", DOWN), ("bob", DOWN)]

    id = await delete(world, f"/v2/monitors/{monitor}")
    assert [subject.startswith("[Tocsin] Resolved") for _, subject in world.new_mails()] == [True, True]
    seen = len(world.site("shop").requests)
    await world.fast_forward(minutes=5)
    assert len(world.site("shop").requests) == seen, "nobody watches what is deleted"

    back = await undo(world, id)
    assert (back["resource_type"], back["name"], back["restored_by"]) == ("monitor", "shop.example.com", "CI")
    await world.fast_forward(seconds=35)
    assert world.new_mails() == [("alice", DOWN), ("bob", DOWN)], "what is down pages, whatever was said before"
    old, new = sorted(await world.incidents(), key=lambda incident: int(incident["id"]))
    assert (old["attributes"]["status"], new["attributes"]["status"]) == ("Resolved", "Started")
    world.site("shop").up()
    await world.fast_forward(minutes=5)
    assert await world.status(monitor) == "up"


async def test_a_heartbeat_that_is_back_is_expected_again(world: World) -> None:
    heartbeat, address = await world.heartbeat("Backup", period=60, grace=30)
    await world.ping(address)
    id = await delete(world, f"/v2/heartbeats/{heartbeat}")
    assert (await world.ping(address)).status_code == 404
    await pass_by(world, minutes=10)
    assert world.new_mails() == []
    await undo(world, id)
    assert (await world.ping(address)).status_code == 200, "at the same address"
    await pass_by(world, minutes=1)
    assert world.new_mails() == []
    await pass_by(world, minutes=1)
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"], "a job that calls no more is late"


async def test_a_heartbeat_that_is_back_pages_when_its_job_has_died_meanwhile(world: World) -> None:
    heartbeat, address = await world.heartbeat("Backup", period=60, grace=30)
    await world.ping(address)
    id = await delete(world, f"/v2/heartbeats/{heartbeat}")
    await pass_by(world, minutes=10)
    await undo(world, id)
    await pass_by(world, minutes=2)
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"]


async def test_an_open_incident_that_is_back_pages_from_the_start(world: World) -> None:
    await world.on_call("alice")
    body = {"summary": "The shop is closed", "name": "Shop", "team_wait": 300, "email": True}
    made = await world.api("POST", "/v3/incidents", body)
    incident = made.json()["data"]["id"]
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["alice"]
    await world.api("POST", f"/v2/incidents/{incident}/comments", {"content": "On it soon"})
    id = await delete(world, f"/v3/incidents/{incident}")
    await world.fast_forward(minutes=10)
    assert world.new_mails() == []

    await undo(world, id)
    assert [to for to, _ in world.new_mails()] == ["alice"]
    await world.fast_forward(minutes=6)
    assert [to for to, _ in world.new_mails()] == ["bob"]
    comments = (await world.api("GET", f"/v2/incidents/{incident}/comments")).json()["data"]
    assert [comment["attributes"]["content"] for comment in comments] == ["On it soon"]


async def test_an_incident_that_somebody_had_taken_on_is_back_without_a_page(world: World) -> None:
    incident = await world.outage("shop")
    await world.answer(world.mail_to("bob@example.com")[0])
    id = await delete(world, f"/v3/incidents/{incident}")
    world.new_mails()
    await undo(world, id)
    assert world.new_mails() == []
    assert (await world.incident(incident))["status"] == "Acknowledged"


@pytest.mark.slow
async def test_an_incident_whose_monitor_has_opened_another_cannot_come_back(world: World) -> None:
    incident = await world.outage("shop")
    id = await delete(world, f"/v3/incidents/{incident}")
    await world.fast_forward(minutes=2)
    (other,) = await world.incidents()
    assert int(other["id"]) != incident
    assert "taken its place" in refused(await world.api("POST", f"/v2/trash/{id}/restore"))
    await world.api("POST", f"/v3/incidents/{other['id']}/resolve", {})
    assert "restored_at" in await undo(world, id)


async def test_what_has_been_changed_since_is_left_and_named(world: World) -> None:
    group = (await world.api("POST", "/v2/monitor-groups", {"name": "Shops"})).json()["data"]["id"]
    other = (await world.api("POST", "/v2/monitor-groups", {"name": "Others"})).json()["data"]["id"]
    first = await world.monitor("one", monitor_group_id=int(group))
    second = await world.monitor("two", monitor_group_id=int(group))
    id = await delete(world, f"/v2/monitor-groups/{group}")
    await world.api("PATCH", f"/v2/monitors/{second}", {"monitor_group_id": int(other)})
    back = await undo(world, id)
    assert back["left_as_changed"] == [f"monitor {second} (monitor_group_id)"]
    for monitor, expected in ((first, int(group)), (second, int(other))):
        found = (await world.api("GET", f"/v2/monitors/{monitor}")).json()["data"]
        assert found["attributes"]["monitor_group_id"] == expected


async def test_what_would_collide_or_belongs_to_nothing_any_more_is_refused_whole(world: World) -> None:
    page = await StatusPage(world).publish()
    section = await delete(world, f"/v2/status-pages/{page.id}/resources/{page.resource_id}")
    whole = await delete(world, f"/v2/status-pages/{page.id}")
    assert "status page" in refused(await world.api("POST", f"/v2/trash/{section}/restore"))
    taken = {"subdomain": "acme", "timezone": "UTC", "company_name": "Other"}
    other = (await world.api("POST", "/v2/status-pages", taken)).json()["data"]["id"]
    why = refused(await world.api("POST", f"/v2/trash/{whole}/restore"))
    assert why == "Another status page has the same subdomain now"
    await delete(world, f"/v2/status-pages/{other}")
    await undo(world, whole)
    await undo(world, section)
    assert (await world.api("GET", f"/v2/status-pages/{page.id}/resources/{page.resource_id}")).status_code == 200


async def test_after_thirty_days_it_is_gone_for_good(world: World) -> None:
    monitor = await world.monitor("shop")
    id = await delete(world, f"/v2/monitors/{monitor}")
    world.clock.wind(days=29)
    assert len((await world.api("GET", "/v2/trash")).json()["data"]) == 1
    world.clock.wind(days=1, seconds=1)
    assert (await world.api("GET", "/v2/trash")).json()["data"] == []
    assert "thirty days" in refused(await world.api("POST", f"/v2/trash/{id}/restore"))
    assert await world.database.write(trash.prune) == 1
    assert (await world.api("POST", f"/v2/trash/{id}/restore")).status_code == 404


async def test_what_is_deleted_from_the_trash_is_gone_at_once(world: World) -> None:
    id = await delete(world, f"/v2/monitors/{await world.monitor('shop')}")
    assert (await world.api("DELETE", f"/v2/trash/{id}", token="charlie")).status_code == 404
    answer = await world.api("DELETE", f"/v2/trash/{id}")
    assert (answer.status_code, answer.headers.get("x-undo-id")) == (204, None)
    assert (await world.api("POST", f"/v2/trash/{id}/restore")).status_code == 404


async def test_a_deletion_of_very_much_is_quick_and_says_what_it_does_not_keep(world: World) -> None:
    page = await StatusPage(world).publish()
    number = trash.scope().max_rows + 1

    def subscribe(tx: Tx) -> None:
        row = {
            "status_page_id": page.id, "kind": "email", "address": "", "status_page_resource_ids": [], "language": "en",
            "confirmed_at": tx.now, "failures": 0, "created_at": tx.now, "updated_at": tx.now,
        }  # fmt: skip
        people = [{**row, "key": f"{each}@example.com", "email": f"{each}@example.com"} for each in range(number)]
        tx.execute(insert(metadata.tables["status_page_subscribers"]), people)

    await world.database.write(subscribe)
    seen = (await world.api("DELETE", f"/v2/status-pages/{page.id}?dry_run=true")).json()
    assert (seen["undoable"], seen["not_kept"]) == (True, ["status_page_subscribers"])
    id = await delete(world, f"/v2/status-pages/{page.id}")
    assert (await undo(world, id))["not_kept"] == ["status_page_subscribers"]
    assert (await world.api("GET", f"/v2/status-pages/{page.id}/resources/{page.resource_id}")).status_code == 200


async def test_an_agent_takes_back_what_it_has_deleted_itself_and_may_create(world: World) -> None:
    rights = {"levels": {"monitors": "full"}, "switches": {"delete": "on"}}
    agent = await hired(world, **rights)
    first, second = await world.monitor("one"), await world.monitor("two")
    theirs = await delete(world, f"/v2/monitors/{first}")
    answer = await world.api("DELETE", f"/v2/monitors/{second}", token="bot")
    mine = answer.headers["x-undo-id"]
    listed = (await world.api("GET", "/v2/trash", token="bot")).json()["data"]
    assert [item["id"] for item in listed] == [mine]
    assert (await world.api("POST", f"/v2/trash/{theirs}/restore", token="bot")).status_code == 404
    assert (await world.api("DELETE", f"/v2/trash/{mine}", token="bot")).status_code == 403, "nothing for good"

    await world.api("PATCH", f"/v2/agents/{agent}", {"levels": {"monitors": "read"}})
    refused = await world.api("POST", f"/v2/trash/{mine}/restore", token="bot")
    assert refused.status_code == 403
    assert refused.json()["errors"] == "You may not do this: Monitors is at read, write is needed."
    await world.api("PATCH", f"/v2/agents/{agent}", {"levels": {"monitors": "write"}})
    back = await world.api("POST", f"/v2/trash/{mine}/restore", token="bot")
    assert back.status_code == 200, back.text
    assert back.json()["data"]["attributes"]["deleted_by"] == "Triage-bot (an agent)"


async def test_secrets_in_the_trash_are_sealed(world: World) -> None:
    _, address = await world.heartbeat("Backup", period=60, grace=30)
    await world.monitor("shop", request_headers=[{"name": "Authorization", "value": "Bearer hunter2hunter2"}])
    await delete(world, "/v2/monitors/1")
    await delete(world, "/v2/heartbeats/1")
    kept = await world.database.read(lambda tx: tx.execute(select(trash.trash.c.journal)).scalars().all())
    assert len(kept) == 2
    for journal in kept:
        assert b"hunter2" not in journal
        assert b"shop" not in journal
        assert address.rpartition("/")[2].encode() not in journal


async def test_what_has_no_team_of_its_own_is_in_the_trash_of_the_team_of_what_it_hung_on(world: World) -> None:
    """A section of a page does not say whose it is, nor does a token of all teams: the page does."""
    page = await StatusPage(world).publish()
    path = f"/v2/status-pages/{page.id}"
    section = (await world.api("POST", f"{path}/sections", {"name": "Shops"})).json()["data"]["id"]
    gone = await world.api("DELETE", f"{path}/sections/{section}", token="global")
    assert gone.status_code == 204, gone.text
    id = gone.headers["x-undo-id"]
    assert (await world.api("GET", f"/v2/trash/{id}", token="charlie")).status_code == 404
    assert (await undo(world, id))["name"] == "Shops"
