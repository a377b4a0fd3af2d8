"""Seals the audit log: about a second after an entry is written, it has its place in the chain."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from tocsin.gateway.audit import chains
from tocsin.kernel.clock import Clock
from tocsin.storage import Database

log = structlog.get_logger()

EVERY = timedelta(seconds=1)
"""How often: what waits is sealed together. Nobody rings, so that a write costs no second one at once."""
SEALED_AT_ONCE = 250
"""Entries in one transaction: a page must not wait behind the log."""
ROUNDS = 40
"""Transactions of one look: ten thousand entries."""
SAID_EVERY = timedelta(hours=1)
"""How often the heads of the chains stand in the server's log: a copy outside of the database."""


class Sealing:
    """A worker of the runtime (see `runtime.loop`). Sealing by one alone keeps the order simple: on PostgreSQL many
    transactions commit at once, and a lower id may come into sight after a higher one."""

    name = "audit_seals"
    topic = "audit"

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._heads: dict[str, tuple[int, str]] = {}
        self._said_at: datetime | None = None
        self.lag_seconds = 0.0
        self.sealed = 0

    async def run_once(self) -> datetime | None:
        """Seal what was written since the last look; returns when to come again."""
        waiting = await self._database.read(chains.oldest_unsealed)
        now = self._clock.now()
        self.lag_seconds = 0.0 if waiting is None else max(0.0, (now - waiting).total_seconds())
        if waiting is not None:
            for _ in range(ROUNDS):
                done = await self._database.write(chains.seal, SEALED_AT_ONCE, dict(self._heads))
                if done.ends is None:
                    raise chains.Broken("what is known of the audit log's ends is not ours: see `tocsin audit verify`")
                self._heads = {name: (end.head_position, end.head_hash) for name, end in done.ends.items()}
                self.sealed += done.looked_at
                if done.looked_at < SEALED_AT_ONCE:
                    break
        self._say(now)
        return self._clock.now() + EVERY

    def _say(self, now: datetime) -> None:
        if self._heads and (self._said_at is None or now - self._said_at >= SAID_EVERY):
            self._said_at = now
            log.info("audit log", **{name: f"{position}:{hash}" for name, (position, hash) in self._heads.items()})
