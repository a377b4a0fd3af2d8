"""What a whole running Tocsin costs and how fast it pages: the real program with 10,000 HTTP monitors.

    python bench/whole.py [--quick] [--monitors 10000] [--frequency 30] [--seconds 30] [--outages 100]

The program runs on core 0; the watched site and the mail server are one process on core 1. CPU is user and system time
of the whole process (checks, judging, recording, packing, everything), read from /proc. Then, with every check going
on, sites begin to fail: one every tenth of a second, and as many all at once. A page's time is from the failing
answer's leaving the site (so a little before the check's end) to the mail server's acceptance of the mail that names
it. `--quick` watches a fifth of the monitors five times as often, which is the same load. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import Any

GOALS = {"cpu": 15.0, "memory": 300.0, "start": 5.0, "us": 90.0, "page": 2.0}
TICKS = os.sysconf("SC_CLK_TCK")
BODY = b"all systems go " * 136
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY) + BODY
FAILURE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndown"
SPACING_SECONDS = 0.1
"""Between outages that come one by one."""
PAGE_TIMEOUT_SECONDS = 30.0
"""How long the mails are waited for."""
REQUEST_TIMEOUT_SECONDS = 5


class Outages:
    """Which sites are down, since when, and when the mail about each was accepted (monotonic seconds)."""

    def __init__(self) -> None:
        self.wanted = 0
        self.failed: dict[bytes, float] = {}
        self.told: dict[bytes, float] = {}
        self.mails = 0


class Site(asyncio.Protocol):
    """Answers every request alike and closes; the next one that is asked goes down when an outage is wanted."""

    def __init__(self, outages: Outages) -> None:
        self.outages = outages

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not data.endswith(b"\r\n\r\n"):
            return
        outages = self.outages
        if outages.wanted or outages.failed:
            name = data[5 : data.index(b" ", 5)]
            if name not in outages.failed and outages.wanted:
                outages.wanted -= 1
                outages.failed[name] = time.monotonic()
            if name in outages.failed:
                self.transport.write(FAILURE)
                self.transport.close()
                return
        self.transport.write(ANSWER)
        self.transport.close()


class Mailbox(asyncio.Protocol):
    """Says yes to every mail, in as few steps as SMTP has, and notes which site it names."""

    def __init__(self, outages: Outages) -> None:
        self.outages = outages

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""
        self.in_data = False
        transport.write(b"220 bench ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:  # ends with what has come
            end = self.received.find(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if end < 0:
                return
            part, self.received = self.received[:end], self.received[end + (5 if self.in_data else 2) :]
            if self.in_data:
                self.in_data = False
                self.accept(part)
            elif part[:4].upper() == b"DATA":
                self.in_data = True
                self.transport.write(b"354 go on\r\n")
            else:
                self.transport.write(b"250 Ok\r\n")

    def accept(self, mail: bytes) -> None:
        self.transport.write(b"250 2.0.0 Ok\r\n")
        found = re.search(rb"Subject: .*?Down: site-(\d+)", mail)
        if found:
            self.outages.mails += 1
            self.outages.told.setdefault(found.group(1), time.monotonic())


def serve(pipe: Any) -> None:
    """The watched site and the mail server, until killed. A number that comes through the pipe is so many outages."""
    import uvloop

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    outages = Outages()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        site = await loop.create_server(lambda: Site(outages), "127.0.0.1", 0, backlog=4096)
        mail = await loop.create_server(lambda: Mailbox(outages), "127.0.0.1", 0, backlog=1024)
        pipe.send([server.sockets[0].getsockname()[1] for server in (site, mail)])

        def asked() -> None:
            number = pipe.recv()
            if number:
                outages.wanted += number
            else:
                pipe.send((outages.failed, outages.told, outages.mails))

        loop.add_reader(pipe.fileno(), asked)
        await asyncio.Event().wait()

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
        if not accounts.members(tx, team.id):
            accounts.join(tx, team.id, accounts.create_user(tx, email="a@b.example", name="Ann", password=None).id)
        for number in range(first, last):
            given = {
                "monitor_type": "status", "url": f"http://127.0.0.1:{port}/{number}", "check_frequency": frequency,
                "request_timeout": REQUEST_TIMEOUT_SECONDS, "pronounceable_name": f"site-{number}",
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


def checked(port: int) -> float:
    """Checks finished so far; 0 while nobody answers."""
    with contextlib.suppress(OSError):
        return sum(figures(port).get(verdict, 0) for verdict in ("up", "down", "unknown"))
    return 0.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) / 1024


def until(what: str, reached: Callable[[], bool], seconds: float) -> None:
    """Wait for it; SystemExit when it does not come."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


Row = tuple[str, str, float, float]
"""What, as shown, the goal, the value."""


def idle_rows(pid: int, port: int, options: argparse.Namespace) -> list[Row]:
    """Let the first round pass (it is judged one by one, 200 a second), then measure."""
    until("the first round", lambda: checked(port) >= options.monitors * 1.1, options.monitors / 200 + 60)
    before, cpu, clock = figures(port), cpu_seconds(pid), time.monotonic()
    time.sleep(options.seconds)
    after, used, wall = figures(port), cpu_seconds(pid) - cpu, time.monotonic() - clock
    started = "tocsin_probe_checks_started_total"  # verdicts are counted by the second, a batch at a time
    checks = after[started] - before[started]
    each = 1e6 * used / max(checks, 1)
    print(
        f"checks/s {checks / wall:.0f} (asked for {options.monitors / options.frequency:.0f}), down "
        f"{after['down'] - before['down']:.0f}, unknown {after['unknown'] - before['unknown']:.0f}, lag "
        f"{after['tocsin_probe_lag_seconds']:.3f} s, load average {os.getloadavg()[0]:.1f}"
    )
    return [
        ("CPU of one core", f"{100 * used / wall:.1f} %", GOALS["cpu"], 100 * used / wall),
        ("memory resident", f"{resident_mib(pid):.0f} MiB", GOALS["memory"], resident_mib(pid)),
        (f"CPU per check at {checks / wall:.0f}/s", f"{each:.0f} us", GOALS["us"], each),
    ]


def page_rows(site: Any, what: str, outages: int, spacing: float) -> list[Row]:
    """Let so many sites fail, and wait for the mails about them."""
    site.send(0)
    known = set(site.recv()[0])
    for _ in range(1 if not spacing else outages):
        site.send(outages if not spacing else 1)
        time.sleep(spacing)
    end = time.monotonic() + PAGE_TIMEOUT_SECONDS
    while True:  # ends with the last mail or the time
        site.send(0)
        failed, told, _ = site.recv()
        new = set(failed) - known
        if (len(new) == outages and new <= set(told)) or time.monotonic() > end:
            break
        time.sleep(0.2)
    waits = [told[name] - failed[name] for name in new if name in told]
    if len(waits) < outages:
        print(f"{what}: {outages - len(waits)} of {outages} mails did not come in {PAGE_TIMEOUT_SECONDS:.0f} s")
    if len(waits) < 2:
        return []
    cuts = quantiles(waits, n=100, method="inclusive")
    return [
        (f"page, {what}: p50", f"{cuts[49]:.2f} s", GOALS["page"], cuts[49]),
        (f"page, {what}: p99", f"{cuts[98]:.2f} s", GOALS["page"], cuts[98]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same load by fewer monitors, in less than a minute")
    parser.add_argument("--monitors", type=int, default=10_000)
    parser.add_argument("--frequency", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--outages", type=int, default=100)
    options = parser.parse_args()
    if options.quick:
        options.monitors, options.frequency = options.monitors // 5, max(6, options.frequency // 5)
        options.seconds, options.outages = 12, 50
    site, other = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(other,), daemon=True)
    process.start()
    site_port, mail_port = site.recv()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        data, port = Path(folder) / "data", 18_080
        seed(data, site_port, options.monitors, options.frequency)
        command = [
            sys.executable, "-m", "tocsin", "serve", "--data", str(data), "--port", str(port), "--log-level", "error",
            "--smtp-url", f"smtp://127.0.0.1:{mail_port}?from=tocsin@bench.example",
        ]  # fmt: skip
        began = time.monotonic()
        server = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )
        try:
            until("the first check", lambda: checked(port) > 0, 60)
            start = time.monotonic() - began
            rows = [("start to first check", f"{start:.1f} s", GOALS["start"], start)]
            rows += idle_rows(server.pid, port, options)
            rows += page_rows(site, f"{options.outages} one by one", options.outages, SPACING_SECONDS)
            rows += page_rows(site, f"{options.outages} at once", options.outages, 0.0)
        finally:
            server.terminate()
            server.wait(10)
            process.kill()
    print(f"{options.monitors} HTTP monitors every {options.frequency} s, measured for {options.seconds} s")
    print(f"{'':<32}{'measured':>12}{'goal':>8}{'ratio':>8}")
    for name, shown, goal, value in rows:
        print(f"{name:<32}{shown:>12}{goal:>8.0f}{value / goal:>8.2f}")


if __name__ == "__main__":
    main()
