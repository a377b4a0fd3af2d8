"""Says which monitors we ourselves cannot check, at once in the log, and to people when it lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.monitors.actions import blindness
from tocsin.monitors.actions.blindness import Told
from tocsin.monitors.worker.inbox import Blind, Inbox
from tocsin.storage import Database

log = structlog.get_logger()

TOO_LONG_MS = 600_000
"""After ten minutes in which we saw nothing a site may well be down: from then on silence could lose a page."""
TOGETHER_MS = 300_000
"""What has been blind for so long is told with what has been so for longer: rhythms differ, one page is enough."""
SURE = 2
"""Checks that must have failed through our own fault; a slow rhythm alone is no blindness."""
LOOK_SECONDS = 60.0
"""How often people are told: what goes blind together is told together."""
PAGE = 1000
"""Monitors in one transaction."""


class Sight:
    """Lives on the engine's event loop. `check_soon(monitor_id)` asks for one more check before people are told."""

    def __init__(
        self, database: Database, clock: Clock, inbox: Inbox, base_url: str, check_soon: Callable[[int], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._inbox = inbox
        self._base_url = base_url
        self._check_soon = check_soon
        self._noted: set[int] = set()
        self._told: dict[int, Told] = {}
        self._look_at = clock.monotonic()

    async def look(self) -> None:
        """Say what has changed since the last time. Raises Unavailable; then it is said the next time."""
        blind = self._inbox.blindness()
        await self._note(blind)
        if self._clock.monotonic() >= self._look_at:
            await self._tell(blind)
            self._look_at = self._clock.monotonic() + LOOK_SECONDS

    async def _note(self, blind: Mapping[int, Blind]) -> None:
        lost = sorted(blind.keys() - self._noted)
        if lost:
            words = blind[lost[0]].words
            log.warning("checks cannot be made, through our own fault: nothing is counted", monitors=len(lost),
                        first=lost[0], why=words)  # fmt: skip
            await self._database.write(blindness.note_sight, blindness.BLIND_EVENT, words, lost)
            self._noted.update(lost)
        seeing = sorted(self._noted - blind.keys())
        if seeing:
            log.info("checks can be made again", monitors=len(seeing), still_not=len(blind))
            await self._database.write(blindness.note_sight, blindness.SEEING_EVENT, "", seeing)
            self._noted.difference_update(seeing)

    async def _tell(self, blind: Mapping[int, Blind]) -> None:
        for id in self._told.keys() - blind.keys():
            del self._told[id]  # Its incident ends by itself; the others it spoke for need one of their own.
        for id, told in self._told.items():  # Again, for a confirmation period, or when somebody resolved it.
            await self._database.write(blindness.still_blind, blind[id].seen, told.cause, self._base_url)
        spoken_for = {id for told in self._told.values() for id in told.monitor_ids}
        now_ms = to_milliseconds(self._clock.now())
        rest = {id: now_ms - each.since_ms for id, each in blind.items() if id not in spoken_for}
        for id, blind_ms in rest.items():
            if blind_ms >= TOO_LONG_MS and blind[id].checks < SURE:
                self._check_soon(id)
        sure = {id: blind_ms for id, blind_ms in rest.items() if blind[id].checks >= SURE}
        if max(sure.values(), default=0) < TOO_LONG_MS:
            return
        await self._tell_of(blind, sorted(id for id, blind_ms in sure.items() if blind_ms >= TOGETHER_MS))

    async def _tell_of(self, blind: Mapping[int, Blind], sure: Sequence[int]) -> None:
        for first in range(0, len(sure), PAGE):
            ids = sure[first : first + PAGE]
            for id in ids:
                self._inbox.steady(id, None)  # The next success must be judged: it ends the incident.
            seen = [blind[id].seen for id in ids]
            told_now = await self._database.write(blindness.cannot_see, seen, self._base_url)
            if told_now:
                log.error("people are told that monitors cannot be checked", monitors=len(ids))
            self._told.update(told_now)
