"""`tocsin serve`, started for real."""

from __future__ import annotations

import signal
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Server, tocsin
from tests.postgres import PostgresServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that only look."""
    with Server(tmp_path_factory.mktemp("shared") / "data") as server:
        yield server


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as server:
        yield server


@pytest.mark.slow
def test_the_first_start_prints_the_address_a_sign_in_and_a_token_and_the_second_does_not(tmp_path: Path) -> None:
    with Server(tmp_path / "data", TOCSIN_ADMIN_EMAIL="ann@example.com") as first:
        assert f"http://127.0.0.1:{first.port}" in first.output
        assert "ann@example.com" in first.output
        assert "Password" in first.output
        token = first.token
        password = next(line.split()[-1] for line in first.output.splitlines() if "Password" in line)
        assert first.stop() == 0
        assert token not in first.log
        assert password not in first.log
    with Server(tmp_path / "data") as second:
        assert token not in second.output
        assert "tocsin_" not in second.output
        assert "listens on" in second.output


def test_the_data_directory_and_all_in_it_are_the_owners_alone(shared: Server) -> None:
    assert stat.S_IMODE(shared.data.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in shared.data.iterdir()}
    assert modes["secret.key"] == 0o600
    assert set(modes.values()) == {0o600}, modes


def test_it_is_alive_and_ready_and_shows_its_figures(shared: Server) -> None:
    assert shared.ask("/healthz") == (200, {"status": "alive"})
    status, report = shared.ask("/readyz")
    assert status == 200, report
    assert report["ready"] is True
    assert all(check["ok"] for check in report["checks"].values())
    assert {"probe", "database", "worker:deliveries", "worker:escalations"} <= set(report["checks"])
    status, text = shared.ask("/metrics")
    assert status == 200
    for name in (
        "tocsin_checks_total",
        "tocsin_worker_lag_seconds",
        "tocsin_probe_lag_seconds",
        "tocsin_check_duration_seconds",
    ):
        assert name in text


def test_requests_are_counted_by_operation_and_status(shared: Server) -> None:
    assert shared.ask("/api/v2/monitors", token=shared.token)[0] == 200
    assert shared.ask("/api/v2/monitors")[0] == 401
    _, text = shared.ask("/metrics")
    assert 'tocsin_http_requests_total{operation="monitors.list",status="200"} 1.0' in text
    assert 'status="401"} 1.0' in text


@pytest.mark.slow
def test_a_second_one_on_the_same_data_is_refused_and_told_who_runs(shared: Server) -> None:
    refused = tocsin("serve", "--data", str(shared.data), "--port", "0", cwd=shared.data.parent)
    assert refused.returncode == 1
    assert f"already running on {shared.data}" in refused.stderr
    assert f"process {shared.pid}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert shared.ask("/healthz")[0] == 200


@pytest.mark.slow
def test_a_second_one_on_the_same_postgresql_is_refused_until_the_first_is_gone(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    postgres.create("served")
    words = ("--database-url", postgres.url("served"))
    key = {"TOCSIN_SECRET_KEY": "one key for both, of enough characters"}
    with Server(tmp_path / "one", *words, **key) as first:
        refused = tocsin("serve", "--data", str(tmp_path / "two"), "--port", "0", *words, cwd=tmp_path, **key)
        assert refused.returncode == 1
        assert "serves from this PostgreSQL database already" in refused.stderr
        assert "Traceback" not in refused.stderr
        first.stop(signal.SIGKILL)
    with Server(tmp_path / "one", *words, **key) as again:
        assert again.ask("/healthz")[0] == 200
        again.stop()
    postgres.drop("served")


@pytest.mark.slow
def test_the_lock_dies_with_the_process_however_it_dies(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as first:
        first.stop(signal.SIGKILL)
    with Server(tmp_path / "data") as second:
        assert second.ask("/healthz")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_it_stops_cleanly_with_clients_that_hang(running: Server, number: int) -> None:
    silent = socket.create_connection(("127.0.0.1", running.port))
    half = socket.create_connection(("127.0.0.1", running.port))
    half.sendall(b"POST /api/v2/monitors HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    idle = socket.create_connection(("127.0.0.1", running.port))
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in idle.recv(4096)
    assert running.stop(number) == 0
    assert "stopped" in running.log
    assert "Traceback" not in running.log
    for client in (silent, half, idle):
        client.close()


@pytest.mark.slow
def test_it_stops_while_checks_wait_for_a_silent_site(tmp_path: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    asked = threading.Event()

    def accept() -> None:
        try:
            silent.accept()
            asked.set()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    with Server(tmp_path / "data") as server:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        body = {"url": url, "monitor_type": "status", "check_frequency": 30, "request_timeout": 30}
        status, answer = server.ask("/api/v2/monitors", "POST", body, server.token)
        assert status == 201, answer
        assert asked.wait(60)
        assert server.stop(timeout_seconds=20) == 0
        assert "Traceback" not in server.log
    silent.close()


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused = tocsin("serve", "--data", str(tmp_path / "data"), "--port", port, cwd=tmp_path)
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "give another --port" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "variables", "says"),
    [
        ([], {"TOCSIN_PORT": "x"}, "--port (given by TOCSIN_PORT): 'x' is not a port"),
        (["--smtp-url", "mail.example.com"], {}, "Give smtp://USER:PASSWORD@HOST:587"),
        (["--prot", "1"], {}, "--prot"),
    ],
)
def test_a_bad_value_names_the_option_and_the_fix_and_exits_with_2(
    tmp_path: Path, words: list[str], variables: dict[str, str], says: str
) -> None:
    refused = tocsin("serve", "--data", "data", *words, cwd=tmp_path, **variables)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_help_shows_every_option_with_its_variable_and_default(tmp_path: Path) -> None:
    shown = tocsin("serve", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    for name in (
        "data",
        "host",
        "port",
        "database-url",
        "base-url",
        "smtp-url",
        "min-check-frequency",
        "region",
        "log-format",
    ):
        assert f"--{name}" in shown.stdout
        assert f"[env: TOCSIN_{name.replace('-', '_').upper()}]" in " ".join(shown.stdout.split())
    assert "TOCSIN_SECRET_KEY" in shown.stdout
    assert "More settings" in shown.stdout
