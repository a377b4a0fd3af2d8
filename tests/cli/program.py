"""The real program as a subprocess, as somebody at a terminal has it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

START_TIMEOUT_SECONDS = 90


def environment(**extra: str) -> dict[str, str]:
    """Ours without any setting that the machine happens to have."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return clean | {"COLUMNS": "200", "NO_COLOR": "1"} | extra


def tocsin(*words: str, cwd: Path, input: str | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run `tocsin …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tocsin", *words],
        cwd=cwd,
        env=environment(**extra),
        input=input,
        capture_output=True,
        text=True,
        timeout=90,
    )


class Server:
    """`tocsin serve` on a free port; `output` is what it printed for people, `log` what it logged."""

    def __init__(self, data: Path, *words: str, **extra: str) -> None:
        self.data = data
        self.output = ""
        self.log = ""
        self._listens = threading.Event()
        self._announced = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tocsin", "serve", "--data", str(data), "--port", "0", *words],
            cwd=data.parent,
            env=environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [threading.Thread(target=self._read_output), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Server:
        if not (self._announced.wait(START_TIMEOUT_SECONDS) and self._listens.wait(START_TIMEOUT_SECONDS)):
            self.stop(signal.SIGKILL)
            raise AssertionError(f"tocsin serve did not start:\n{self.output}\n{self.log}")
        if self._process.poll() is not None:
            self.stop(signal.SIGKILL)
            raise AssertionError(f"tocsin serve ended:\n{self.output}\n{self.log}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        lock = json.loads((self.data / "tocsin.lock").read_text())
        return int(lock["port"])

    @property
    def token(self) -> str:
        found = re.search(r"tocsin_[A-Za-z0-9]{32}", self.output)
        assert found, self.output
        return found.group()

    def ask(self, path: str, method: str = "GET", body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """One HTTP request: status, and the body as JSON where it is JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if "json" in answer.headers.get("content-type", "") else text
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM, timeout_seconds: float = 30.0) -> int:
        """Send a signal and wait; returns the exit code. Raises when it does not stop."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout_seconds)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            for reader in self._readers:
                reader.join()
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output += line
            if "listens on" in line or "/docs/api)" in line:
                self._announced.set()
        self._announced.set()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log += line
            if '"listening"' in line:
                self._listens.set()
        self._listens.set()
