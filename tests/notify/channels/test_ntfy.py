"""ntfy shows a page on every phone that has subscribed, with a button that acknowledges."""

from __future__ import annotations

import pytest

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.services import NTFY_TOKEN, Ntfy
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import ntfy
from tocsin.notify.model import GiveUp, Retry, Sent

ANSWER = f"{BASE_URL}/answer/7-{SIGNATURE}"


async def test_a_page_rings_can_be_acknowledged_at_once_and_its_end_is_quiet(net: RealNet) -> None:
    async with running(Ntfy()) as server:
        to = {"channel": "ntfy", "address": "Ops topic", "target": {"server": server.url, "topic": "ops"}}
        answer = await ntfy.send(page(**to, notice={"critical": True}), ntfy.Settings(), net)
        await ntfy.send(news("acknowledged", "Ann has taken on shop.example.com", **to), ntfy.Settings(), net)
    assert answer == Sent("accepted by ntfy (200)", provider_id="ntfy1")
    rung, quiet = server.messages
    assert (rung["title"], rung["message"]) == ("shop.example.com is down", "Status 503\nResponse code: 503")
    assert (rung["priority"], rung["tags"], rung["click"]) == (5, ["rotating_light"], ANSWER)
    acknowledge, look = rung["actions"]
    assert (acknowledge["action"], acknowledge["method"], acknowledge["url"]) == ("http", "POST", ANSWER)
    assert acknowledge["body"] == "deed=acknowledge"
    assert (look["action"], look["url"]) == ("view", ANSWER)
    assert quiet["priority"] == 2
    assert [action["action"] for action in quiet["actions"]] == ["view"]


async def test_a_person_is_reached_by_the_address_of_a_topic_with_its_token(net: RealNet) -> None:
    async with running(Ntfy()) as server:
        protected = f"http://:{NTFY_TOKEN}@127.0.0.1:{server.port}/closed"
        to = {"channel": "ntfy", "address": "ntfy"}
        assert isinstance(await ntfy.send(page(**to, endpoint=protected), ntfy.Settings(), net), Sent)
        stranger = await ntfy.send(page(**to, endpoint=f"{server.url}/closed"), ntfy.Settings(), net)
        assert stranger == GiveUp("ntfy answered 403: forbidden")
        server.answers = [(500, b"", {}), (500, b"", {})]
        late = [await ntfy.send(page(**to, endpoint=protected, attempt=n), ntfy.Settings(), net) for n in (1, 3)]
    assert late == [Retry("ntfy answered 500", 5.0), Retry("ntfy answered 500", elsewhere=True)], "then another way too"


@pytest.mark.parametrize("wrong", ["ntfy.sh/topic", "https://ntfy.sh/", "https://ntfy.sh/a b", "https://x/tö", ""])
async def test_what_is_no_topic_is_not_asked(net: RealNet, wrong: str) -> None:
    assert ntfy.endpoint_complaint(wrong)
    assert isinstance(await ntfy.send(page(channel="ntfy", address="x", endpoint=wrong), ntfy.Settings(), net), GiveUp)
