"""Keeps a year of history small: packs what was measured, a little at a time so that nobody waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.monitors.actions import packing, watching
from tocsin.storage import Database

PACK_EVERY = timedelta(minutes=5)
"""How long measurements lie unpacked: each look at recent ones reads through them all."""
DETAIL = timedelta(hours=48)
"""How long every single measurement is kept."""
HISTORY = timedelta(days=400)
"""How long hourly figures and gaps are kept: a year, and the one before to compare a month with."""
BATCHES_AT_ONCE = 600
"""Ten minutes; bounds the memory of one look."""
KEYS_PER_WRITE = 50
"""Monitor-hours packed in one transaction: a few milliseconds, so that a page never waits long behind it."""
MAX_ROUNDS = 1_000
"""Roll-ups in one look: 50,000 monitor-hours; the next look goes on."""


class Packer:
    """The worker of measurements. Whatever it leaves half done it finds again: packing twice adds nothing."""

    name = "packer"
    topic = "samples"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Pack what lies about, roll up what is old, forget what is older."""
        more = await self._pack()
        now = self._clock.now()
        old_ms = to_milliseconds(now - DETAIL)
        for _ in range(MAX_ROUNDS):
            if await self._database.write(packing.roll_up, old_ms, KEYS_PER_WRITE) < KEYS_PER_WRITE:
                break
        forgotten_ms = to_milliseconds(now - HISTORY)
        await self._database.write(packing.forget_days, forgotten_ms)
        await self._database.write(watching.trim, forgotten_ms)
        return now if more else now + PACK_EVERY

    async def _pack(self) -> bool:
        """One round. True when there was as much as one round takes."""
        last, batches, unpacked = await self._database.read(packing.read_unpacked, BATCHES_AT_ONCE)
        if last == 0:
            return False
        keys = iter(sorted(unpacked))
        while some := list(islice(keys, KEYS_PER_WRITE)):
            await self._database.write(packing.pack, {key: unpacked[key] for key in some})
        await self._database.write(packing.forget_batches, last)
        return batches >= BATCHES_AT_ONCE
