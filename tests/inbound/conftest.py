"""The cast of these tests: Alice and Bob of team Ops, Charlie elsewhere, and an inbox that takes in what is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.inbound import actions
from tocsin.inbound.model import KINDS, AlertState, Integration, Received, ReceivedMail
from tocsin.inbound.worker import Answer, Inbox, Recoveries
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Filter, Incident
from tocsin.storage import Database, Tx

BASE_URL = "https://tocsin.example"


class Ops:
    """A team that receives alerts; `trigger`, `acknowledge` and `resolve` speak PagerDuty's language."""

    def __init__(self, database: Database, clock: FakeClock, team_id: int, others: int) -> None:
        self.database = database
        self.clock = clock
        self.team_id = team_id
        self.others = others
        self.inbox = Inbox(database, BASE_URL)
        self.recoveries = Recoveries(database, clock, BASE_URL)

    async def integration(self, kind: str = "pagerduty", **given: Any) -> Integration:
        """A new integration of the team."""
        return await self.database.write(actions.create, self.team_id, KINDS[kind], given)

    async def change(self, integration: Integration, **given: Any) -> Integration:
        return await self.database.write(actions.update, integration.id, None, integration.kind, given)

    async def post(self, integration: Integration, body: Any, **more: Any) -> Answer:
        """A web request arrives."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {"method": "POST", "content_type": "application/json", **more}
        received = Received(body=content, at=self.clock.now(), **sent)
        return await self.inbox.receive(integration.kind.name, integration.token, received)

    async def mail(self, integration: Integration, subject: str, text: str = "", sender: str = "cron@host-7") -> bool:
        """An e-mail arrives."""
        mail = ReceivedMail(sender=sender, recipient="x", subject=subject, text=text, at=self.clock.now())
        return await self.inbox.receive_mail(integration.token, mail)

    async def event(self, integration: Integration, action: str, key: str, **payload: Any) -> Answer:
        """An event of PagerDuty's; answered with 202."""
        event = {
            "routing_key": integration.token,
            "event_action": action,
            "dedup_key": key,
            "payload": {"summary": f"{key} is down", "source": "host-7", "severity": "critical", **payload},
        }
        answer = await self.post(integration, event)
        assert answer.status == 202, answer
        return answer

    async def trigger(self, integration: Integration, *keys: str) -> None:
        for key in keys:
            await self.event(integration, "trigger", key)

    async def acknowledge(self, integration: Integration, *keys: str) -> None:
        for key in keys:
            await self.event(integration, "acknowledge", key)

    async def resolve(self, integration: Integration, *keys: str) -> None:
        for key in keys:
            await self.event(integration, "resolve", key)

    async def group(self, integration: Integration, *keys: str, group: str = "g", status: str = "firing") -> Answer:
        """A message of Alertmanager's about several alerts of one group."""
        alerts = [
            {
                "status": status, "labels": {"alertname": key}, "annotations": {"summary": f"{key} is down"},
                "startsAt": "2026-03-02T12:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": key,
            }
            for key in keys
        ]  # fmt: skip
        body = {"version": "4", "groupKey": group, "status": status, "receiver": "t", "alerts": alerts}
        answer = await self.post(integration, body)
        assert answer.status == 202, answer
        return answer

    async def incidents(self) -> list[Incident]:
        """All incidents, the oldest first."""
        found, _ = await self.database.read(lambda tx: incidents.page(tx, Filter(), page=1, per_page=500))
        return found[::-1]

    async def alerts(self, incident_id: int) -> list[AlertState]:
        """The alerts of an incident, the oldest first."""
        found, _ = await self.database.read(lambda tx: actions.alerts_of(tx, incident_id, None, page=1, per_page=1_000))
        return found

    async def statuses(self) -> list[str]:
        return [str(incident.status) for incident in await self.incidents()]

    async def planned(self) -> list[int]:
        """The incidents for which people are being alerted or are to be, one entry each."""

        def work(tx: Tx) -> list[int]:
            from tocsin.escalation.store import escalations  # the test looks where no code may

            return [row.incident_id for row in tx.execute(escalations.select()) if row.stopped_at is None]

        return await self.database.read(work)

    async def outcome(self, integration: Integration) -> str:
        """What became of the newest message."""
        found, _ = await self.database.read(lambda tx: actions.payloads(tx, integration.id, None, page=1, per_page=1))
        return found[0].outcome


@pytest.fixture
async def ops(database: Database, clock: FakeClock) -> Ops:
    return await _ops(database, clock)


@pytest.fixture
async def sqlite_ops(sqlite_database: Database, clock: FakeClock) -> Ops:
    return await _ops(sqlite_database, clock)


async def _ops(database: Database, clock: FakeClock) -> Ops:
    def found(tx: Tx) -> tuple[int, int]:
        team, others = accounts.ensure_team(tx, "Ops"), accounts.ensure_team(tx, "Charlie's team")
        for name, of in (("Alice", team), ("Bob", team), ("Charlie", others)):
            address = f"{name.lower()}@example.com"
            accounts.join(tx, of.id, accounts.create_user(tx, email=address, name=name, password=None).id)
        return team.id, others.id

    team_id, others = await database.write(found)
    return Ops(database, clock, team_id, others)
