"""Subscriptions are confirmed by fetching the URL that came, if it is Amazon's, until it works."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.inbound.conftest import Ops
from tests.net import FakeNet
from tocsin.inbound import actions
from tocsin.inbound.actions.confirming import MAX_ATTEMPTS, is_amazons
from tocsin.inbound.model import Integration
from tocsin.inbound.worker import Confirmations
from tocsin.kernel.net import HttpRequest, HttpResponse

HOST = "sns.eu-central-1.amazonaws.com"
URL = f"https://{HOST}/?Action=ConfirmSubscription&Token=2336412f37"


class Asked(FakeNet):
    """Remembers what it was asked to fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[HttpRequest] = []

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        self.requests.append(request)
        return await super().fetch(request, certificate)


async def subscribe(ops: Ops, integration: Integration, url: str = URL) -> Any:
    message = {
        "Type": "SubscriptionConfirmation", "MessageId": "1", "Token": "2336412f37", "SubscribeURL": url,
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:alarms", "Message": "You have chosen to subscribe",
        "Timestamp": "2026-03-02T12:00:00.000Z", "SignatureVersion": "1", "Signature": "x",
        "SigningCertURL": f"https://{HOST}/cert.pem",
    }  # fmt: skip
    headers = (("x-amz-sns-message-type", "SubscriptionConfirmation"), ("content-type", "text/plain"))
    return await ops.post(integration, msgspec.json.encode(message), headers=headers, content_type="text/plain")


@pytest.mark.parametrize(
    ("url", "amazons"),
    [
        (URL, True),
        ("https://sns.us-gov-west-1.amazonaws.com/?a", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/?a", True),
        ("https://SNS.eu-central-1.amazonaws.com:443/?a", True),
        ("http://sns.eu-central-1.amazonaws.com/?a", False),
        ("https://sns.eu-central-1.amazonaws.com.evil.example/?a", False),
        ("https://evil.example/?sns.eu-central-1.amazonaws.com", False),
        ("https://sns.eu-central-1.amazonaws.com@evil.example/", False),
        ("https://sns.eu-central-1.amazonaws.com:8443/", False),
        ("https://s3.eu-central-1.amazonaws.com/", False),
        ("https://169.254.169.254/latest", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_only_amazons_own_links_are_followed(url: str, amazons: bool) -> None:
    assert is_amazons(url) is amazons


async def test_a_subscription_is_confirmed_by_fetching_its_link_once(ops: Ops) -> None:
    net = Asked()
    net.site(HOST).up()
    worker = Confirmations(ops.database, ops.clock, net)
    integration = await ops.integration("aws_cloudwatch")
    assert (await subscribe(ops, integration)).status == 202
    assert await ops.outcome(integration) == "A subscription that waits to be confirmed."
    assert await worker.run_once() is None
    assert [(request.url, request.follow_redirects) for request in net.requests] == [(URL, False)]
    assert "was confirmed" in await ops.outcome(integration)
    ops.clock.wind(hours=1)
    await worker.run_once()
    assert len(net.requests) == 1
    assert await ops.incidents() == []


async def test_a_link_that_fails_is_tried_again_for_hours_and_then_given_up_aloud(ops: Ops) -> None:
    net = Asked()
    net.site(HOST).down(503)
    worker = Confirmations(ops.database, ops.clock, net)
    integration = await ops.integration("aws_cloudwatch")
    await subscribe(ops, integration)
    for _ in range(MAX_ATTEMPTS + 3):
        next_at = await worker.run_once()
        if next_at is None:
            break
        assert "tried again" in await ops.outcome(integration)
        ops.clock.wind(seconds=(next_at - ops.clock.now()).total_seconds())
    assert len(net.requests) == MAX_ATTEMPTS
    assert "NOT confirmed" in await ops.outcome(integration)


async def test_a_link_that_amazon_refuses_is_not_tried_again(ops: Ops) -> None:
    net = Asked()
    net.site(HOST).down(403)
    worker = Confirmations(ops.database, ops.clock, net)
    integration = await ops.integration("aws_cloudwatch")
    await subscribe(ops, integration)
    assert await worker.run_once() is None
    assert "NOT confirmed" in await ops.outcome(integration)


async def test_a_link_to_anywhere_else_is_never_fetched(ops: Ops) -> None:
    net = Asked()
    worker = Confirmations(ops.database, ops.clock, net)
    integration = await ops.integration("aws_cloudwatch")
    answer = await subscribe(ops, integration, "https://169.254.169.254/latest/meta-data")
    await worker.run_once()
    assert net.requests == []
    assert answer.status in (202, 422)
    assert await ops.outcome(integration)


async def test_a_killed_process_confirms_after_its_lease(ops: Ops) -> None:
    net = Asked()
    net.site(HOST).up()
    integration = await ops.integration("aws_cloudwatch")
    await subscribe(ops, integration)
    assert len(await ops.database.write(actions.claim_confirmations, 10)) == 1, "and the process dies"
    worker = Confirmations(ops.database, ops.clock, net)
    assert await worker.run_once() is not None
    assert net.requests == []
    ops.clock.wind(seconds=61)
    await worker.run_once()
    assert len(net.requests) == 1
