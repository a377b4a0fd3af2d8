"""One check at once, for somebody who waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.net import FakeNet
from tocsin.kernel.errors import TooMany
from tocsin.kernel.net import Certificate, HttpRequest, HttpResponse
from tocsin.monitors.actions.trying import Trial
from tocsin.monitors.model import CheckSpec
from tocsin.monitors.worker import Trials
from tocsin.monitors.worker.trying import AT_ONCE, AT_ONCE_PER_TEAM, MAX_BODY_BYTES


def trial(kind: str = "status", team: int = 1, **settings: Any) -> Trial:
    settings = {"url": "https://shop.example.com/", "request_timeout": 30} | settings
    return Trial(
        team_id=team, spec=CheckSpec(monitor_id=0, revision=0, kind=kind, frequency_seconds=60, settings=settings)
    )


@pytest.fixture
def net() -> FakeNet:
    return FakeNet()


async def test_an_answer_is_told_whole_when_all_is_well_too(net: FakeNet) -> None:
    site = net.site("shop.example.com")
    site.certificate = Certificate(not_before_ms=0, not_after_ms=9_000, subject="shop.example.com", issuer="Us")
    site.up(b"x" * (MAX_BODY_BYTES + 1))
    found = await Trials(net, "eu").run(trial())
    assert (found.outcome, found.status_code, found.cause, found.region) == ("up", 200, None, "eu")
    assert found.headers == [["Content-Type", "text/html"]]
    assert (len(found.body), found.body_truncated, found.remote_ip) == (MAX_BODY_BYTES, True, "192.0.2.1")
    assert (found.tls_handshake_time, found.response_time) == (0.02, 0.061)
    assert (found.certificate_expires_ms, found.certificate_issuer) == (9_000, "Us")


async def test_a_failure_is_told_with_its_cause(net: FakeNet) -> None:
    net.site("shop.example.com").down()
    found = await Trials(net, "eu").run(trial())
    assert (found.outcome, found.cause, found.body) == ("down", "Status 503", "down for maintenance")
    net.site("shop.example.com").unreachable_through_our_fault()
    assert (await Trials(net, "eu").run(trial())).outcome == "unknown"


async def test_questions_and_conversations_are_tried_as_well(net: FakeNet) -> None:
    found = await Trials(net, "eu").run(trial("ping", url="db.example.com", request_timeout=5_000))
    assert (found.outcome, found.remote_ip) == ("up", "192.0.2.1")
    net.site("db.example.com").script(b"+PONG\r\n")
    found = await Trials(net, "eu").run(trial("redis", url="db.example.com", request_timeout=5_000))
    assert found.outcome == "up"
    net.site("db.example.com").refuse()
    found = await Trials(net, "eu").run(trial("redis", url="db.example.com", request_timeout=5_000))
    assert (found.outcome, found.cause) == ("down", "Connection refused")


class Hanging(FakeNet):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        await self.open.wait()
        return await super().fetch(request, certificate)


async def test_no_team_and_not_all_of_them_together_run_many_at_once() -> None:
    net = Hanging()
    trials = Trials(net, "eu")
    running = [asyncio.create_task(trials.run(trial())) for _ in range(AT_ONCE_PER_TEAM)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany):
        await trials.run(trial())
    running += [asyncio.create_task(trials.run(trial(team=2 + n))) for n in range(AT_ONCE - AT_ONCE_PER_TEAM)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany):
        await trials.run(trial(team=99))
    net.open.set()
    assert {found.outcome for found in await asyncio.gather(*running)} == {"up"}
    assert (await trials.run(trial())).outcome == "up"
