"""Whoever tries to reach more than was granted, by headers, addresses or bodies that two servers read differently."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tests.proxy.stage import Behind, Stage, raw, served
from tests.world import World

TRICKS = [
    ("GET", "/api/v2/monitors/../policies"),
    ("GET", "/api/v2/monitors/%2e%2e/policies"),
    ("GET", "/api/v2//monitors"),
    ("GET", "//api/v2/monitors"),
    ("GET", "/api/v2/monitors/1%2f..%2f..%2fpolicies"),
    ("GET", "/api/v2/monitors/1%00"),
    ("GET", "/api/v2/monitors.json"),
    ("GET", "/api/v2/monitors;a=b"),
    ("GET", "/api/v2/monitors%3Fa=b"),
    ("GET", "/api/v2/%6donitors"),
    ("GET", "/api/v2/monitors/./1"),
    ("GET", "/api/v2/sources"),
    ("GET", "/api/v1/monitors"),
    ("GET", "/api/v2/monitors/1/secrets"),
    ("PURGE", "/api/v2/monitors"),
    ("DELETE", "/api/v2/monitors"),
    ("TRACE", "/api/v2/monitors"),
    ("GET", "\\api\\v2\\monitors"),
]


@pytest.mark.parametrize(("method", "path"), TRICKS)
async def test_an_address_that_is_not_plainly_one_of_ours_goes_no_further(
    stage: Stage, behind: Behind, method: str, path: str
) -> None:
    await stage.hired(levels={"monitors": "full"}, switches={"delete": "on"})
    token = stage.world.tokens["bot"]
    async with served(stage.world.front) as port:
        request = f"{method} {path} HTTP/1.1\r\nHost: tocsin.test\r\nAuthorization: Bearer {token}\r\n\r\n"
        status, _ = await raw(port, request.encode())
    assert status in (400, 404)
    assert behind.asked == []
    if status == 404:
        assert (await stage.log())[-1][1] == "denied"


async def test_an_address_with_another_host_in_it_is_ours_all_the_same(stage: Stage, behind: Behind) -> None:
    await stage.hired()
    token = stage.world.tokens["bot"]
    async with served(stage.world.front) as port:
        request = (
            f"GET http://evil.example.com/api/v2/monitors HTTP/1.1\r\nHost: evil.example.com\r\n"
            f"Authorization: Bearer {token}\r\nX-Forwarded-Host: evil.example.com\r\nX-Forwarded-For: 10.0.0.1\r\n"
            "X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /api/v2/policies\r\nCookie: a=b\r\nTE: trailers\r\n"
            "Forwarded: for=10.0.0.1\r\nConnection: keep-alive, x-request-id\r\nX-Team: other\r\n\r\n"
        )
        status, _ = await raw(port, request.encode())
    assert status == 200
    ((method, target, headers),) = behind.asked
    assert (method, target) == ("GET", "/api/v2/monitors")
    assert headers["host"].startswith("127.0.0.1:")
    assert set(headers) == {"host", "authorization", "accept", "accept-encoding", "user-agent", "x-request-id"}
    assert token not in str(headers)


async def test_two_credentials_are_one_too_many(stage: Stage, behind: Behind) -> None:
    await stage.hired()
    ours, team = stage.world.tokens["bot"], stage.world.tokens["ops"]
    async with served(stage.world.front) as port:
        for first, second in ((ours, team), (team, ours)):
            request = (
                f"GET /api/v2/monitors HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {first}\r\n"
                f"Authorization: Bearer {second}\r\n\r\n"
            )
            status, _ = await raw(port, request.encode())
            assert status == 400
    assert behind.asked == []


@pytest.mark.parametrize(
    "body",
    [
        '{"url": "https://a.example.com", "url": "https://b.example.com"}',
        '{"url": "https://a.example.com", "notify_everybody": true}',
        '{"url": "https://a.example.com", "call": "yes please"}',
        '{"url": "https://a.example.com", "_method": "delete"}',
        '{"url": "https://a.example.com", "monitor": {"call": true}}',
        '{"url": "https://a.example.com"',
        "url=https://a.example.com&call=1",
        '\ufeff{"url": "https://a.example.com"}',
        '["https://a.example.com"]',
    ],
)
async def test_a_body_that_two_servers_could_read_differently_goes_no_further(
    stage: Stage, behind: Behind, body: str
) -> None:
    await stage.hired(levels={"monitors": "full"})
    token = stage.world.tokens["bot"]
    content = body.encode()
    async with served(stage.world.front) as port:
        request = (
            f"POST /api/v2/monitors HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        status, _ = await raw(port, request.encode() + content)
    assert status in (400, 422)
    assert behind.asked == []
    assert (await stage.log())[-1][:2] == ("monitors.create", "denied")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/monitors?call=true", 422),
        ("POST", "/v2/monitors?_method=delete", 422),
        ("DELETE", "/v2/monitors/1?cascade=true", 422),
        ("DELETE", "/v2/monitors/1?dry_run=perhaps", 422),
        ("GET", "/v2/monitors?a=1;team_name=b", 422),
        ("DELETE", "/v2/monitors/1x2", 404),
    ],
)
async def test_attributes_in_the_address_of_a_write_go_no_further(
    stage: Stage, behind: Behind, method: str, path: str, status: int
) -> None:
    await stage.hired(levels={"monitors": "full"}, switches={"delete": "on"})
    body = {"url": "https://a.example.com"} if method == "POST" else None
    assert (await stage.bot(method, path, body)).status_code == status
    assert behind.asked == []


async def test_an_unknown_token_and_a_suspended_agent_go_no_further(stage: Stage, behind: Behind) -> None:
    agent = await stage.hired()
    stage.world.tokens["forged"] = "agt_" + "x" * 32
    assert (await stage.world.api("GET", "/v2/monitors", token="forged")).status_code == 401
    assert (await stage.world.api("GET", "/v2/nowhere", token="forged")).status_code == 401
    await stage.world.api("POST", f"/v2/agents/{agent}/suspend")
    assert (await stage.bot("GET", "/v2/monitors")).status_code == 403
    assert behind.asked == []


async def test_an_approval_is_good_for_the_very_bytes_alone(stage: Stage, behind: Behind, world: World) -> None:
    await stage.hired()
    token = world.tokens["bot"]
    first = json.dumps({"summary": "Closed", "name": "Shop"}).encode()
    second = json.dumps({"name": "Shop", "summary": "Closed"}).encode()
    async with served(world.front) as port:

        async def send(content: bytes) -> int:
            request = (
                f"POST /api/v3/incidents HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: {len(content)}\r\n\r\n"
            )
            return (await raw(port, request.encode() + content))[0]

        assert await send(first) == 202
        assert (await world.api("POST", "/v2/approvals/1/approve")).status_code == 200
        assert await send(second) == 202, "the same to us, other bytes to whoever stands behind"
        assert await send(first) == 201
        assert await send(first) == 202
    assert behind.bodies == [first]


async def test_nothing_leaves_when_it_cannot_be_written_down(stage: Stage, behind: Behind, world: World) -> None:
    await stage.hired(levels={"monitors": "write"})
    await world.database.write(
        lambda tx: tx.connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
    )
    refused = await stage.bot("POST", "/v2/monitors", {"url": "https://a.example.com"})
    assert refused.status_code >= 500
    assert (await stage.bot("GET", "/v2/monitors")).status_code >= 500
    assert behind.asked == []


async def test_the_token_for_the_other_house_stands_nowhere_but_in_its_file(
    stage: Stage, behind: Behind, world: World, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    await stage.hired(levels={"monitors": "write"})
    answers = [
        await stage.bot("GET", "/v2/monitors"),
        await stage.bot("POST", "/v2/monitors", {"url": "https://a.example.com"}),
        await stage.bot("POST", "/v2/monitors?dry_run=true", {"url": "https://a.example.com"}),
        await stage.bot("POST", "/v3/incidents", {"summary": "x"}),
        await stage.bot("GET", "/v2/monitors/999"),
        await stage.bot("GET", "/v2/whoami"),
    ]
    secret = behind.token
    assert not any(secret in answer.text or secret in str(answer.headers) for answer in answers)
    assert secret not in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "behind" not in path.name]
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == ["upstream.token"]
    written = Path(world.database.url.removeprefix("sqlite:///"))
    assert not any(secret.encode() in path.read_bytes() for path in written.parent.glob(written.name + "*"))
