"""How many pings a second become durable and are answered, by one Tocsin, from 64 connections.

    python bench/pings.py [--seconds 10] [--heartbeats 1000] [--connections 64] [--database-url postgresql://…]

The real program runs on core 0 and takes GET requests for the addresses of many heartbeats in random order; every
answer means that the ping is on disk (SQLite with `synchronous=FULL`). The load comes from wrk on core 1, or from a
small client of our own where wrk is missing. Reference, in the same run: the same rows committed in groups of 32 by the
database's driver alone, with no web server, no interpreter threads and nobody to answer. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

GOALS = {"sqlite": 15_000.0, "postgresql": 10_000.0}
GOAL_P99_MS = 20.0
TICKS = os.sysconf("SC_CLK_TCK")
GROUP = 32
"""Pings in one commit of the reference: about what 64 connections give."""
START_SECONDS = 30.0

SCRIPT = """
local tokens = {}
for line in io.lines(os.getenv("TOKENS")) do tokens[#tokens + 1] = wrk.format("GET", "/api/v1/heartbeat/" .. line) end
math.randomseed(os.time())
request = function() return tokens[math.random(#tokens)] end
"""


def seed(data: Path, database_url: str | None, heartbeats: int) -> list[str]:
    """Make heartbeats, as the API would; returns their tokens."""
    from tocsin.accounts import actions as accounts
    from tocsin.heartbeats import actions
    from tocsin.runtime.foundation import foundation
    from tocsin.runtime.settings import load
    from tocsin.storage.migrate import migrate

    def make(tx: Any, first: int, last: int) -> list[str]:
        team = accounts.ensure_team(tx, "Bench")
        given = {"period": 86_400, "grace": 3_600}
        return [actions.create(tx, team.id, given | {"name": f"Job {n}"}).token for n in range(first, last)]

    with foundation(load(_settings(data, database_url), {})) as ground:
        migrate(ground.database)
        found = []
        for first in range(0, heartbeats, 500):
            found += ground.database.submit_write(make, first, min(first + 500, heartbeats)).result()
    return found


def _settings(data: Path, database_url: str | None) -> dict[str, str]:
    return {"data": str(data)} | ({"database_url": database_url} if database_url else {})


class Program:
    """`tocsin serve` on the first core."""

    def __init__(self, data: Path, database_url: str | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        words = [sys.executable, "-m", "tocsin", "serve", "--data", str(data), "--port", str(self.port)]
        if database_url:
            words += ["--database-url", database_url]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.sched_setaffinity(self._process.pid, {min(os.sched_getaffinity(0))})
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > end or self._process.poll() is not None:
                raise SystemExit("tocsin serve did not start")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1).close()
        except OSError:
            return False
        return True

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def taken(self) -> float:
        """Pings made durable so far, by the program's own count."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            found = re.search(r"^tocsin_pings_total ([\d.e+]+)$", answer.read().decode(), re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def first_pings(port: int, tokens: list[str]) -> None:
    """A ping of each job: the first one makes it known and begins its watch, which is not what is measured."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for token in tokens:
        connection.request("GET", f"/api/v1/heartbeat/{token}")
        if connection.getresponse().read() != b"OK":
            raise SystemExit("a ping was refused")
    connection.close()


Load = tuple[float, float, float]
"""Pings per second, median and 99th percentile of the answer's time in ms."""


def wrk(port: int, tokens: list[str], connections: int, seconds: float, folder: Path) -> Load:
    """wrk's word for it; SystemExit when anything was not answered with 200."""
    (folder / "tokens").write_text("\n".join(tokens))
    (folder / "ping.lua").write_text(SCRIPT)
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-s", str(folder / "ping.lua")]
    done = subprocess.run(
        [*words, f"http://127.0.0.1:{port}"], env=os.environ | {"TOKENS": str(folder / "tokens")},
        capture_output=True, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, {_last_core()}),
    )  # fmt: skip
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(done.stdout)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])  # type: ignore[index]
    return rate, _quantile(done.stdout, "50%"), _quantile(done.stdout, "99%")


def _quantile(text: str, name: str) -> float:
    value, unit = re.search(rf"{name}\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def own_client(port: int, tokens: list[str], connections: int, seconds: float, folder: Path) -> Load:
    """The same from a client of ours, which costs more itself: one request at a time on each connection."""
    import selectors

    os.sched_setaffinity(0, {_last_core()})
    selector = selectors.DefaultSelector()
    times: list[float] = []

    def send(connection: socket.socket) -> None:
        path = f"/api/v1/heartbeat/{random.choice(tokens)}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        selector.modify(connection, selectors.EVENT_READ, time.perf_counter())

    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        selector.register(connection, selectors.EVENT_READ, 0.0)
        send(connection)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for key, _ in selector.select(1):
            connection = key.fileobj  # type: ignore[assignment]
            if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                raise SystemExit("a ping was refused")
            times.append(time.perf_counter() - key.data)
            send(connection)
    wall = time.perf_counter() - began
    times.sort()
    return len(times) / wall, 1000 * times[len(times) // 2], 1000 * times[len(times) * 99 // 100]


def _last_core() -> int:
    return max(os.sched_getaffinity(os.getppid()))


def bare_sqlite(folder: Path, heartbeats: int, seconds: float) -> float:
    """The same two writes per ping, in groups, by sqlite3 alone; pings per second."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "mmap_size=268435456"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE states (id INTEGER PRIMARY KEY, last_beat_ms INTEGER, pings INTEGER)")
    database.execute(
        "CREATE TABLE pings (id INTEGER PRIMARY KEY AUTOINCREMENT, heartbeat_id INTEGER, at_ms INTEGER, kind TEXT,"
        " method TEXT, remote_ip TEXT)"
    )
    database.execute("CREATE INDEX ix_pings ON pings (heartbeat_id, id)")
    database.executemany("INSERT INTO states VALUES (?, 0, 0)", [(id,) for id in range(heartbeats)])

    def commit() -> None:
        ids = [random.randrange(heartbeats) for _ in range(GROUP)]
        database.execute("BEGIN IMMEDIATE")
        database.executemany("UPDATE states SET last_beat_ms = ?, pings = pings + 1 WHERE id = ?",
                             [(1, id) for id in ids])  # fmt: skip
        database.executemany(
            "INSERT INTO pings (heartbeat_id, at_ms, kind, method, remote_ip) VALUES (?, ?, ?, ?, ?)",
            [(id, 1, "success", "GET", "127.0.0.1") for id in ids],
        )
        database.execute("COMMIT")

    return _repeated(commit, seconds)


def bare_postgres(url: str, heartbeats: int, seconds: float) -> float:
    """The same by psycopg alone."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP TABLE IF EXISTS bare_states, bare_pings")
        database.execute("CREATE TABLE bare_states (id bigint PRIMARY KEY, last_beat_ms bigint, pings bigint)")
        database.execute("CREATE TABLE bare_pings (id bigserial PRIMARY KEY, heartbeat_id bigint, at_ms bigint,"
                         " kind text, method text, remote_ip text)")  # fmt: skip
        database.execute("CREATE INDEX ON bare_pings (heartbeat_id, id)")
        database.execute("INSERT INTO bare_states SELECT i, 0, 0 FROM generate_series(0, %s) i", (heartbeats,))

        def commit() -> None:
            ids = [random.randrange(heartbeats) for _ in range(GROUP)]
            with database.transaction():
                database.execute(
                    "UPDATE bare_states SET last_beat_ms = 1, pings = pings + 1 FROM unnest(%s::bigint[]) AS beat(id)"
                    " WHERE bare_states.id = beat.id",
                    (ids,),
                )
                database.execute("INSERT INTO bare_pings (heartbeat_id, at_ms, kind, method, remote_ip) SELECT id, 1,"
                                 " 'success', 'GET', '127.0.0.1' FROM unnest(%s::bigint[]) AS beat(id)",
                                 (ids,))  # fmt: skip

        return _repeated(commit, seconds)


def _repeated(commit: Callable[[], None], seconds: float) -> float:
    began, groups = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        commit()
        groups += 1
    return groups * GROUP / (time.perf_counter() - began)


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description="Durable pings per second.")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--heartbeats", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--database-url", default=None)
    options = parser.parse_args()
    kind = "postgresql" if options.database_url else "sqlite"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens = seed(folder / "data", options.database_url, options.heartbeats)
        if kind == "sqlite":
            bare = bare_sqlite(folder, options.heartbeats, options.seconds / 3)
        else:
            bare = bare_postgres(options.database_url, options.heartbeats, options.seconds / 3)
        program = Program(folder / "data", options.database_url)
        try:
            client = wrk if shutil.which("wrk") else own_client
            first_pings(program.port, tokens)
            client(program.port, tokens, options.connections, 2, folder)
            before, cpu = program.taken(), program.cpu_seconds()
            rate, median, p99 = client(program.port, tokens, options.connections, options.seconds, folder)
            taken, used = program.taken() - before, program.cpu_seconds() - cpu
        finally:
            program.stop()
    table = Table(title=f"Durable pings, {kind}, {options.connections} connections, {options.heartbeats} heartbeats")
    for heading in ("what", "figure", "goal"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    table.add_row("pings answered per second", f"{rate:,.0f}", f"{GOALS[kind]:,.0f}")
    table.add_row("answer, median", f"{median:.1f} ms", "")
    table.add_row("answer, 99th percentile", f"{p99:.1f} ms", f"{GOAL_P99_MS:.0f} ms")
    table.add_row("CPU of the program per ping", f"{1e6 * used / max(taken, 1):.0f} us", "")
    table.add_row("reference: bare group commit", f"{bare:,.0f}/s", "")
    table.add_row("ours against the reference", f"{rate / bare:.2f}", "")
    Console().print(table)
    print(f"on disk by the program's count: {taken:,.0f}; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
