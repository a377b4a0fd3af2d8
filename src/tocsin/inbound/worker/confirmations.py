"""Confirms subscriptions: Amazon SNS delivers nothing before the URL that it sends has been fetched."""

from __future__ import annotations

import asyncio
from datetime import datetime

from tocsin.inbound import actions
from tocsin.inbound.actions.confirming import CONFIRMATIONS_TOPIC, is_amazons
from tocsin.inbound.model import Confirmation
from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpRequest, HttpResponse, Net
from tocsin.storage import Database

AT_ONCE = 10
TIMEOUT_SECONDS = 15.0


class Confirmations:
    """A worker of the runtime (see `runtime.loop`)."""

    name = "inbound_confirmations"
    topic = CONFIRMATIONS_TOPIC

    def __init__(self, database: Database, clock: Clock, net: Net) -> None:
        self._database = database
        self._clock = clock
        self._net = net
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Fetch what is due, a few at a time; returns when the next one is due."""
        claimed = await self._database.write(actions.claim_confirmations, AT_ONCE)
        await asyncio.gather(*(self._confirm(confirmation) for confirmation in claimed))
        next_at = await self._database.read(actions.next_confirmation)
        now = self._clock.now()
        self.lag_seconds = max(0.0, (now - next_at).total_seconds()) if next_at is not None else 0.0
        return next_at

    async def _confirm(self, confirmation: Confirmation) -> None:
        failure, again = await self._fetch(confirmation)
        await self._database.write(actions.settle_confirmation, confirmation, failure, again=again)

    async def _fetch(self, confirmation: Confirmation) -> tuple[str | None, bool]:
        """(what went wrong or None, whether another attempt may help)."""
        if not is_amazons(confirmation.url):
            return "its link does not lead to Amazon SNS by https", False
        response: HttpResponse = await self._net.fetch(
            HttpRequest(url=confirmation.url, timeout_seconds=TIMEOUT_SECONDS, follow_redirects=False)
        )
        if response.failure is not None:
            return response.cause or str(response.failure), True
        if response.status_code != 200:
            return f"Amazon answered with status {response.status_code}", (response.status_code or 500) >= 500
        return None, False
