"""What stands behind the door is slow, silent, wrong or gone: the agent is told in words, and the log what is known."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import trustme

from tests.proxy.stage import Stage, answer, odd
from tocsin.proxy.http_upstream import MAX_ANSWER_BYTES

TOKEN = "the-secret-token-of-the-house-behind"
URL = {"url": "https://shop.example.com"}


async def writer_and_reader(stage: Stage, url: str) -> tuple[Any, Any]:
    """What an agent gets that reads, and one that writes."""
    await stage.stand_before(url, TOKEN)
    await stage.hired(levels={"monitors": "write"})
    return await stage.bot("GET", "/v2/monitors"), await stage.bot("POST", "/v2/monitors", URL)


async def test_silence_is_504_and_of_a_write_nobody_knows_what_became(stage: Stage) -> None:
    async def never(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with odd(never) as (url, had):
        read, wrote = await writer_and_reader(stage, url)
    assert (read.status_code, wrote.status_code) == (504, 504)
    assert "did not answer within" in read.json()["errors"]
    assert "Whether it was done is not known: look before you do it again." in wrote.json()["errors"]
    assert "not known" not in read.json()["errors"]
    assert [entry[1] for entry in await stage.log()] == ["forwarded", "failed", "forwarded", "ambiguous"]
    assert sum(request.startswith(b"POST") for request in had) == 1, "a write is never sent twice"


async def test_a_connection_that_breaks_after_the_request_leaves_a_write_open(stage: Stage) -> None:
    async def hang_up(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with odd(hang_up) as (url, had):
        read, wrote = await writer_and_reader(stage, url)
    assert (read.status_code, wrote.status_code) == (502, 502)
    assert [entry[1] for entry in await stage.log()] == ["forwarded", "failed", "forwarded", "ambiguous"]
    assert [request[:4] for request in had] == [b"GET ", b"GET ", b"POST"], "a read is asked once more, a write is not"


async def test_where_nobody_listens_nothing_was_done(stage: Stage) -> None:
    async with odd(answer(200, b"{}")) as (url, _):
        pass
    read, wrote = await writer_and_reader(stage, url)
    assert (read.status_code, wrote.status_code) == (502, 502)
    assert wrote.json()["errors"].endswith("refuses the connection. Nothing was done.")
    assert [entry[1] for entry in await stage.log()] == ["forwarded", "failed", "forwarded", "failed"]


async def test_a_certificate_that_nobody_vouches_for_is_said_and_nothing_is_sent(stage: Stage) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with odd(answer(200, b"{}"), context) as (url, had):
        read, wrote = await writer_and_reader(stage, url)
    assert (read.status_code, wrote.status_code) == (502, 502)
    assert "shows a certificate that is not to be trusted" in read.json()["errors"]
    assert wrote.json()["errors"].endswith("Nothing was done.")
    assert had == []


@pytest.mark.parametrize(
    ("status", "body", "kind", "more", "words"),
    [
        (200, b"<html>welcome to the hotel</html>", "text/html", "", "what is not the API's"),
        (200, b'{"data": [', "application/json", "", "what is not JSON"),
        (200, b"\x00\xff" * 50, "application/json", "", "what is not JSON"),
        (302, b"", "text/html", "Location: https://elsewhere.example.com/\r\n", "a redirect, which is not followed"),
        (200, b"{}", "application/json", "Content-Encoding: br\r\n", "an encoding that was not asked for"),
        (200, f'{{"you": "Bearer {TOKEN}"}}'.encode(), "application/json", "", "our own token in it"),
        (500, b"Traceback: secret", "text/html", "", "answered 500 with what is not the API's"),
    ],
)
async def test_what_is_no_answer_of_the_api_is_not_passed_on(
    stage: Stage, status: int, body: bytes, kind: str, more: str, words: str
) -> None:
    async with odd(answer(status, body, kind, more)) as (url, _):
        read, wrote = await writer_and_reader(stage, url)
    assert (read.status_code, wrote.status_code) == (502, 502)
    assert words in read.json()["errors"]
    assert "location" not in read.headers
    assert TOKEN not in read.text
    assert "secret" not in read.text


async def test_what_is_not_http_is_said(stage: Stage) -> None:
    async def garbage(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x01 220 smtp ready\r\n\r\n")

    async with odd(garbage) as (url, _):
        read, wrote = await writer_and_reader(stage, url)
    assert "broke off, or answered what is not HTTP" in read.json()["errors"]
    assert wrote.status_code == 502


async def test_an_answer_without_end_is_cut_off(stage: Stage) -> None:
    async def flood(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(MAX_ANSWER_BYTES // 1_000_000 + 5):
            writer.write(b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n")
            await writer.drain()

    async with odd(flood) as (url, _):
        await stage.stand_before(url, TOKEN)
        await stage.hired()
        read = await stage.bot("GET", "/v2/monitors")
    assert read.status_code == 502
    assert "answered more than 10 MB" in read.json()["errors"]


async def test_its_own_errors_and_its_wish_to_be_asked_later_are_passed_back(stage: Stage) -> None:
    busy = answer(429, b'{"errors":"Slow down"}', "application/json", "Retry-After: 7\r\n")
    async with odd(busy) as (url, _):
        read, _ = await writer_and_reader(stage, url)
    assert (read.status_code, read.headers["retry-after"], read.json()) == (429, "7", {"errors": "Slow down"})


async def test_an_error_of_the_server_leaves_a_write_open(stage: Stage) -> None:
    async with odd(answer(503, b'{"errors":"Maintenance"}')) as (url, _):
        read, wrote = await writer_and_reader(stage, url)
    assert (read.status_code, wrote.status_code, wrote.json()) == (503, 503, {"errors": "Maintenance"})
    assert [entry[1] for entry in await stage.log()] == ["forwarded", "failed", "forwarded", "ambiguous"]


async def test_a_token_that_is_refused_is_ours_to_renew_and_is_read_again_when_the_file_changes(stage: Stage) -> None:
    async def guarded(request: bytes, writer: asyncio.StreamWriter) -> None:
        right = b"Bearer the-new-token" in request
        await answer(200 if right else 401, b'{"data":[]}' if right else b'{"errors":"Invalid Team API token"}')(
            request, writer
        )

    async with odd(guarded) as (url, _):
        read, _ = await writer_and_reader(stage, url)
        assert read.status_code == 502, "401 would tell the agent to look at its own token"
        assert "does not accept the token that we have for it" in read.json()["errors"]
        assert stage.world.upstreams is not None
        assert "whoever runs this server must renew it" in stage.world.upstreams.troubles()[0]
        stage.write_token("the-new-token")
        assert (await stage.bot("GET", "/v2/monitors")).status_code == 200
        assert stage.world.upstreams.troubles() == []
        stage.token_file.chmod(0o644)
        refused = await stage.bot("GET", "/v2/monitors")
        assert refused.status_code == 502
        assert str(stage.token_file) not in refused.text
        assert "chmod 600" in stage.world.upstreams.troubles()[0]


async def test_whoever_hangs_up_does_not_undo_what_has_left(stage: Stage) -> None:
    asked = asyncio.Event()

    async def slowly(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(0.3)
        await answer(201, b'{"data":{}}')(request, writer)

    async with odd(slowly) as (url, had):
        await stage.stand_before(url, TOKEN)
        await stage.hired(levels={"monitors": "write"})
        call = asyncio.create_task(stage.bot("POST", "/v2/monitors", URL))
        await asyncio.wait_for(asked.wait(), 5)
        call.cancel()
        await asyncio.sleep(0.6)
    assert [entry[1] for entry in await stage.log()] == ["forwarded", "allowed"]
    assert len(had) == 1


async def test_what_was_under_way_when_we_were_killed_is_ambiguous_after_the_start(stage: Stage) -> None:
    from tocsin.gateway import under_way

    async def never(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with odd(never) as (url, had):
        await stage.stand_before(url, TOKEN)
        await stage.hired(levels={"monitors": "write"})
        call = asyncio.create_task(stage.bot("POST", "/v2/monitors", URL))
        while not had:
            await asyncio.sleep(0.02)
        catalogue = stage.world.door.catalogue
        assert await stage.world.database.write(under_way.settle, catalogue) == 1
        assert await stage.world.database.write(under_way.settle, catalogue) == 0, "said once"
        assert [entry[1] for entry in await stage.log()] == ["forwarded", "ambiguous"]
        call.cancel()
