"""Clients that others wrote drive the program as it runs, and the suite for authorization servers lets itself in."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp.client.client import Client

from tests.cli.program import Server, tocsin
from tests.gateway.oauth_stage import fields, sealed
from tests.mcp.agents import MODES
from tests.mcp.outsiders import FASTMCP, HERE, NODE, SUITE, ended, installed, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

PASSWORD = "correct horse battery staple"
EMAIL = "ann@example.com"
LINE_SECONDS = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The whole program, once for this file."""
    installed()
    data = tmp_path_factory.mktemp("outsiders") / "data"
    with Server(data, TOCSIN_ADMIN_EMAIL=EMAIL, TOCSIN_ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest.fixture(scope="module")
def team(server: Server) -> str:
    _, answer = server.ask("/api/v2/teams", token=server.token)
    return str(answer["data"][0]["attributes"]["name"])


class Talk:
    """A program of theirs that says a line of JSON at a time."""

    def __init__(self, program: asyncio.subprocess.Process) -> None:
        self._program = program

    async def heard(self) -> dict[str, Any]:
        """Its next line; what else it prints shows when there is none."""
        other = ""
        assert self._program.stdout is not None
        async with asyncio.timeout(LINE_SECONDS):
            while line := (await self._program.stdout.readline()).decode():
                if line.startswith("{"):
                    found: dict[str, Any] = json.loads(line)
                    return found
                other += line
        raise AssertionError(other)

    def say(self, words: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(f"{words}\n".encode())

    async def end(self) -> None:
        run = await ended(self._program)
        assert run.code == 0, run.output


async def consented(address: str) -> str:
    """Sign in and say yes, as a person in a browser; returns the address to which that sends the browser."""
    async with httpx.AsyncClient(timeout=30) as browser:
        page = await browser.get(address)
        form = {"step": "sign in", "form": sealed(page), "email": EMAIL, "password": PASSWORD}
        page = await browser.post(address.partition("?")[0], data=form)
        choices = fields(page) | {"level_incidents": "write", "switch_page": "ask"}
        answer = await browser.post(address.partition("?")[0], data=choices | {"form": sealed(page), "answer": "yes"})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


async def drives(talk: Talk, server: Server) -> None:
    """What every client is to see: a list, an answer, a refusal, a question that a person answers, and the deed."""
    listed = (await talk.heard())["tools"]
    assert {"incidents", "create_incident", "whoami"} <= set(listed)
    assert "delete_incident" not in listed
    before = await talk.heard()
    assert not before["error"]
    refused = await talk.heard()
    assert refused["error"]
    assert refused["data"]["error"] == "denied"
    assert "Incidents is at write, full is needed" in refused["text"]
    asked = await talk.heard()
    assert not asked["error"]
    assert asked["data"]["status"] == "pending_approval"
    assert "Repeat this very call once it is approved." in asked["text"]
    path = f"/api/v2/approvals/{asked['data']['approval_id']}/approve"
    assert (await asyncio.to_thread(server.ask, path, "POST", {}, server.token))[0] == 200
    talk.say("approved")
    done = await talk.heard()
    assert not done["error"]
    assert done["data"]["cause"] == "The shop is closed"
    await talk.end()


def token_of(server: Server, team: str, name: str) -> str:
    """A new agent's that may write incidents, and page after asking."""
    words = ["agent", "create", "--team", team, "--name", name, "--grant", "incidents=write", "--ask", "page"]
    made = tocsin(*words, "--data", str(server.data), cwd=server.data.parent)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_official_typescript_client_drives_it(server: Server, team: str, mode: str) -> None:
    token = token_of(server, team, f"TypeScript {mode}")
    await drives(await typescript(server, mode, token), server)


async def test_the_official_typescript_client_is_let_in_by_a_person(server: Server) -> None:
    talk = await typescript(server, "2026-07-28")
    talk.say(await consented((await talk.heard())["sign_in"]))
    await drives(talk, server)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_client_of_fastmcp_drives_it(server: Server, team: str, mode: str) -> None:
    token = token_of(server, team, f"fastmcp {mode}")
    url = f"http://127.0.0.1:{server.port}/mcp"
    await drives(Talk(await started(str(FASTMCP), str(HERE / "fastmcp_client.py"), url, mode, token)), server)


async def typescript(server: Server, mode: str, *token: str) -> Talk:
    """From its text, so that it finds its packages where they are installed."""
    script = (HERE / "client.mjs").read_text()
    url = f"http://127.0.0.1:{server.port}/mcp"
    return Talk(await started(str(NODE), "--input-type=module", "--eval", script, url, mode, *token))


@pytest.mark.parametrize("mode", MODES)
async def test_the_official_python_client_asks_a_status_page_without_any_token(server: Server, mode: str) -> None:
    page = {"subdomain": f"acme-{MODES.index(mode)}", "timezone": "UTC", "company_name": "Acme"}
    assert (await asyncio.to_thread(server.ask, "/api/v2/status-pages", "POST", page, server.token))[0] == 201
    url = f"http://127.0.0.1:{server.port}/status/{page['subdomain']}/mcp"
    async with asyncio.timeout(LINE_SECONDS):
        while httpx.post(url).status_code == 404:  # until what was made is known to the pages
            await asyncio.sleep(0.1)
    async with Client(url, mode=mode) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "status", "incidents", "maintenance", "history",
        }  # fmt: skip
        answer = await client.call_tool("status", {})
        assert answer.structured_content is not None
        assert answer.structured_content["page"] == "Acme status"


async def test_the_suite_for_authorization_servers_passes_without_a_warning(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    metadata = {
        "client_name": "Suite",
        "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
        "token_endpoint_auth_method": "none",
    }
    async with httpx.AsyncClient(timeout=30) as http:
        client = (await http.post(f"{url}/oauth/register", json=metadata)).json()["client_id"]
        words = ["authorization", "--url", url, "--client-id", client, "--resource", f"{url}/mcp", "-p", str(port)]
        program = await started(str(NODE), str(SUITE), *words)
        seen = ""
        assert program.stdout is not None
        async with asyncio.timeout(LINE_SECONDS):
            while line := (await program.stdout.readline()).decode():
                seen += line
                if line.startswith(f"{url}/oauth/authorize?"):
                    break
        await http.get(await consented(line.strip()))
    run = await ended(program)
    assert run.code == 0, seen + run.output
    assert "Total: 3 passed, 0 failed" in run.output, run.output
    assert "warning" not in run.output.lower(), run.output
