"""What a whole running Tocsin costs: the real program with 10,000 HTTP monitors, its CPU, memory, start and lag.

    python bench/whole.py [--monitors 10000] [--frequency 30] [--seconds 30]

The program runs on core 0, the watched site on core 1. CPU is user and system time of the whole process (checks,
judging, recording, packing, everything), read from /proc. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

GOALS = {"cpu": 15.0, "memory": 300.0, "start": 5.0, "us": 90.0}
TICKS = os.sysconf("SC_CLK_TCK")
BODY = b"all systems go " * 136
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY) + BODY


class Site(asyncio.Protocol):
    """Answers every request alike and closes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(ANSWER)
            self.transport.close()


def serve(ready: Any) -> None:
    """The watched site, until killed."""
    import uvloop

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Site, "127.0.0.1", 0, backlog=4096)
        ready.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(main())


def seed(data: Path, port: int, monitors: int, frequency: int) -> None:
    """Make the monitors, as the API would, before the start."""
    from tocsin.accounts import actions as accounts
    from tocsin.monitors.actions import monitors as watching
    from tocsin.monitors.rules.settings import Limits
    from tocsin.runtime.foundation import foundation
    from tocsin.runtime.settings import load
    from tocsin.storage.migrate import migrate

    def make(tx: Any, first: int, last: int) -> None:
        team = accounts.ensure_team(tx, "Bench")
        for number in range(first, last):
            given = {
                "monitor_type": "status", "url": f"http://127.0.0.1:{port}/{number}", "check_frequency": frequency,
                "request_timeout": 5,
            }  # fmt: skip
            watching.create(tx, team.id, given, Limits(1), "http://127.0.0.1")

    with foundation(load({"data": str(data)}, {})) as ground:
        migrate(ground.database)
        for first in range(0, monitors, 1000):
            ground.database.submit_write(make, first, min(first + 1000, monitors)).result()


def figures(port: int) -> dict[str, float]:
    """The unlabelled samples and the checks of `/metrics`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    plain = {name: float(value) for name, value in re.findall(r"^(tocsin_\w+) ([\d.e+-]+)$", text, re.MULTILINE)}
    for verdict, value in re.findall(r'^tocsin_checks_total\{verdict="(\w+)"\} ([\d.e+-]+)$', text, re.MULTILINE):
        plain[verdict] = float(value)
    return plain


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) / 1024


def first_check(port: int, began: float) -> float:
    """Seconds from the process's start to its first finished check."""
    while time.monotonic() - began < 60:
        try:
            seen = figures(port)
            if seen.get("up", 0) + seen.get("down", 0) > 0:
                return time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("no check within a minute")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--monitors", type=int, default=10_000)
    parser.add_argument("--frequency", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    ready: Any = multiprocessing.Queue()
    site = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
    site.start()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        data, port = Path(folder) / "data", 18_080
        seed(data, ready.get(), options.monitors, options.frequency)
        began = time.monotonic()
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tocsin",
                "serve",
                "--data",
                str(data),
                "--port",
                str(port),
                "--log-level",
                "warning",
            ],
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )
        try:
            report(server.pid, port, options, first_check(port, began))
        finally:
            server.terminate()
            server.wait(10)
            site.kill()


def report(pid: int, port: int, options: argparse.Namespace, start: float) -> None:
    """Let the first round pass, then measure."""
    time.sleep(options.monitors / 200 + 10)  # the first round, which is judged one by one, comes at 200 a second
    before, cpu, clock = figures(port), cpu_seconds(pid), time.monotonic()
    time.sleep(options.seconds)
    after, used, wall = figures(port), cpu_seconds(pid) - cpu, time.monotonic() - clock
    checks = sum(after[verdict] - before[verdict] for verdict in ("up", "down", "unknown"))
    rows = [
        ("CPU of one core", f"{100 * used / wall:.1f} %", GOALS["cpu"], 100 * used / wall),
        ("memory resident", f"{resident_mib(pid):.0f} MiB", GOALS["memory"], resident_mib(pid)),
        ("start to first check", f"{start:.1f} s", GOALS["start"], start),
        ("CPU per check, all in", f"{1e6 * used / max(checks, 1):.0f} us", GOALS["us"], 1e6 * used / max(checks, 1)),
    ]
    print(f"{options.monitors} HTTP monitors every {options.frequency} s, measured for {wall:.0f} s")
    print(f"{'':<24}{'measured':>12}{'goal':>8}{'ratio':>8}")
    for name, shown, goal, value in rows:
        print(f"{name:<24}{shown:>12}{goal:>8.0f}{value / goal:>8.2f}")
    print(
        f"checks/s {checks / wall:.0f} (asked for {options.monitors / options.frequency:.0f}), down "
        f"{after['down'] - before['down']:.0f}, unknown {after['unknown'] - before['unknown']:.0f}, lag "
        f"{after['tocsin_probe_lag_seconds']:.3f} s, load average {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
