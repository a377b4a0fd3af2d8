"""The real program tries out its pager when it starts, and tells others that it is alive."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Server
from tests.notify.mailserver import mail_server


class Watcher(http.server.BaseHTTPRequestHandler):
    """Somebody who waits for our calls."""

    heard: list[str] = []

    def do_GET(self) -> None:
        self.heard.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not on the terminal."""


@pytest.fixture
def watcher() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Watcher)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/watch"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
async def test_a_start_tries_out_the_pager_and_presses_the_switch(tmp_path: Path, watcher: str) -> None:
    async with mail_server() as mailbox:
        settings = {"TOCSIN_DEAD_MAN_URL": watcher, "TOCSIN_SELF_TEST_TO": "email:sink@example.com"}
        smtp = f"smtp://127.0.0.1:{mailbox.port}?from=tocsin@example.com"
        with Server(tmp_path / "data", "--smtp-url", smtp, **settings) as server:
            passed = 'tocsin_self_test_passed{channel="email"} 1.0'
            metrics = ""
            for _ in range(60):
                metrics = await in_thread(server, "/metrics")
                if passed in metrics and Watcher.heard:
                    break
                await asyncio.sleep(0.5)
            assert passed in metrics, server.log
            assert mailbox.recipients == ["sink@example.com"]
            assert Watcher.heard[0] == "/watch"
            ready = await in_thread(server, "/readyz")
            assert ready["checks"]["self_test"]["ok"]
            assert ready["checks"]["dead_man"]["ok"]


async def in_thread(server: Server, path: str) -> Any:
    """Ask without holding up the mail server."""
    return (await asyncio.to_thread(server.ask, path))[1]
