"""Whatever an agent does is on record before it is answered, also what it reads; without a record nothing is done."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.scenarios.test_an_agent_asks import hired, reported
from tests.world import World
from tocsin.gateway.audit import audit_entries


async def entries(world: World) -> list[Any]:
    """What the agent did, oldest first."""
    statement = select(audit_entries).where(audit_entries.c.actor_kind == "agent").order_by(audit_entries.c.id)
    return list(await world.database.read(lambda tx: tx.execute(statement).all()))


async def test_each_call_of_an_agent_is_one_plain_sentence(world: World) -> None:
    await hired(world)
    incident = (await reported(world)).json()["data"]["id"]
    await world.api("GET", "/v3/incidents?per_page=10", token="bot")
    await world.api("GET", f"/v3/incidents/{incident}", token="bot")
    await world.api("GET", "/v3/incidents/999", token="bot")
    await world.api("POST", f"/v3/incidents/{incident}/acknowledge", token="bot")
    await world.api("POST", f"/v3/incidents/{incident}/resolve", token="bot")
    await reported(world, "bot")
    said = [row.sentence for row in await entries(world)]
    assert said[:3] == [
        "Triage-bot (agent of Alice Archer) listed incidents in team Ops through the API: allowed, has read "
        "on Incidents.",
        f"Triage-bot (agent of Alice Archer) read incident {incident} 'Shop' in team Ops through the API: "
        "allowed, has read on Incidents.",
        "Triage-bot (agent of Alice Archer) tried to get incident 999 in team Ops through the API: failed, "
        "Resource type incident with id = 999 was not found.",
    ]
    assert said[3:] == [
        f"Triage-bot (agent of Alice Archer) acknowledged incident {incident} 'Shop' in team Ops through the API: "
        "allowed, has Acknowledge.",
        f"Triage-bot (agent of Alice Archer) tried to end incident {incident} in team Ops through the API: denied, "
        "Resolve is off.",
        "Triage-bot (agent of Alice Archer) asked to report an incident by hand and page the team in team Ops through "
        "the API: waiting for approval, Paging people must be approved by a person.",
    ]


async def test_the_record_says_by_which_credential_rule_and_approval(world: World) -> None:
    await hired(world)
    approval = (await reported(world, "bot")).json()["approval_id"]
    await world.api("POST", f"/v2/approvals/{approval}/approve")
    await reported(world, "bot")
    asked, done = await entries(world)
    assert (asked.outcome, asked.result, asked.approval_id, asked.approved_by) == ("asked", None, approval, None)
    assert (done.outcome, done.result, done.approval_id) == ("allowed", "ok", approval)
    assert done.approved_by in done.sentence
    assert done.sentence.endswith(f"allowed, approved by {done.approved_by}.")
    for row in (asked, done):
        assert row.credential_hint == world.tokens["bot"][-4:]
        assert row.rule.startswith("grant ")
        assert row.client_name.startswith("python-httpx/")
        assert row.area == "incidents"
        assert row.latency_ms >= 0
        assert world.tokens["bot"] not in repr(row)
    assert asked.arguments_hash == done.arguments_hash, "the approval was for exactly this"


@pytest.mark.parametrize("harm", ["DROP TABLE audit_entries", "DROP TABLE audit_chains"])
async def test_without_the_log_an_agent_is_neither_answered_nor_obeyed(world: World, harm: str) -> None:
    await hired(world)
    incident = (await reported(world)).json()["data"]["id"]
    await world.database.write(lambda tx: tx.connection.exec_driver_sql(harm) and None)
    lost = "audit_entries" in harm
    for method, path in (
        ("GET", "/v3/incidents"),
        ("GET", f"/v3/incidents/{incident}"),
        ("POST", f"/v3/incidents/{incident}/acknowledge"),
        ("DELETE", f"/v3/incidents/{incident}"),
    ):
        answer = await world.api(method, path, token="bot")
        if lost:
            assert answer.status_code == 503, answer.text
            assert "Shop" not in answer.text
            assert "audit log cannot be written" in answer.json()["errors"]
        else:  # the seals come later: what is written down with its mark is evidence already
            assert answer.status_code in (200, 403)
    shown = (await world.api("GET", f"/v3/incidents/{incident}")).json()["data"]["attributes"]
    assert (shown["acknowledged_at"] is None) is lost, "nothing was done"
