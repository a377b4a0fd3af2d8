"""A real Alertmanager, set up as our documentation says: by its webhook, by PagerDuty's API and by Opsgenie's."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Server, environment
from tests.conftest import REQUIRE_ALL

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 90
STARTED_AT = "2026-03-02T12:00:00Z"
"""Long ago: an alert without an end lasts until it is given one."""

CONFIGURATION = """
route:
  receiver: webhook
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - matchers: [via = pagerduty]
      receiver: pagerduty
    - matchers: [via = opsgenie]
      receiver: opsgenie
receivers:
  - name: webhook
    webhook_configs:
      - url: {webhook}
  - name: pagerduty
    pagerduty_configs:
      - url: {address}/v2/enqueue
        routing_key: {routing_key}
  - name: opsgenie
    opsgenie_configs:
      - api_url: {address}/api/v1/opsgenie/
        api_key: {api_key}
"""


class Alertmanager:
    """The program with its configuration, on a free port."""

    def __init__(self, program: str, configuration: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._address = f"http://127.0.0.1:{free.getsockname()[1]}"
        (folder / "alertmanager.yml").write_text(configuration)
        command = [
            program,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={self._address.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        self.log = (folder / "alertmanager.log").open("w+")
        self._process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=self.log, stderr=self.log)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self.log.close()

    def wait(self) -> None:
        until(lambda: self._process.poll() is not None or self._ask("/-/ready", None), "Alertmanager is ready")
        if self._process.poll() is not None:
            self.log.seek(0)
            pytest.fail(f"Alertmanager ended:\n{self.log.read()}")

    def tell(self, via: str, ends_at: str | None = None) -> None:
        """What Prometheus posts about one alert; with an end it is over."""
        alert = {
            "labels": {"alertname": f"Down via {via}", "instance": "db1", "severity": "critical", "via": via},
            "annotations": {"summary": f"db1 is down, told via {via}"},
            "startsAt": STARTED_AT,
            "generatorURL": "http://prometheus.example.org/graph",
        }
        assert self._ask("/api/v2/alerts", [alert | ({"endsAt": ends_at} if ends_at else {})])

    def _ask(self, path: str, body: Any) -> bool:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def until(happened: Any, what: str) -> None:
    """Wait for something that another program does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"in vain: {what}"
        threading.Event().wait(0.1)


@pytest.fixture
def program() -> str:
    found = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if found is None and REQUIRE_ALL:
        pytest.fail("Alertmanager is not installed, and this run must not skip anything")
    if found is None:
        pytest.skip("Alertmanager is not installed")
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as running:
        yield running


@pytest.fixture
def alertmanager(program: str, server: Server, tmp_path: Path) -> Iterator[Alertmanager]:
    def integration(path: str) -> dict[str, Any]:
        status, answer = server.ask(f"/api/v2/{path}", "POST", {"name": path}, server.token)
        assert status == 201, answer
        attributes: dict[str, Any] = answer["data"]["attributes"]
        return attributes

    configuration = CONFIGURATION.format(
        address=f"http://127.0.0.1:{server.port}",
        webhook=integration("prometheus-integrations")["webhook_url"],
        routing_key=integration("pagerduty-events-integrations")["routing_key"],
        api_key=integration("opsgenie-integrations")["api_key"],
    )
    running = Alertmanager(program, configuration, tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("via", "owner"),
    [
        ("webhook", "prometheus_integration"),
        ("pagerduty", "pagerduty_events_integration"),
        ("opsgenie", "opsgenie_integration"),
    ],
)
def test_an_alert_opens_one_incident_and_its_end_resolves_it(
    alertmanager: Alertmanager, server: Server, via: str, owner: str
) -> None:
    def incidents() -> list[dict[str, Any]]:
        status, answer = server.ask("/api/v3/incidents", token=server.token)
        assert status == 200
        found: list[dict[str, Any]] = answer["data"]
        return found

    alertmanager.tell(via)
    until(incidents, "an incident is opened")
    [incident] = incidents()
    assert incident["attributes"]["status"] == "Started"
    assert f"Down via {via}" in incident["attributes"]["name"]
    assert list(incident["relationships"]) == [owner]

    alertmanager.tell(via, ends_at="2026-03-02T12:05:00Z")
    until(lambda: incidents()[0]["attributes"]["status"] == "Resolved", "the incident is resolved")
    assert len(incidents()) == 1
