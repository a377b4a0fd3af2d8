"""People find what was done in their team's audit log, and take it away; agents and other teams never see it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import Clients
from tests.time import FakeClock
from tests.wire import examples
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.audit.sealing import Sealing
from tocsin.registry import Catalogue
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Database


@pytest.fixture
async def shops(at: Clients, database: Database, clock: FakeClock) -> None:
    """Three monitors of Alice's, the second of them refused, and one of Charlie's; all of it sealed."""
    for name in ("=Shop", "Blog"):
        body = {"url": "https://example.com", "pronounceable_name": name}
        assert (await at.alice.post("/api/v2/monitors", json=body)).status_code == 201
    assert (await at.alice.post("/api/v2/monitors", json={"url": ""})).status_code == 422
    assert (await at.charlie.post("/api/v2/monitors", json={"url": "https://charlie.example"})).status_code == 201
    assert (await at.stranger.get("/api/v2/monitors")).status_code == 401
    await Sealing(database, clock).run_once()


async def found(at: Clients, query: str = "") -> list[dict[str, Any]]:
    answer = await at.alice.get(f"/api/v2/audit-log{query}")
    assert answer.status_code == 200, answer.text
    return [item["attributes"] for item in answer.json()["data"]]


@pytest.mark.usefixtures("shops")
async def test_the_newest_come_first_and_only_those_of_the_own_team(at: Clients) -> None:
    lines = await found(at)
    assert [line["outcome"] for line in lines] == ["failed", "allowed", "allowed"]
    assert lines[1]["sentence"] == (
        "Token 'Alice's team' created a monitor (monitor 2 'Blog') in team Alice's team through the API: allowed, the "
        "team's own token."
    )
    assert lines[1]["position"] == 2
    assert lines[1]["previous_hash"] == lines[2]["hash"]
    assert lines[1]["credential_hint"] == at.tokens["Alice's team"][-4:]
    assert "charlie" not in json.dumps(lines)


@pytest.mark.usefixtures("shops")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("outcome=allowed", 2), ("outcome=denied", 0), ("operation=monitors.create", 3), ("surface=rest", 3),
        ("surface=mcp", 0), ("target=monitor%202", 1), ("text=blog", 1), ("text=%25", 0), ("actor=ALICE", 3),
        ("actor=bob", 0), ("agent_id=1", 0), ("from=2026-03-02", 3), ("from=2026-03-03", 0), ("to=2026-03-02", 3),
        ("to=2026-03-01T00:00:00Z", 0), ("per_page=2", 2), ("per_page=2&page=2", 1),
    ],
)  # fmt: skip
async def test_each_filter_narrows(at: Clients, query: str, count: int) -> None:
    assert len(await found(at, f"?{query}")) == count


@pytest.mark.usefixtures("shops")
async def test_a_day_that_is_none_is_said(at: Clients) -> None:
    answer = await at.alice.get("/api/v2/audit-log?from=yesterday")
    assert answer.status_code == 422
    assert "is no date" in answer.text


@pytest.mark.usefixtures("shops")
async def test_an_export_goes_on_where_the_last_one_ended(at: Clients) -> None:
    answer = await at.alice.get("/api/v2/audit-log.ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3]
    assert lines[0]["team_name"] == "Alice's team"
    more = await at.alice.get("/api/v2/audit-log.ndjson?after=2")
    assert [json.loads(line)["position"] for line in more.text.splitlines()] == [3]
    table = await at.alice.get("/api/v2/audit-log.csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["target_name"] for row in rows] == ["'=Shop", "Blog", ""], "no formula for a spreadsheet"
    everything = await at.everyone.get("/api/v2/audit-log.ndjson")
    assert [json.loads(line)["position"] for line in everything.text.splitlines()] == [1, 2, 3, 4]


async def test_no_agent_reads_the_log(at: Clients) -> None:
    await examples.question(at.alice)
    body = {**examples.BODIES["agents.create"], "name": "Auditor", "levels": {"incidents": "full"}}
    agent = await at.alice.post("/api/v2/agents", json=body)
    token = (await at.alice.post(f"/api/v2/agents/{agent.json()['data']['id']}/tokens", json={})).json()["token"]
    for path in ("/api/v2/audit-log", "/api/v2/audit-log/1", "/api/v2/audit-log.ndjson", "/api/v2/audit-log.csv"):
        refused = await at.nobody.get(path, headers={"authorization": f"Bearer {token}"})
        assert refused.status_code == 403, path
    said = [line for line in await found(at, "?outcome=denied") if line["actor_name"] == "Auditor"]
    assert len(said) == 4


SECRET = "s3cret-that-nobody-may-read"
WITH_SECRETS = [each for each in Catalogue(operations(load({}, {}))) if each.secrets and each.routes]


@pytest.mark.parametrize("operation", WITH_SECRETS, ids=lambda each: each.name)
async def test_no_secret_of_any_operation_is_in_the_log(at: Clients, database: Database, operation: Any) -> None:
    route = operation.routes[0]
    address = await examples.address(at.alice, route)
    example = examples.body(operation, route)
    body = {**(example if isinstance(example, dict) else {}), **dict.fromkeys(operation.secrets, SECRET)}
    for sent in (body, {**body, operation.secrets[0]: [{"value": SECRET}]}):
        await at.alice.request(route.method, address, json=sent)
    rows = await database.read(lambda tx: tx.execute(select(audit_entries)).all())
    assert operation.reads or any(row.operation == operation.name for row in rows), (
        "what a person reads leaves no entry"
    )
    assert SECRET not in repr(rows)


@pytest.mark.usefixtures("shops")
async def test_whether_the_newest_entries_stand_as_they_were_written_can_be_asked(
    at: Clients, database: Database
) -> None:
    seen = (await at.alice.get("/api/v2/audit-log-check")).json()
    assert (seen["sound"], seen["findings"], seen["first_position"]) == (True, [], 1)
    assert seen["entries"] == seen["head_position"] > 2
    few = (await at.alice.get("/api/v2/audit-log-check?entries=2")).json()
    assert (few["sound"], few["entries"], few["first_position"]) == (True, 2, few["head_position"] - 1)

    changed = audit_entries.update().where(audit_entries.c.position == 2).values(sentence="Nothing happened.")
    await database.write(lambda tx: tx.execute(changed) and None)
    seen = (await at.alice.get("/api/v2/audit-log-check")).json()
    assert not seen["sound"]
    assert "position 2" in seen["findings"][0]
    assert (await at.alice.get("/api/v2/audit-log-check?entries=0")).status_code == 422
