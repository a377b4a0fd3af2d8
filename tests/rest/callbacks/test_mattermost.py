"""A button pressed in Mattermost does what it says, when Mattermost brings back what only it was told."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.notify.channels.test_mattermost import HOOK, Mattermost
from tests.notify.channels.web_server import running
from tests.rest.callbacks.conftest import Desk


async def press(desk: Desk, action: dict[str, Any], name: str = "ann") -> httpx.Response:
    told = {"user_id": "u1", "user_name": name, "post_id": "p1", "type": "button",
            "context": action["integration"]["context"]}  # fmt: skip
    headers = {"Content-Type": "application/json"}
    return await desk.world.call_back(action["integration"]["url"], json.dumps(told).encode(), headers)


@pytest.mark.slow
async def test_whoever_presses_takes_it_on_and_the_message_says_so(desk: Desk) -> None:
    async with running(Mattermost()) as mattermost:
        target = await desk.world.target("mattermost", "Ops", {"webhook_url": mattermost.url + HOOK})
        incident = await desk.report()
        await desk.page(incident, target)
        acknowledge, resolve = mattermost.posts[0]["attachments"][0]["actions"]
        answer = await press(desk, acknowledge)
        assert answer.json()["update"]["message"] == "Acknowledged by ann \\(Mattermost\\): Shop"
        assert (await desk.world.incident(incident))["acknowledged_by"] == "ann (Mattermost)"
        assert (await press(desk, acknowledge, "ben")).json() == {
            "ephemeral_text": "ann (Mattermost) has it already: Shop."
        }
        later = mattermost.posts[-1]["attachments"][0]
        assert "has taken on Shop" in later["title"]
        assert [action["name"] for action in later["actions"]] == ["Resolve"]
        forged = {"integration": {**resolve["integration"], "context": {"deed": "resolve", "token": "1-" + "0" * 32}}}
        assert "not known here" in (await press(desk, forged)).json()["ephemeral_text"]
        assert (await desk.world.incident(incident))["resolved_at"] is None


@pytest.mark.slow
async def test_what_is_no_message_of_mattermosts_is_refused(desk: Desk) -> None:
    for body in (b"", b"{", b"[]", b"null", b'{"context": 7}', b"[" * 50_000):
        answer = await desk.world.call_back("/callbacks/mattermost", body, {})
        assert answer.status_code in (200, 400), body
