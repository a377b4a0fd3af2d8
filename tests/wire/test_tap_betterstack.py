"""`tap-betterstack` from PyPI, unchanged, discovers and reads every stream it knows from `tocsin serve`."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import trustme

from tests.cli.program import Server, environment
from tests.conftest import REQUIRE_ALL
from tests.wire.detour import HOST, Detour

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LOCK = Path(__file__).parent / "tap-betterstack.lock"
INSTALL_SECONDS = 300
RUN_SECONDS = 90
MONITORS = 53
"""More than the fifty of one page."""

STREAMS = {
    "monitors",
    "monitor_groups",
    "heartbeats",
    "heartbeat_groups",
    "incidents",
    "incident_events",
    "email_integrations",
    "incoming_webhooks",
    "on_calls",
    "escalation_policies",
    "status_pages",
}
"""All that it knows."""

NUMBERS = {"attributes__monitor_group_id", "attributes__heartbeat_group_id", "policy_id"}
"""The tap calls these texts; the API answers numbers (contract part 1, 3.1 and 5, part 2, 0.3), as Terraform needs."""

Message = dict[str, Any]


class Installed:
    """The program in an environment of its own, for it needs other versions of what we need; the environment trusts
    an authority of ours. Made once and kept in pytest's cache."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.command = [str(folder / "bin" / "python"), "-m", "tap_betterstack"]

    @property
    def ready(self) -> bool:
        mark = self._folder / "built-from-lock"
        return mark.exists() and mark.read_text() == LOCK.read_text()

    @property
    def authority(self) -> trustme.CA:
        certificate, key = ((self._folder / f"authority.{part}").read_bytes() for part in ("pem", "key"))
        return trustme.CA.from_pem(certificate, key)

    def build(self) -> str:
        """Why it could not be made; empty when it was."""
        python = self.command[0]
        subprocess.run([sys.executable, "-m", "venv", str(self._folder)], check=True, timeout=60)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "-r", str(LOCK)]
        done = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode != 0:
            return done.stderr
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self._folder / "authority.pem"))
        authority.private_key_pem.write_to_path(str(self._folder / "authority.key"))
        trusted = subprocess.run([python, "-m", "certifi"], capture_output=True, text=True, check=True, timeout=60)
        authority.cert_pem.write_to_path(trusted.stdout.strip(), append=True)
        (self._folder / "built-from-lock").write_text(LOCK.read_text())
        return ""


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Installed:
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("tap-betterstack")
    found = Installed(folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        trouble = "" if found.ready else found.build()
    if trouble and REQUIRE_ALL:
        pytest.fail(f"tap-betterstack could not be installed, and this run must not skip anything:\n{trouble}")
    if trouble:
        pytest.skip("tap-betterstack could not be installed")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("tap") / "data", "--base-url", f"https://{HOST}") as running:
        yield running


@pytest.fixture(scope="module")
def made(server: Server) -> Counter[str]:
    """One of everything, and more than a page of monitors; how many records each stream should give."""

    def make(path: str, **body: Any) -> str:
        status, answer = server.ask(f"/api/v2/{path}", "POST", body, server.token)
        assert status == 201, (path, answer)
        return str(answer["data"]["id"])

    count: Counter[str] = Counter()
    group = make("monitor-groups", name="Shop")
    for number in range(MONITORS):
        make(
            "monitors", url=f"https://{number}.example.com", monitor_type="status", paused=True, monitor_group_id=group
        )
    count.update(monitor_groups=1, monitors=MONITORS)
    beats = make("heartbeat-groups", name="Jobs")
    make("heartbeats", name="Backup", period=86_400, grace=3_600, heartbeat_group_id=beats)
    count.update(heartbeat_groups=1, heartbeats=1)
    for number in range(2):
        incident = make("incidents", name=f"Outage {number}", summary="Closed", requester_email="alice@example.com")
        make(f"incidents/{incident}/comments", content="Looking into it")
    count.update(incidents=2)
    make("email-integrations", name="Legacy mails")
    rule = {"rule_target": "json", "target_field": "status", "match_type": "equals", "content": "down"}
    make("incoming-webhooks", name="Own script", started_rule_type="any", started_rules=[rule])
    count.update(email_integrations=1, incoming_webhooks=1)
    make("on-calls", name="Tier 2")
    count.update(on_calls=2)  # with the default calendar
    severity = int(make("urgencies", name="High", call=True))
    collecting = int(make("policies", name="Collects only"))
    members = [{"type": "current_on_call"}, {"type": "entire_team"}]
    steps = [
        {"type": "escalation", "wait_before": 0, "urgency_id": severity, "step_members": members},
        {"type": "time_branching", "wait_before": 60, "days": ["sat"], "policy_id": collecting},
        {"type": "metadata_branching", "metadata_key": "Tier", "metadata_values": ["1"], "wait_until_time": "09:00"},
        {"type": "instructions", "instructions_comment": "- [ ] look"},
    ]
    make("policies", name="Standard", repeat_count=3, repeat_delay=600, fallback_policy_id=collecting, steps=steps)
    count.update(escalation_policies=2)
    make("status-pages", subdomain="acme", timezone="Prague", company_name="Acme", history=30)
    make("status-pages", subdomain="acme-inside", timezone="UTC", password_enabled=True, password="open sesame")
    count.update(status_pages=2)
    return count


class Tap:
    """The program with its configuration, led to our server."""

    def __init__(self, installed: Installed, server: Server, folder: Path) -> None:
        self._installed = installed
        self._server = server
        self._folder = folder

    def run(self, *words: str) -> str:
        config = self._folder / "config.json"
        config.write_text(json.dumps({"token": self._server.token}))
        with Detour(self._server.port, self._installed.authority) as detour:
            done = subprocess.run(
                [*self._installed.command, "--config", str(config), *words],
                cwd=self._folder,
                env=environment(**detour.environment),
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
            )
            assert set(detour.asked) <= {f"{HOST}:443"}
        assert done.returncode == 0, done.stderr[-4_000:]
        return done.stdout

    def catalogue(self) -> Message:
        found: Message = json.loads(self.run("--discover"))
        return found

    def read(self, names: set[str]) -> list[Message]:
        """The messages of these streams, by the protocol of Singer: SCHEMA, RECORD, STATE."""
        catalogue = self.catalogue()
        for stream in catalogue["streams"]:
            for entry in stream["metadata"]:
                if entry["breadcrumb"] == []:
                    entry["metadata"]["selected"] = stream["tap_stream_id"] in names
        path = self._folder / "catalog.json"
        path.write_text(json.dumps(catalogue))
        return [json.loads(line) for line in self.run("--catalog", str(path)).splitlines()]


@pytest.fixture
def program(installed: Installed, server: Server, tmp_path: Path) -> Tap:
    return Tap(installed, server, tmp_path)


def test_it_discovers_what_it_knows(program: Tap) -> None:
    assert {stream["tap_stream_id"] for stream in program.catalogue()["streams"]} == STREAMS


def test_it_reads_everything_that_tocsin_has_whole_and_in_the_types_that_it_declares(
    program: Tap, made: Counter[str]
) -> None:
    messages = program.read(STREAMS)
    schemas = {message["stream"]: message["schema"] for message in messages if message["type"] == "SCHEMA"}
    assert set(schemas) == STREAMS
    read: Counter[str] = Counter()
    for message in messages:
        if message["type"] == "RECORD":
            read[message["stream"]] += 1
            for error in jsonschema_rs.iter_errors(schemas[message["stream"]], message["record"]):
                assert error.instance_path[-1] in NUMBERS, (message["stream"], error.instance_path, error.message)
    events = read.pop("incident_events")
    assert read == made
    assert events >= 2 * made["incidents"], "each incident has begun, and somebody has commented on it"
    ids = [
        message["record"]["id"] for message in messages if message.get("stream") == "monitors" and "record" in message
    ]
    assert len(set(ids)) == MONITORS, "no monitor is read twice or left out between two pages"
