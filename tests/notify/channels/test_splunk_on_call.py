"""Splunk On-Call hears of every step of an incident as one entity."""

from __future__ import annotations

from tests.notify.channels.messages import news, page
from tests.notify.channels.services import SPLUNK_PATH, Splunk
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import splunk_on_call
from tocsin.notify.model import Answer, GiveUp, Message, Sent


async def tell(service: Splunk, net: RealNet, message: Message) -> Answer:
    return await splunk_on_call.send(message, splunk_on_call.Settings(), net)


async def test_an_incident_is_one_entity_from_its_page_to_its_end(net: RealNet) -> None:
    async with running(Splunk()) as service:
        to = {"channel": "splunk_on_call", "address": "Database", "target": {"url": service.url + SPLUNK_PATH}}
        answer = await tell(service, net, page(**to))
        await tell(service, net, news("acknowledged", "Ann has taken on shop.example.com", **to))
        await tell(service, net, news("resolved", "It is over", **to))
        test = {"kind": "notice", "incident_id": 0, "headline": "This is a test", "actions": ()}
        await tell(service, net, page(**to, notice=test, answer_url=None))
        service.refuses = True
        refused = await tell(service, net, page(**to))
    assert isinstance(answer, Sent)
    kinds = [alert["message_type"] for alert in service.alerts]
    assert kinds == ["CRITICAL", "ACKNOWLEDGEMENT", "RECOVERY", "INFO"]
    assert {alert["entity_id"] for alert in service.alerts} == {"incident-25-ab"}
    assert service.alerts[0]["entity_display_name"] == "shop.example.com is down"
    assert service.alerts[0]["state_message"] == "Status 503\nResponse code: 503"
    assert refused == GiveUp("Splunk On-Call refused it: message_type is unknown"), "although with a 200"
