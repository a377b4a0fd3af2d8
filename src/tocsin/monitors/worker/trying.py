"""Runs one check at once for somebody who waits for its result: the same check that the monitor would run for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tocsin.kernel.errors import TooMany
from tocsin.kernel.net import HttpRequest, Net
from tocsin.kernel.vault import without_credentials
from tocsin.monitors.actions.trying import MAX_SECONDS, Trial
from tocsin.monitors.checks import Outcome, checks, read_settings
from tocsin.monitors.model import Evidence, Tried, Verdict

AT_ONCE = 8
"""Checks that run for people who wait; each may hold a browser."""
AT_ONCE_PER_TEAM = 3
"""So that nobody keeps the others waiting."""
GRACE_SECONDS = 10.0
"""Beyond the longest patience: a check ends by itself, unless something in us is broken."""
MAX_BODY_BYTES = 8_192
"""Of an answer: enough to recognise it."""
RETRY_SECONDS = 5


class Trials:
    """Every check runs through the same network as the real ones, and may go where these may and nowhere else."""

    def __init__(self, net: Net, region: str) -> None:
        """`region`: where this process stands."""
        self._net = net
        self._region = region
        self._running: dict[int, int] = {}

    async def run(self, trial: Trial) -> Tried:
        """Check once and tell everything. Raises TooMany when enough are running."""
        team = trial.team_id
        mine = self._running.get(team, 0)
        if mine >= AT_ONCE_PER_TEAM or sum(self._running.values()) >= AT_ONCE:
            raise TooMany("Several tests are running already: wait for one of them to end", RETRY_SECONDS)
        self._running[team] = mine + 1
        try:
            async with asyncio.timeout(MAX_SECONDS + GRACE_SECONDS):
                return await self._check(trial)
        except TimeoutError:
            return Tried(outcome="unknown", region=self._region, cause="The test did not end in time")
        finally:
            self._running[team] -= 1
            if not self._running[team]:
                del self._running[team]

    async def _check(self, trial: Trial) -> Tried:
        kind = trial.spec.kind
        module: Any = checks()[kind]
        settings = read_settings(kind, trial.spec.settings)
        request = module.request(settings) if hasattr(module, "request") else None
        if isinstance(request, HttpRequest):
            response = await self._net.fetch(request, certificate=True)
            seen = Evidence(
                url=without_credentials(response.url),
                status_code=response.status_code,
                headers=response.headers,
                body=response.body[:MAX_BODY_BYTES],
                body_truncated=response.truncated or len(response.body) > MAX_BODY_BYTES,
                remote_ip=response.remote_ip,
            )
            tried = self._told(module.outcome(settings, response), seen)
            shown = response.certificate
            if shown is None:
                return tried
            return msgspec.structs.replace(tried, certificate_subject=shown.subject, certificate_issuer=shown.issuer)
        if request is not None:
            reply = await self._net.ask(request)
            outcome = module.outcome(settings, reply)
            return self._told(outcome, outcome.evidence or Evidence(url="", remote_ip=reply.remote_ip))
        outcome = await self._converse(module.check(settings, self._net))
        return self._told(outcome, outcome.evidence or Evidence(url=""))

    async def _converse(self, work: Any) -> Outcome:
        """Checks that talk run on the network's own thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()

        def settle(result: Any) -> None:
            if not future.done():
                future.set_result(result)

        def done(result: Any) -> None:
            loop.call_soon_threadsafe(settle, result)

        self._net.post(self._net.spawn, work, done)
        result = await future
        if isinstance(result, BaseException):
            raise result
        assert isinstance(result, Outcome)
        return result

    def _told(self, outcome: Outcome, seen: Evidence) -> Tried:
        degraded = outcome.verdict is Verdict.UP and outcome.degraded is not None
        return Tried(
            outcome="degraded" if degraded else outcome.verdict.value,
            region=self._region,
            cause=outcome.degraded if degraded else outcome.cause,
            status_code=outcome.status_code,
            response_time=outcome.response_time,
            name_lookup_time=outcome.name_lookup_time,
            connection_time=outcome.connection_time,
            tls_handshake_time=outcome.tls_handshake_time,
            data_transfer_time=outcome.data_transfer_time,
            url=seen.url or None,
            remote_ip=seen.remote_ip,
            headers=[[name, value] for name, value in seen.headers],
            body=seen.body[:MAX_BODY_BYTES].decode("utf-8", "replace"),
            body_truncated=seen.body_truncated or len(seen.body) > MAX_BODY_BYTES,
            certificate_expires_ms=outcome.certificate_expires_ms,
        )
