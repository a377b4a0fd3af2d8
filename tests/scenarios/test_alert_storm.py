"""Ten thousand alerts at once: a handful of incidents, a handful of mails, and each alert listed and ended."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.world import BASE_URL, World
from tocsin.runtime.receiving import web_receiver

SENDERS = 64


class Sender:
    """Posts to the receiving addresses as fast as it is answered, without an HTTP library in between."""

    def __init__(self, world: World) -> None:
        self._app = web_receiver(world.inbox, world.clock)

    async def post(self, url: str, body: Any) -> int:
        """The status of the answer."""
        path, content, status = url.removeprefix(BASE_URL), msgspec.json.encode(body), 0
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        await self._app(scope, receive, send)
        return status

    async def post_all(self, url: str, bodies: list[Any]) -> set[int]:
        """Post all of them, many at once; the statuses that were answered."""
        waiting, statuses = iter(bodies), set()

        async def one() -> None:
            for body in waiting:
                statuses.add(await self.post(url, body))

        await asyncio.gather(*(one() for _ in range(SENDERS)))
        return statuses


def event(key: str, integration: dict[str, Any], action: str = "trigger") -> dict[str, Any]:
    payload = {"summary": f"{key} is down", "source": key, "severity": "critical"}
    return {"routing_key": integration["routing_key"], "event_action": action, "dedup_key": key, "payload": payload}


async def storm(world: World, count: int) -> None:
    integration = await world.integration("pagerduty-events-integrations", name="Pager")
    sender = Sender(world)
    keys = [f"host-{number}" for number in range(count)]
    assert await sender.post_all(integration["webhook_url"], [event(key, integration) for key in keys]) == {202}
    await world.fast_forward(minutes=2)

    found = await world.incidents(resolved="false")
    assert len(found) <= 12
    mails = world.new_mails()
    assert len([to for to, _ in mails if to == "alice"]) <= 15, "a person can read that"
    assert mails, "and nobody is left in the dark"
    listed: set[str] = set()
    for incident in found:
        page: str | None = f"/v2/incidents/{incident['id']}/alerts?per_page=250"
        while page:
            answer = (await world.api("GET", page)).json()
            listed |= {each["attributes"]["alert_id"] for each in answer["data"]}
            page = (answer["pagination"]["next"] or "").removeprefix(f"{BASE_URL}/api") or None
    assert listed == set(keys), "each of them is listed"
    largest = max(
        int(incident["attributes"]["metadata"].get("Alerts", [{"value": "1"}])[0]["value"]) for incident in found
    )
    assert largest == count - 10, "and counted"

    ends = [event(key, integration, "resolve") for key in keys]
    assert await sender.post_all(integration["webhook_url"], ends[:-1]) == {202}
    assert len(await world.incidents(resolved="false")) == 1
    assert await sender.post(integration["webhook_url"], ends[-1]) == 202
    assert await world.incidents(resolved="false") == [], "over with the last of them"
    await world.fast_forward(minutes=10)
    assert all("Resolved" in subject or "over" in subject for _, subject in world.new_mails())


@pytest.mark.slow
async def test_a_storm_of_alerts_stays_readable(world: World) -> None:
    await storm(world, 300)


@pytest.mark.slow
async def test_ten_thousand_alerts_stay_readable(world: World) -> None:
    await storm(world, 10_000)
