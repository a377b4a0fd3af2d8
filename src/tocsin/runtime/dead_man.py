"""Tells somebody outside, minute by minute, that pages still move here: when that stops, they raise the alarm."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpRequest, Net
from tocsin.kernel.vault import without_credentials
from tocsin.runtime.health import Finding, Report

log = structlog.get_logger()

EVERY = timedelta(seconds=60)
"""Seldom enough for any service that waits for pings, often enough that it may raise the alarm after two minutes."""
TIMEOUT_SECONDS = 10.0
MAX_BODY_BYTES = 1_000
"""Of the answer, which nobody reads."""


class DeadMan:
    """Calls one address every minute, as long as `/readyz` would say that pages move; then it is silent.

    Anything that waits for pings will do: Healthchecks, or a heartbeat of another Tocsin.
    """

    name = "dead_man"
    topic = "dead_man"

    def __init__(self, url: str, net: Net, clock: Clock, report: Callable[[], Awaitable[Report]]) -> None:
        """`report`: whether we are well, as `/readyz` has it."""
        self.lag_seconds = 0.0
        self.pings = 0
        self.failures = 0
        self._url = url
        self._net = net
        self._clock = clock
        self._report = report
        self._next_at: datetime | None = None
        self._why = ""

    async def run_once(self) -> datetime | None:
        """Call if it is time to, and all is well; returns when to look again."""
        now = self._clock.now()
        if self._next_at is not None and now < self._next_at <= now + EVERY:
            return self._next_at
        self._next_at = now + EVERY
        report = await self._report()
        if not report.ready:
            wrong = ", ".join(name for name, finding in report.checks.items() if not finding.ok)
            log.warning("the dead-man's switch is not pressed", because=wrong)
            self._why = "not pressed, because pages do not move here"
            return self._next_at
        await self._press()
        return self._next_at

    def finding(self) -> Finding:
        """What `/readyz` shows; that somebody else cannot be reached does not make us unready."""
        return Finding(ok=not self._why, why=self._why)

    async def _press(self) -> None:
        request = HttpRequest(url=self._url, timeout_seconds=TIMEOUT_SECONDS, keep_body_bytes=MAX_BODY_BYTES)
        response = await self._net.fetch(request)
        status = response.status_code
        if status is not None and 200 <= status < 300:
            self.pings += 1
            self._why = ""
            return
        self.failures += 1
        self._why = f"it answered {status}" if status is not None else "it could not be reached"
        log.warning("the dead-man's switch", why=self._why, cause=without_credentials(response.cause or ""))
