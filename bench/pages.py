"""How many readers a public status page serves, and whether an attack of readers slows paging.

    python bench/pages.py [--seconds 8] [--connections 64] [--resources 30] [--incidents 40]

The real program runs on core 0 with a page of that many resources and 90 days of history; wrk asks for it from core 1,
packed by gzip: whole pages (200) and pages that the reader has already (304). Reference, in the same run: uvicorn with
an ASGI application that sends the same bytes, and does nothing else. Then incidents are opened one by one over the API,
and the time from the request to the mail server's acceptance of the page is measured: with nobody reading, with all
connections reading one page, and with all of them asking for what is in no cache. Needs wrk. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import quantiles
from typing import Any

from whole import Mailbox, Outages

GOAL_PER_SECOND = 8_000.0
GOAL_P50_MS = 2.0
START_SECONDS = 30.0
PAGE_TIMEOUT_SECONDS = 60.0
ADDRESS = "/status/acme"

COLD = """
math.randomseed(os.time())
local languages = {"en", "de", "fr", "es", "pt", "ja", "zh", "cs"}
request = function()
  local month = string.format("%04d-%02d", math.random(2000, 2026), math.random(1, 12))
  local headers = {["Host"] = "x", ["Accept-Language"] = languages[math.random(8)], ["Accept-Encoding"] = "gzip"}
  return wrk.format("GET", "/status/acme/incidents?month=" .. month, headers)
end
"""
"""Thousands of addresses that exist, in every language: more than are kept."""

REFERENCE = """
import sys
from pathlib import Path
import uvicorn
body = Path(sys.argv[2]).read_bytes()
headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-encoding", b"gzip"),
           (b"content-length", str(len(body)).encode())]
async def app(scope, receive, send):
    known = any(name == b"if-none-match" for name, _ in scope["headers"])
    if known:
        await send({"type": "http.response.start", "status": 304, "headers": headers[:1]})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", lifespan="off", loop="uvloop", http="httptools",
            access_log=False)
"""


class Pages(Mailbox):
    """Notes when the mail about each incident was accepted."""

    def accept(self, mail: bytes) -> None:
        self.transport.write(b"250 2.0.0 Ok\r\n")
        found = re.search(rb"Subject: .*?bench-(\d+)", mail)
        if found:
            self.outages.told.setdefault(found.group(1), time.monotonic())


def mailbox(pipe: Any) -> None:
    """A mail server on core 1, until killed; tells when each mail came whenever it is asked."""
    import uvloop

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    outages = Outages()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Pages(outages), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        loop.add_reader(pipe.fileno(), lambda: pipe.send(dict(outages.told)) if pipe.recv() else None)
        await asyncio.Event().wait()

    uvloop.run(main())


def seed(data: Path, resources: int) -> str:
    """A page with a past, and somebody who is paged; returns a token of the API."""
    from tocsin.accounts import actions as accounts
    from tocsin.runtime.foundation import foundation
    from tocsin.runtime.settings import load
    from tocsin.status_pages import actions
    from tocsin.storage.migrate import migrate

    def make(tx: Any) -> str:
        team = accounts.ensure_team(tx, "Bench")
        user = accounts.create_user(tx, email="ann@example.com", name="Ann Archer", password=None)
        accounts.join(tx, team.id, user.id)
        given = {"company_name": "Acme", "subdomain": "acme", "timezone": "UTC", "subscribable": True, "history": 90}
        page = actions.create_page(tx, team.id, given, "http://127.0.0.1")
        for number in range(resources):
            resource = {"resource_type": "ManuallyTrackedItem", "public_name": f"Service {number}",
                        "widget_type": "history"}  # fmt: skip
            actions.create_resource(tx, page.id, None, resource)
        return accounts.create_token(tx, team_id=team.id, name="bench")

    with foundation(load({"data": str(data), "pages_per_hour": "0"}, {})) as ground:
        migrate(ground.database)
        return ground.database.submit_write(make).result()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def started(words: list[str], port: int, path: str) -> subprocess.Popen[bytes]:
    """A server on core 0 that answers already."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
        except OSError:
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit(f"{words[1:4]} did not start") from None
            time.sleep(0.1)
        else:
            return process


def fetched(port: int) -> tuple[bytes, str]:
    """The page as it is sent, and its tag."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{ADDRESS}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read(), answer.headers["etag"]


def load(port: int, seconds: float, connections: int, etag: str = "", script: Path | None = None) -> list[str]:
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-H", "Accept-Encoding: gzip"]
    words += ["-H", f"If-None-Match: {etag}"] if etag else []
    words += ["-s", str(script)] if script else []
    return [*words, f"http://127.0.0.1:{port}{ADDRESS}"]


def on_last_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(os.getppid()))})


def measured(words: list[str], etag: str) -> tuple[float, float, float]:
    """Requests per second, median and 99th percentile in ms. A 304 is no error, though wrk counts it as none of 2xx."""
    done = subprocess.run(words, capture_output=True, text=True, check=True, preexec_fn=on_last_core)
    if "Socket errors" in done.stdout or ("Non-2xx" in done.stdout and not etag):
        raise SystemExit(done.stdout)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])  # type: ignore[index]
    quantile = {}
    for name in ("50%", "99%"):
        value, unit = re.search(rf"{name}\s+([\d.]+)(us|ms|s)", done.stdout).groups()  # type: ignore[union-attr]
        quantile[name] = float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    return rate, quantile["50%"], quantile["99%"]


def paged(port: int, token: str, mails: Any, first: int, incidents: int) -> tuple[float, float]:
    """Median and 99th percentile of the seconds from asking for an incident to the mail."""
    asked: dict[bytes, float] = {}
    for number in range(first, first + incidents):
        body = {"requester_email": "bench@example.com", "summary": f"bench-{number}", "email": True}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v3/incidents", json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )  # fmt: skip
        asked[str(number).encode()] = time.monotonic()
        urllib.request.urlopen(request, timeout=60).close()
        time.sleep(0.1)
    end = time.monotonic() + PAGE_TIMEOUT_SECONDS
    told: dict[bytes, float] = {}
    while set(asked) - set(told) and time.monotonic() < end:
        mails.send(True)
        told = mails.recv()
        time.sleep(0.1)
    missing = set(asked) - set(told)
    if missing:
        raise SystemExit(f"{len(missing)} of {incidents} pages never arrived")
    waits = sorted(told[name] - at for name, at in asked.items())
    return waits[len(waits) // 2], quantiles(waits, n=100)[98]


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description="Readers of a public status page.")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--resources", type=int, default=30)
    parser.add_argument("--incidents", type=int, default=40)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        raise SystemExit("this needs wrk (Debian: apt-get install wrk)")
    ours, theirs = multiprocessing.Pipe()
    mail = multiprocessing.Process(target=mailbox, args=(theirs,), daemon=True)
    mail.start()
    smtp = ours.recv()
    reading = Table(title=f"A page of {options.resources} resources, {options.connections} connections, gzip")
    paging = Table(title="From an incident to its page")
    for table, headings in (
        (reading, ("what", "requests/s", "p50", "p99", "goal", "against the reference")),
        (paging, ("while", "p50", "p99")),
    ):
        for heading in headings:
            table.add_column(heading, justify="left" if heading in ("what", "while") else "right")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        token = seed(folder / "data", options.resources)
        port = free_port()
        program = started(
            [sys.executable, "-m", "tocsin", "serve", "--data", str(folder / "data"), "--port", str(port),
             "--smtp-url", f"smtp://127.0.0.1:{smtp}?from=bench@example.com", "--pages-per-hour", "0"],
            port, ADDRESS,
        )  # fmt: skip
        body, etag = fetched(port)
        (folder / "body").write_bytes(body)
        (folder / "cold.lua").write_text(COLD)
        (folder / "reference.py").write_text(REFERENCE)
        other = free_port()
        reference = started(
            [sys.executable, str(folder / "reference.py"), str(other), str(folder / "body")], other, "/"
        )  # fmt: skip
        try:
            for what, tag in ((f"200, {len(body):,} bytes", ""), ("304", etag)):
                measured(load(port, 2, options.connections, tag), tag)
                rate, p50, p99 = measured(load(port, options.seconds, options.connections, tag), tag)
                bare, bare50, bare99 = measured(load(other, options.seconds, options.connections, tag), tag)
                goal = f"{GOAL_PER_SECOND:,.0f}/s, {GOAL_P50_MS:.0f} ms"
                reading.add_row(what, f"{rate:,.0f}", f"{p50:.2f} ms", f"{p99:.2f} ms", goal, f"{rate / bare:.1f} x")
                reading.add_row("  bare uvicorn", f"{bare:,.0f}", f"{bare50:.2f} ms", f"{bare99:.2f} ms", "", "")
            reference.kill()
            first = 0
            for what, script in (("nobody reads", None), ("all read one page", Path()), ("all ask for what is in no cache", folder / "cold.lua")):  # fmt: skip  # noqa: E501
                attack = None
                if script is not None:
                    words = load(port, 600, options.connections, script=script if script.name else None)
                    attack = subprocess.Popen(words, stdout=subprocess.DEVNULL, preexec_fn=on_last_core)
                    time.sleep(2)
                p50, p99 = paged(port, token, ours, first, options.incidents)
                first += options.incidents
                paging.add_row(what, f"{1000 * p50:.0f} ms", f"{1000 * p99:.0f} ms")
                if attack is not None:
                    attack.kill()
                    attack.wait()
        finally:
            program.terminate()
            reference.kill()
            program.wait(15)
    console = Console()
    console.print(reading)
    console.print(paging)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
