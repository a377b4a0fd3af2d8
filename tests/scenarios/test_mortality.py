"""The process is killed between any two statements of a page's way: nobody is left unpaged, nobody is paged anew."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.bell import Bell
from tests.conftest import experienced
from tests.mortal import Fate
from tests.notify.mailserver import mail_server
from tests.time import FakeClock
from tests.world import World
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, open_database

DEATHS = int(os.environ.get("TOCSIN_DEATHS", "12"))
"""Different statements at which the process is killed; 0 = at every one of them."""
SEED = int(os.environ.get("TOCSIN_DEATHS_SEED", "4"))
ON_THEIR_WAY = 2
"""Messages that the server may have taken when the process died before it wrote that down: one to each person. They
come again under the same Message-ID, so that mail programs show them once."""
BLINK_SECONDS = 0.02
"""How often is looked whether the process is still alive."""
PATIENCE = 60
"""Deaths and births that one story can have at the most: it dies once, so more are a loop."""


class Story:
    """An outage that is paged, escalated, acknowledged and over; it goes on in a new process wherever it is cut."""

    def __init__(self, path: Path, clock: FakeClock, vault: Vault, bell: Bell, fate: Fate) -> None:
        self.path, self.clock, self.vault, self.bell, self.fate = path, clock, vault, bell, fate
        self.databases: list[Database] = []

    async def tell(self) -> None:
        async with mail_server() as mailbox:
            self.mailbox = mailbox
            self.world = await World(self._open(self.fate), self.clock, mailbox, self.bell).people()
            await self.world.monitor("shop", team_wait=120)
            await self.world.fast_forward(seconds=35)
            self.world.site("shop").down()
            self.fate.arm()
            await self._live(seconds=240)
            await self._acknowledge()
            await self._live(seconds=180)
            self.world.site("shop").up()
            await self._live(seconds=400)
            await self._look()
            await self.world.deliveries.close()
        for database in self.databases:
            database.close()

    async def _live(self, seconds: int) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        for _ in range(PATIENCE):
            await self._while_alive(self.world.fast_forward(seconds=(end - self.clock.now()).total_seconds()))
            if not self.fate.dead:
                break
            await self._be_born_again()
        assert self.clock.now() >= end

    async def _acknowledge(self) -> None:
        (incident,) = await self.world.incidents()
        for _ in range(PATIENCE):
            answer = await self._while_alive(self.world.api("POST", f"/v3/incidents/{incident['id']}/acknowledge"))
            if not self.fate.dead:
                assert answer.status_code in (200, 409), "said again by a client that had no answer"
                await self._while_alive(self.world.settle())
            if not self.fate.dead:
                return
            await self._be_born_again()
        raise AssertionError("never acknowledged")

    async def _while_alive(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let it go on until it is done or the process is dead, whichever comes first."""
        task = asyncio.create_task(work)
        while not task.done() and not self.fate.dead:
            await asyncio.wait({task}, timeout=BLINK_SECONDS)
        if not self.fate.dead:
            return await task
        task.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await task
        return None

    async def _be_born_again(self) -> None:
        for task in asyncio.all_tasks():
            if task.get_name().startswith("delivery "):
                task.cancel()
        await asyncio.sleep(0)
        with suppress(Exception):
            self.databases[-1].close()
        self.fate = Fate()
        self.world.database = self._open(self.fate)
        self.world.crash()

    async def _look(self) -> None:
        read = self.world.database.read
        self.incidents = await read(lambda tx: tx.rows("select id, status, started_at from incidents", ()))
        self.pages: list[Any] = await read(
            lambda tx: tx.rows(
                "select user_id, planned_at, state, channel from deliveries where kind = 'page' order by id", ()
            )
        )
        self.received = Counter(self.mailbox.message_ids())

    def _open(self, fate: Fate) -> Database:
        database = open_database(f"sqlite:///{self.path}", self.clock, self.bell, self.vault)
        fate.seal(database)
        self.databases.append(database)
        return experienced(database)


async def told(tmp_path: Path, template: Path, vault: Vault, dies_at: int | None) -> tuple[Story, int]:
    path = tmp_path / f"{dies_at}.db"
    shutil.copy(template, path)
    fate = Fate(dies_at)
    story = Story(path, FakeClock(), vault, Bell(), fate)
    await story.tell()
    return story, fate.steps


@pytest.mark.slow
async def test_a_process_that_dies_at_any_statement_pages_everybody_once_and_on_time(
    tmp_path: Path, sqlite_template: Path, vault: Vault
) -> None:
    whole, steps = await told(tmp_path, sqlite_template, vault, None)
    ((_, status, began),) = whole.incidents
    planned = [(user, at - began, state, channel) for user, at, state, channel in whole.pages]
    assert status == "Resolved"
    assert len(planned) == len({page[:2] for page in planned}) == 2, "Alice at once, Bob two minutes later"

    every = range(1, steps + 1)
    points = list(every) if DEATHS == 0 else sorted(random.Random(SEED).sample(every, min(DEATHS, steps)))
    for dies_at in points:
        story, lived = await told(tmp_path, sqlite_template, vault, dies_at)
        assert lived == dies_at, "it did die there"
        assert [row[1] for row in story.incidents] == ["Resolved"], f"killed at {dies_at} of {steps}"
        began = story.incidents[0][2]
        found = [(user, at - began, state, channel) for user, at, state, channel in story.pages]
        assert found == planned, f"killed at {dies_at} of {steps}: other pages than those of an undisturbed life"
        assert len(story.received) == len(whole.received), f"killed at {dies_at} of {steps}: a message was lost"
        again = sum(count - 1 for count in story.received.values())
        assert again <= ON_THEIR_WAY, f"killed at {dies_at} of {steps}: more was said twice than was on its way"
