"""The pulse of a running Tocsin, asked over ASGI, with a real database and a real loop behind it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.time import FakeClock
from tocsin.runtime.health import STALLED_SECONDS, ProbeFacts
from tocsin.runtime.loop import Supervisor
from tocsin.runtime.metrics import Counts, Metrics
from tocsin.runtime.web import OPERATION_KEY, Pulse, application
from tocsin.storage import Database, MemoryBus, Tx


class Deliveries:
    """A worker that stops in the middle of a look when it is told to."""

    name = "deliveries"
    topic = "deliveries"
    lag_seconds = 0.0

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.began = asyncio.Event()

    async def run_once(self) -> datetime | None:
        self.began.set()
        await self.may_end.wait()
        return None


class Pages:
    """A status page that has a host of its own."""

    def takes(self, scope: Any) -> bool:
        return (b"host", b"status.acme.com") in scope["headers"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope[OPERATION_KEY] = "status_page"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})


class Site:
    """The application with parts that a test can break."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.clock = clock
        self.bus = MemoryBus()
        self.worker = Deliveries()
        self.supervisor = Supervisor([self.worker], self.bus, clock)
        self.metrics = Metrics(clock)
        self.metrics.watch(self.supervisor.progress, None, {})
        self.probe = ProbeFacts(alive=True, lag_seconds=0.0)
        self.count_fails = False
        pulse = Pulse(
            database=database,
            supervisor=self.supervisor,
            metrics=self.metrics,
            clock=clock,
            probe=self._probe,
            count=self._count,
        )
        self.app = application(pulse, self.metrics, api=self._api, console=self._console, pages=Pages())
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://t")  # type: ignore[arg-type]

    async def _probe(self) -> ProbeFacts:
        return self.probe

    def _count(self, tx: Tx) -> Counts:
        if self.count_fails:
            raise TimeoutError
        return Counts(deliveries={"queued": 7})

    async def _api(self, scope: Any, receive: Any, send: Any) -> None:
        scope[OPERATION_KEY] = "monitors.list"
        if scope["path"] == "/api/waits":
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"api"})

    async def _console(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"console"})


@pytest.fixture
async def site(sqlite_database: Database, clock: FakeClock) -> AsyncIterator[Site]:
    site = Site(sqlite_database, clock)
    site.supervisor.start()
    await site.worker.began.wait()
    await asyncio.sleep(0)
    yield site
    await site.supervisor.stop()
    await site.client.aclose()


async def test_ready_while_everything_moves(site: Site) -> None:
    answer = await site.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert answer.headers["cache-control"] == "no-store"


async def test_not_ready_when_deliveries_have_stopped_moving_though_the_process_lives(site: Site) -> None:
    site.worker.may_end.clear()
    site.worker.began.clear()
    site.bus.ring("deliveries")
    await site.worker.began.wait()
    site.clock.wind(seconds=STALLED_SECONDS + 1)
    answer = await site.client.get("/readyz")
    assert answer.status_code == 503
    assert "present look has taken" in answer.json()["checks"]["worker:deliveries"]["why"]
    assert (await site.client.get("/healthz")).status_code == 200
    site.worker.may_end.set()


async def test_not_ready_when_a_worker_is_overdue_or_the_probe_is_gone(site: Site) -> None:
    site.worker.lag_seconds = 1e6
    site.probe = ProbeFacts(alive=False, lag_seconds=0.0)
    checks = (await site.client.get("/readyz")).json()["checks"]
    assert not checks["worker:deliveries"]["ok"]
    assert not checks["probe"]["ok"]
    assert checks["database"]["ok"]


async def test_a_judgement_is_kept_for_a_second_so_that_asking_costs_nothing(site: Site) -> None:
    assert (await site.client.get("/readyz")).status_code == 200
    site.probe = ProbeFacts(alive=False, lag_seconds=0.0)
    assert (await site.client.get("/readyz")).status_code == 200
    site.clock.wind(seconds=2)
    assert (await site.client.get("/readyz")).status_code == 503


@pytest.mark.slow
async def test_not_ready_while_another_holds_the_database_and_ready_when_it_lets_go(site: Site, tmp_path: Any) -> None:
    other = sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = await site.client.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["checks"]["database"]["ok"]
    other.execute("ROLLBACK")
    other.close()
    site.clock.wind(seconds=2)
    assert (await site.client.get("/readyz")).status_code == 200


async def test_figures_are_shown_even_when_the_database_cannot_count(site: Site) -> None:
    assert 'tocsin_deliveries{state="queued"} 7.0' in (await site.client.get("/metrics")).text
    site.count_fails = True
    answer = await site.client.get("/metrics")
    assert answer.status_code == 200
    assert "tocsin_worker_lag_seconds" in answer.text


async def test_the_api_has_its_paths_and_the_console_the_rest_and_both_are_counted(site: Site) -> None:
    assert (await site.client.get("/api")).text == "api"
    assert (await site.client.get("/api/v2/monitors")).text == "api"
    assert (await site.client.get("/apiary")).text == "console"
    assert (await site.client.post("/healthz")).text == "console"
    text = (await site.client.get("/metrics")).text
    assert 'tocsin_http_requests_total{operation="monitors.list",status="200"} 2.0' in text
    assert 'tocsin_http_requests_total{operation="other",status="404"} 2.0' in text


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/api/v2/monitors", "/api/v2/summary.json"])
async def test_at_the_host_of_a_page_there_is_nothing_but_the_page(site: Site, path: str) -> None:
    assert (await site.client.get(path, headers={"host": "status.acme.com"})).text == "page"
    assert (await site.client.get(path)).text != "page"
    counted = 'tocsin_http_requests_total{operation="status_page",status="200"} 1.0'
    assert counted in (await site.client.get("/metrics")).text


async def test_head_of_the_pulse_has_no_body(site: Site) -> None:
    answer = await site.client.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_request_cut_off_by_the_stop_is_answered_in_words(site: Site) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/api/waits", "headers": []}
    request = asyncio.create_task(site.app(scope, receive, send))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    request.cancel()
    await request
    assert sent[0]["status"] == 503
    assert b"Tocsin is stopping" in sent[1]["body"]
