"""Stories of pages that are proven: who looked, who answered through what, what came too late, and who watches us."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.bell import Bell
from tests.conftest import opened
from tests.notify.mailserver import mail_server
from tests.time import FakeClock
from tests.world import World
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.kernel.vault import Vault
from tocsin.runtime.dead_man import DeadMan
from tocsin.runtime.health import ProbeFacts, Report, WorkerFacts, judge


async def pages(world: World, incident: int) -> list[dict[str, Any]]:
    """The messages about an incident as the API proves them."""
    answer = await world.api("GET", f"/v3/incidents/{incident}/pages")
    assert answer.status_code == 200, answer.text
    return [page["attributes"] for page in answer.json()["data"]]


async def story(world: World, incident: int) -> list[str]:
    """The titles of the timeline, oldest first."""
    answer = await world.api("GET", f"/v3/incidents/{incident}/timeline")
    return [item["attributes"]["data"]["title"] for item in reversed(answer.json()["data"])]


@pytest.mark.slow
async def test_a_page_is_followed_from_the_outbox_to_the_one_who_answers(world: World) -> None:
    incident = await world.outage("shop")
    alice, bob = await pages(world, incident)
    assert (alice["state"], alice["recipient"], alice["seen_at"]) == ("sent", "Alice Archer", None)
    assert alice["planned_at"] == alice["accepted_at"], "within the same second of the story"
    link = world.mail_to("alice@example.com")[0].answer_url
    await world.browse("GET", link)
    assert (await pages(world, incident))[0]["seen_at"] is None, "mail scanners open links too"
    assert (await world.browse("POST", f"{link}/seen")).status_code == 204
    assert (await pages(world, incident))[0]["state"] == "seen"
    await world.answer(world.mail_to("bob@example.com")[0])
    alice, bob, *told = await pages(world, incident)
    assert (alice["state"], bob["state"]) == ("seen", "acknowledged")
    assert bob["reason"] == "Bob Builder acknowledged the incident through this e-mail link"
    assert [(page["kind"], page["recipient"]) for page in told] == [("acknowledged", "Alice Archer")]
    assert "E-mail answered" in await story(world, incident)
    table = await world.api("GET", f"/v3/incidents/{incident}/pages.csv")
    assert table.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(table.text)))
    assert [line["state"] for line in lines if line["message"] == lines[0]["message"]] == [
        "queued", "sending", "sent", "seen",
    ]  # fmt: skip
    for forbidden in ("pages", "pages.csv", "paging"):
        assert (await world.api("GET", f"/v3/incidents/{incident}/{forbidden}", token="charlie")).status_code == 404
    assert (await world.browse("POST", "/answer/1-00000000000000000000000000000000/seen")).status_code == 404


@pytest.mark.slow
async def test_when_no_mail_leaves_for_five_minutes_that_is_recorded_while_it_lasts(world: World) -> None:
    world.mailbox.answer_data = lambda: "451 4.3.0 try again later"
    incident = await world.outage("shop")
    await world.fast_forward(minutes=4)
    paging = (await world.api("GET", f"/v3/incidents/{incident}/paging")).json()
    assert paging["breached"] is False
    await world.fast_forward(minutes=1, seconds=10)
    paging = (await world.api("GET", f"/v3/incidents/{incident}/paging")).json()
    assert paging["breached"] is True
    assert paging["first_accepted_at"] is None
    assert "Nobody was alerted in time" in await story(world, incident)
    world.mailbox.answer_data = lambda: None
    await world.fast_forward(minutes=6)
    paging = (await world.api("GET", f"/v3/incidents/{incident}/paging")).json()
    assert paging["first_accepted_at"] > paging["breach_recorded_at"]


@pytest.mark.slow
async def test_two_installs_watch_each_other_and_the_living_one_pages_about_the_other(
    world: World, sqlite_template: Path, tmp_path: Path, vault: Vault
) -> None:
    shutil.copy(sqlite_template, tmp_path / "other.db")
    clock, bell = FakeClock(), Bell()
    database = opened(f"sqlite:///{tmp_path}/other.db", clock, bell, vault)
    async with mail_server() as mailbox, reachable(world) as address, network() as net:
        other = await World(database, clock, mailbox, bell).people()
        _, url = await world.heartbeat("The other Tocsin", period=60, grace=120)
        man = DeadMan(address + url.removeprefix("http://tocsin.test"), net, clock, lambda: well(other))

        async def minutes(number: int) -> None:
            for _ in range(number):
                await man.run_once()
                await world.fast_forward(seconds=60)
                await other.fast_forward(seconds=60)

        await minutes(5)
        assert man.pings == 5
        assert world.mails() == []
        mailbox.answer_data = lambda: "451 4.3.0 the disk is full"  # now its pages reach nobody
        await other.outage("shop")
        await minutes(8)
        assert man.pings < 10
        assert sorted(mail.to for mail in world.mails()) == ["alice@example.com", "bob@example.com"]
        assert world.mails()[0].subject.startswith("[Tocsin] Down: The other Tocsin (No heartbeat for ")
        mailbox.answer_data = lambda: None
        await minutes(6)
        assert (await world.incidents())[0]["attributes"]["status"] == "Resolved"
        await other.close()
    database.close()


async def well(world: World) -> Report:
    """What `/readyz` would say of the workers that page."""
    facts = [
        WorkerFacts(
            name=name, alive=True, idle_seconds=0.0, running_seconds=None, lag_seconds=worker.lag_seconds
        )
        for name, worker in (("escalations", world.escalations), ("deliveries", world.deliveries))
    ]  # fmt: skip
    return judge(facts, ProbeFacts(alive=True, lag_seconds=0.0), 0.001)


@asynccontextmanager
async def reachable(world: World) -> AsyncIterator[str]:
    """A world's heartbeats behind a real socket; yields their address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(world._clients["pings"], lifespan="off", ws="none", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@asynccontextmanager
async def network() -> AsyncIterator[RealNet]:
    """The real one."""
    net = RealNet(SystemClock(), allow_private=True)
    net.start()
    yield net
    net.stop()
