"""Heartbeats, integrations and webhooks for a member who may only look: no button, a refusal, and no secret."""

from __future__ import annotations

import pytest

from tests.visitor import Visitor
from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.storage import Tx

pytestmark = pytest.mark.slow


async def dora(world: World) -> Visitor:
    """A member of Ops who neither responds nor leads."""

    def join(tx: Tx) -> None:
        user = accounts.create_user(tx, email="dora@example.com", name="Dora Dean", password=None)
        accounts.join(tx, accounts.ensure_team(tx, "Ops").id, user.id, Role.MEMBER)

    await world.database.write(join)
    return await world.sign_in("dora")


async def test_a_member_looks_at_heartbeats_and_changes_none(world: World) -> None:
    id, url = await world.heartbeat("Backup", period=60)
    member = await dora(world)
    page = (await member.get(f"/heartbeats/{id}")).text
    assert "Backup" in page
    assert url.rpartition("/")[2] not in page
    for words in ("/edit", "/pause", "/delete", "Make a copy"):
        assert words not in page, words
    listed = (await member.get("/heartbeats")).text
    assert "/heartbeats/new" not in listed
    assert 'name="ids"' not in listed
    for path in ("/heartbeats/new", f"/heartbeats/{id}/edit", f"/heartbeats/{id}/pause", f"/heartbeats/{id}/delete",
                 "/heartbeats/groups"):  # fmt: skip
        assert (await member.post(path, name="Mine", period="60", paused="true")).status_code == 403, path
    assert (await member.post("/heartbeats/bulk", deed="delete", ids=str(id))).status_code == 403


async def test_a_member_looks_at_integrations_without_their_addresses(world: World) -> None:
    hook = await world.integration("incoming-webhooks", name="Jobs")
    place = await world.target("ntfy", "ops topic", {"topic": "ops-4711"})
    member = await dora(world)
    here, there = f"/integrations/in/webhook/{hook['id']}", f"/integrations/to/{place}"
    assert "Set up another" not in (await member.get("/integrations")).text
    page = (await member.get(here)).text
    assert "Jobs" in page
    assert hook["url"].rpartition("/")[2] not in page
    assert f"{here}/edit" not in page
    assert f"{there}/test" not in (await member.get(there)).text
    for path in ("/integrations/in/webhook/new", f"{here}/edit", f"{here}/pause", f"{here}/delete",
                 f"{there}/edit", f"{there}/test", f"{there}/delete"):  # fmt: skip
        assert (await member.post(path, name="Mine", topic="x")).status_code == 403, path
    assert (await member.post("/integrations/to/ntfy/new", name="Mine", topic="x")).status_code == 403


async def test_a_member_looks_at_webhooks_without_their_secrets(world: World) -> None:
    body = {"name": "Warehouse", "url": "https://hook.example.com/s3cret", "trigger_type": "incident_change",
            "signing_secret": "generate"}  # fmt: skip
    made = (await world.api("POST", "/v2/outgoing-webhooks", body)).json()["data"]
    member, here = await dora(world), f"/webhooks/{made['id']}"
    for path in ("/webhooks", here):
        page = (await member.get(path)).text
        assert "Warehouse" in page
        assert "s3cret" not in page
        assert made["attributes"]["signing_secret"].removeprefix("whsec_") not in page
        assert "/test" not in page
        assert "/webhooks/new" not in page
    for path in ("/webhooks/new", f"{here}/edit", f"{here}/test", f"{here}/delete"):
        sent = await member.post(path, name="Mine", url="https://a.example.com", trigger_type="incident_change")
        assert sent.status_code == 403, path
