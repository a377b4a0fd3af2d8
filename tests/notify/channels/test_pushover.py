"""Pushover rings until somebody has seen it, and stops when we say that somebody has."""

from __future__ import annotations

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.services import PUSHOVER_APP, PUSHOVER_USER, Pushover
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import pushover
from tocsin.notify.model import GiveUp, Retry, Sent

TO = {"channel": "pushover", "address": "Bob's phone", "endpoint": PUSHOVER_USER}


async def test_a_critical_page_rings_until_it_is_acknowledged(net: RealNet) -> None:
    async with running(Pushover()) as service:
        settings = pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)
        answer = await pushover.send(page(**TO, notice={"critical": True}), settings, net)
        assert answer == Sent("accepted by Pushover (200)", provider_id="r" * 30)
        assert service.ringing == {"incident-25-ab"}
        await pushover.send(news("acknowledged", "Ann has taken on shop.example.com", **TO), settings, net)
        assert service.ringing == set()
    rung, quiet = service.messages
    assert (rung["title"], rung["priority"]) == ("shop.example.com is down", "2")
    assert rung["url"] == f"{BASE_URL}/answer/7-{SIGNATURE}"
    assert rung["url_title"] == "Acknowledge"
    assert quiet["priority"] == "-1"


async def test_an_ordinary_page_rings_once_through_the_teams_own_application(net: RealNet) -> None:
    async with running(Pushover()) as service:
        settings = pushover.Settings(base_url=service.url)
        target = {"user_key": PUSHOVER_USER, "app_token": PUSHOVER_APP, "device": "phone"}
        answer = await pushover.send(page(**TO, target=target), settings, net)
        nobodys = await pushover.send(page(**TO), settings, net)
    assert isinstance(answer, Sent)
    (message,) = service.messages
    assert (message["priority"], message["device"]) == ("1", "phone")
    assert isinstance(nobodys, GiveUp)
    assert "pushover_app_token" in nobodys.why


async def test_a_user_who_is_gone_is_known_as_gone_and_a_failure_gives_way_to_the_next_channel(net: RealNet) -> None:
    async with running(Pushover()) as service:
        settings = pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)
        gone = await pushover.send(page(**{**TO, "endpoint": "x" * 30}), settings, net)
        service.answers = [(500, b"", {})] * 2
        late = [await pushover.send(page(**TO, attempt=attempt), settings, net) for attempt in (1, 3)]
    assert isinstance(gone, GiveUp)
    assert gone.endpoint_gone
    assert "user identifier is not a valid user" in gone.why
    assert isinstance(late[0], Retry)
    assert isinstance(late[1], Retry)
    assert late[1].elsewhere
    assert pushover.endpoint_complaint("short")
    assert pushover.endpoint_complaint(PUSHOVER_USER) is None
