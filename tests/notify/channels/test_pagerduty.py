"""PagerDuty hears of every step of an incident under one key, and of no incident twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.services import PAGERDUTY_KEY, PagerDuty
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import pagerduty
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

TARGET = {"key": PAGERDUTY_KEY, "severity": "error"}
TO = {"channel": "pagerduty", "address": "Shop service", "target": TARGET, "target_name": "Shop service"}


async def tell(service: PagerDuty, net: RealNet, message: Message) -> Answer:
    settings = pagerduty.Settings(us_url=service.url, eu_url=f"{service.url}/eu")
    return await pagerduty.send(message, settings, net)


async def test_an_incident_is_one_alert_from_its_page_to_its_end(net: RealNet) -> None:
    async with running(PagerDuty()) as service:
        first = await tell(service, net, page(**TO))
        await tell(service, net, page(**TO, attempt=2))
        assert first == Sent("accepted by PagerDuty (202)", provider_id="incident-25-ab")
        assert service.alerts == {"incident-25-ab": "triggered"}
        await tell(service, net, news("acknowledged", "Ann has taken on shop.example.com", **TO))
        assert service.alerts == {"incident-25-ab": "acknowledged"}
        await tell(service, net, news("resolved", "It is over", **TO))
        assert service.alerts == {"incident-25-ab": "resolved"}
    event = service.events[0]
    assert event["payload"]["summary"] == "shop.example.com is down: Status 503"
    assert event["payload"]["severity"] == "error"
    assert event["payload"]["custom_details"] == {"cause": "Status 503", "Response code": "503"}
    assert event["links"][0]["href"] == f"{BASE_URL}/answer/7-{SIGNATURE}"


async def test_a_test_leaves_no_open_alert_behind(net: RealNet) -> None:
    notice = {"kind": "notice", "incident_id": 0, "headline": "This is a test", "actions": ()}
    async with running(PagerDuty()) as service:
        answer = await tell(service, net, page(**TO, notice=notice, answer_url=None, thread="test-1-ab"))
    assert isinstance(answer, Sent)
    assert service.alerts == {"test-1-ab": "resolved"}


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"Retry-After": "7"}, Retry("PagerDuty answered 429: no", 7.0)),
        (500, {}, Retry("PagerDuty answered 500: no")),
        (403, {}, GiveUp("PagerDuty answered 403: no")),
    ],
)
async def test_what_can_pass_is_tried_again(
    net: RealNet, status: int, headers: dict[str, str], expected: Answer
) -> None:
    async with running(PagerDuty()) as service:
        service.answers = [(status, {"message": "no"}, headers)]
        assert await tell(service, net, page(**TO)) == expected


async def test_a_wrong_key_is_given_up_in_its_words_and_settings_that_fit_no_more_are_not_sent(net: RealNet) -> None:
    wrong: dict[str, Any] = {**TO, "target": {"key": "short", "severity": "info"}}
    async with running(PagerDuty()) as service:
        answer = await tell(service, net, page(**wrong))
        assert isinstance(answer, GiveUp)
        assert "PagerDuty answered 400: Event object is invalid" in answer.why
        misfit = await tell(service, net, page(**{**TO, "target": {"key": "x", "severity": "loud"}}))
        lost = await tell(service, net, page(**{**TO, "target": {}}))
    assert isinstance(misfit, GiveUp)
    assert "the settings of “Shop service” cannot be used" in misfit.why
    assert isinstance(lost, GiveUp)
    assert "the target was deleted, or the key that opens its settings is lost" in lost.why
    assert service.requests == 1
