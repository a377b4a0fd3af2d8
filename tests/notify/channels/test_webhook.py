"""Any web server can be told, and can prove that it was us."""

from __future__ import annotations

import base64
import hashlib
import hmac

from tests.notify.channels.messages import BASE_URL, SIGNATURE, page
from tests.notify.channels.services import Hook
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import webhook
from tocsin.notify.model import GiveUp, Sent

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


async def test_a_message_is_signed_so_that_the_receiver_can_check_it_by_the_standard(net: RealNet) -> None:
    async with running(Hook()) as hook:
        target = {"url": f"{hook.url}/in", "signing_secret": SECRET, "authorization": "Bearer x"}
        to = {"channel": "webhook", "address": "Our server", "target": target}
        answer = await webhook.send(page(**to), webhook.Settings(), net)
    assert answer == Sent("accepted by The webhook (200)")
    ((path, headers, body),) = hook.taken
    assert path == "/in"
    assert headers["authorization"] == "Bearer x"
    assert headers["webhook-id"] == "delivery-7-ab"
    signed = f"delivery-7-ab.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == expected
    (message,) = hook.bodies
    assert message["type"] == "page"
    assert message["data"]["url"] == f"{BASE_URL}/answer/7-{SIGNATURE}"
    assert message["data"]["actions"] == ["acknowledge", "resolve"]
    assert message["data"]["facts"] == [{"name": "Response code", "value": "503"}]


async def test_a_redirect_is_not_followed_and_gone_is_gone(net: RealNet) -> None:
    async with running(Hook()) as hook:
        to = {"channel": "webhook", "address": "Our server", "target": {"url": f"{hook.url}/in"}}
        hook.answers = [(302, b"", {"Location": f"{hook.url}/elsewhere"}), (410, b"", {})]
        moved = await webhook.send(page(**to), webhook.Settings(), net)
        gone = await webhook.send(page(**to), webhook.Settings(), net)
    assert moved == GiveUp("The webhook answered 302")
    assert gone == GiveUp("The webhook answered 410", endpoint_gone=True)
    assert hook.taken == []


def test_settings_that_cannot_work_are_named() -> None:
    wrong = webhook.Target(url="ftp://x", signing_secret="whsec_short", authorization="a\nb").complaints()
    assert set(wrong) == {"url", "signing_secret", "authorization"}
    assert webhook.Target(url="https://x.example/in", signing_secret=SECRET).complaints() == {}
