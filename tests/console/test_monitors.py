"""The monitors of a team in the console: found, looked at, made, changed, tried out, taken away."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from tests.console.hostile import EVIL, harmless
from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.gateway.audit import audit_entries
from tocsin.storage import Tx

pytestmark = pytest.mark.slow


async def _deeds(world: World, operation: str) -> list[Any]:
    """(who, outcome) of every entry about an operation, the oldest first."""

    def read(tx: Tx) -> list[Any]:
        column = audit_entries.c
        rows = tx.execute(
            select(column.actor_name, column.outcome).where(column.operation == operation).order_by(column.id)
        )
        return [tuple(row) for row in rows]

    return await world.database.read(read)


async def _monitors(world: World) -> list[dict[str, Any]]:
    data = (await world.api("GET", "/v2/monitors")).json()["data"]
    return [{"id": int(each["id"]), **each["attributes"]} for each in data]


async def _bystander(world: World) -> Any:
    """Somebody of the team who may only look."""

    def work(tx: Tx) -> None:
        user = accounts.create_user(tx, email="dora@example.com", name="Dora Member", password=None)
        accounts.join(tx, accounts.ensure_team(tx, "Ops").id, user.id, Role.MEMBER)

    await world.database.write(work)
    return await world.sign_in("dora")


async def test_every_page_draws_empty(world: World) -> None:
    alice = await world.sign_in("alice")
    for path, words in (
        ("/monitors", "Nothing is watched yet"), ("/monitors/new", "What should be watched"),
        ("/monitors/import", "Paste a list"), ("/monitors/groups", "No groups yet"),
    ):  # fmt: skip
        page = await alice.get(path)
        assert page.status_code == 200, page.text
        assert words in page.text
    for kind in ("status", "keyword", "dns", "tcp", "playwright", "json", "postgres", "expected_status_code", "udp"):
        page = await alice.get(f"/monitors/new?type={kind}")
        assert page.status_code == 200
        assert "Create monitor" in page.text
    assert (await alice.get("/monitors/99")).status_code == 404


async def test_a_list_is_searched_filtered_and_sorted(world: World) -> None:
    await world.monitor("shop", name="Shop", metadata={"Tier": "1"})
    await world.monitor("blog", name="Blog", paused=True)
    alice = await world.sign_in("alice")

    async def names(query: str) -> list[str]:
        page = await alice.get(f"/monitors{query}")
        assert page.status_code == 200
        return re.findall(r'class="title" href="/monitors/\d+">([^<]+)<', page.text)

    assert await names("?sort=name") == ["Blog", "Shop"]
    assert await names("?q=SHO") == ["Shop"]
    assert await names("?status=paused") == ["Blog"]
    assert await names("?metadata=Tier%3D1") == ["Shop"]
    assert await names("?q=nothing") == []
    assert sorted(await names("?status=odd&sort=odd")) == ["Blog", "Shop"], "nonsense filters nothing, and is told"


async def test_a_page_tells_how_it_stands_and_what_failed(world: World) -> None:
    monitor = await world.monitor("shop", name="Shop", metadata={"Owner": "Payments"}, required_keyword=None)
    await world.fast_forward(minutes=5)
    world.site("shop").down(body=b"out of <b>memory</b>")
    await world.fast_forward(minutes=5)
    alice = await world.sign_in("alice")
    for query in ("", "?range=7d", "?range=30d", "?from=2020-01-01", "?from=2999-01-01", "?region=eu"):
        page = await alice.get(f"/monitors/{monitor}{query}")
        assert page.status_code == 200, page.text
    page = await alice.get(f"/monitors/{monitor}")
    for words in ("Down", "Status 503", "Payments", "out of &lt;b&gt;memory", "Everybody of the team", "61 ms"):
        assert words in page.text, words
    assert page.text.count("<rect") > 90


async def test_one_is_created_tried_out_changed_paused_and_deleted(world: World) -> None:
    alice = await world.sign_in("alice")
    fields = {"monitor_type": "keyword", "url": "https://shop.example.com/", "required_keyword": "Welcome",
              "check_frequency": "60", "verify_ssl": "true", "request_headers": "X-Key: s3cret\nAccept: text/html",
              "metadata": "Tier=1\nOwner=Payments", "request_timeout": "30", "http_method": "get"}  # fmt: skip
    tried = await alice.post("/monitors/new", **fields, deed="test")
    assert tried.status_code == 200
    assert "Test result" in tried.text
    assert "Nothing was saved" in tried.text
    assert 'value="https://shop.example.com/"' in tried.text, "what was typed stays"
    assert await _monitors(world) == []
    made = await alice.post("/monitors/new", **fields, deed="save")
    assert made.status_code == 303, made.text
    (monitor,) = await _monitors(world)
    assert [(h["name"], h["value"]) for h in monitor["request_headers"]] == [
        ("X-Key", "s3cret"),
        ("Accept", "text/html"),
    ]
    assert monitor["follow_redirects"] is False, "a box that is not ticked says no"
    edit = await alice.get(f"/monitors/{monitor['id']}/edit")
    assert "X-Key: s3cret" in edit.text
    assert "Owner=Payments" in edit.text
    changed = {**fields, "pronounceable_name": "Front", "request_headers": "Accept: text/plain", "metadata": "Tier=2"}
    assert (await alice.post(f"/monitors/{monitor['id']}/edit", **changed, deed="save")).status_code == 303
    (monitor,) = await _monitors(world)
    assert (monitor["pronounceable_name"], [h["value"] for h in monitor["request_headers"]]) == (
        "Front",
        ["text/plain"],
    )
    page = await alice.get(f"/monitors/{monitor['id']}")
    assert "Payments" not in page.text
    clone = await alice.get(f"/monitors/new?clone={monitor['id']}")
    assert "Front (copy)" in clone.text
    assert (await alice.post(f"/monitors/{monitor['id']}/pause")).status_code == 303
    assert (await _monitors(world))[0]["paused"] is True
    assert (await alice.post(f"/monitors/{monitor['id']}/resume")).status_code == 303
    assert (await _monitors(world))[0]["paused"] is False
    assert (await alice.post(f"/monitors/{monitor['id']}/delete")).headers["location"] == "/monitors"
    assert await _monitors(world) == []
    assert await _deeds(world, "monitors.create") == [("Alice Archer", "allowed")]
    assert await _deeds(world, "monitors.test") == [("Alice Archer", "allowed")]
    assert await _deeds(world, "monitors.update") == [("Alice Archer", "allowed")] * 3
    assert await _deeds(world, "monitors.delete") == [("Alice Archer", "allowed")]


async def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_lost(world: World) -> None:
    alice = await world.sign_in("alice")
    answer = await alice.post(
        "/monitors/new",
        monitor_type="tcp",
        url="https://not-a-host",
        port="x",
        pronounceable_name="My port",
        deed="save",
    )
    assert answer.status_code == 422
    assert 'value="My port"' in answer.text
    assert 'id="wrong-port"' in answer.text
    assert 'id="wrong-url"' in answer.text
    assert await _monitors(world) == []
    answer = await alice.post("/monitors/new", monitor_type="status", url="https://a.example.com",
                              request_headers="no colon", deed="save")  # fmt: skip
    assert answer.status_code == 422
    assert "has a line without" in answer.text.lower()
    answer = await alice.post("/monitors/new", monitor_type="status", url="a.example.com", check_frequency="10",
                              request_timeout="30", deed="save")  # fmt: skip
    assert answer.status_code == 422
    assert re.search(r'<details class="card fold" id="request" open>', answer.text), "the other end stands there"
    assert 'id="wrong-request_timeout"' in answer.text


async def test_an_address_may_be_typed_without_how_it_is_asked(world: World) -> None:
    alice = await world.sign_in("alice")
    for typed, kept in (("shop.example.com/health", "https://shop.example.com/health"),
                        ("localhost:9000", "http://localhost:9000")):  # fmt: skip
        made = await alice.post("/monitors/new", monitor_type="status", url=typed, deed="save")
        assert made.status_code == 303, made.text
        assert kept in [monitor["url"] for monitor in await _monitors(world)]


async def test_many_are_paused_moved_and_deleted_at_once(world: World) -> None:
    ids = [str(await world.monitor(host, name=host.title())) for host in ("one", "two", "three")]
    alice = await world.sign_in("alice")
    assert (await alice.post("/monitors/groups", name="Production")).status_code == 303
    groups = (await world.api("GET", "/v2/monitor-groups")).json()["data"]
    done = await alice.post("/monitors/bulk", deed="pause", ids=ids[:2], back="/monitors?q=o")
    assert done.headers["location"] == "/monitors?q=o"
    assert [each["paused"] for each in await _monitors(world)] == [True, True, False]
    await alice.post("/monitors/bulk", deed="move", ids=ids, group=groups[0]["id"], back="https://evil.example")
    assert {each["monitor_group_id"] for each in await _monitors(world)} == {int(groups[0]["id"])}
    answer = await alice.post("/monitors/bulk", deed="delete", ids=[ids[0], "999"])
    assert answer.status_code == 207
    assert "Deleted 1 of 2" in answer.text
    assert len(await _monitors(world)) == 2
    assert (await alice.post("/monitors/bulk", deed="odd", ids=ids)).status_code == 422
    assert (await alice.post("/monitors/bulk", deed="delete", ids=[str(n) for n in range(201)])).status_code == 422
    assert (await alice.post("/monitors/bulk", deed="delete")).headers["location"] == "/monitors"


async def test_groups_are_renamed_paused_together_and_taken_apart(world: World) -> None:
    alice = await world.sign_in("alice")
    await alice.post("/monitors/groups", name="Production")
    (group,) = (await world.api("GET", "/v2/monitor-groups")).json()["data"]
    await world.monitor("shop", monitor_group_id=int(group["id"]))
    path = f"/monitors/groups/{group['id']}"
    assert "Production" in (await alice.get(path)).text
    assert (await alice.post(path, name="Live", sort_index="1", paused="true")).status_code == 303
    assert (await _monitors(world))[0]["paused"] is True
    assert (await alice.post(path, name="")).status_code == 422
    assert (await alice.post(f"{path}/delete")).status_code == 303
    assert (await _monitors(world))[0]["monitor_group_id"] is None


async def test_a_pasted_list_shows_what_it_becomes_and_then_becomes_it(world: World) -> None:
    await world.monitor("shop")
    alice = await world.sign_in("alice")
    text = "https://shop.example.com/\nexample.org\n192.0.2.7\ndb.example.com:5432\nDocs, https://docs.example.com\n" \
           "what is this\nexample.org"  # fmt: skip
    looked = await alice.post("/monitors/import", text=text, deed="preview", check_frequency="60")
    assert looked.status_code == 200
    for words in ("Watched already", "Twice in this list", "Not understood", "TCP port", "Ping", "https://example.org"):
        assert words in looked.text, words
    assert len(await _monitors(world)) == 1
    done = await alice.post(
        "/monitors/import", text=text, deed="import", check_frequency="60", take=["2", "3", "4", "5"]
    )
    assert done.status_code == 303, done.text
    made = {each["url"]: each["monitor_type"] for each in await _monitors(world)}
    assert made["db.example.com"] == "tcp"
    assert made["192.0.2.7"] == "ping"
    assert made["https://docs.example.com"] == "status"
    assert len(made) == 5
    refused = await alice.post("/monitors/import", text="a.example.com", deed="import", check_frequency="1", take=["1"])
    assert refused.status_code == 207
    assert (await alice.post("/monitors/import", text="", deed="preview")).status_code == 422


async def test_what_is_the_teams_does_not_exist_for_charlie(world: World) -> None:
    monitor = await world.monitor("shop", name="Shop")
    (group,) = [(await world.api("POST", "/v2/monitor-groups", {"name": "Production"})).json()["data"]["id"]]
    charlie = await world.sign_in("charlie")
    assert "Nothing is watched yet" in (await charlie.get("/monitors")).text
    for path in (f"/monitors/{monitor}", f"/monitors/{monitor}/edit", f"/monitors/new?clone={monitor}",
                 f"/monitors/groups/{group}"):  # fmt: skip
        assert (await charlie.get(path)).status_code == 404, path
    deeds = [f"/monitors/{monitor}/{deed}" for deed in ("pause", "resume", "delete", "edit")]
    for path in (*deeds, f"/monitors/groups/{group}", f"/monitors/groups/{group}/delete"):
        assert (await charlie.post(path)).status_code == 404, path
    await charlie.post("/monitors/bulk", deed="delete", ids=[str(monitor)])
    assert [each["paused"] for each in await _monitors(world)] == [False]


async def test_who_may_only_look_gets_no_button_and_is_refused(world: World) -> None:
    monitor = await world.monitor("shop", name="Shop")
    dora = await _bystander(world)
    listed, page = await dora.get("/monitors"), await dora.get(f"/monitors/{monitor}")
    assert "Shop" in listed.text
    for words in ("New monitor", 'name="ids"', 'value="pause"', "Import"):
        assert words not in listed.text
    for words in ("/pause", "/edit", "/delete", "clone="):
        assert words not in page.text
    for path in (f"/monitors/{monitor}/pause", f"/monitors/{monitor}/delete"):
        assert (await dora.post(path)).status_code == 403
    made = await dora.post("/monitors/new", monitor_type="status", url="https://a.example.com", deed="save")
    assert made.status_code == 403
    assert (await dora.post("/monitors/new", monitor_type="status", url="https://a.b", deed="test")).status_code == 403
    assert len(await _monitors(world)) == 1


async def test_hostile_text_is_only_text(world: World) -> None:
    group = (await world.api("POST", "/v2/monitor-groups", {"name": EVIL})).json()["data"]["id"]
    monitor = await world.monitor(
        "shop", name=EVIL, monitor_type="keyword", required_keyword=EVIL, monitor_group_id=int(group),
        metadata={EVIL: EVIL}, request_headers=[{"name": "X", "value": EVIL}], auth_username=EVIL,
    )  # fmt: skip
    world.site("shop").down(body=EVIL.encode())
    await world.fast_forward(minutes=2)
    alice = await world.sign_in("alice")
    said = quote(EVIL)
    for path in ("/monitors", f"/monitors?q={said}", f"/monitors/{monitor}", f"/monitors/{monitor}/edit",
                 f"/monitors/{monitor}?range={said}&from={said}", f"/monitors/new?clone={monitor}", "/monitors/groups",
                 f"/monitors/groups/{group}", f"/monitors/new?type=status&url={said}"):  # fmt: skip
        page = await alice.get(path)
        assert page.status_code == 200
        harmless(page.text)
    tried = await alice.post("/monitors/new", monitor_type="status", url="https://shop.example.com/", deed="test",
                             pronounceable_name=EVIL)  # fmt: skip
    looked = await alice.post("/monitors/import", text=f"{EVIL}\n{EVIL}, https://a.example.com", deed="preview")
    for answer in (tried, looked):
        assert answer.status_code == 200
        harmless(answer.text)


async def test_no_form_does_anything_without_what_proves_that_it_is_ours(world: World) -> None:
    monitor = await world.monitor("shop")
    alice = await world.sign_in("alice")
    deeds = [f"/monitors/{monitor}/{deed}" for deed in ("edit", "pause", "resume", "delete")]
    for path in ("/monitors/new", "/monitors/bulk", "/monitors/import", "/monitors/groups", *deeds):
        assert (await alice.post(path, csrf="foreign")).status_code == 403, path
    assert len(await _monitors(world)) == 1
