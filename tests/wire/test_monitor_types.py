"""Every type of monitor can be made through the API with what it needs, and its check can read what was made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.rest.clients import Clients
from tocsin.monitors.actions.watching import watched_after
from tocsin.monitors.checks import checks, read_settings
from tocsin.monitors.rules.kinds import KINDS
from tocsin.storage import Database

SERVER = {"url": "server.example.com"}
WEB = {"url": "https://example.com/health"}
LOGIN = {"auth_username": "watch", "auth_password": "sesame"}
NEEDS: dict[str, dict[str, Any]] = {
    "status": WEB,
    "expected_status_code": WEB | {"expected_status_codes": [200, 204]},
    "keyword": WEB | {"required_keyword": "welcome"},
    "keyword_absence": WEB | {"required_keyword": "error"},
    "json": WEB | {"assertions": [{"source": "json", "property": "status", "comparison": "equals", "target": "ok"}]},
    "ping": SERVER,
    "tcp": SERVER | {"port": "443"},
    "udp": SERVER | {"port": "27015", "required_keyword": "pong", "request_body": "ping"},
    "smtp": SERVER | {"port": "25,465,587"},
    "pop": SERVER | {"port": "110,995"},
    "imap": SERVER | {"port": "143,993"},
    "dns": {"url": "1.1.1.1", "request_body": "example.com", "dns_record_type": "MX"},
    "playwright": {"scenario_name": "Sign in", "playwright_script": "test('x', async () => {})"},
    "websocket": {"url": "wss://example.com/live", "required_keyword": "pong", "request_body": "ping"},
    "grpc": SERVER | {"port": "443", "grpc_service": "shop.v1.Orders"},
    "redis": SERVER | LOGIN,
    "postgres": SERVER | LOGIN | {"database": "shop", "tls": True},
    "mysql": SERVER | LOGIN,
    "mqtt": SERVER | LOGIN | {"port": "8883"},
    "ssh": SERVER | {"port": "22"},
    "ntp": SERVER,
}


def test_every_type_that_people_may_choose_can_be_checked() -> None:
    assert set(NEEDS) == set(KINDS) == set(checks())


@pytest.mark.parametrize("kind", NEEDS)
async def test_it_is_made_shown_as_sent_and_readable_for_its_check(at: Clients, database: Database, kind: str) -> None:
    answer = await at.alice.post("/api/v2/monitors", json={"monitor_type": kind, **NEEDS[kind]})
    assert answer.status_code == 201, answer.text
    shown = answer.json()["data"]["attributes"]
    for name, value in NEEDS[kind].items():
        if name == "assertions":
            assert [given.items() <= each.items() for given, each in zip(value, shown[name], strict=True)] == [True]
        else:
            assert shown[name] == value
    assert shown["monitor_type"] == kind
    assert shown["url"]
    [entry] = await database.read(watched_after, 0, 10)
    assert entry.spec is not None
    settings: Any = read_settings(kind, entry.spec.settings)
    read = {field.name for field in msgspec.structs.fields(settings)}
    for name in NEEDS[kind].keys() - {"scenario_name", "assertions", "expected_status_codes"}:
        assert name in read, f"{kind} is told {name} and does not read it"
        assert getattr(settings, name) == NEEDS[kind][name]


@pytest.mark.parametrize(
    ("kind", "missing"),
    [(kind, name) for kind, rules in KINDS.items() for name in rules.required],
)
async def test_what_a_type_cannot_do_without_is_asked_for_by_name(at: Clients, kind: str, missing: str) -> None:
    given = {name: value for name, value in NEEDS[kind].items() if name != missing}
    answer = await at.alice.post("/api/v2/monitors", json={"monitor_type": kind, **given})
    assert answer.status_code == 422
    assert missing in answer.text
