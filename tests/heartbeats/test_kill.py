"""The real program is killed at random instants while many jobs call: no ping that was answered is ever missing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.notify.mailserver import unused_port
from tocsin.heartbeats.actions.history import PINGS_KEPT

KILLS = 25
SEED = 20261123
CLIENTS = 48
JOBS = 24
LONGEST_PAUSE_SECONDS = 0.05


class Jobs:
    """Many clients that call without pause, each its own job, and what they were answered."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self._port = port
        self._paths = paths
        self.answered: Counter[str] = Counter()
        """By address: how many calls were answered with 200."""
        self.last: dict[int, str] = {}
        """By client: its last word that was answered, `success` or `fail`."""
        self.cut_off = 0

    async def call_for_ever(self, client: int, chance: random.Random) -> None:
        """One connection, one call after the other, over raw HTTP: as fast as it goes."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            with contextlib.closing(writer):
                await self._talk(client, chance, reader, writer)

    async def _talk(
        self, client: int, chance: random.Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = self._paths[client % len(self._paths)]
        while True:
            # One client of each job fails now and then; the others only log, so that each job has one last word.
            word = "log" if client >= len(self._paths) else "fail" if chance.random() < 0.05 else "success"
            suffix = "" if word == "success" else f"/{word}"
            body = b"%d" % chance.randrange(10**9) if chance.random() < 0.2 else b""
            try:
                writer.write(
                    f"POST {path}{suffix} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                )
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
            except (OSError, asyncio.IncompleteReadError):
                self.cut_off += 1
                if word != "log":
                    self.last.pop(client, None)  # it may have been taken or not: nobody knows
                return
            assert head.startswith(b"HTTP/1.1 200"), head
            self.answered[path] += 1
            if word != "log":
                self.last[client] = word


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_answered_ping_is_lost_however_often_we_are_killed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    flags = {"data": str(tmp_path / "data"), "host": "127.0.0.1", "port": unused_port()}
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.scenarios.crash_host", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "src"},
    )  # fmt: skip
    pid, token = await _live(host, flags)
    jobs = Jobs(flags["port"], await _heartbeats(flags["port"], token))
    clients = [asyncio.create_task(jobs.call_for_ever(n, random.Random(n))) for n in range(CLIENTS)]
    for _ in range(KILLS):
        enough = jobs.answered.total() + chance.randint(20, 120)
        while jobs.answered.total() < enough:  # however slow the machine is: the test's own time limit ends it
            await asyncio.sleep(0.002)
        await asyncio.sleep(chance.uniform(0.0, LONGEST_PAUSE_SECONDS))
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.002)
        pid, _ = await _live(host, flags)
    await asyncio.sleep(0.5)  # so that each job has a last word
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    os.kill(pid, signal.SIGKILL)
    host.stdin.close()  # type: ignore[union-attr]
    assert jobs.cut_off > KILLS, "the kills hit nobody: they prove nothing"
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "tocsin.db")) as database:
        _compare(database, jobs)


async def _live(host: asyncio.subprocess.Process, flags: dict[str, Any]) -> tuple[int, str]:
    """Begin a life; returns its process id and, the first time, a token, once it takes calls."""
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write(json.dumps(flags).encode() + b"\n")
    pid = 0
    while True:
        said = json.loads(await host.stdout.readline())
        pid = said.get("pid", pid)
        if "listening" in said:
            return pid, said["token"] or ""


async def _heartbeats(port: int, token: str) -> list[str]:
    """The paths of fresh heartbeats, in the order of their ids."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        answers = [
            await client.post("/api/v2/heartbeats", json={"name": f"Job {number}", "period": 3600})
            for number in range(JOBS)
        ]
    return [httpx.URL(answer.json()["data"]["attributes"]["url"]).path for answer in answers]


def _compare(database: sqlite3.Connection, jobs: Jobs) -> None:
    """Every answer against what is on disk."""

    def ask(question: str, *values: Any) -> list[tuple[Any, ...]]:
        return database.execute(question, values).fetchall()

    assert ask("pragma integrity_check") == [("ok",)]
    assert jobs.answered.total() > KILLS * 20, "too few calls to prove anything"
    assert max(jobs.answered.values()) < PINGS_KEPT, "some were forgotten by now, and could not be compared"
    for id, path in enumerate(jobs._paths, start=1):
        highest = ask("select max(id), count(*) from heartbeat_pings where heartbeat_id = ?", id)[0]
        stored, kept = ask("select pings, bodies from heartbeat_states where heartbeat_id = ?", id)[0]
        assert stored == highest[1] >= jobs.answered[path], f"answered pings of job {id} are gone"
        assert ask("select count(*) from heartbeat_bodies where heartbeat_id = ?", id)[0][0] == kept
        word = ask(
            "select kind from heartbeat_pings where heartbeat_id = ? and kind != 'log' order by id desc limit 1", id
        )
        (status,) = ask("select status from heartbeat_states where heartbeat_id = ?", id)[0]
        assert [(("down",) if kind == "fail" else ("up",)) for (kind,) in word] == [(status,)]
        open_ = ask(
            "select count(*) from incidents where owner_type = 'heartbeat' and owner_id = ? and resolved_at is null", id
        )
        assert open_ == [(1 if status == "down" else 0,)], f"job {id} is {status}"
        if id - 1 in jobs.last:
            assert word == [(jobs.last[id - 1],)], f"the last word of job {id} is another"
