"""Real servers of many protocols, started on loopback for as long as a test runs, each in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_ALL

PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])
START_SECONDS = 20.0


def program(name: str) -> str:
    """Where `name` is installed. A missing one skips the test, or fails it where nothing may be skipped."""
    path = shutil.which(name, path=PLACES)
    if path is None:
        if REQUIRE_ALL:
            pytest.fail(f"{name} is not installed, and this run must not skip anything")
        pytest.skip(f"{name} is not installed")
    return path


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_ports(number: int) -> list[int]:
    """So many different ones: all are held until the last is found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def running(
    command: list[str], ready: Callable[[], bool], folder: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` until the block ends; it is there when `ready` says so."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env, start_new_session=True
        )
        try:
            until = time.monotonic() + START_SECONDS
            while not ready():
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"{command[0]} does not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextmanager
def scripted(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what `serve` says; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                serve(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def says(*lines: bytes) -> Callable[[socket.socket], None]:
    """Sends the first line at once, and one more for each message that it gets; then it hangs up."""

    def serve(connection: socket.socket) -> None:
        connection.settimeout(20)
        for index, line in enumerate(lines):
            if index:
                connection.recv(65_536)
            connection.sendall(line)
        connection.recv(65_536)

    return serve


def silent(connection: socket.socket) -> None:
    """Takes the connection and never says a word."""
    connection.settimeout(10)
    while connection.recv(65_536):
        pass
