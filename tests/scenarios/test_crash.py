"""The real program is killed two hundred times, at any instant, all through outages: nothing acknowledged is lost.

Its lives are short and random; in each, programs write through the API, sites break and recover, people acknowledge.
In the end it may live until everything is sent, and then every promise is compared with what is really there.

Every outage must page for itself here, so nothing may rightly keep one silent: no flapping is damped, no allowance
holds pages back, and too few sites page in the same way to be a storm. What storms promise, `test_storm_simulation`
proves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.notify.mailserver import Mailbox, mail_server, unused_port

KILLS = 200
SEED = 20261123
SITES = 6
TEAM = ("alice@example.com", "bob@example.com")
TEAM_WAIT_SECONDS = 1
STILLBORN = 0.3
"""The share of lives that end while the program starts."""
LONGEST_START_SECONDS = 0.5
MOST_DEEDS = 8
"""After how many calls that were answered the other lives end, at some instant of the next: a life lasts so many calls
and not so many seconds, so that a busy machine proves as much."""
LONGEST_REST_SECONDS = 0.4
LAST_LIFE_SECONDS = 60


class Sites:
    """A real HTTP server whose sites answer 200 or 503, as they are told."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            status = b"503 Service Unavailable" if path in self.down else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
            await writer.drain()
            writer.close()


class Program:
    """The program under the axe, and everything that it acknowledged."""

    def __init__(self, host: asyncio.subprocess.Process, flags: dict[str, Any], chance: random.Random) -> None:
        self._host = host
        self._flags = flags
        self._chance = chance
        self.base_url = f"http://127.0.0.1:{flags['port']}"
        self.token = ""
        self.listening = asyncio.Event()
        self.deeds = 0
        self.groups: list[str] = []
        self.comments: list[tuple[int, str]] = []
        self.acknowledged: list[int] = []
        self.resolved: list[int] = []
        self.refused = 0
        self._count = 0

    async def start(self) -> int:
        """Begin a life; returns its process id at once."""
        assert self._host.stdin is not None
        self.listening.clear()
        self.deeds = 0
        self._host.stdin.write(json.dumps(self._flags).encode() + b"\n")
        await self._host.stdin.drain()
        while True:
            said = await self.hear()
            if "pid" in said:
                return int(said["pid"])

    async def hear(self) -> dict[str, Any]:
        """The next thing that the program announces."""
        assert self._host.stdout is not None
        line = await self._host.stdout.readline()
        assert line, "the host of the crash test died"
        said: dict[str, Any] = json.loads(line)
        self.token = said.get("token") or self.token
        return said

    async def listen(self) -> None:
        """Wait until this life takes calls."""
        while "listening" not in await self.hear():
            pass
        self.listening.set()

    async def has_done(self, deeds: int) -> None:
        """Wait until this life listens and has answered so many calls."""
        await self.listening.wait()
        while self.deeds < deeds:
            await asyncio.sleep(0.005)

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.base_url, headers=headers, timeout=5) as client:
            return await client.request(method, path, json=body)

    async def be_busy(self) -> None:
        """Write and answer for ever, noting what was acknowledged and only that."""
        await self.listen()
        while True:
            try:
                await self._do_something()
                self.deeds += 1
            except httpx.HTTPError:
                self.refused += 1
                await asyncio.sleep(0.02)

    async def _do_something(self) -> None:
        self._count += 1
        if self._chance.random() < 0.6:
            name = f"group {self._count}"
            answer = await self.call("POST", "/api/v2/monitor-groups", {"name": name})
            if answer.status_code == 201:
                self.groups.append(name)
            return
        ongoing = (await self.call("GET", "/api/v3/incidents?resolved=false")).json()["data"]
        for incident in ongoing:
            id, deed = int(incident["id"]), self._chance.random()
            if deed < 0.3:
                text = f"comment {self._count}"
                answer = await self.call("POST", f"/api/v2/incidents/{id}/comments", {"content": text})
                if answer.status_code == 201:
                    self.comments.append((id, text))
            elif deed < 0.4:
                answer = await self.call("POST", f"/api/v3/incidents/{id}/acknowledge")
                if answer.status_code == 200:
                    self.acknowledged.append(id)
            elif deed < 0.45:
                answer = await self.call("POST", f"/api/v3/incidents/{id}/resolve")
                if answer.status_code == 200:
                    self.resolved.append(id)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    sites = Sites()
    server = await asyncio.start_server(sites.serve, "127.0.0.1", 0)
    sites.port = server.sockets[0].getsockname()[1]
    async with mail_server() as mailbox:
        program = await _program(tmp_path, mailbox, chance)
        await _furnish(program, sites)
        for _ in range(KILLS):
            await _short_life(program, sites, chance)
        sites.down.clear()
        await _last_life(program, tmp_path / "data" / "tocsin.db")
    server.close()
    _compare(sqlite3.connect(tmp_path / "data" / "tocsin.db"), program, mailbox)


async def _program(folder: Path, mailbox: Mailbox, chance: random.Random) -> Program:
    flags = {
        "data": str(folder / "data"),
        "host": "127.0.0.1",
        "port": unused_port(),
        "smtp_url": f"smtp://127.0.0.1:{mailbox.port}?from=tocsin@example.com",
        "min_check_frequency": 1,
        "pages_per_hour": 0,
        "admin_email": TEAM[0],
    }
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scenarios.crash_host",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "src"},
    )  # fmt: skip
    return Program(host, flags, chance)


async def _furnish(program: Program, sites: Sites) -> None:
    """The first life: a second person in the team, the first one on call, and the sites to watch."""
    pid = await program.start()
    await program.listen()
    data = program._flags["data"]
    words = ["user", "create", "--team", "My team", "--email", TEAM[1], "--name", "Bob Builder", "--password-stdin"]
    add = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin", *words, "--data", data,
        stdin=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "src"},
    )  # fmt: skip
    await add.communicate(b"a long enough password\n")
    assert add.returncode == 0
    answer = await program.call("POST", "/api/v2/on-calls/default/layers", {"users": [TEAM[0]]})
    assert answer.status_code == 201, answer.text
    for number in range(SITES):
        body = {
            "url": f"http://127.0.0.1:{sites.port}/site{number}",
            "check_frequency": 1,
            "request_timeout": 2,
            "recovery_period": 0,
            "team_wait": TEAM_WAIT_SECONDS,
            "flapping_damping": False,
            **({"call": True} if number % 2 else {"sms": True}),  # neither explains the other: no storm of six sites
        }
        answer = await program.call("POST", "/api/v2/monitors", {**body, "check_frequency": 2})
        assert answer.status_code == 201, answer.text
    await _kill(pid)


async def _short_life(program: Program, sites: Sites, chance: random.Random) -> None:
    pid = await program.start()
    busy = asyncio.create_task(program.be_busy())
    if chance.random() < STILLBORN:
        await asyncio.sleep(chance.uniform(0.02, LONGEST_START_SECONDS))
    else:
        await asyncio.wait_for(program.has_done(chance.randrange(MOST_DEEDS)), LAST_LIFE_SECONDS)
        await asyncio.sleep(chance.uniform(0.0, LONGEST_REST_SECONDS))
    site = f"/site{chance.randrange(SITES)}"
    sites.down ^= {site}
    await asyncio.sleep(chance.uniform(0.0, LONGEST_REST_SECONDS))
    await _kill(pid)
    busy.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await busy


async def _kill(pid: int) -> None:
    """`kill -9`, and wait until the kernel has let go of it."""
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        await asyncio.sleep(0.002)


async def _last_life(program: Program, path: Path) -> None:
    """Live until every incident is over and nothing is left to send, then end as a program should."""
    pid = await program.start()
    await program.listen()
    for _ in range(LAST_LIFE_SECONDS):
        await asyncio.sleep(1)
        with contextlib.closing(sqlite3.connect(path)) as database:
            open_ = "select count(*) from incidents where resolved_at is null"
            unsent = "select count(*) from deliveries where state not in ('sent', 'cancelled', 'given_up')"
            left = [database.execute(question).fetchone()[0] for question in (open_, unsent)]
        if left == [0, 0]:
            break
    assert left == [0, 0], "incidents that never ended, messages that were never sent"
    os.kill(pid, signal.SIGTERM)
    for _ in range(60):
        await asyncio.sleep(0.1)
        if not Path(f"/proc/{pid}").exists():
            return
    raise AssertionError("it did not end within six seconds")


def _compare(database: sqlite3.Connection, program: Program, mailbox: Mailbox) -> None:
    """Every promise against what is really there."""

    def ask(question: str) -> list[tuple[Any, ...]]:
        return database.execute(question).fetchall()

    assert ask("pragma integrity_check") == [("ok",)]
    incidents = ask("select id, confirmed_at, acknowledged_at, resolved_at, started_at, owner_id from incidents")
    assert len(program.groups) > KILLS / 2, "the test wrote too little to prove anything"
    assert len(incidents) > KILLS / 10, "the test saw too few outages to prove anything"

    groups = {name for (name,) in ask("select name from monitor_groups")}
    assert set(program.groups) <= groups, "acknowledged groups are gone"
    comments = {(id, text) for id, text in ask("select incident_id, content from incident_comments")}
    assert set(program.comments) <= comments, "acknowledged comments are gone"
    by_id = {row[0]: row for row in incidents}
    assert all(by_id[id][2] is not None for id in program.acknowledged), "acknowledgements are gone"
    assert all(by_id[id][3] is not None for id in program.resolved), "resolutions are gone"

    overlapping = ask(
        "select a.id, b.id from incidents a join incidents b on a.owner_id = b.owner_id and a.id < b.id "
        "where b.confirmed_at < a.resolved_at"
    )  # opened before: what a check saw that began before somebody resolved the last one may have begun to fail earlier
    assert overlapping == [], "one site had two incidents at once"

    pages = ask("select id, incident_id, user_id, planned_at, state from deliveries where kind = 'page'")
    assert {state for *_, state in pages} <= {"sent", "cancelled"}
    paged = {(incident, user) for _, incident, user, _, _ in pages}
    first, second = (id for (id,) in ask("select id from users order by id"))
    for id, confirmed, acknowledged, resolved, *_ in incidents:
        assert (id, first) in paged, f"nobody was paged for incident {id}"
        lasted = (acknowledged or resolved) - confirmed
        if lasted > (TEAM_WAIT_SECONDS + LAST_LIFE_SECONDS) * 1000:
            assert (id, second) in paged, f"incident {id} did not climb"
    climbed = [id for id in by_id if (id, second) in paged]
    assert climbed, "no incident lasted long enough to climb"
    doubles = ask(
        "select incident_id, user_id, count(*) from deliveries where kind = 'page' group by 1, 2 having count(*) > 1"
    )
    assert doubles == [], "somebody was planned to be paged twice for the same incident"

    received = {key.removeprefix("<").split("@")[0].rsplit("-", 1)[0] for key in mailbox.message_ids()}
    sent = {f"delivery-{id}" for (id,) in ask("select id from deliveries where state = 'sent'")}
    assert sent <= received, "counted as sent, but no mail server ever had it"
    known = {f"delivery-{id}" for (id,) in ask("select id from deliveries")}
    assert received <= known, "a mail without its row"
