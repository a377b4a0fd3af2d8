"""What one ping, TCP connection and DNS question costs: CPU per check, beside a bare loop that does only that.

    python bench/servers.py [--seconds 2] [--rounds 3]

"engine" is everything: schedule, check, judge, and record on SQLite; "probe" is the part of it without a database;
"bare" is the least that Python can do: one socket (or an epoll of them), no schedule, no timeouts, no repetitions, no
judging. The kernel answers the pings; the servers of TCP and DNS run in a process of their own on core 1, the clients
each in one on core 0. CPU is user and system time of the whole client process, all threads, divided by checks done;
of pings on loopback that includes the answering side. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import select
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from checks import IN_FLIGHT, cpu, opened, pin, probe_finished, settle

KINDS = ("ping", "tcp", "dns")
CLIENTS = ("engine", "probe", "bare")
GOALS_US = {"ping": 25, "tcp": 80, "dns": 50}
QUIET_BARE_US = {"ping": 9.1, "tcp": 67, "dns": 7.5}
"""What the bare loop cost on the machine for which the goals were set."""
MONITORS = {"ping": 40_000, "tcp": 16_000, "dns": 30_000}
"""Each due every second: about as many as can be checked, or more."""
NAME = "example.test"


# --- the servers ------------------------------------------------------------------------------------------------------


def serve(ready: Any) -> None:
    """TCP that is accepted and closed, and a name server with one answer, on core 1 until killed."""
    import uvloop

    pin(1)

    class Names(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, source: Any) -> None:
            end = data.index(b"\0", 12) + 5
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7"
            self.transport.sendto(data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + data[12:end] + answer, source)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        listener.setblocking(False)

        def accept() -> None:
            with contextlib.suppress(BlockingIOError):
                for _ in range(64):
                    listener.accept()[0].close()

        loop.add_reader(listener, accept)
        names, _ = await loop.create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
        ready.put({"ping": 0, "tcp": listener.getsockname()[1], "dns": names.get_extra_info("sockname")[1]})
        await asyncio.Event().wait()

    uvloop.run(main())


# --- the clients ------------------------------------------------------------------------------------------------------


def attributes(kind: str, port: int) -> dict[str, Any]:
    """A monitor of that kind, as the API is told of it."""
    asked: dict[str, Any] = {"url": "127.0.0.1", "monitor_type": kind, "check_frequency": 1, "request_timeout": 500}
    if kind != "ping":
        asked["port"] = str(port)
    return asked | ({"request_body": NAME} if kind == "dns" else {})


def seed(data: Path, kind: str, port: int) -> None:
    """A database of monitors that have been up for a while: one made as people make it, and copies."""
    from tocsin.accounts import actions as accounts
    from tocsin.kernel.clock import to_milliseconds
    from tocsin.monitors import actions
    from tocsin.monitors.api import Limits
    from tocsin.monitors.model import MonitorStatus, Standing
    from tocsin.monitors.store import states
    from tocsin.storage import Tx
    from tocsin.storage.migrate import migrate

    def fill(tx: Tx) -> int:
        team = accounts.ensure_team(tx, "Bench")
        monitor = actions.create(tx, team.id, attributes(kind, port), Limits(1), "http://127.0.0.1")
        states.save_standing(tx, monitor.id, Standing(status=MonitorStatus.UP, observed_ms=to_milliseconds(tx.now)))
        return monitor.id

    database = opened(data)
    migrate(database)
    first = database.submit_write(fill).result()
    database.close()
    with contextlib.closing(sqlite3.connect(data)) as connection, connection:
        for table, key in (("monitors", "id"), ("monitor_states", "monitor_id")):
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})") if row[1] != key]
            names = ", ".join(f'"{column}"' for column in columns)
            connection.execute(
                f"with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) "
                f"insert into {table} ({key}, {names}) select {key} + i, {names} from {table}, n where {key} = ?",
                (MONITORS[kind] - 1, first),
            )


def run_engine(kind: str, port: int, folder: str, seconds: float) -> tuple[int, float]:
    """The probe, the engine that judges and records, and the database, as the program runs them."""
    import uvloop

    from tocsin.kernel.clock import SystemClock
    from tocsin.kernel.net import RealNet
    from tocsin.monitors.probe import Probe
    from tocsin.monitors.worker import Engine

    clock = SystemClock()

    async def main() -> tuple[int, float]:
        database = opened(Path(folder, f"{kind}.db"))
        net = RealNet(clock)
        net.start()
        engine = Engine(database, clock, "http://127.0.0.1")
        probe = Probe(net, clock, "eu", engine.deliver, max_in_flight=IN_FLIGHT)
        engine.attach(probe)
        probe.start()
        stop, beaten = asyncio.Event(), asyncio.Event()

        async def beat() -> None:
            while not stop.is_set():
                await engine.run_once()
                beaten.set()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 1.0)

        beating = asyncio.create_task(beat())
        while probe_finished(probe) < MONITORS[kind] or engine.judging:
            await asyncio.sleep(0.05)
        settle()
        beaten.clear()
        await beaten.wait()  # From one beat's end to another's: what is checked in between is what is written down.
        done, written, used = probe_finished(probe), engine.samples_written, cpu()
        await asyncio.sleep(seconds)
        beaten.clear()
        await beaten.wait()
        done, used = probe_finished(probe) - done, cpu() - used
        written = engine.samples_written - written
        finished = probe.figures().finished
        if not 0.8 < written / done < 1.25 or finished["down"] or finished["unknown"]:
            print(f"  engine: of {done} checks {written} were recorded: {probe.figures()}", file=sys.stderr)
        stop.set()
        await beating
        probe.stop()
        net.stop()
        await engine.close()
        database.close()
        return done, used

    return uvloop.run(main())


def run_probe(kind: str, port: int, folder: str, seconds: float) -> tuple[int, float]:
    """The same without a database."""
    from tocsin.kernel.clock import SystemClock
    from tocsin.kernel.net import RealNet
    from tocsin.monitors.model import CheckSpec
    from tocsin.monitors.probe import Probe

    clock = SystemClock()
    net = RealNet(clock)
    net.start()
    probe = Probe(net, clock, "eu", lambda batch: None, max_in_flight=IN_FLIGHT)
    probe.replace(
        CheckSpec(monitor_id=index, revision=1, kind=kind, frequency_seconds=1, settings=attributes(kind, port))
        for index in range(1, MONITORS[kind] + 1)
    )
    probe.start()
    while probe_finished(probe) < MONITORS[kind]:
        time.sleep(0.05)
    settle()
    done, used = probe_finished(probe), cpu()
    time.sleep(seconds)
    done, used = probe_finished(probe) - done, cpu() - used
    figures = probe.figures()
    probe.stop()
    net.stop()
    if figures.finished["down"] or figures.finished["unknown"]:
        print(f"  probe: {figures}", file=sys.stderr)
    return done, used


def run_bare(kind: str, port: int, folder: str, seconds: float) -> tuple[int, float]:
    return {"ping": bare_ping, "tcp": bare_tcp, "dns": bare_dns}[kind](port, seconds)


def bare_ping(_: int, seconds: float) -> tuple[int, float]:
    """One raw socket; whatever comes back with our identifier is an answer."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sock.setsockopt(255, 1, struct.pack("=I", 0xFFFFFFFF & ~1))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sequence = 0

    def send() -> None:
        nonlocal sequence
        sequence = (sequence + 1) & 0xFFFF
        body = struct.pack("!BBHHH", 8, 0, 0, 4711, sequence) + b"x" * 56
        total = 0xFFFF - int.from_bytes(body, "big") % 0xFFFF
        sock.sendto(body[:2] + total.to_bytes(2, "big") + body[4:], ("127.0.0.1", 0))

    for _ in range(IN_FLIGHT):
        send()
    done, used, end = 0, cpu(), time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(IN_FLIGHT):
            if sock.recv(256)[24:26] == b"\x12\x67":
                done += 1
                send()
    return done, cpu() - used


def bare_tcp(port: int, seconds: float) -> tuple[int, float]:
    """Non-blocking connects in one epoll, closed when they stand."""
    poll = select.epoll()
    waiting: dict[int, socket.socket] = {}

    def connect() -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.connect_ex(("127.0.0.1", port))
        poll.register(sock.fileno(), select.EPOLLOUT)
        waiting[sock.fileno()] = sock

    for _ in range(32):
        connect()
    done, used, end = 0, cpu(), time.monotonic() + seconds
    while time.monotonic() < end:
        for descriptor, events in poll.poll(0.1, 256):
            waiting.pop(descriptor).close()
            done += not events & select.EPOLLERR
            connect()
    return done, cpu() - used


def bare_dns(port: int, seconds: float) -> tuple[int, float]:
    """One connected socket, one ready-made question with another id each time, four bytes of the answer."""
    from tocsin.kernel.net import dnswire

    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    sock.settimeout(0.2)
    asked = dnswire.query(0, dnswire.question(NAME, "A"), True)[2:]
    number = 0
    for number in range(64):
        sock.send(number.to_bytes(2, "big") + asked)
    done, used, end = 0, cpu(), time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(64):
            with contextlib.suppress(TimeoutError):
                done += sock.recv(512)[-4:] == b"\xc0\0\2\7"
            number = (number + 1) & 0xFFFF
            sock.send(number.to_bytes(2, "big") + asked)
    return done, cpu() - used


# --- the table --------------------------------------------------------------------------------------------------------


def measure(client: str, kind: str, port: int, folder: str, seconds: float) -> tuple[float, float]:
    """(CPU microseconds per check, checks per second)."""
    command = [sys.executable, __file__, "--client", client, kind, str(port), folder, "--seconds", str(seconds)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120).stdout
    done, used = json.loads(out.decode().strip().splitlines()[-1])
    return used / max(done, 1) * 1e6, done / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--client", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        pin(0)
        client, kind, port, folder = arguments.client
        run = {"engine": run_engine, "probe": run_probe, "bare": run_bare}[client]
        print(json.dumps(run(kind, int(port), folder, arguments.seconds)))
        return
    rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        ready: Any = multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
        server.start()
        ports = ready.get(timeout=10)
        for kind in arguments.kinds:
            seed(Path(folder, f"{kind}.db"), kind, ports[kind])
        for _ in range(arguments.rounds):
            for kind in arguments.kinds:
                for client in CLIENTS:
                    found = measure(client, kind, ports[kind], folder, arguments.seconds)
                    rows.setdefault((kind, client), []).append(found)
        server.kill()
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'kind':6}{'client':8}{'CPU us/check':>13}{'checks/s':>10}{'x bare':>9}")
    for kind in arguments.kinds:
        cost = {client: median(each[0] for each in rows[kind, client]) for client in CLIENTS}
        for client in CLIENTS:
            rate = median(each[1] for each in rows[kind, client])
            wanted = GOALS_US[kind] / QUIET_BARE_US[kind]
            note = f"   goal: {GOALS_US[kind]} us, x {wanted:.2f}" if client == "engine" else ""
            print(f"{kind:6}{client:8}{cost[client]:13.1f}{rate:10.0f}{cost[client] / cost['bare']:9.2f}{note}")


if __name__ == "__main__":
    main()
