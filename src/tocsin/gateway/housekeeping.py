"""Keeps the gateway's books tidy: forgets what is past its time, notes which tokens are still in use."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.accounts import actions as accounts
from tocsin.gateway import audit, idempotency
from tocsin.gateway.door import Door
from tocsin.kernel.clock import Clock
from tocsin.storage import Database, Tx

EVERY = timedelta(minutes=5)
"""How often: nothing here is urgent."""


class Housekeeping:
    """A worker of the runtime (see `runtime.loop`)."""

    name = "housekeeping"
    topic = "housekeeping"
    lag_seconds = 0.0

    def __init__(self, database: Database, clock: Clock, door: Door) -> None:
        self._database = database
        self._clock = clock
        self._door = door

    async def run_once(self) -> datetime | None:
        """One bounded round of tidying; returns when to come again."""
        await self._database.write(_tidy, self._door.take_used_tokens())
        return self._clock.now() + EVERY


def _tidy(tx: Tx, used_tokens: list[int]) -> None:
    if used_tokens:
        accounts.touch_tokens(tx, used_tokens)
    idempotency.prune(tx)
    audit.prune(tx)
