"""The worker that wakes the next person: late, restarted, doubled or tripped up, it leaves nobody out."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.duty import put_on_call
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation import actions
from tocsin.escalation.actions import policies
from tocsin.escalation.model import Paging
from tocsin.escalation.worker import Escalations
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import OwnerType, Value
from tocsin.notify import actions as notify
from tocsin.notify.actions import targets
from tocsin.notify.model import GiveUp, Notice
from tocsin.storage import Database, Tx
from tocsin.storage.shifting import shift


class Team:
    """Three people who can be paged, and a look at what was planned for them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.id = 0

    async def do(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.database.write(work, *args, **kwargs)

    async def join(self, *names: str) -> None:
        def join(tx: Tx) -> None:
            self.id = accounts.ensure_team(tx, "Ops").id
            for name in names:
                user = accounts.create_user(tx, email=f"{name.lower()}@x.example", name=name, password=None)
                accounts.join(tx, self.id, user.id)

        await self.do(join)

    async def start(self, incident_id: int, paging: Paging) -> None:
        notice = Notice(
            kind="page", incident_id=incident_id, team_id=self.id, subject="Down", headline="Down", cause="Status 503"
        )
        await self.do(actions.start, notice, paging)

    async def planned(self, incident_id: int) -> list[str]:
        """Names of those for whom a page was queued, in order."""
        events = await self.do(notify.log, incident_id)
        return [event.recipient for event in events if event.state == "queued"]


@pytest.fixture
async def team(database: Database) -> Team:
    team = Team(database)
    await team.join("Alice", "Bob", "Charlie")
    await team.do(put_on_call, team.id, "alice@x.example")
    return team


async def test_after_an_hour_of_downtime_of_ours_nobody_was_forgotten_and_nobody_is_paged_twice(
    team: Team, clock: FakeClock
) -> None:
    worker = Escalations(team.database, clock)
    await team.start(1, Paging(team_wait=60))
    clock.wind(hours=1)
    assert await worker.run_once() is None
    assert worker.lag_seconds == 0.0
    assert await team.planned(1) == ["Alice", "Bob", "Charlie"]
    await worker.run_once()
    assert await team.planned(1) == ["Alice", "Bob", "Charlie"]


@pytest.mark.slow
async def test_two_workers_at_once_page_everybody_once(team: Team, clock: FakeClock) -> None:
    for incident_id in range(1, 21):
        await team.start(incident_id, Paging(team_wait=60))
    clock.wind(seconds=60)
    await asyncio.gather(*(Escalations(team.database, clock).run_once() for _ in range(3)))
    for incident_id in range(1, 21):
        assert sorted(await team.planned(incident_id)) == ["Alice", "Bob", "Charlie"]


async def test_a_late_page_goes_to_whoever_is_in_the_team_by_then(team: Team, clock: FakeClock) -> None:
    await team.start(1, Paging(team_wait=60))
    clock.wind(seconds=30)
    await team.join("Dora")
    clock.wind(seconds=30)
    await Escalations(team.database, clock).run_once()
    assert await team.planned(1) == ["Alice", "Bob", "Charlie", "Dora"]


async def test_a_stopped_escalation_stays_stopped(team: Team, clock: FakeClock) -> None:
    await team.start(1, Paging(team_wait=60))
    await team.do(actions.stop, 1, "somebody answered")
    clock.wind(hours=1)
    assert await Escalations(team.database, clock).run_once() is None
    assert await team.planned(1) == ["Alice"]
    assert await team.do(actions.coming, 1) == []


@pytest.mark.slow
async def test_one_broken_row_holds_up_nobody_elses_page_and_is_tried_again(team: Team, clock: FakeClock) -> None:
    await team.start(1, Paging(team_wait=60))
    await team.start(2, Paging(team_wait=60))

    def break_plan(tx: Tx) -> str:
        plan = str(tx.execute(text("select plan from escalations where incident_id = 1")).scalar_one())
        tx.execute(text("update escalations set plan = '{}' where incident_id = 1"))
        return plan

    plan = await team.do(break_plan)
    clock.wind(seconds=60)
    worker = Escalations(team.database, clock)
    assert await worker.run_once() == clock.now() + timedelta(seconds=actions.RETRY_SECONDS)
    assert await team.planned(1) == ["Alice"]
    assert await team.planned(2) == ["Alice", "Bob", "Charlie"]

    await team.do(
        lambda tx: tx.execute(text("update escalations set plan = :plan where incident_id = 1"), {"plan": plan})
    )
    clock.wind(seconds=actions.RETRY_SECONDS)
    assert await worker.run_once() is None
    assert await team.planned(1) == ["Alice", "Bob", "Charlie"]


async def test_a_page_whose_words_cannot_be_read_is_planned_all_the_same(team: Team, clock: FakeClock) -> None:
    await team.start(1, Paging(team_wait=60))
    await team.do(lambda tx: tx.execute(text("update escalations set notice = '{}' where incident_id = 1")))
    clock.wind(seconds=60)
    assert await Escalations(team.database, clock).run_once() is None
    assert await team.planned(1) == ["Alice", "Bob", "Charlie"]


@pytest.mark.slow
async def test_a_great_many_due_at_once_are_taken_in_bounded_looks(team: Team, clock: FakeClock) -> None:
    incidents = range(1, actions.BATCH + 11)

    def start_all(tx: Tx) -> None:
        for incident_id in incidents:
            notice = Notice(
                kind="page", incident_id=incident_id, team_id=team.id, subject="Down", headline="Down", cause="x"
            )
            actions.start(tx, notice, Paging(team_wait=60))

    await team.do(start_all)
    clock.wind(seconds=61)
    worker = Escalations(team.database, clock)
    again = await worker.run_once()
    assert again is not None
    assert again <= clock.now(), "there is more, and it is due now"
    assert worker.lag_seconds == 1.0
    assert await worker.run_once() is None
    assert worker.lag_seconds == 0.0


async def test_a_team_that_has_gone_is_said_on_the_timeline(team: Team, clock: FakeClock) -> None:
    empty = await team.do(accounts.ensure_team, "Ghosts")
    team.id = empty.id
    await team.start(1, Paging())
    assert "Nobody to page" in [note.title for note in await team.do(actions.notes, 1)]


async def test_a_team_of_one_is_told_apart_from_a_team_of_none(database: Database, clock: FakeClock) -> None:
    team = Team(database)
    await team.join("Alice")
    await team.do(put_on_call, team.id, "alice@x.example")
    await team.start(1, Paging(team_wait=60))
    clock.wind(seconds=60)
    await Escalations(database, clock).run_once()
    assert "Nobody else to page" in [note.title for note in await team.do(actions.notes, 1)]


async def test_a_page_that_reaches_nobody_alerts_the_rest_of_the_team_when_nobody_else_would_come(
    team: Team, clock: FakeClock
) -> None:
    await team.start(1, Paging())
    assert await team.planned(1) == ["Alice"]

    def give_up(tx: Tx) -> None:
        for message in notify.claim(tx, "email", 10, ""):
            notify.settle(tx, message.delivery_id, message.attempt, GiveUp("no such mailbox"), actions.bring_forward)

    await team.do(give_up)
    assert await team.planned(1) == ["Alice", "Bob", "Charlie"]
    assert "The rest of the team alerted" in [note.title for note in await team.do(actions.notes, 1)]
    clock.wind(seconds=1)
    await team.do(give_up)
    assert "Nobody reached" in [note.title for note in await team.do(actions.notes, 1)]


async def test_the_rest_of_the_team_is_alerted_at_once_though_the_clock_was_set_back(
    team: Team, clock: FakeClock
) -> None:
    await team.start(1, Paging())
    clock.step(timedelta(hours=-6))
    await team.do(shift, timedelta(hours=6))

    def give_up(tx: Tx) -> None:
        for message in notify.claim(tx, "email", 10, ""):
            notify.settle(tx, message.delivery_id, message.attempt, GiveUp("no such mailbox"), actions.bring_forward)

    await team.do(give_up)
    clock.wind(seconds=1)
    messages = await team.do(notify.claim, "email", 10, "")
    assert [message.address for message in messages] == ["bob@x.example", "charlie@x.example"]


async def test_what_was_decided_by_metadata_stays_decided_and_what_is_to_come_is_not(
    team: Team, clock: FakeClock
) -> None:
    def facts(tx: Tx, tier: str) -> None:
        values = {"Tier": [Value(value=tier)]}
        metadata.put(tx, team_id=team.id, owner_type=OwnerType.INCIDENT, owner_id=1, facts=values)

    def policy(tx: Tx, steps: list[dict[str, Any]]) -> int:
        return policies.create_policy(tx, team.id, None, {"name": "P", "steps": steps}).id

    def calls(name: str) -> dict[str, Any]:
        member = {"type": "user", "email": f"{name}@x.example"}
        return {"type": "escalation", "wait_before": 60, "step_members": [member]}

    bobs = await team.do(policy, [calls("bob"), calls("bob")])
    gold = {"type": "metadata_branching", "metadata_key": "Tier", "metadata_values": ["gold"], "policy_id": bobs}
    root = await team.do(policy, [gold, calls("alice"), {**gold, "metadata_values": ["iron"]}, calls("charlie")])
    await team.do(facts, "gold")
    await team.start(1, Paging(policy_id=root))
    await team.do(facts, "iron")
    worker = Escalations(team.database, clock)
    for _ in range(3):
        clock.wind(seconds=60)
        await worker.run_once()
    assert await team.planned(1) == ["Bob", "Bob"], "the way was taken before the edit"
    await team.start(2, Paging(policy_id=root))
    clock.wind(seconds=60)
    await worker.run_once()
    assert await team.planned(2) == ["Alice"]


async def test_a_critical_page_is_not_left_out_for_a_quiet_one_of_the_same_instant(
    team: Team, clock: FakeClock
) -> None:
    def policy(tx: Tx) -> int:
        loud = policies.create_urgency(tx, team.id, {"name": "Loud", "email": True, "critical_alert": True})
        calls = {"type": "escalation", "wait_before": 60, "step_members": [{"type": "current_on_call"}]}
        steps = [calls, {**calls, "wait_before": 0, "urgency_id": loud.id}, {**calls, "wait_before": 60}]
        return policies.create_policy(tx, team.id, None, {"name": "P", "steps": steps}).id

    await team.start(1, Paging(policy_id=await team.do(policy)))
    clock.wind(hours=1)
    await Escalations(team.database, clock).run_once()
    messages = await team.do(notify.claim, "email", 10, "")
    assert [message.notice.critical for message in messages] == [True]


async def test_a_policy_that_cannot_be_read_costs_no_page_of_the_plan_whose_incident_comes_to_name_it(
    team: Team, clock: FakeClock
) -> None:
    def policy(tx: Tx) -> int:
        gold = {"type": "metadata_branching", "metadata_key": "Tier", "metadata_values": ["gold"],
                "policy_metadata_key": "Plan", "wait_before": 60}  # fmt: skip
        calls = {"type": "escalation", "wait_before": 0, "step_members": [{"type": "current_on_call"}]}
        return policies.create_policy(tx, team.id, None, {"name": "P", "steps": [gold, calls]}).id

    def name_broken(tx: Tx) -> None:
        broken = policies.create_policy(tx, team.id, None, {"name": "Broken"}).id
        tx.execute(text('update policies set steps = \'[{"type": "dance"}]\' where id = :id'), {"id": broken})
        values = {"Tier": [Value(value="gold")], "Plan": [Value(type="Policy", item_id=broken)]}
        metadata.put(tx, team_id=team.id, owner_type=OwnerType.INCIDENT, owner_id=1, facts=values)

    await team.start(1, Paging(policy_id=await team.do(policy)))
    await team.do(name_broken)
    clock.wind(seconds=60)
    await Escalations(team.database, clock).run_once()
    assert await team.planned(1) == ["Alice"]


async def test_an_empty_policy_whose_fallback_is_gone_alerts_everybody(team: Team) -> None:
    def policy(tx: Tx) -> tuple[int, int]:
        gone = policies.create_policy(tx, team.id, None, {"name": "Nights"})
        empty = policies.create_policy(tx, team.id, None, {"name": "Empty", "fallback_policy_id": gone.id})
        policies.update_policy(tx, gone.id, None, {"fallback_policy_id": empty.id})
        return empty.id, gone.id

    empty, gone = await team.do(policy)
    await team.start(1, Paging(policy_id=empty))
    assert await team.planned(1) == []
    said = "Policy “Empty” and its fallbacks have no steps: they alert nobody."
    assert [note.content for note in await team.do(actions.notes, 1)] == [said]
    await team.do(policies.delete, "policy", gone, None)
    await team.start(2, Paging(policy_id=empty))
    assert await team.planned(2) == ["Alice", "Bob", "Charlie"]


async def test_an_escalation_of_the_version_before_goes_on_where_it_stood(team: Team, clock: FakeClock) -> None:
    await team.start(1, Paging(team_wait=60))
    old = {
        "steps": [
            {"wait_seconds": 0, "target": "primary", "channels": ["email"]},
            {"wait_seconds": 60, "target": "others", "channels": ["email"]},
        ],
        "repeat_count": 0, "repeat_delay_seconds": 0, "note": None,
    }  # fmt: skip
    migration = importlib.import_module("tocsin.storage.migrations.versions.0015_paging")

    def put_back(tx: Tx) -> None:
        row = tx.execute(text("select opened_at, since from escalations")).one()
        plan, course = migration._converted(old, row.opened_at, row.since, True)
        values = {"plan": json.dumps(plan), "course": json.dumps(course)}
        tx.execute(text("update escalations set plan = :plan, course = :course"), values)

    await team.do(put_back)
    clock.wind(seconds=60)
    await Escalations(team.database, clock).run_once()
    assert await team.planned(1) == ["Alice", "Bob", "Charlie"]


async def test_a_place_that_the_team_reads_is_told_beside_whoever_is_on_call(team: Team, clock: FakeClock) -> None:
    await team.do(
        targets.create, team.id, "webhook", {"name": "Ops room", "settings": {"url": "https://hooks.example.com/x"}}
    )
    await team.start(1, Paging())
    events = await team.do(notify.log, 1)
    assert {(event.channel, event.recipient or event.address) for event in events} == {
        ("email", "Alice"),
        ("webhook", "Ops room"),
    }
