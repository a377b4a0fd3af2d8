"""How fast the API answers: GET /api/v2/monitors, 50 of 10,000 per page, through the door, beside a bare Starlette.

    python bench/api.py [--monitors 10000] [--seconds 4] [--rounds 3]

The server runs on core 0 in one process (uvicorn, uvloop, httptools; SQLite on disk), the client on core 1: raw
sockets, kept alive, a random page each time. The reference is Starlette with SQLAlchemy Core reading the same fifty
rows, without token, door, rights or record. CPU is the server's user and system time per answer: the figure to trust on
a busy machine. Rounds of both are interleaved and the median is printed. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from tocsin.accounts import actions as accounts
from tocsin.gateway import Door
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.monitors import actions as monitors
from tocsin.monitors import api as monitors_api
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.runtime.memory import settle
from tocsin.storage import Database, MemoryBus, Tx, metadata, open_database
from tocsin.storage.migrate import migrate

KEY = "a key for this benchmark alone, of enough characters"
BASE_URL = "https://tocsin.example"
PER_PAGE = 50
CLIENTS = (1, 16)
"""Connections: one for the time of an answer, many for answers per second."""


class Figures(NamedTuple):
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


# --- the servers -----------------------------------------------------------------------------------------------------


def opened(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / 'tocsin.db'}", SystemClock(), MemoryBus(), Vault(KEY))


def seed(folder: Path, count: int) -> str:
    """A migrated database with `count` monitors of one team; returns the team's token."""

    def fill(tx: Tx) -> str:
        team = accounts.ensure_team(tx, "Bench")
        for number in range(count):
            attributes = {"url": f"https://{number}.example.com/health", "pronounceable_name": f"Service {number}"}
            monitors.create(tx, team.id, attributes, monitors_api.Limits(), BASE_URL)
        return accounts.create_token(tx, team_id=team.id, name="bench")

    database = opened(folder)
    migrate(database)
    token = database.submit_write(fill).result()
    database.close()
    return token


def tocsin(folder: Path) -> Any:
    database = opened(folder)
    catalogue = Catalogue(monitors_api.OPERATIONS)
    return Api(Door(database, catalogue, SystemClock()), catalogue, base_url=BASE_URL)


def reference(folder: Path) -> Any:
    """The least that a Starlette application with SQLAlchemy Core could do for the same rows."""
    from sqlalchemy import select
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    database = opened(folder)
    rows, states = metadata.tables["monitors"], metadata.tables["monitor_states"]
    query = select(rows, *(column for column in states.c if column.name not in rows.c)).join(
        states, states.c.monitor_id == rows.c.id
    )

    def read(tx: Tx, page: int) -> bytes:
        found = tx.execute(query.order_by(rows.c.id).limit(PER_PAGE).offset((page - 1) * PER_PAGE))
        data = [
            {"id": str(row["id"]), "type": "monitor", "attributes": {**row, "secrets": None}}
            for row in found.mappings()
        ]
        return msgspec.json.encode({"data": data})

    async def answer(request: Request) -> Response:
        body = await database.read(read, int(request.query_params["page"]))
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/api/v2/monitors", answer)])


def serve(make: Callable[[Path], Any], folder: Path, listener: socket.socket) -> None:
    """One process on core 0, until it is told to stop."""
    import uvicorn
    import uvloop

    os.sched_setaffinity(0, {0})
    application = make(folder)
    settle()  # as the program does; the reference has the same
    config = uvicorn.Config(
        application, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False
    )
    uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


# --- the client ------------------------------------------------------------------------------------------------------


class Asking(asyncio.Protocol):
    """Asks for a random page, waits for the whole answer, asks again."""

    def __init__(self, token: str, pages: int, until: float, seconds: list[float]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._token, self._pages, self._until, self._seconds = token, pages, until, seconds

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._received, self._wanted = bytearray(), 0
        self._asked = time.perf_counter()
        page = random.randint(1, self._pages)
        self._transport.write(
            f"GET /api/v2/monitors?per_page={PER_PAGE}&page={page} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                self.done.set_exception(RuntimeError(bytes(self._received[:500]).decode()))
                return
            self._wanted = end + 4 + int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(self._received) >= self._wanted:
            now = time.perf_counter()
            self._seconds.append(now - self._asked)
            if now < self._until:
                self._ask()
            else:
                self._transport.close()
                self.done.set_result(None)


async def ask(port: int, token: str, pages: int, clients: int, seconds: float) -> list[float]:
    """The seconds that each answer took."""
    loop = asyncio.get_running_loop()
    found: list[float] = []
    until = time.perf_counter() + seconds
    asking = [
        (await loop.create_connection(lambda: Asking(token, pages, until, found), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.gather(*(each.done for each in asking))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(make: Callable[[Path], Any], folder: Path, token: str, pages: int, seconds: float) -> dict[int, Figures]:
    """One server, asked by one client and then by many."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        process = multiprocessing.get_context("fork").Process(target=serve, args=(make, folder, listener), daemon=True)
        process.start()
        assert process.pid is not None
        found = {}
        try:
            asyncio.run(ask(port, token, pages, 1, 1.0))  # warm
            for clients in CLIENTS:
                before, began = cpu_seconds(process.pid), time.perf_counter()
                took = asyncio.run(ask(port, token, pages, clients, seconds))
                elapsed, cpu = time.perf_counter() - began, cpu_seconds(process.pid) - before
                cuts = quantiles(took, n=100)
                found[clients] = Figures(len(took) / elapsed, cpu / len(took) * 1e6, cuts[49] * 1e3, cuts[98] * 1e3)
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.join(10)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        folder = Path(name)
        token = seed(folder, options.monitors)
        pages = max(1, options.monitors // PER_PAGE)
        servers = {"Tocsin, the door included": tocsin, "Starlette + SQLAlchemy Core": reference}
        rounds: dict[str, list[dict[int, Figures]]] = {server: [] for server in servers}
        for _ in range(options.rounds):
            for server, make in servers.items():
                rounds[server].append(measure(make, folder, token, pages, options.seconds))
    table = Table(title=f"GET /api/v2/monitors, {PER_PAGE} of {options.monitors:,} per page")
    for heading in ("server", "clients", "answers/s", "CPU us", "p50 ms", "p99 ms", "CPU, ratio to reference"):
        table.add_column(heading, justify="left" if heading == "server" else "right")
    for clients in CLIENTS:
        figures = {
            server: Figures(*(median(column) for column in zip(*(each[clients] for each in found), strict=True)))
            for server, found in rounds.items()
        }
        base = figures["Starlette + SQLAlchemy Core"].cpu_us
        for server, each in figures.items():
            table.add_row(
                server, str(clients), f"{each.per_second:,.0f}", f"{each.cpu_us:,.0f}", f"{each.p50_ms:.2f}",
                f"{each.p99_ms:.2f}", f"{each.cpu_us / base:.2f}",
            )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
