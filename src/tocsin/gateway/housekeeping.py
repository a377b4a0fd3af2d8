"""Keeps the books tidy: forgets what is past its time, notes which tokens are still in use."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.agents.actions import oauth
from tocsin.contacts import actions as contacts
from tocsin.gateway import audit, idempotency, plans, trash
from tocsin.gateway.door import Door
from tocsin.inbound import actions as inbound
from tocsin.incidents import actions as incidents
from tocsin.kernel.clock import Clock
from tocsin.notify import actions as notify
from tocsin.status_pages import actions as status_pages
from tocsin.storage import Database, Tx, events
from tocsin.webhooks import actions as webhooks

EVERY = timedelta(minutes=5)
"""How often: nothing here is urgent."""
PRUNED_AT_ONCE = 1_000
"""Entries in one transaction: pages must not wait behind a clean-up."""
ROWS_AT_ONCE = 500
"""Rows of incidents, messages and events in one transaction: evidence is up to 64 KiB each."""
MAX_UNRESOLVED = 2_000
"""Open incidents that a clean-up of messages and events steps around. While there are more, it waits."""
ROUNDS = 20
"""Together 20,000 entries each time: several times what `gateway.throttle` lets strangers add."""


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
        await self._database.write(_tidy, self._door.take_used_tokens(), self._door.take_used_agent_tokens())
        for prune in _PRUNED:
            for _ in range(ROUNDS):
                if await self._database.write(prune) == 0:
                    break
        surplus = await self._database.read(incidents.surplus, at_most=ROUNDS * ROWS_AT_ONCE)
        for start in range(0, len(surplus), ROWS_AT_ONCE):
            await self._database.write(incidents.shorten, surplus[start : start + ROWS_AT_ONCE])
        return self._clock.now() + EVERY


def _tidy(tx: Tx, used_tokens: list[int], used_agent_tokens: list[int]) -> None:
    if used_tokens:
        accounts.touch_tokens(tx, used_tokens)
    if used_agent_tokens:
        agents.touch_tokens(tx, used_agent_tokens)
    idempotency.prune(tx)
    accounts.prune_invitations(tx, at_most=ROWS_AT_ONCE)
    accounts.prune_sessions(tx, at_most=ROWS_AT_ONCE)
    accounts.prune_links(tx, at_most=ROWS_AT_ONCE)
    contacts.prune_codes(tx, at_most=ROWS_AT_ONCE)


def _prune_audit(tx: Tx) -> int:
    return audit.prune(tx, at_most=PRUNED_AT_ONCE)


def _prune_incidents(tx: Tx) -> int:
    return incidents.prune(tx, at_most=ROWS_AT_ONCE)


def _prune_messages(tx: Tx) -> int:
    unresolved = incidents.unresolved(tx, MAX_UNRESOLVED + 1)
    if len(unresolved) > MAX_UNRESOLVED:
        return 0
    return notify.prune(tx, at_most=ROWS_AT_ONCE, unresolved=unresolved)


def _prune_alerts(tx: Tx) -> int:
    return inbound.prune(tx, at_most=ROWS_AT_ONCE)


def _prune_webhooks(tx: Tx) -> int:
    return webhooks.prune(tx, at_most=ROWS_AT_ONCE)


def _prune_notices(tx: Tx) -> int:
    return status_pages.prune_notices(tx, at_most=ROWS_AT_ONCE)


def _prune_subscribers(tx: Tx) -> int:
    return status_pages.prune_subscribers(tx, at_most=ROWS_AT_ONCE)


def _prune_agents(tx: Tx) -> int:
    return agents.tidy(tx, at_most=ROWS_AT_ONCE)


def _prune_events(tx: Tx) -> int:
    unresolved = incidents.unresolved(tx, MAX_UNRESOLVED + 1)
    if len(unresolved) > MAX_UNRESOLVED:
        return 0
    return events.prune(tx, at_most=ROWS_AT_ONCE, spared_type="incident", spared_ids=unresolved)


def _prune_oauth(tx: Tx) -> int:
    return oauth.prune(tx, at_most=ROWS_AT_ONCE)


_PRUNED = (
    _prune_audit,
    _prune_incidents,
    _prune_messages,
    _prune_webhooks,
    _prune_alerts,
    _prune_notices,
    _prune_subscribers,
    _prune_agents,
    _prune_oauth,
    trash.prune,
    plans.prune,
    _prune_events,
)
