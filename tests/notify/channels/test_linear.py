"""An incident is one issue in Linear, and its story are the issue's comments."""

from __future__ import annotations

from typing import Any

from tests.notify.channels.messages import news, page
from tests.notify.channels.services import LINEAR_KEY, LINEAR_TEAM, Linear
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import linear
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent


def to(**more: Any) -> dict[str, Any]:
    target = {"api_key": LINEAR_KEY, "team_id": LINEAR_TEAM, "priority": 2, "resolve_state_id": "done"} | more
    return {"channel": "linear", "address": "Ops", "target": target, "target_name": "Ops"}


async def tell(service: Linear, net: RealNet, message: Message) -> Answer:
    return await linear.send(message, linear.Settings(base_url=service.url), net)


async def test_a_page_opens_an_issue_and_what_follows_is_written_into_it_once(net: RealNet) -> None:
    async with running(Linear()) as service:
        first = await tell(service, net, page(**to()))
        assert isinstance(first, Sent)
        assert first.detail == "accepted by Linear (200): issue OPS-1"
        repeated = await tell(service, net, page(**to(), attempt=2))
        assert repeated == Sent("accepted by Linear before", provider_id=first.provider_id)
        for _ in range(2):
            over = await tell(service, net, news("resolved", "It is over", **to(), parent=first.provider_id))
            assert isinstance(over, Sent)
    (issue,) = service.issues.values()
    assert issue["title"] == "shop.example.com is down"
    assert issue["priority"] == 2
    assert issue["stateId"] == "done"
    (comment,) = service.comments.values()
    assert comment["body"].startswith("**It is over**")


async def test_a_critical_incident_is_urgent(net: RealNet) -> None:
    async with running(Linear()) as service:
        await tell(service, net, page(**to(), notice={"critical": True}))
    assert [issue["priority"] for issue in service.issues.values()] == [1]


async def test_a_full_rate_limit_is_waited_for_and_what_is_wrong_is_not(net: RealNet) -> None:
    async with running(Linear()) as service:
        service.limited = 1
        assert await tell(service, net, page(**to())) == Retry("Linear put it off: Rate limit exceeded")
        other = await tell(service, net, page(**to(team_id="another")))
        assert other == GiveUp("Linear refused it: Entity not found: Team")
        stranger = await tell(service, net, page(**to(api_key="lin_api_old")))
        assert stranger == GiveUp("Linear answered 401: Authentication required, not authenticated")
        service.answers = [(503, b"<html>", {})]
        assert isinstance(await tell(service, net, page(**to())), Retry)
