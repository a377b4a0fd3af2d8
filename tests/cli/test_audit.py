"""The audit log from the command line, beside a running server: verified, watched, exported, tampering found out."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from tests.cli.program import Server, tocsin

pytestmark = pytest.mark.slow
WITHIN_SECONDS = 20.0


def test_it_is_verified_beside_a_running_server_and_what_was_tampered_with_is_named(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        for number in range(5):
            body = {"url": f"http://127.0.0.1:1/{number}", "monitor_type": "status", "paused": True}
            assert server.ask("/api/v2/monitors", "POST", body, server.token)[0] == 201
        until = time.monotonic() + WITHIN_SECONDS
        while "log: 5 entries" not in (sound := tocsin("audit", "verify", "--data", "data", cwd=tmp_path)).stdout:
            assert time.monotonic() < until, sound.stdout + sound.stderr
        assert sound.returncode == 0
        head = next(line.split()[-1] for line in sound.stdout.splitlines() if line.startswith("log:"))
        tail = tocsin("audit", "tail", "--team", "My team", "--data", "data", cwd=tmp_path)
        assert len(tail.stdout.splitlines()) == 5
        assert "created a monitor (monitor 1" in tail.stdout
        rest = tocsin("audit", "export", "--after", "3", "--data", "data", cwd=tmp_path)
        assert [json.loads(line)["position"] for line in rest.stdout.splitlines()] == [4, 5]
        with sqlite3.connect(tmp_path / "data/tocsin.db", timeout=10) as database:
            database.execute("UPDATE audit_entries SET sentence = 'Bob did it.' WHERE position = 2")
            database.execute("DELETE FROM audit_entries WHERE position = 4")
        broken = tocsin("audit", "verify", "--expect", head, "--data", "data", cwd=tmp_path)
        assert broken.returncode == 1
        assert "position 2, entry 2: changed" in broken.stdout
        assert "position 4: removed" in broken.stdout
    assert tocsin("audit", "verify", "--expect", "nonsense", "--data", "data", cwd=tmp_path).returncode == 1
