"""Stories in which a phone in a pocket hums: a subscribed browser is paged, says so, and is where one answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.kernel.servers import HttpServer
from tests.notify.channels.pushing import Browser, push_service
from tests.scenarios.test_phone import told
from tests.world import World
from tocsin.kernel.vault import Vault
from tocsin.notify.channels import push


class Phone:
    """Bob's phone: its browser, and the push service between us and it."""

    def __init__(self, world: World, service: HttpServer) -> None:
        self.world = world
        self.service = service
        self.browser = Browser(service.url("/push/bob"))

    async def subscribe(self, subscription: str | None = None) -> httpx.Response:
        """Open the secret link and press the button."""
        link = (await self.world.api("POST", "/v2/users/bob@example.com/push-links")).json()["url"]
        assert "Bob Builder" in (await self.world.browse("GET", link)).text
        fields = {"subscription": subscription or self.browser.subscription, "label": "Pixel"}
        return await self.world.browse("POST", link, data=fields)

    def shown(self) -> list[dict[str, Any]]:
        """What the notifications said, in order."""
        return [self.browser.open(body) for _, _, body in self.service.requests]


@pytest.fixture
async def phone(world: World, vault: Vault, tmp_path: Path) -> AsyncIterator[Phone]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with push_service(authority) as service:
        world.ca_file = str(tmp_path / "ca.pem")
        world.providers = {"push": push.settings(vault, "https://tocsin.test")}
        world.crash()
        await world.installed()
        await world.on_call("bob")
        yield Phone(world, service)


async def outage(world: World) -> int:
    return await world.outage("shop", team_wait=3600, push=True, email=False, call=False, sms=False)


@pytest.mark.slow
async def test_it_hums_says_that_it_did_and_one_tap_acknowledges(world: World, phone: Phone) -> None:
    assert (await phone.subscribe()).status_code == 201
    incident = await outage(world)
    (page,) = phone.shown()
    assert (page["title"], page["body"]) == ("shop.example.com is down", "Status 503")
    assert await world.notification(page["state"], "delivered") == {"done": True, "said": ""}
    await world.fast_forward(minutes=5)
    assert len(phone.shown()) == 1
    assert world.mails() == [], "it was received, so nobody else hears of it yet"
    done = {"done": True, "said": "You have it. Nobody else will be alerted."}
    assert await world.notification(page["answer"], "acknowledge") == done
    assert (await world.incident(incident))["acknowledged_by"] == "Bob Builder"
    late = {"done": True, "said": "Bob Builder has it already."}
    assert await world.notification(page["answer"], "acknowledge") == late
    story = await told(world, incident)
    assert "shown by the browser" in story
    assert "through this push notification" in story
    world.site("shop").up()
    await world.fast_forward(minutes=5)
    assert [each["kind"] for each in phone.shown()] == ["page", "resolved"]


@pytest.mark.slow
async def test_a_phone_that_is_off_is_no_silence(world: World, phone: Phone) -> None:
    await phone.subscribe()
    await outage(world)
    await world.fast_forward(seconds=70)
    assert [to for to, _ in world.new_mails()] == ["bob"]


@pytest.mark.slow
async def test_a_browser_that_has_withdrawn_is_never_tried_again(world: World, phone: Phone) -> None:
    await phone.subscribe()
    phone.service.answer("/push/bob", 410, b"gone")
    await outage(world)
    assert [to for to, _ in world.new_mails()] == ["bob"], "at once by another way"
    methods = (await world.api("GET", "/v2/users/bob@example.com/contact-methods")).json()["data"]
    assert [each["attributes"]["gone_at"] is not None for each in methods] == [False, True]


@pytest.mark.slow
async def test_nothing_is_believed_without_its_secret(world: World, phone: Phone) -> None:
    await phone.subscribe()
    incident = await outage(world)
    (page,) = phone.shown()
    for token, did in ((page["state"], "acknowledge"), (page["answer"], "delivered"), ("7-x", "seen"), ("", "")):
        assert (await world.notification(token, did))["done"] is False
    assert (await world.incident(incident))["status"] == "Started"
    for nonsense in ("", "{}", '{"endpoint":"https://x/","keys":{"p256dh":"AAAA","auth":"AAAA"}}'):
        answer = await phone.subscribe(nonsense or "no json")
        assert answer.status_code == 422
        assert "subscription" in answer.json()["said"]
    assert (await world.browse("GET", "/push/1-1-" + "0" * 32)).status_code == 404
    assert (await world.browse("POST", "/push/1-1-" + "0" * 32, data={"subscription": "x"})).status_code == 404
