"""The addresses that jobs call, over a real socket, by every method and with every sort of body."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
import uvloop

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.gateway.throttle import REFUSALS_PER_ADDRESS
from tocsin.heartbeats import actions
from tocsin.heartbeats.model import KeptPing
from tocsin.heartbeats.worker import Intake
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import Unavailable
from tocsin.rest.pings import KEPT_BODY_BYTES, Pings, read
from tocsin.runtime.connection import Connection
from tocsin.storage import Database, Tx

START_SECONDS = 30.0
RUN = "6f1c2d3e-4a5b-4c6d-8e7f-001122334455"


class Site:
    """Heartbeat 1 at its address."""

    def __init__(self, database: Database, base_url: str, token: str, key: str) -> None:
        self.database = database
        self.base_url = base_url
        self.path = f"/api/v1/heartbeat/{token}"
        self.named = f"/api/v1/ping/{key}"
        self.client = httpx.Client(base_url=base_url, timeout=10)

    def call(self, suffix: str = "", method: str = "GET", **more: Any) -> tuple[int, str]:
        answer = self.client.request(method, self.path + suffix, **more)
        return answer.status_code, answer.text

    def pings(self, id: int = 1) -> list[KeptPing]:
        """Oldest first."""
        found, _ = self.database.submit_read(
            lambda tx: actions.pings(tx, id, None, page=1, per_page=100)
        ).result()  # fmt: skip
        return list(reversed(found))


@pytest.fixture
def site(sqlite_database: Database, clock: FakeClock) -> Iterator[Site]:
    def work(tx: Tx) -> tuple[str, str]:
        team = accounts.ensure_team(tx, "Ops")
        heartbeat = actions.create(tx, team.id, {"name": "Backup", "period": 3600, "slug": "backup"})
        return heartbeat.token, actions.ping_key(tx, team.id, "").key

    token, key = sqlite_database.submit_write(work).result()

    intake = Intake(sqlite_database, "https://tocsin.example")
    pings = Pings(intake.take, intake.take_by_name, clock, intake.offer)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        way: Any = partial(Connection, short_way=pings)
        server = uvicorn.Server(uvicorn.Config(pings, http=way, log_level="error", lifespan="off", access_log=False))
        serving = threading.Thread(target=lambda: uvloop.run(server.serve(sockets=[listener])), daemon=True)
        serving.start()
        yield Site(sqlite_database, f"http://127.0.0.1:{listener.getsockname()[1]}", token, key)
        server.should_exit = True
        serving.join(START_SECONDS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_a_beat_comes_by_every_method(site: Site, method: str) -> None:
    assert site.call(method=method) == (200, "" if method == "HEAD" else "OK")
    (ping,) = site.pings()
    assert (ping.kind.value, ping.method, ping.remote_ip) == ("success", method, "127.0.0.1")
    assert ping.user_agent is not None
    assert ping.user_agent.startswith("python-httpx")


def test_what_stands_behind_the_token_says_what_is_meant(site: Site) -> None:
    for suffix in ("/start", "/log", "/0", "/fail", "/1", "/255", "/007", "/fail/"):
        assert site.call(suffix) == (200, "OK")
    assert [(ping.kind.value, ping.exit_code) for ping in site.pings()] == [
        ("start", None), ("log", None), ("success", 0), ("fail", None), ("fail", 1), ("fail", 255), ("fail", 7),
        ("fail", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "status", "words"),
    [
        ("/256", 400, "from 0 to 255"),
        ("/99999999999999999999", 400, "from 0 to 255"),
        ("/-1", 404, "no such address"),
        ("/failed", 404, "no such address"),
        ("/fail/again", 404, "no such address"),
        ("/٣", 404, "no such address"),
        ("?rid=seven", 400, "UUID"),
    ],
)
def test_what_no_ping_can_say_is_refused_in_words_and_not_recorded(
    site: Site, suffix: str, status: int, words: str
) -> None:
    answered, text = site.call(suffix)
    assert answered == status
    assert words in text
    assert site.pings() == []


def test_other_methods_are_refused(site: Site) -> None:
    answer = site.client.delete(site.path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST, PUT")
    assert site.pings() == []


def test_runs_are_told_apart_by_their_ids(site: Site) -> None:
    assert site.call(f"/start?rid={RUN}") == (200, "OK")
    assert site.call(f"/start?rid={RUN.upper().replace('1', '2')}") == (200, "OK")
    assert site.call(f"?rid={RUN}") == (200, "OK")
    pings = site.pings()
    assert [ping.overlapping for ping in pings] == [0, 1, 0]
    assert [ping.duration_ms for ping in pings] == [None, None, 0]
    assert pings[0].run_id == pings[2].run_id == RUN


def test_what_a_job_says_is_kept(site: Site) -> None:
    said = "Fehler: Platte voll — 💥\n".encode()
    assert site.call("/3", "POST", content=said) == (200, "OK")
    (ping,) = site.pings()
    assert (ping.body, ping.body_size) == (said, len(said))
    response = site.database.submit_read(incidents.response, 1).result()
    assert response is not None
    assert response.body == said


def test_what_a_job_says_without_a_length_or_in_no_encoding_is_kept_too(site: Site) -> None:
    assert site.call("/log", "POST", content=iter([b"a\x00", b"\xff\xfe"])) == (200, "OK")
    assert site.pings()[0].body == b"a\x00\xff\xfe"


def test_a_job_that_talks_too_much_is_heard_as_far_as_we_can_keep_it(site: Site) -> None:
    said = "ü".encode() * 700_000
    assert site.call("/fail", "POST", content=said) == (200, "OK")
    (ping,) = site.pings()
    assert ping.body_size == KEPT_BODY_BYTES
    assert ping.body is not None
    assert ping.body.decode() == "ü" * 5_000
    response = site.database.submit_read(incidents.response, 1).result()
    assert response is not None
    assert response.body.decode() == "ü" * (KEPT_BODY_BYTES // 2)


def test_a_cut_never_goes_through_a_character(site: Site) -> None:
    for length in range(4):
        site.call("/log", "POST", content=("x" * length + "💥" * 30_000).encode())
    for ping in site.pings():
        assert ping.body is not None
        assert set(ping.body.decode("utf-8", errors="strict")) <= {"x", "💥"}


@pytest.mark.slow
def test_an_unknown_token_is_not_found_and_guessing_is_slowed_down_but_never_a_right_token(site: Site) -> None:
    for wrong in ("/api/v1/heartbeat/" + "a" * 24, "/api/v1/heartbeat/", "/api/v1/heartbeat/x", site.named + "/other"):
        answer = site.client.get(wrong)
        assert (answer.status_code, answer.text) == (404, "There is no such heartbeat.")
    statuses = [site.client.get("/api/v1/heartbeat/" + "b" * 24).status_code for _ in range(REFUSALS_PER_ADDRESS)]
    assert set(statuses[:-10]) == {404}
    assert statuses[-1] == 429
    assert site.call() == (200, "OK")


def test_a_job_may_ping_by_its_name_and_bring_its_heartbeat_along(site: Site) -> None:
    assert site.client.get(f"{site.named}/backup").status_code == 200
    assert site.client.get(f"{site.named}/nightly").status_code == 404
    made = site.client.post(f"{site.named}/nightly/start?create=1&rid={RUN}")
    assert (made.status_code, made.text) == (201, "Created")
    assert site.client.get(f"{site.named}/nightly/0?create=1&rid={RUN}").status_code == 200
    assert [ping.kind.value for ping in site.pings(2)] == ["start", "success"]


@pytest.mark.slow
def test_many_jobs_on_many_connections_are_all_answered(site: Site) -> None:
    async def many() -> list[int]:
        async with httpx.AsyncClient(base_url=site.base_url, timeout=20) as client:
            answers = await asyncio.gather(*(client.get(site.path) for _ in range(200)))
        return [answer.status_code for answer in answers]

    assert asyncio.run(many()) == [200] * 200
    _, total = site.database.submit_read(lambda tx: actions.pings(tx, 1, None, page=1, per_page=1)).result()
    assert total == 200


@pytest.mark.slow
def test_pings_that_come_together_are_kept_and_answered_in_their_order(site: Site) -> None:
    site.call("/log")  # by now the token is known
    words = ["", "/fail", "/start", "/0", "/7", "/log"] * 5
    said = [f"GET {site.path}{word} HTTP/1.1\r\nHost: t\r\n\r\n" for word in words]
    said.insert(3, "GET /api/v1/heartbeat/unknown HTTP/1.1\r\nHost: t\r\n\r\n")
    said.append(f"HEAD {site.path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    host, port = site.base_url.removeprefix("http://").split(":")
    with contextlib.closing(socket.create_connection((host, int(port)))) as connection:
        connection.sendall("".join(said).encode())
        answers = b"".join(iter(lambda: connection.recv(65_536), b"")).split(b"HTTP/1.1 ")[1:]
    assert [each[:3] for each in answers] == [b"200"] * 3 + [b"404"] + [b"200"] * 28
    meant = {"": ("success", None), "/fail": ("fail", None), "/start": ("start", None), "/0": ("success", 0),
             "/7": ("fail", 7), "/log": ("log", None)}  # fmt: skip
    kept = [(ping.kind.value, ping.exit_code) for ping in site.pings()]
    assert kept == [("log", None), *(meant[word] for word in words), ("success", None)]


@pytest.mark.slow
def test_a_heartbeat_deleted_a_moment_ago_is_not_found_and_whoever_insists_is_told_to_stop(site: Site) -> None:
    assert site.call() == (200, "OK")
    site.database.submit_write(actions.delete, 1, None, "").result()
    assert [site.call() for _ in range(3)] == [(404, "There is no such heartbeat.")] * 3
    assert [site.call()[0] for _ in range(REFUSALS_PER_ADDRESS)][-1] == 429


def test_a_client_that_hangs_up_in_the_middle_is_no_beat(site: Site) -> None:
    host, port = site.base_url.removeprefix("http://").split(":")
    with contextlib.closing(socket.create_connection((host, int(port)))) as connection:
        connection.sendall(f"POST {site.path}/fail HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nhalf".encode())
    assert site.call("/log") == (200, "OK")
    assert [ping.kind.value for ping in site.pings()] == ["log"]


@pytest.mark.slow
async def test_our_own_failure_is_said_as_one_that_passes(clock: FakeClock) -> None:
    async def cannot(*given: Any) -> bool:
        raise Unavailable("The disk is full.", retry_after_seconds=7)

    async def breaks(*given: Any) -> bool:
        raise ZeroDivisionError

    for take, words, after in ((cannot, "The disk is full.", "7"), (breaks, "could not be recorded", "5")):
        transport = httpx.ASGITransport(Pings(take, take, clock))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            answer = await client.get("/api/v1/heartbeat/" + "a" * 24)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, after)
        assert words in answer.text


async def test_a_body_that_trickles_counts_as_far_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.rest.pings.BODY_TIMEOUT_SECONDS", 0.01)
    came = [{"type": "http.request", "body": b"so far", "more_body": True}]

    async def receive() -> dict[str, Any]:
        if came:
            return came.pop()
        await asyncio.Event().wait()
        raise AssertionError

    assert await read(receive) == b"so far"
