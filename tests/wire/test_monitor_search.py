"""Ours: searching monitors, one at a glance, its chart, and trying settings out before they are kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.rest.clients import Clients
from tocsin.gateway.audit import audit_entries
from tocsin.storage import Database, Tx


async def _made(at: Clients, **attributes: Any) -> str:
    answer = await at.alice.post("/api/v2/monitors", json={"url": "https://shop.example.com"} | attributes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def test_a_search_answers_with_lines_and_counts(at: Clients) -> None:
    shop = await _made(at, pronounceable_name="Shop", metadata={"Tier": "1"})
    await _made(at, pronounceable_name="Blog", url="blog.example.com", monitor_type="ping", paused=True)
    answer = (await at.alice.get("/api/v2/monitors/search?sort=-name")).json()
    assert [line["name"] for line in answer["monitors"]] == ["Shop", "Blog"]
    assert (answer["total"], answer["page"], answer["per_page"]) == (2, 1, 50)
    assert answer["counts"]["paused"] == answer["counts"]["pending"] == 1
    line = answer["monitors"][0]
    assert (line["id"], line["status"], line["last_response_time"], line["availability"]) == (
        shop,
        "pending",
        None,
        None,
    )

    async def found(query: str) -> list[str]:
        lines = (await at.alice.get(f"/api/v2/monitors/search?{query}")).json()["monitors"]
        return [line["name"] for line in lines]

    assert await found("q=SHOP") == ["Shop"]
    assert await found("status=paused,down") == ["Blog"]
    assert await found("monitor_type=ping") == ["Blog"]
    assert await found("metadata=Tier%3D1") == ["Shop"]
    assert await found("monitor_group_id=0") == ["Blog", "Shop"]
    assert await found("per_page=1&page=2") == ["Shop"]
    assert (await at.charlie.get("/api/v2/monitors/search")).json()["total"] == 0


@pytest.mark.parametrize("query", ["status=odd", "monitor_type=odd", "sort=odd", "monitor_group_id=x"])
async def test_what_makes_no_sense_is_refused_in_words(at: Clients, query: str) -> None:
    answer = await at.alice.get(f"/api/v2/monitors/search?{query}")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["errors"]


async def test_a_glance_has_as_many_days_as_were_asked_for(at: Clients) -> None:
    id = await _made(at)
    data = (await at.alice.get(f"/api/v2/monitors/{id}/summary?days=30")).json()["data"]
    assert data["type"] == "monitor_summary"
    assert len(data["attributes"]["days"]) == 30
    assert set(data["attributes"]["availability"]) == {"24h", "7d", "30d", "90d"}
    assert (await at.alice.get(f"/api/v2/monitors/{id}/summary?days=0")).status_code == 422
    chart = await at.alice.get(f"/api/v2/monitors/{id}/response-times?points=100")
    assert chart.json()["data"]["attributes"] == {"regions": []}
    assert (await at.alice.get(f"/api/v2/monitors/{id}/response-times?points=1")).status_code == 400


async def test_settings_are_tried_out_and_nothing_is_kept_but_that_it_was_done(at: Clients, database: Database) -> None:
    answer = await at.alice.post(
        "/api/v2/monitors/test", json={"url": "https://shop.example.com", "auth_password": "s3cret-pass"}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["outcome"], found["status_code"], found["body"]) == ("up", 200, "<h1>Welcome</h1>")
    assert (found["tls_handshake_time"], found["remote_ip"], found["region"]) == (0.02, "192.0.2.1", "eu")
    assert (await at.alice.get("/api/v2/monitors")).json()["data"] == []

    def entries(tx: Tx) -> list[Any]:
        rows = tx.execute(select(audit_entries).where(audit_entries.c.operation == "monitors.test"))
        return [str(row) for row in rows]

    (entry,) = await database.read(entries)
    assert "s3cret-pass" not in entry


async def test_what_cannot_be_checked_is_refused_and_a_dry_run_asks_nobody(at: Clients) -> None:
    answer = await at.alice.post("/api/v2/monitors/test", json={"url": "https://shop.example.com", "port": "x",
                                                                "monitor_type": "keyword"})  # fmt: skip
    assert answer.status_code == 422
    assert "required_keyword" in answer.json()["errors"]
    dry = await at.alice.post("/api/v2/monitors/test?dry_run=true", json={"url": "https://shop.example.com"})
    assert dry.status_code == 200
    assert dry.json()["dry_run"] is True
    assert dry.json()["would"]["body"] is None
    plan = await at.alice.post(
        "/api/v2/plans", json={"operation": "monitors.test", "arguments": {"url": "https://a.b"}}
    )
    assert plan.status_code == 422


async def test_a_monitor_of_ones_own_is_the_ground_and_anothers_is_not_there(at: Clients) -> None:
    id = await _made(at, monitor_type="keyword", required_keyword="Welcome")
    kept = await at.alice.post("/api/v2/monitors/test", json={"monitor_id": int(id)})
    assert kept.json()["outcome"] == "up", kept.text
    other = await at.alice.post("/api/v2/monitors/test", json={"monitor_id": int(id), "required_keyword": "Bye"})
    assert (other.json()["outcome"], other.json()["cause"]) == ("down", "Keyword missing")
    assert (await at.charlie.post("/api/v2/monitors/test", json={"monitor_id": int(id)})).status_code == 404
