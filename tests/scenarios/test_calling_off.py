"""Stories in which a critical page still repeats itself on somebody's phone when nobody needs to answer it any more."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.notify.channels.services import PUSHOVER_APP, PUSHOVER_USER, Pushover
from tests.notify.channels.web_server import running
from tests.scenarios.test_phone import told
from tests.world import World
from tocsin.notify.channels import pushover


@pytest.fixture
async def service(world: World) -> AsyncIterator[Pushover]:
    """Bob is on call, and has proven that Pushover reaches his phone."""
    async with running(Pushover()) as service:
        world.providers = {"pushover": pushover.Settings(app_token=PUSHOVER_APP, base_url=service.url)}
        world.crash()
        await world.installed()
        methods = "/v2/users/bob@example.com/contact-methods"
        made = await world.api("POST", methods, {"kind": "pushover", "address": PUSHOVER_USER, "label": "Phone"})
        await world.settle()
        code = re.search(r"\b\d{6}\b", service.messages[-1]["title"] + " " + service.messages[-1]["message"])
        assert code
        await world.api("POST", f"{methods}/{made.json()['data']['id']}/verify", {"code": code[0]})
        await world.on_call("bob")
        service.messages.clear()
        yield service
        await world.close()


async def rings(world: World, host: str = "shop", *, critical: bool = True) -> int:
    """A site is down, and Bob's phone says so."""
    return await world.outage(host, critical_alert=critical, push=True, email=True, team_wait=3600)


async def merged(world: World, child: int, cause: int) -> None:
    """Somebody finds out that one outage is part of another."""
    answer = await world.api("POST", f"/v3/incidents/{cause}/merge", {"incident_ids": [child]})
    assert answer.status_code == 200, answer.text


async def called_off(world: World, incident: int) -> list[str]:
    """What became of each repetition that was to end, as the pages say."""
    pages = (await world.api("GET", f"/v3/incidents/{incident}/pages")).json()["data"]
    found = [page["attributes"] for page in pages]
    return [f"{page['state']}: {page['reason']}" for page in found if page["kind"] == "call_off"]


def repeating(service: Pushover) -> int:
    return sum(each.repeats for each in service.emergencies.values())


@pytest.mark.slow
async def test_what_is_part_of_another_outage_is_silent_and_the_story_says_why(
    world: World, service: Pushover
) -> None:  # fmt: skip
    cause = await rings(world, "network", critical=False)
    child = await rings(world, "shop")
    assert repeating(service) == 1
    said = len(service.messages)
    await merged(world, child, cause)
    await world.settle()
    assert (repeating(service), len(service.messages)) == (0, said), "no message says so, and it is silent"
    why = f"People are alerted about incident {cause}, its cause"
    assert await called_off(world, child) == [f"sent: called off: {why}"]
    assert f"Pushover repetition ended: Pushover message to Bob Builder (…uuuu) called off: {why}" in await told(
        world, child
    )
    await world.api("POST", f"/v3/incidents/{child}/resolve", {})
    await world.settle()
    assert len(service.called_off) == 1, "once"


@pytest.mark.slow
async def test_what_pushover_takes_after_it_was_asked_to_end_it_by_its_tag_ends_by_its_receipt(
    world: World, service: Pushover, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    too_early = (200, {"status": 1, "canceled": 0, "request": "x"}, {})
    monkeypatch.setattr(service, "_by_tag", lambda form, tag: too_early)

    async def alice_is_quicker() -> None:
        (incident,) = await world.incidents(resolved="false")
        await world.api("POST", f"/v3/incidents/{incident['id']}/acknowledge", {"acknowledged_by": "alice@example.com"})

    service.before_taking = alice_is_quicker
    incident = await rings(world)
    assert [message["priority"] for message in service.messages] == ["2", "-1"]
    assert repeating(service) == 0
    assert await called_off(world, incident) == ["sent: called off: Alice Archer acknowledged the incident"]


@pytest.mark.slow
async def test_killed_between_the_cause_and_the_calling_off_the_next_process_does_it(
    world: World, service: Pushover
) -> None:  # fmt: skip
    cause = await rings(world, "network", critical=False)
    child = await rings(world, "shop")
    await merged(world, child, cause)
    assert repeating(service) == 1, "it is committed, and nothing has left"
    world.crash()
    await world.fast_forward(seconds=2)
    assert repeating(service) == 0
    assert len(await called_off(world, child)) == 1


@pytest.mark.slow
async def test_while_pushover_is_down_it_is_tried_again_within_seconds(world: World, service: Pushover) -> None:
    cause = await rings(world, "network", critical=False)
    child = await rings(world, "shop")
    service.answers = [(503, b"", {}), (429, b"", {})]
    await merged(world, child, cause)
    await world.settle()
    assert repeating(service) == 1
    for _ in range(2):  # each failure is rung for before time goes on
        await world.fast_forward(seconds=6)
    assert repeating(service) == 0
    assert "Pushover repetition not ended yet: " in await told(world, child)


@pytest.mark.slow
async def test_what_rang_once_is_left_alone(
    world: World, service: Pushover
) -> None:  # fmt: skip
    incident = await rings(world, critical=False)
    await world.api("POST", f"/v3/incidents/{incident}/acknowledge", {})
    await world.settle()
    assert (service.called_off, await called_off(world, incident)) == ([], [])


@pytest.mark.slow
async def test_what_rings_about_an_incident_that_is_deleted_is_silent(world: World, service: Pushover) -> None:
    incident = await rings(world)
    assert (await world.api("DELETE", f"/v3/incidents/{incident}")).status_code == 204
    await world.settle()
    assert repeating(service) == 0
