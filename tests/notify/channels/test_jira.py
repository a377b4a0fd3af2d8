"""An incident is one issue in Jira, and its story are the issue's comments."""

from __future__ import annotations

from typing import Any

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.services import Jira
from tests.notify.channels.web_server import running
from tocsin.kernel.net import RealNet
from tocsin.notify.channels import jira
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent


def to(service: Jira, **more: Any) -> dict[str, Any]:
    target = {
        "site_url": service.url, "email": "bot@example.com", "api_token": "jira-token", "jira_project_key": "OPS",
        "jira_issue_type_id": "10001", "resolve_transition": "done",
        "jira_fields": {"priority": {"name": "High"}, "labels": ["outage"]},
    }  # fmt: skip
    return {"channel": "jira", "address": "OPS", "target": {**target, **more}, "target_name": "OPS"}


async def tell(net: RealNet, message: Message) -> Answer:
    return await jira.send(message, jira.Settings(), net)


async def test_a_page_opens_an_issue_and_what_follows_is_written_into_it(net: RealNet) -> None:
    async with running(Jira()) as service:
        answer = await tell(net, page(**to(service)))
        assert answer == Sent("accepted by Jira (201): issue OPS-1", provider_id="OPS-1")
        again = await tell(net, page(**to(service), parent="OPS-1"))
        assert again == Sent("accepted by Jira (201): comment on OPS-1", provider_id="OPS-1")
        said = "Ann {html} has taken on [~bob]"
        await tell(net, news("acknowledged", said, **to(service), parent="OPS-1"))
        over = await tell(net, news("resolved", "It is over", **to(service), parent="OPS-1"))
    assert over == Sent("accepted by Jira (201): comment on OPS-1, Done", provider_id="OPS-1")
    issue = service.issues["OPS-1"]
    assert issue["summary"] == "shop.example.com is down"
    assert issue["description"] == f"Status 503\nResponse code: 503\n\n{BASE_URL}/answer/7-{SIGNATURE}"
    assert issue["labels"] == ["outage", "tocsin-incident-25-ab"]
    assert issue["priority"] == {"name": "High"}
    assert service.comments[1][1].startswith(r"Ann \{html} has taken on \[~bob]"), "nobody's words become markup"
    assert service.moved == [("OPS-1", "31")]


async def test_what_got_through_before_a_crash_is_found_in_the_cloud_and_in_a_data_center(net: RealNet) -> None:
    for cloud in (True, False):
        async with running(Jira(cloud=cloud)) as service:
            own = {"email": "", "api_token": "a-token-of-ones-own"}
            await tell(net, page(**to(service, **own)))
            answer = await tell(net, page(**to(service, **own), attempt=2))
            assert answer == Sent("accepted by Jira before: issue OPS-1", provider_id="OPS-1")
            service.issues.clear()
            assert isinstance(await tell(net, page(**to(service, **own), attempt=2)), Sent)
            assert list(service.issues) == ["OPS-1"]


async def test_what_cannot_be_done_is_said_in_its_words(net: RealNet) -> None:
    async with running(Jira()) as service:
        assert await tell(net, page(**to(service, jira_project_key="OTHER"))) == GiveUp(
            "Jira answered 400: project: valid project is required"
        )
        assert await tell(net, page(**to(service, api_token="old"))) == GiveUp("Jira answered 401")
        assert isinstance(await tell(net, page(**to(service, api_token="old"), attempt=2)), Retry), "nothing is known"
        assert await tell(net, news("resolved", "It is over", **to(service))) == GiveUp(
            "there is no issue of this incident to write into"
        )
        await tell(net, page(**to(service)))
        unmoved = await tell(
            net, news("resolved", "It is over", **to(service, resolve_transition="Close"), parent="OPS-1")
        )
    assert isinstance(unmoved, Sent)
    assert unmoved.detail.endswith("; it has no transition “Close” now")
    assert service.moved == []
