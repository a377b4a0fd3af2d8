"""A Zap runs for every step of an incident."""

from __future__ import annotations

from tests.notify.channels.messages import BASE_URL, SIGNATURE, page
from tests.notify.channels.services import Hook
from tests.notify.channels.web_server import running
from tests.time import START
from tocsin.kernel.clock import to_wire
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import zapier
from tocsin.notify.model import GiveUp, Sent


async def test_a_zap_gets_a_flat_object_and_a_deleted_one_is_known_as_gone(net: RealNet) -> None:
    async with running(Hook()) as hook:
        to = {"channel": "zapier", "address": "Zap", "target": {"url": f"{hook.url}/hooks/catch/1/abc/"}}
        assert await zapier.send(page(**to), zapier.Settings(), net) == Sent("accepted by Zapier (200)")
        hook.answers = [(410, b"", {})]
        gone = await zapier.send(page(**to), zapier.Settings(), net)
    assert gone == GiveUp("Zapier answered 410", endpoint_gone=True)
    assert hook.bodies == [
        {
            "id": "delivery-7-ab",
            "event": "page",
            "at": to_wire(START),
            "incident_id": 25,
            "subject": "[Tocsin] Down: shop.example.com (Status 503)",
            "headline": "shop.example.com is down",
            "cause": "Status 503",
            "critical": False,
            "url": f"{BASE_URL}/answer/7-{SIGNATURE}",
            "facts": {"Response code": "503"},
        }
    ]
