"""What the proxy adds to a call: GET /api/v2/monitors through the door to another server, beside asking that directly.

    python bench/proxy.py [--calls 2000] [--folder /dev/shm]

Three processes: the server behind (answers the same 50 monitors each time), the door in front of it (API, door, SQLite)
and this one, which asks over one kept connection. Each call through the door is two entries of the audit log, of which
the first is durable before anything leaves: the time includes that commit, `--folder` says on which disk. CPU is the
front's user and system time for each call. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.gateway.relaying import RelayingDoor
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net.real import trusted_authorities
from tocsin.kernel.vault import Vault
from tocsin.monitors import api as monitors
from tocsin.proxy import Directory, Place, Proxied
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.runtime.memory import settle
from tocsin.storage import Database, MemoryBus, Tx, open_database
from tocsin.storage.migrate import migrate

KEY = "a key for this benchmark alone, of enough characters"
TARGET = "/api/v2/monitors?per_page=50"
ATTRIBUTES = {"url": "https://shop.example.com/health", "pronounceable_name": "Shop", "status": "up", "regions": ["eu"]}
BODY = msgspec.json.encode(
    {
        "data": [{"id": str(number), "type": "monitor", "attributes": ATTRIBUTES} for number in range(50)],
        "pagination": {"first": "https://b.example/api/v2/monitors?page=1", "last": None, "prev": None, "next": None},
    }
)


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """The least that a server can do."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def opened(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / 'tocsin.db'}", SystemClock(), MemoryBus(), Vault(KEY))


def seed(folder: Path) -> str:
    """A migrated database with one agent that reads monitors; returns its token."""

    def fill(tx: Tx) -> str:
        team = accounts.ensure_team(tx, "Bench")
        user = accounts.create_user(tx, email="bench@example.com", name="Bench", password=None)
        accounts.join(tx, team.id, user.id)
        given = {"name": "Bot", "levels": {"monitors": "read"}, "requests_per_minute": 1_000_000}
        agent = agents.create(tx, team.id, given, granted_by="bench", owner_id=user.id)
        return agents.issue_token(tx, agent)[1]

    database = opened(folder)
    migrate(database)
    token = database.submit_write(fill).result()
    database.close()
    return token


def front(folder: Path, port: int) -> Any:
    """The door, and behind it the server on `port`."""
    database = opened(folder)
    catalogue = Catalogue(monitors.OPERATIONS)
    place = Place(f"http://127.0.0.1:{port}", folder / "token")
    door = RelayingDoor(database, catalogue, SystemClock(), Directory(place, {}, trusted_authorities))
    return Proxied(Api(door, catalogue, base_url="https://tocsin.example"), door)


def serve(make: Callable[[], Any], listener: socket.socket) -> None:
    import uvicorn
    import uvloop

    application = make()
    settle()
    config = uvicorn.Config(
        application, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False
    )
    uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


def started(make: Callable[[], Any]) -> tuple[multiprocessing.process.BaseProcess, int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    process = multiprocessing.get_context("fork").Process(target=serve, args=(make, listener), daemon=True)
    process.start()
    port = listener.getsockname()[1]
    listener.close()
    return process, port


def ask(port: int, token: str, calls: int) -> list[float]:
    """The seconds that each answer took, one after the other on one connection."""
    request = f"GET {TARGET} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    took = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(calls):
            began = time.perf_counter()
            connection.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            head, _, body = received.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(received[:500].decode())
            left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(body)
            while left > 0:
                left -= len(connection.recv(65536))
            took.append(time.perf_counter() - began)
    return took


def cpu_seconds(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=options.folder) as name:
        folder = Path(name)
        token = seed(folder)
        (folder / "token").write_text("a-token-of-the-server-behind")
        (folder / "token").chmod(0o600)
        other, other_port = started(lambda: behind)
        door, door_port = started(lambda: front(folder, other_port))
        try:
            ask(other_port, token, 200), ask(door_port, token, 200)  # warm
            direct, through = [], []
            before = cpu_seconds(door.pid)
            for _ in range(10):  # in turn, so that a busy machine is as busy for both
                direct += ask(other_port, token, options.calls // 10)
                through += ask(door_port, token, options.calls // 10)
            cpu = (cpu_seconds(door.pid) - before) / len(through) * 1e3
        finally:
            for process in (door, other):
                os.kill(process.pid or 0, signal.SIGTERM)
                process.join(10)
    table = Table(title=f"GET {TARGET}, {len(BODY) / 1e3:.0f} kB, one after the other")
    for heading in ("", "p50 ms", "p99 ms", "CPU ms"):
        table.add_column(heading, justify="right" if heading else "left")
    for words, took in (("directly", direct), ("through the door", through)):
        spent = f"{cpu:.2f}" if took is through else ""
        table.add_row(words, f"{median(took) * 1e3:.2f}", f"{quantiles(took, n=100)[98] * 1e3:.2f}", spent)
    table.add_row("overhead", f"{(median(through) - median(direct)) * 1e3:.2f}", "", "")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
