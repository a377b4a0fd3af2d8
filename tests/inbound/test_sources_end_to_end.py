"""Every documented sample of every source, sent to the real application: it opens one incident, pages, and ends it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from tests.bell import Bell
from tests.inbound.sources.monitoring import alertmanager
from tests.inbound.sources.pagers import opsgenie, pagerduty
from tests.inbound.sources.samples import STORIES, Story, request
from tests.notify.mailserver import mail_server
from tests.time import FakeClock
from tests.world import World
from tocsin.inbound.model import KINDS, Received
from tocsin.storage import Database

pytestmark = pytest.mark.slow

SAMPLE_KEY = b"e93facc04764012d7bfb002500d5d1a6"
"""The routing key of the sample event."""

named = pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.kind}-{story.name}")


@pytest.fixture
async def world(database: Database, clock: FakeClock, bus: Bell) -> AsyncIterator[World]:
    async with mail_server() as mailbox:
        world = await World(database, clock, mailbox, bus).people()
        yield world
        await world.deliveries.close()
        assert not world.mail_to("charlie@example.com"), "Charlie must receive nothing"


class Sender:
    """The other system, set up as our documentation says: with an address, and a key where it has one of its own."""

    def __init__(self, world: World, integration: dict[str, Any]) -> None:
        self.world = world
        self.url: str = integration["webhook_url"]
        self.routing_key: str | None = integration.get("routing_key")
        self.api_key: str | None = integration.get("api_key")

    async def send(self, received: Received) -> httpx.Response:
        """Send the sample as this system does."""
        url = f"{self.url}/{quote(received.path)}" if self.api_key else self.url
        headers = dict(received.headers)
        body = received.body
        if self.api_key:
            headers["authorization"] = f"GenieKey {self.api_key}"
        if self.routing_key:
            body = body.replace(SAMPLE_KEY, self.routing_key.encode())
        return await self.world.send(url, method=received.method, content=body, headers=headers)


async def set_up(world: World, story: Story) -> Sender:
    """Makes the integration."""
    kind = KINDS[story.kind]
    settings: dict[str, Any] = {"name": kind.title}
    if kind.warns:
        settings["alerting_rule"] = story.settings.alerting_rule
    return Sender(world, await world.integration(kind.path, **settings))


async def status(world: World) -> tuple[int, str]:
    """The one incident: its id and status."""
    [incident] = await world.incidents()
    return int(incident["id"]), incident["attributes"]["status"]


@pytest.mark.slow
@named
async def test_a_trouble_opens_pages_once_and_ends(world: World, story: Story) -> None:
    system = await set_up(world, story)
    answer = await system.send(story.started)
    assert answer.status_code == 202, answer.text
    opened, state = await status(world)
    assert state == "Started"
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"]

    await system.send(story.started)
    assert await status(world) == (opened, "Started"), "the same trouble again is no news"
    assert world.new_mails() == []

    if story.acknowledged is not None:
        assert (await system.send(story.acknowledged)).status_code == 202
        assert await status(world) == (opened, "Acknowledged")
    if story.resolved is not None:
        assert (await system.send(story.resolved)).status_code == 202
        assert await status(world) == (opened, "Resolved")


@pytest.mark.slow
@named
async def test_what_follows_the_end_is_a_trouble_of_its_own(world: World, story: Story) -> None:
    if story.resolved is None:
        return  # said in the documentation of that source
    system = await set_up(world, story)
    for message in (story.started, story.resolved, story.started):
        await system.send(message)
    first, second = sorted(await world.incidents(), key=lambda each: int(each["id"]))
    assert (first["attributes"]["status"], second["attributes"]["status"]) == ("Resolved", "Started")


@pytest.mark.slow
@named
async def test_what_cannot_be_read_is_refused_in_words_and_told_unless_the_sender_looks_at_the_answer(
    world: World, story: Story
) -> None:
    system = await set_up(world, story)
    # PagerDuty's key stands in the message: without one, nobody knows whose it is
    body = b'{"routing_key": "' + SAMPLE_KEY + b'"}' if system.routing_key else b"<alert>down</alert>"
    answer = await system.send(msgspec.structs.replace(story.started, body=body))
    assert answer.status_code == (400 if story.kind == "pagerduty" else 422), answer.text
    errors = answer.json()["errors"]
    assert (errors if isinstance(errors, str) else errors[0]).startswith("Expected ")
    told = [each["attributes"]["name"] for each in await world.incidents()]
    name = KINDS[story.kind].title
    assert told == ([] if story.kind in ("pagerduty", "opsgenie") else [f"{name}: a message could not be read"])


async def pagerduty_integration(world: World) -> Sender:
    return Sender(world, await world.integration("pagerduty-events-integrations", name="PagerDuty"))


async def test_pagerdutys_sender_gets_pagerdutys_answer(world: World) -> None:
    answer = await (await pagerduty_integration(world)).send(request(pagerduty()))
    assert (answer.status_code, answer.json()) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "srv01/mysql"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v2/enqueue", "/api/v1/pagerduty/v2/enqueue", "/api/v1/pagerduty/{key}"])
async def test_pagerdutys_sender_may_keep_the_path(world: World, path: str) -> None:
    key = (await pagerduty_integration(world)).routing_key
    for action, after in (("trigger", "Started"), ("acknowledge", "Acknowledged"), ("resolve", "Resolved")):
        answer = await world.send(path.format(key=key), pagerduty(action, routing_key=key))
        assert answer.status_code == 202, answer.text
        assert (await status(world))[1] == after


async def test_a_key_has_the_form_of_pagerdutys(world: World) -> None:
    """Some senders check it before they send."""
    assert re.fullmatch("[a-z0-9]{32}", (await pagerduty_integration(world)).routing_key or "")


@pytest.mark.slow
async def test_a_key_of_nobody_opens_nothing(world: World) -> None:
    await pagerduty_integration(world)
    assert (await world.send("/v2/enqueue", pagerduty())).status_code == 404
    assert await world.incidents() == []


@pytest.mark.slow
async def test_a_trigger_without_a_key_is_ended_by_the_key_of_its_answer(world: World) -> None:
    system = await pagerduty_integration(world)
    key = (await system.send(request(pagerduty(dedup_key=None)))).json()["dedup_key"]
    await system.send(request(pagerduty("resolve", dedup_key=key)))
    assert (await status(world))[1] == "Resolved"


@pytest.mark.slow
async def test_opsgenies_sender_gets_opsgenies_answer_and_an_alias_may_hold_a_slash(world: World) -> None:
    system = Sender(world, await world.integration("opsgenie-integrations", name="Opsgenie"))
    answer = await system.send(request(opsgenie(alias="srv01/mysql"), path="v2/alerts"))
    assert answer.status_code == 202, answer.text
    assert answer.json()["result"] == "Request will be processed"
    close = f"{system.url}/v2/alerts/srv01%2Fmysql/close?identifierType=alias"
    assert (await world.send(close, {}, headers={"authorization": f"GenieKey {system.api_key}"})).status_code == 202
    assert (await status(world))[1] == "Resolved"


async def test_what_the_sender_says_stands_on_the_incident(world: World) -> None:
    system = await pagerduty_integration(world)
    await system.send(request(pagerduty()))
    [incident] = await world.incidents()
    attributes = incident["attributes"]
    assert attributes["name"] == "DISK at 99% on machine prod-datapipe03.example.com"
    assert attributes["origin_url"] == "https://monitoring.example.com"
    assert attributes["metadata"]["component"] == [{"type": "String", "value": "mysql"}]
    assert str(system.routing_key) not in str(incident), "the routing key is a secret"


def storm(alerts: int, status: str = "firing") -> Received:
    body = alertmanager(status)
    body["alerts"] = [{**body["alerts"][0], "fingerprint": f"{number:016x}"} for number in range(alerts)]
    return request(body)


@pytest.mark.slow
async def test_ten_thousand_alerts_in_one_message_are_one_incident_that_ends(world: World) -> None:
    """Alertmanager does not send again what is refused for its size: five megabytes must be taken."""
    integration = await world.integration("prometheus-integrations", name="Cluster")
    system = Sender(world, integration)
    message = storm(10_000)
    assert len(message.body) > 5_000_000
    answer = await system.send(message)
    assert answer.status_code == 202, answer.text
    opened, state = await status(world)
    assert state == "Started"
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"]
    attributes = (await world.incidents())[0]["attributes"]
    assert attributes["metadata"]["more_alerts"] == [{"type": "String", "value": "9000"}]
    assert "9000 more alerts" in attributes["cause"]
    await system.send(storm(10_000, "resolved"))
    assert await status(world) == (opened, "Resolved")


@pytest.mark.slow
async def test_a_stranger_may_not_send_so_much(world: World) -> None:
    answer = await world.send("/api/v1/prometheus/nobodys", content=storm(10_000).body)
    assert answer.status_code == 413
