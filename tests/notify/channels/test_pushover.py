"""Pushover rings until somebody has seen it, and stops when we say that somebody has."""

from __future__ import annotations

import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.services import PUSHOVER_APP, PUSHOVER_USER, Pushover
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import pushover
from tocsin.notify.model import GiveUp, Message, Retry, Sent

TO = {"channel": "pushover", "address": "Bob's phone", "endpoint": PUSHOVER_USER}
WHY = "Alice acknowledged the incident"


def ending(receipt: str | None, **more: object) -> Message:
    return page(
        **{**TO, **more}, notice={"kind": "call_off", "headline": WHY, "cause": ""}, parent=receipt,
        answer_token=None, answer_url=None,
    )  # fmt: skip


async def test_a_critical_page_rings_until_it_is_acknowledged(net: RealNet) -> None:
    async with running(Pushover()) as service:
        settings = pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)
        answer = await pushover.send(page(**TO, notice={"critical": True}), settings, net)
        (receipt,) = service.emergencies
        assert answer == Sent("accepted by Pushover (200)", provider_id=receipt)
        assert pushover.goes_on(receipt)
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
    assert not pushover.goes_on(str(answer.provider_id))
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


async def test_one_page_is_called_off_by_its_receipt_and_no_other_of_its_incident(net: RealNet) -> None:
    async with running(Pushover()) as service:
        settings = pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)
        for _ in range(2):
            await pushover.send(page(**TO, notice={"critical": True}), settings, net)
        first, second = service.emergencies
        for _ in range(2):  # it does not mind being told twice
            assert await pushover.send(ending(first), settings, net) == Sent(f"called off: {WHY}")
        assert [each for each, emergency in service.emergencies.items() if emergency.repeats] == [second]
        assert len(service.messages) == 2, "nothing is said"


async def test_what_the_team_sent_through_its_own_application_is_called_off_through_that(net: RealNet) -> None:
    async with running(Pushover()) as service:
        own = "b" * 30
        service.apps.add(own)
        settings = pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)
        target = {"user_key": PUSHOVER_USER, "app_token": own}
        await pushover.send(page(**TO, target=target, notice={"critical": True}), settings, net)
        (receipt,) = service.emergencies
        others = await pushover.send(ending(receipt), settings, net)
        assert others == GiveUp("Pushover answered 404: receipt not found; may be invalid or expired")
        assert service.ringing
        assert isinstance(await pushover.send(ending(receipt, target=target), settings, net), Sent)
        assert not service.ringing


async def test_what_cannot_be_called_off_now_is_tried_again_and_what_never_can_is_not(net: RealNet) -> None:
    async with running(Pushover()) as service:
        settings = pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)
        await pushover.send(page(**TO, notice={"critical": True}), settings, net)
        (receipt,) = service.emergencies
        service.answers = [(500, b"", {}), (429, b"", {}), (200, b"<html>Sign in</html>", {})]
        later = [await pushover.send(ending(receipt), settings, net) for _ in range(3)]
        assert all(isinstance(each, Retry) for each in later)
        assert service.called_off == []
        wrong = pushover.Settings(app_token="w" * 30, base_url=service.url)
        refused = await pushover.send(ending(receipt), wrong, net)
    assert refused == GiveUp("Pushover answered 400: application token is invalid")
    assert isinstance(await pushover.send(ending(None), settings, net), GiveUp)


@pytest.mark.parametrize("name", ["", "647d2300-702c-4b38-8b2f-d56326ae460b", "r" * 29])
def test_what_has_no_receipt_does_not_repeat_itself(name: str) -> None:
    assert not pushover.goes_on(name)
