"""What is past its time goes, a bounded part at a time, and nothing of an open incident does; on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.gateway.door import Door
from tocsin.gateway.housekeeping import EVERY, Housekeeping
from tocsin.incidents import actions as incidents
from tocsin.incidents import rules
from tocsin.incidents.model import Incident, Opening
from tocsin.monitors.model import Evidence
from tocsin.notify import actions as notify
from tocsin.notify import rules as notify_rules
from tocsin.notify.model import Sent
from tocsin.registry import Catalogue
from tocsin.storage import Database, Tx, metadata
from tocsin.storage import events as event_log

BASE = "https://tocsin.example"
DAY = timedelta(days=1)


class Past:
    """A team with one person, and sites that break."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.team_id = 0

    async def furnish(self) -> Past:
        def found(tx: Tx) -> int:
            team = accounts.ensure_team(tx, "Ops")
            accounts.join(tx, team.id, accounts.create_user(tx, email="a@x.example", name="Alice", password=None).id)
            return team.id

        self.team_id = await self.database.write(found)
        return self

    def open(self, tx: Tx, owner_id: int, *, confirmed: bool = True) -> Incident:
        evidence = Evidence(
            url="https://shop.example/", status_code=503, headers=[("Server", "x")], body=b"b" * 600,
            body_truncated=False, remote_ip=None,
        )  # fmt: skip
        opening = Opening(
            team_id=self.team_id, owner_type="monitor", owner_id=owner_id, name="Shop", cause="Status 503",
            paging=Paging(), confirmed=confirmed, evidence=evidence,
        )  # fmt: skip
        return incidents.open(tx, opening, BASE)

    async def outage(self, owner_id: int, *, confirmed: bool = True, over: bool = True) -> int:
        """An incident whose mails have gone out. Returns its id."""

        def work(tx: Tx) -> int:
            id = self.open(tx, owner_id, confirmed=confirmed).id
            if over:
                incidents.recover(tx, id, why="It is up again.", base_url=BASE)
            for message in notify.claim(tx, "email", 100, BASE):
                notify.settle(tx, message.delivery_id, message.attempt, Sent("250 Ok"))
            return id

        return await self.database.write(work)

    async def prune(self, at_most: int = 500) -> int:
        return await self.database.write(incidents.prune, at_most=at_most)

    async def shorten(self, at_most: int) -> list[int]:
        surplus = await self.database.read(incidents.surplus, at_most=at_most)
        await self.database.write(incidents.shorten, surplus)
        return surplus

    async def rows(self, table: str, incident_id: int | None = None) -> int:
        counted = metadata.tables[table]
        statement = select(func.count()).select_from(counted)
        if incident_id is not None:
            column = {"incidents": "id", "metadata": "owner_id"}.get(table, "incident_id")
            statement = statement.where(counted.c[column] == incident_id)
        return await self.database.read(lambda tx: int(tx.execute(statement).scalar_one()))

    async def response(self, incident_id: int) -> Any:
        return await self.database.read(incidents.response, incident_id)


@pytest.fixture
async def past(database: Database, clock: FakeClock) -> Past:
    return await Past(database, clock).furnish()


async def test_evidence_goes_90_days_after_the_end_and_that_of_an_open_incident_never(past: Past) -> None:
    ended, lasting = await past.outage(1), await past.outage(2, over=False)
    past.clock.wind(rules.EVIDENCE_KEPT)
    assert await past.prune() == 0
    past.clock.wind(DAY)
    assert [await past.prune(), await past.prune()] == [1, 0]
    assert await past.response(ended) is None
    assert (await past.response(lasting)).body == b"b" * 600
    found = await past.database.read(incidents.find, ended)
    assert not found.has_response
    assert "headers" not in (found.response_options or "")
    past.clock.wind(days=1000)
    assert await past.prune() == 0


@pytest.mark.slow
async def test_of_one_owner_only_the_newest_hundred_answers_stay_whole(past: Past) -> None:
    def flap(tx: Tx) -> list[int]:
        ids = []
        for _ in range(rules.WHOLE_ANSWERS_PER_OWNER + 3):
            ids.append(past.open(tx, 1).id)
            incidents.recover(tx, ids[-1], why="It is up again.", base_url=BASE)
        return ids

    other = await past.outage(2)
    ids = await past.database.write(flap)
    assert await past.prune() == 0
    parts = [await past.shorten(2), await past.shorten(2), await past.shorten(2)]
    assert [len(part) for part in parts] == [2, 1, 0]
    answers = [await past.response(id) for id in ids]
    assert [bool(answer.body) for answer in answers] == [False] * 3 + [True] * rules.WHOLE_ANSWERS_PER_OWNER
    assert (answers[0].status_code, answers[0].headers, answers[0].body_truncated) == (503, [], True)
    assert (await past.response(other)).body


async def test_a_withdrawn_suspicion_goes_after_30_days_with_all_that_hangs_on_it(past: Past) -> None:
    nothing = await past.outage(1, confirmed=False)
    waiting = await past.outage(2, confirmed=False, over=False)
    heard = await past.outage(3)
    past.clock.wind(rules.WITHDRAWN_KEPT)
    assert await past.prune() == 0
    past.clock.wind(DAY)
    assert await past.prune() > 0
    assert await past.prune() == 0
    for table in ("incidents", "metadata", "incident_responses", "incident_changes"):
        assert await past.rows(table, nothing) == 0
        assert await past.rows(table, waiting) > 0
        assert await past.rows(table, heard) > 0


async def test_the_housekeeping_does_all_of_it_by_itself(past: Past) -> None:
    nothing, ended, lasting = (
        await past.outage(1, confirmed=False), await past.outage(2), await past.outage(3, over=False),
    )  # fmt: skip
    past.clock.wind(days=401)
    door = Door(past.database, Catalogue([]), past.clock)
    assert await Housekeeping(past.database, past.clock, door).run_once() == past.clock.now() + EVERY
    assert await past.rows("incidents", nothing) == 0
    assert await past.rows("incident_responses", ended) == 0
    assert await past.rows("deliveries", ended) == 0
    assert await past.rows("deliveries", lasting) > 0
    assert await past.rows("incident_responses", lasting) == 1


async def test_messages_go_after_400_days_in_bounded_parts_but_not_those_of_an_open_incident(past: Past) -> None:
    ended, lasting = await past.outage(1), await past.outage(2, over=False)

    def prune(tx: Tx) -> int:
        return notify.prune(tx, at_most=5, unresolved=incidents.unresolved(tx, 100))

    past.clock.wind(notify_rules.KEPT_FOR)
    assert await past.database.write(prune) == 0
    past.clock.wind(DAY)
    before = await past.rows("deliveries") + await past.rows("delivery_events")
    gone = [await past.database.write(prune) for _ in range(6)]
    assert gone[-1] == 0
    assert max(gone) <= 5
    after = await past.rows("deliveries") + await past.rows("delivery_events")
    assert before - after == sum(gone)
    assert await past.rows("deliveries", ended) == 0
    assert len(await past.database.read(notify.log, lasting)) > 0


async def test_events_go_after_400_days_but_not_those_of_an_open_incident(past: Past) -> None:
    await past.outage(1)
    lasting = await past.outage(2, over=False)

    def prune(tx: Tx) -> int:
        return event_log.prune(tx, at_most=1, spared_type="incident", spared_ids=incidents.unresolved(tx, 100))

    past.clock.wind(event_log.KEPT_FOR)
    assert await past.database.write(prune) == 0
    past.clock.wind(DAY)
    gone = [await past.database.write(prune) for _ in range(5)]
    assert (sum(gone), gone[-1]) == (2, 0)
    events = event_log.events
    left = await past.database.read(lambda tx: list(tx.execute(select(events.c.resource_id)).scalars()))
    assert left == [lasting]
