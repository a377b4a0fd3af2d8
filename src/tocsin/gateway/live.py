"""Listens to what happens, for whoever has a page of the console open."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from tocsin.gateway.audit import reading
from tocsin.kernel.errors import TocsinError
from tocsin.storage import Database, events

log = structlog.get_logger()

EVERY_SECONDS = 1.0
"""How soon an open page learns of a change. While nobody listens, nothing is asked."""
MAX_LISTENERS = 500
MAX_OF_ONE = 20
"""Pages that one person has open: nobody takes the places of all others."""
MAX_WAITING = 32
"""Changes that one page has not heard of yet: it looks anew at everything anyway."""
AT_ONCE = 500
"""Events read in one look; a storm of more is news of the same kinds."""

Changes = asyncio.Queue[frozenset[str]]


class Live:
    """Tells listeners which kinds of things of their team have changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[tuple[int, int, Changes]] = set()
        self._watch: asyncio.Task[None] | None = None

    def full(self, user_id: int) -> bool:
        """Whether as many listen as may, in all or of this person's."""
        theirs = sum(1 for _, whose, _ in self._listeners if whose == user_id)
        return len(self._listeners) >= MAX_LISTENERS or theirs >= MAX_OF_ONE

    @contextmanager
    def listening(self, team_id: int, user_id: int) -> Iterator[Changes]:
        """The kinds of things of this team that have changed, e.g. `incident`, each time that some have."""
        mine = team_id, user_id, asyncio.Queue[frozenset[str]](MAX_WAITING)
        self._listeners.add(mine)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())
        try:
            yield mine[2]
        finally:
            self._listeners.discard(mine)

    async def _watching(self) -> None:
        """Looks once a second, as long as anybody listens."""
        seen: int | None = None
        read: int | None = None
        while self._listeners:
            try:
                seen = await self._look(seen)
                read = await self._look_at_the_log(read)
            except TocsinError:
                pass
            except Exception:
                log.exception("looking for changes failed")
            await asyncio.sleep(EVERY_SECONDS)

    async def _look(self, seen: int | None) -> int:
        if seen is None:
            return await self._database.read(events.newest)
        happened = await self._database.read(events.since, seen, AT_ONCE)
        if not happened:
            return seen
        changed: dict[int | None, set[str]] = defaultdict(set)
        for event in happened:
            changed[event.team_id].add(event.resource_type)
        self._tell(changed)
        return happened[-1].id

    async def _look_at_the_log(self, read: int | None) -> int:
        """What is only looked at changes nothing else, and is on record all the same."""
        newest, team_ids = await self._database.read(reading.news, read)
        self._tell({id: {reading.TYPE} for id in team_ids})
        return newest

    def _tell(self, changed: Mapping[int | None, set[str]]) -> None:
        for team_id, _, changes in self._listeners:
            kinds = frozenset(changed.get(team_id, set()) | changed.get(None, set()))
            if kinds and not changes.full():
                changes.put_nowait(kinds)
