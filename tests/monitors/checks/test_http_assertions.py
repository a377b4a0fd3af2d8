"""Assertions and the type json, asked of a real web server through the real network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel.servers import HttpServer, LoopThread
from tests.monitors.checks.conftest import Check
from tocsin.kernel.net import HttpResponse
from tocsin.monitors.checks import http
from tocsin.monitors.model import Verdict

JSON = b'{"status": "ok", "queue": {"length": 12}, "checks": [{"name": "db", "up": true}]}'


@pytest.fixture
def server(loop: LoopThread) -> Iterator[HttpServer]:
    server = HttpServer(loop)
    server.answer("/health", 200, JSON, "Content-Type: application/json", "X-Version: 1.2.3")
    server.answer("/denied", 401, b'{"status": "denied"}', "Content-Type: application/json")
    server.answer("/page", 200, "<h1>Größe</h1>".encode("latin-1"), "Content-Type: text/html; charset=latin-1")
    server.script("/slow", 0.3, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    yield server
    server.close()


def one(source: str, comparison: str, target: Any = None, property: str | None = None, severity: str = "down") -> Any:
    return {"source": source, "comparison": comparison, "target": target, "property": property, "severity": severity}


def test_an_answer_of_which_everything_holds_is_up(check: Check, server: HttpServer) -> None:
    found = check(
        "json",
        url=server.url("/health"),
        request_timeout=5,
        assertions=[
            one("json", "equals", "ok", "status"),
            one("json", "less_than", "100", "queue.length"),
            one("json", "equals", "true", "checks[?name=='db'].up | [0]"),
            one("header", "matches", r"^1\.\d+\.\d+$", "x-version"),
            one("body", "contains", "queue"),
            one("response_time", "less_than", "5000"),
        ],
    )
    assert (found.verdict, found.cause, found.degraded) == (Verdict.UP, None, None)


def test_the_first_that_does_not_hold_is_the_cause_and_the_answer_is_kept(check: Check, server: HttpServer) -> None:
    asserted = [one("json", "less_than", "10", "queue.length"), one("json", "equals", "no", "status")]
    found = check("json", url=server.url("/health"), request_timeout=5, assertions=asserted)
    assert (found.verdict, found.cause) == (Verdict.DOWN, "json queue.length is '12', expected: less than '10'")
    assert found.evidence is not None
    assert found.evidence.body == JSON


def test_what_is_only_slow_is_up_and_degraded(check: Check, server: HttpServer) -> None:
    slow = one("response_time", "less_than", "100", severity="degraded")
    found = check("status", url=server.url("/slow"), request_timeout=5, assertions=[slow])
    assert (found.verdict, found.evidence) == (Verdict.UP, None)
    assert found.degraded is not None
    assert found.degraded.startswith("response time is ")


def test_a_status_that_is_asserted_is_the_status_that_counts(check: Check, server: HttpServer) -> None:
    denied = one("json", "equals", "denied", "status")
    found = check("json", url=server.url("/denied"), request_timeout=5, assertions=[denied])
    assert found.cause == "Status 401"
    wanted = one("status_code", "equals", "401")
    found = check("json", url=server.url("/denied"), request_timeout=5, assertions=[denied, wanted])
    assert found.verdict is Verdict.UP


def test_a_body_is_read_in_the_character_set_that_it_declares(check: Check, server: HttpServer) -> None:
    found = check("status", url=server.url("/page"), request_timeout=5, assertions=[one("body", "matches", "Größe")])
    assert found.verdict is Verdict.UP


def test_a_connection_that_fails_is_no_matter_of_assertions(check: Check) -> None:
    found = check("json", url="http://127.0.0.1:1/", request_timeout=5, assertions=[one("json", "exists", None, "a")])
    assert found.verdict is Verdict.DOWN
    assert "refused" in (found.cause or "").lower()


def test_the_body_is_only_kept_whole_where_somebody_asks_for_it() -> None:
    plain = http.request(http.Settings(url="http://a.example"))
    asserting = http.Settings(url="http://a.example", assertions=[http.Assertion(source="body", comparison="contains")])
    assert http.request(asserting).keep_body_bytes > plain.keep_body_bytes
    assert http.text_of(HttpResponse(body="Größe".encode())) == "Größe"
