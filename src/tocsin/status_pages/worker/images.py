"""Fetches the logos of status pages, so that whoever reads a page asks nobody but us."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpRequest, Net
from tocsin.kernel.vault import without_credentials
from tocsin.status_pages import actions
from tocsin.status_pages.actions.images import TOPIC, Wanted
from tocsin.status_pages.rules.pictures import MAX_FETCHED_BYTES, NoPicture, shown
from tocsin.storage import Database

log = structlog.get_logger()

TIMEOUT_SECONDS = 30.0
"""For one picture with everything."""
GIVE_UP_SECONDS = TIMEOUT_SECONDS + 15


class Images:
    """A worker of the runtime (see `runtime.loop`)."""

    name = "status_page_images"
    topic = TOPIC
    lag_seconds = 0.0

    def __init__(self, database: Database, clock: Clock, net: Net) -> None:
        self._database = database
        self._clock = clock
        self._net = net
        self._drawing = asyncio.Lock()
        """One picture at a time is unfolded: each may take a hundred megabytes."""

    async def run_once(self) -> datetime | None:
        """Fetch what is due, a few at a time; returns when to come again."""
        due = await self._database.read(actions.next_image_at)
        if due is None or due > self._clock.now():
            return due
        wanted = await self._database.write(actions.claim_images)
        await asyncio.gather(*map(self._fetch, wanted))
        return await self._database.read(actions.next_image_at)

    async def _fetch(self, image: Wanted) -> None:
        request = HttpRequest(
            url=image.url, method="GET", timeout_seconds=TIMEOUT_SECONDS, keep_body_bytes=MAX_FETCHED_BYTES + 1
        )
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                answer = await self._net.fetch(request)
            if answer.status_code != 200:
                raise NoPicture(without_credentials(answer.cause or f"The server answered {answer.status_code}."))
            if len(answer.body) > MAX_FETCHED_BYTES:
                raise NoPicture(f"The picture has more than {MAX_FETCHED_BYTES // 1024**2} MB.")
            async with self._drawing:
                media_type, content = await asyncio.to_thread(shown, answer.body)
        except (NoPicture, TimeoutError) as error:
            why = str(error) or f"It did not come within {GIVE_UP_SECONDS:.0f} s."
            log.warning("a logo could not be fetched", status_page_id=image.status_page_id, why=why)
            await self._database.write(actions.miss_image, image, why)
        else:
            await self._database.write(actions.keep_image, image, media_type, content)
