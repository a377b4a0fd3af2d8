"""The addresses of one Tocsin: its own pulse first, then the pages for people and the API for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

import msgspec

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError
from tocsin.runtime import health
from tocsin.runtime.loop import Supervisor
from tocsin.runtime.metrics import CONTENT_TYPE, Counts, Metrics
from tocsin.storage import Database, Tx

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FRESH_SECONDS = 1.0
"""A judgement is kept so long: however often somebody asks, the database is asked once a second."""
COUNT_TIMEOUT_SECONDS = 5.0
"""Counting may not hold up a scrape that would show why it is slow."""
OPERATION_KEY = "tocsin.operation"
"""Where the API notes in the scope which operation it ran, for the metrics."""


class Pulse:
    """Answers `/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self,
        *,
        database: Database,
        supervisor: Supervisor,
        metrics: Metrics,
        clock: Clock,
        probe: Callable[[], Awaitable[health.ProbeFacts]],
        count: Callable[[Tx], Counts],
        findings: Callable[[], tuple[Mapping[str, health.Finding], Mapping[str, health.Finding]]] = lambda: ({}, {}),
    ) -> None:
        """`findings`: what else must be ok for us to be ready, and what else is shown, by name."""
        self._database = database
        self._supervisor = supervisor
        self._metrics = metrics
        self._clock = clock
        self._probe = probe
        self._count = count
        self._findings = findings
        self._lock = asyncio.Lock()
        self._judged: tuple[float, health.Report] | None = None
        self._write: asyncio.Task[None] | None = None

    async def report(self) -> health.Report:
        """The present judgement, at most `FRESH_SECONDS` old."""
        async with self._lock:
            now = self._clock.monotonic()
            if self._judged is None or now - self._judged[0] > FRESH_SECONDS:
                needed, shown = self._findings()
                report = health.judge(
                    self._workers(), await self._probe(), await self._time_a_write(), needed=needed, shown=shown
                )
                self._judged = (self._clock.monotonic(), report)
            return self._judged[1]

    async def metrics(self) -> bytes:
        """The text for Prometheus; what the database does not count in time is left out."""
        await self.report()
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_SECONDS):
                counts = await self._database.read(self._count)
        except (TocsinError, TimeoutError):
            counts = Counts()
        return self._metrics.text(counts)

    def _workers(self) -> list[health.WorkerFacts]:
        now = self._clock.monotonic()
        dead = self._supervisor.dead()
        return [
            health.WorkerFacts(
                name=name,
                alive=name not in dead,
                idle_seconds=progress.idle_seconds(now),
                running_seconds=None if progress.running_since is None else now - progress.running_since,
                lag_seconds=progress.worker.lag_seconds,
                failures_in_a_row=progress.failures_in_a_row,
                last_error=progress.last_error,
            )
            for name, progress in self._supervisor.progress.items()
        ]

    async def _time_a_write(self) -> float | None:
        # One probing write at a time: while the database hangs, a monitoring system must not pile up more of them.
        if self._write is None or self._write.done():
            self._write = asyncio.create_task(self._database.write(_nothing))
        began = self._clock.monotonic()
        try:
            await asyncio.wait_for(asyncio.shield(self._write), health.DATABASE_TIMEOUT_SECONDS)
        except (TocsinError, TimeoutError, RuntimeError):
            return None
        seconds = self._clock.monotonic() - began
        self._metrics.write_seconds.observe(seconds)
        return seconds


class Receiver(Protocol):
    """An application that has addresses of its own among the others', e.g. for what other systems send us."""

    def takes(self, path: str) -> bool: ...
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class StatusPages(Protocol):
    """The public pages, which have hosts of their own."""

    def takes(self, scope: Scope) -> bool: ...
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


def application(
    pulse: Pulse,
    metrics: Metrics,
    api: App,
    console: App | None = None,
    receivers: Sequence[Receiver] = (),
    pings: Receiver | None = None,
    pages: StatusPages | None = None,
) -> App:
    """The whole site as one ASGI application: `/api…` is the API's but for what a receiver takes, the rest the
    console's. What is asked for at the address of a public status page is that page's alone, whatever its path; only
    the secret addresses of heartbeats are good everywhere."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("the runtime starts and stops the parts; no lifespan is spoken")
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"]
        if pings is not None and pings.takes(path):  # thousands a second, which count themselves
            await pings(scope, receive, send)
            return
        if pages is not None and pages.takes(scope):
            await _counted(pages, metrics, scope, receive, send)
            return
        if path in _PULSE and scope["method"] in ("GET", "HEAD"):
            await _answer(send, *await _PULSE[path](pulse), head=scope["method"] == "HEAD")
            return
        target: App | None = next((receiver for receiver in receivers if receiver.takes(path)), None)
        if target is None:
            target = api if console is None or path == "/api" or path.startswith("/api/") else console
        await _counted(target, metrics, scope, receive, send)

    return app


async def _counted(target: App, metrics: Metrics, scope: Scope, receive: Receive, send: Send) -> None:
    status = "none"

    async def noting(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = str(message["status"])
        await send(message)

    try:
        await target(scope, receive, noting)
    except asyncio.CancelledError:
        # uvicorn cancels what is still under way when it stops; nothing else does. A request that never came whole
        # is answered; of one in the middle of its answer nothing more can be said.
        if status == "none":
            await _answer(noting, 503, _STOPPING, "application/json; charset=utf-8", head=False)
    finally:
        metrics.requests.labels(scope.get(OPERATION_KEY, "other"), status).inc()


async def _healthz(pulse: Pulse) -> tuple[int, bytes, str]:
    return 200, b'{"status":"alive"}', "application/json"


async def _readyz(pulse: Pulse) -> tuple[int, bytes, str]:
    report = await pulse.report()
    return (200 if report.ready else 503), msgspec.json.encode(report), "application/json"


async def _metrics(pulse: Pulse) -> tuple[int, bytes, str]:
    return 200, await pulse.metrics(), CONTENT_TYPE


_STOPPING = b'{"errors":"Tocsin is stopping, and this request was cut off. Ask again in a moment."}'
_PULSE: dict[str, Callable[[Pulse], Awaitable[tuple[int, bytes, str]]]] = {
    "/healthz": _healthz,
    "/readyz": _readyz,
    "/metrics": _metrics,
}


async def _answer(send: Send, status: int, body: bytes, content_type: str, *, head: bool) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def _nothing(tx: Tx) -> None:
    """An empty write: waits for its turn and for the lock like every other."""
