"""What a page of the console costs in a team that has grown: CPU, questions to the database, bytes sent.

    python bench/console.py [--monitors 5000] [--rounds 9]

One process, no sockets: the console's own application is asked as a browser would ask it, packed by gzip, for every
main page of a team with that many monitors, 200 heartbeats, 300 incidents, 30 people and a status page of 30 resources.
CPU is that of the whole process (the threads of the database too), so that a busy machine changes little: the first
time a page is asked for, then the median. `calls` pass the door, `reads` are transactions. Nothing is asserted; wanted
are 100 ms (300 ms for the list of monitors) and 100 kB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from api import BASE_URL, opened
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents import actions as agents
from tocsin.console import console_app
from tocsin.gateway import Door
from tocsin.gateway.request import Reply, Request
from tocsin.kernel.clock import SystemClock
from tocsin.monitors import actions as monitors
from tocsin.monitors import api as monitors_api
from tocsin.pages.previewing import Previews
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.runtime.memory import settle
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database, Tx
from tocsin.storage.migrate import migrate

HEARTBEATS, INCIDENTS, STILL_OPEN, PEOPLE, RESOURCES, FEW = 200, 300, 12, 30, 30, 5


class Counted(Database):
    """Counts the transactions that only read."""

    reads = 0

    def submit_read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.reads += 1
        return super().submit_read(work, *args, **kwargs)


class CountedDoor(Door):
    """Counts the calls."""

    calls = 0

    async def call(self, request: Request) -> Reply:
        self.calls += 1
        return await super().call(request)

    async def several(self, requests: Sequence[Request]) -> list[Reply | Exception]:
        self.calls += len(requests)
        return await super().several(requests)


async def asked(app: Any, method: str, path: str, headers: dict[str, str], body: Any = None) -> tuple[int, bytes]:
    """One request without a socket: (status, body as it would be sent)."""
    sent, parts = json.dumps(body).encode() if body is not None else b"", []
    status = 0
    raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": "tocsin.example", **headers}.items()]
    route, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
        "path": route, "raw_path": route.encode(), "query_string": query.encode(), "root_path": "", "headers": raw,
        "client": ("127.0.0.1", 1), "server": ("tocsin.example", 443), "state": {},
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)


def people_and_monitors(tx: Tx, count: int) -> tuple[str, str]:
    """The team with its monitors; returns the token of its API and the secret of a browser that is signed in."""
    team = accounts.ensure_team(tx, "Bench")
    people = [
        accounts.create_user(tx, email=f"person{number}@example.com", name=f"Person {number}", password=None)
        for number in range(PEOPLE)
    ]
    for person in people:
        accounts.join(tx, team.id, person.id, Role.ADMIN if person is people[0] else Role.RESPONDER)
    for number in range(count):
        attributes = {"url": f"https://{number}.example.com/health", "pronounceable_name": f"Service {number}"}
        monitors.create(tx, team.id, attributes, monitors_api.Limits(), BASE_URL)
    for number in range(FEW):
        wish = {"name": f"Helper-{number}", "levels": {"monitors": "read", "incidents": "write"}}
        agents.create(tx, team.id, wish, granted_by="Person 0", owner_id=people[0].id)
    token = accounts.create_token(tx, team_id=team.id, name="bench")
    return token, accounts.start_session(tx, people[0].id, means="password")


async def seeded(api: Api, token: str) -> None:
    """Everything else, over the API as any client would."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def made(path: str, **attributes: Any) -> str:
        status, body = await asked(api, "POST", f"/api{path}", headers, attributes)
        if status not in (200, 201):
            raise SystemExit(f"{path}: {status} {body.decode()[:300]}")
        return str(json.loads(body)["data"]["id"])

    for number in range(HEARTBEATS):
        await made("/v2/heartbeats", name=f"Job {number}", period=3_600, grace=300)
    for number in range(INCIDENTS):
        one = await made(
            "/v3/incidents", requester_email="person1@example.com", name=f"Trouble {number}", summary="It fails",
            email=True,
        )  # fmt: skip
        if number < INCIDENTS - STILL_OPEN:
            await made(f"/v3/incidents/{one}/resolve", resolved_by="person1@example.com")
    page = await made("/v2/status-pages", company_name="Acme", subdomain="acme", timezone="UTC", subscribable=True)
    for number in range(RESOURCES):
        await made(
            f"/v2/status-pages/{page}/resources", resource_type="Monitor", resource_id=number + 1,
            public_name=f"Service {number}", widget_type="history",
        )  # fmt: skip
    for number in range(FEW):
        await made(
            "/v2/outgoing-webhooks", name=f"Chat {number}", url=f"https://hooks.example.com/{number}",
            trigger_type="incident_change", on_incident_started=True,
        )  # fmt: skip
        await made("/v3/policies", name=f"Policy {number}", steps=[
            {"type": "escalation", "wait_before": 0, "urgency_id": None, "step_members": [{"type": "entire_team"}]}
        ])  # fmt: skip


def pages() -> Sequence[tuple[str, str]]:
    """(words, address)"""
    return (
        ("home", "/"), ("incidents", "/incidents"), ("one incident, open", f"/incidents/{INCIDENTS}"),
        ("one incident, over", "/incidents/1"), ("monitors", "/monitors"), ("monitors, searched", "/monitors?q=42"),
        ("one monitor", "/monitors/1"), ("heartbeats", "/heartbeats"), ("one heartbeat", "/heartbeats/1"),
        ("on-call", "/on-call"), ("policies", "/policies"), ("status pages", "/status-pages"),
        ("one status page", "/status-pages/1"), ("integrations", "/integrations"), ("webhooks", "/webhooks"),
        ("agents", "/agents"), ("approvals", "/approvals"), ("team", "/team"), ("audit log", "/audit"),
        ("trash", "/trash"), ("about me", "/me"),
    )  # fmt: skip


async def measured(folder: Path, count: int, rounds: int) -> Table:
    """Ask for every page."""
    plain = opened(folder)
    migrate(plain)
    database = Counted(plain.backend, plain.url)
    catalogue = Catalogue(operations(load({}, {})))
    door = CountedDoor(database, catalogue, SystemClock())
    token, secret = await database.write(people_and_monitors, count)
    await seeded(Api(door, catalogue, base_url=BASE_URL), token)
    console = console_app(database, door, SystemClock(), "https://tocsin.example", previews=Previews(BASE_URL))
    settle()
    headers = {"Cookie": f"__Host-tocsin_session={secret}", "Accept-Encoding": "gzip"}
    table = Table(title=f"A page of the console, {count:,} monitors")
    for heading in ("page", "CPU, first", "CPU, then", "calls", "reads", "sent"):
        table.add_column(heading, justify="left" if heading == "page" else "right")
    for words, path in pages():
        spent = []
        for _ in range(rounds + 1):
            calls, reads, before = door.calls, database.reads, time.process_time()
            status, body = await asked(console, "GET", path, headers)
            spent.append(1e3 * (time.process_time() - before))
            if status != 200:
                raise SystemExit(f"{path}: {status}")
        table.add_row(
            words, f"{spent[0]:.0f} ms", f"{median(spent[1:]):.1f} ms", f"{door.calls - calls}",
            f"{database.reads - reads}", f"{len(body) / 1e3:.1f} kB",
        )  # fmt: skip
    database.close()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="What the pages of the console cost.")
    parser.add_argument("--monitors", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        table = asyncio.run(measured(Path(name), options.monitors, options.rounds))
    Console(width=110).print(table)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
