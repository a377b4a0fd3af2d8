"""The addresses that receive alerts: which are theirs, who is meant, and what is answered."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tocsin.kernel.errors import Unavailable
from tocsin.rest.body import MAX_BODY_BYTES
from tocsin.rest.receiving import MAX_STORM_BYTES, Incoming, Receiving

ADDRESSES = {
    "incoming-webhook": "incoming_webhook",
    "prometheus": "prometheus",
    "pagerduty": "pagerduty",
    "opsgenie": "opsgenie",
}
TOKEN = "k3vt9qmzr2lwxb7nchy5tdpa"


class Desk:
    """Writes down what is delivered to it, and answers as told."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, str, Incoming]] = []
        self.answer: tuple[int, Any] | Exception = (202, {"message": "ok"})
        self.app = Receiving(self.deliver, self.knows, ADDRESSES)

    async def deliver(self, kind: str, token: str, incoming: Incoming) -> tuple[int, Any]:
        self.delivered.append((kind, token, incoming))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def knows(self, kind: str, token: str) -> bool:
        return token == TOKEN

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="https://tocsin.example") as client:
            return await client.request(method, path, **more)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("path", "kind", "token", "rest"),
    [
        (f"/api/v1/incoming-webhook/{TOKEN}", "incoming_webhook", TOKEN, ""),
        (f"/api/v1/incoming-webhook/{TOKEN}/", "incoming_webhook", TOKEN, ""),
        (f"/api/v1/prometheus/{TOKEN}/more/of/it", "prometheus", TOKEN, "more/of/it"),
        (f"/api/v1/pagerduty/{TOKEN}/v2/enqueue", "pagerduty", TOKEN, "v2/enqueue"),
        ("/api/v1/pagerduty/v2/enqueue", "pagerduty", "from-body", "v2/enqueue"),
        ("/v2/enqueue", "pagerduty", "from-body", "v2/enqueue"),
        ("/any/prefix/v2/change/enqueue", "pagerduty", "from-body", "v2/change/enqueue"),
        ("/api/v1/opsgenie/v2/alerts", "opsgenie", "from-header", "v2/alerts"),
        ("/api/v1/opsgenie/v2/alerts/disk%207/close?identifierType=alias", "opsgenie", "from-header",
         "v2/alerts/disk 7/close"),
    ],
)  # fmt: skip
async def test_each_address_says_who_is_meant(desk: Desk, path: str, kind: str, token: str, rest: str) -> None:
    headers = {"Authorization": "GenieKey from-header", "X-Source": "Cron", "Content-Type": "Application/JSON; a=b"}
    answer = await desk.send("POST", path, json={"routing_key": "from-body"}, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"message": "ok"})
    ((got_kind, got_token, incoming),) = desk.delivered
    assert (got_kind, got_token, incoming.path.rstrip("/")) == (kind, token, rest)
    assert incoming.content_type == "application/json"
    assert ("x-source", "Cron") in incoming.headers
    assert incoming.query == ((("identifierType", "alias"),) if "?" in path else ())


@pytest.mark.parametrize(
    "path", ["/api/v2/monitors", "/api/v1/unknown/abc", "/", "/v2/enqueue/more", "/enqueue", "/api/v1"]
)
def test_other_addresses_are_left_to_others(desk: Desk, path: str) -> None:
    assert not desk.app.takes(path)


async def test_a_link_that_somebody_opens_does_nothing(desk: Desk) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = await desk.send(method, f"/api/v1/incoming-webhook/{TOKEN}")
        assert answer.status_code == 405
    assert desk.delivered == []


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/api/v1/incoming-webhook/", {}, b"{}"),
        ("/api/v1/incoming-webhook", {}, b"{}"),
        ("/api/v1/incoming-webhook/" + "x" * 101, {}, b"{}"),
        ("/api/v1/pagerduty/v2/enqueue", {}, b"{}"),
        ("/api/v1/pagerduty/v2/enqueue", {}, b'{"routing_key": 7}'),
        ("/api/v1/pagerduty/v2/enqueue", {}, b"[]"),
        ("/api/v1/opsgenie/v2/alerts", {}, b"{}"),
        ("/api/v1/opsgenie/v2/alerts", {"Authorization": "Bearer abc"}, b"{}"),
    ],
)
async def test_without_a_key_nobody_is_meant(desk: Desk, path: str, headers: dict[str, str], body: bytes) -> None:
    answer = await desk.send("POST", path, content=body, headers=headers)
    assert answer.status_code == 404
    assert answer.json()["errors"].startswith("No integration has this")
    assert desk.delivered == []


async def test_a_body_that_is_too_large_is_refused_and_broken_json_is_said_to_be_so(desk: Desk) -> None:
    answer = await desk.send("POST", f"/api/v1/prometheus/{TOKEN}", content=b"x" * (MAX_STORM_BYTES + 1))
    assert answer.status_code == 413
    answer = await desk.send("POST", "/api/v1/prometheus/a-guess", content=b"x" * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    answer = await desk.send("POST", "/v2/enqueue", content=b"{")
    assert (answer.status_code, answer.json()) == (400, {"errors": "The request body is not valid JSON."})
    query = "&".join(f"a{number}=1" for number in range(300))
    answer = await desk.send("POST", f"/api/v1/prometheus/{TOKEN}?{query}", content=b"")
    assert answer.status_code == 400
    assert desk.delivered == []


async def test_what_could_not_be_kept_is_asked_for_again_and_no_fault_of_ours_is_shown(desk: Desk) -> None:
    desk.answer = Unavailable("The database cannot take this just now.")
    answer = await desk.send("POST", f"/api/v1/prometheus/{TOKEN}", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    desk.answer = RuntimeError("secret detail")
    answer = await desk.send("POST", f"/api/v1/prometheus/{TOKEN}", json={})
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
