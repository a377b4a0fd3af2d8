"""Another team's plans, people and places are nobody's to call, by whatever number they are named."""

from __future__ import annotations

import pytest

from tests.world import World


@pytest.mark.slow
async def test_another_teams_policy_calls_nobody_of_theirs(world: World) -> None:
    charlie = {"type": "user", "email": "charlie@example.com"}
    sent = {"name": "Charlie's", "steps": [{"type": "escalation", "step_members": [charlie, {"type": "entire_team"}]}]}
    theirs = (await world.api("POST", "/v3/policies", sent, token="charlie")).json()["data"]["id"]
    answer = await world.api("POST", "/v3/incidents", {"name": "Fire", "policy_id": theirs})
    assert answer.status_code == 201
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["alice", "bob"], (
        "as if there were no such policy: nobody is forgotten"
    )

    named = {"type": "Policy", "item_id": int(theirs)}
    ours = {"name": "Ours", "steps": [
        {"type": "metadata_branching", "metadata_key": "Tier", "metadata_values": ["1"], "policy_metadata_key": "Plan"},
        {"type": "escalation", "step_members": [{"type": "user", "email": "bob@example.com"}]},
    ]}  # fmt: skip
    policy = (await world.api("POST", "/v3/policies", ours)).json()["data"]["id"]
    refused = await world.api("POST", "/v3/incidents", {"name": "Fire", "metadata": {"Plan": [named]}})
    assert refused.status_code == 422, "a fact cannot refer to it either"
    await world.api("POST", "/v3/incidents", {"name": "Fire", "policy_id": policy, "metadata": {"Tier": ["1"]}})
    await world.settle()
    assert [to for to, _ in world.new_mails()] == ["bob"], "a branch that leads nowhere is not taken"
