"""Outgoing webhooks in the console: made, tried out, watched and sent again, and nobody else's."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.world import World
from tocsin.console.rooms.webhooks import VERIFY

EVIL = '"><script>alert(1)</script>'
pytestmark = pytest.mark.slow


async def made(world: World, **more: Any) -> str:
    body = {"name": "Warehouse", "url": "https://hook.example.com/in", "trigger_type": "incident_change", **more}
    answer = await world.api("POST", "/v2/outgoing-webhooks", body)
    assert answer.status_code == 201, answer.text
    return f"/webhooks/{answer.json()['data']['id']}"


async def test_without_any_the_list_says_what_webhooks_are_for(world: World) -> None:
    assert "Nobody outside is told yet" in (await (await world.sign_in("alice")).get("/webhooks")).text


async def test_a_webhook_is_made_with_a_request_of_its_own_and_changed(world: World) -> None:
    alice = await world.sign_in("alice")
    assert (await alice.get("/webhooks/new")).status_code == 200
    done = await alice.post(
        "/webhooks/new", name=EVIL, url="https://hook.example.com/x", trigger_type="incident_change",
        on_incident_started="true", on_incident_comment="true", notify_alongside_primary_responder="true",
        signing="generate", own="true", http_method="put", auth_username="bob", auth_password="hunter2",
        headers="X-Team: ops\nX-Name: $NAME", body_template='{"text": "$NAME"}',
    )  # fmt: skip
    assert done.status_code == 303, done.text
    here = done.headers["location"]
    answer = (await world.api("GET", f"/v2/outgoing-webhooks/{here.rpartition('/')[2]}")).json()
    kept, template = answer["data"]["attributes"], answer["included"][0]["attributes"]
    assert (kept["on_incident_started"], kept["on_incident_resolved"]) == (True, False)
    assert template["http_method"] == "put"
    assert template["headers_template"] == [{"name": "X-Team", "value": "ops"}, {"name": "X-Name", "value": "$NAME"}]
    page = (await alice.get(here)).text
    assert EVIL not in page
    assert "hunter2" not in page
    assert "def genuine" in page
    form = (await alice.get(f"{here}/edit")).text
    assert "X-Team: ops\nX-Name: $NAME" in form
    assert EVIL not in form
    assert "hunter2" not in form
    await alice.post(f"{here}/edit", name="W", url="https://hook.example.com/y", on_incident_resolved="true", own="",
                     signing="none")  # fmt: skip
    answer = (await world.api("GET", f"/v2/outgoing-webhooks/{here.rpartition('/')[2]}")).json()
    assert answer["data"]["attributes"]["on_incident_resolved"] is True
    assert answer.get("included", []) == []
    assert "signing_secret" not in answer["data"]["attributes"]
    bad = await alice.post("/webhooks/new", name="x", url="ftp://x", trigger_type="incident_change")
    assert bad.status_code == 422
    assert 'value="ftp://x"' in bad.text
    assert (await world.audit_log())[-1].startswith("Alice Archer")


async def test_the_other_triggers_take_no_events_of_incidents(world: World) -> None:
    alice = await world.sign_in("alice")
    done = await alice.post("/webhooks/new", name="Rota", url="https://hook.example.com/x", signing="none",
                            trigger_type="on_call_change", on_incident_started="true")  # fmt: skip
    assert done.status_code == 303, done.text
    assert "who is on call" in (await alice.get(done.headers["location"])).text


async def test_a_test_is_logged_with_what_was_answered_and_sent_again(world: World) -> None:
    here = await made(world)
    alice = await world.sign_in("alice")
    await alice.post(f"{here}/test")
    page = (await alice.get(here)).text
    assert "outgoing_webhook.tested" in page
    link = re.search(rf'{here}/deliveries/(\d+)"', page)
    assert link
    one = (await alice.get(f"{here}/deliveries/{link[1]}")).text
    assert "Attempts" in one
    assert "attempt 1" in one
    again = await alice.post(f"{here}/deliveries/{link[1]}/replay")
    assert again.headers["location"] == here
    assert (await world.audit_log())[-1].startswith("Alice Archer sent a message to an outgoing webhook again")
    assert (await alice.get(f"{here}?state=delivered")).status_code == 200
    assert "Warehouse" in (await alice.get("/webhooks")).text


async def test_another_teams_webhooks_are_not_there(world: World) -> None:
    here = await made(world)
    await (await world.sign_in("alice")).post(f"{here}/test")
    charlie = await world.sign_in("charlie")
    assert "Warehouse" not in (await charlie.get("/webhooks")).text
    for path in (here, f"{here}/edit", f"{here}/deliveries/1"):
        assert (await charlie.get(path)).status_code == 404, path
    for path in (f"{here}/edit", f"{here}/test", f"{here}/delete", f"{here}/deliveries/1/replay"):
        assert (await charlie.post(path, name="Mine")).status_code == 404, path


async def test_no_form_works_without_what_proves_that_it_is_ours(world: World) -> None:
    here = await made(world)
    alice = await world.sign_in("alice")
    for path in ("/webhooks/new", f"{here}/edit", f"{here}/test", f"{here}/delete"):
        assert (await alice.post(path, csrf="", name="x")).status_code == 403, path
    assert (await alice.post(f"{here}/delete")).headers["location"] == "/webhooks"
    assert (await alice.get(here)).status_code == 404


def test_what_we_give_out_to_verify_signatures_does_verify_them() -> None:
    import hashlib
    import hmac
    import time

    key = b"0" * 24
    space: dict[str, Any] = {}
    exec(VERIFY.format(key=base64.b64encode(key).decode()), space)
    at = str(int(time.time()))
    signature = base64.b64encode(hmac.digest(key, f"msg_1.{at}.".encode() + b"{}", hashlib.sha256)).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": f"v1,AAAA v1,{signature}"}
    assert space["genuine"](headers, b"{}")
    assert not space["genuine"](headers, b"{ }")
    assert not space["genuine"]({**headers, "webhook-timestamp": str(int(at) - 600)}, b"{}")
