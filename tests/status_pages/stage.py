"""A page with what it is about, put together row by row, for tests of what the public sees."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.incidents.store.tables import incidents
from tocsin.kernel.clock import to_milliseconds
from tocsin.monitors import actions as monitors
from tocsin.monitors.rules.settings import Limits
from tocsin.monitors.store.tables import gaps
from tocsin.status_pages import actions
from tocsin.status_pages.model import ReportType
from tocsin.status_pages.store import reports
from tocsin.status_pages.store.tables import updates
from tocsin.storage import Database, Tx

BASE_URL = "http://tocsin.test"


class Stage:
    """Everything belongs to the team Ops; ids are handed back as they are made."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def team(self, name: str = "Ops") -> int:
        return await self.database.write(lambda tx: accounts.ensure_team(tx, name).id)

    async def page(self, **attributes: Any) -> int:
        team_id = await self.team()
        given = {"subdomain": "acme", "timezone": "UTC", "company_name": "Acme", **attributes}
        return (await self.database.write(actions.create_page, team_id, given, BASE_URL)).id

    async def monitor(self, name: str = "db-7.internal", **attributes: Any) -> int:
        team_id = await self.team(attributes.pop("team", "Ops"))
        given = {"url": f"https://{name}.corp.example/secret", "pronounceable_name": name, **attributes}
        return (await self.database.write(monitors.create, team_id, given, Limits(), BASE_URL)).id

    async def monitor_group(self, name: str = "Group") -> int:
        return (await self.database.write(monitors.create_group, await self.team(), {"name": name})).id

    async def resource(self, page_id: int, subject: int | None = None, **attributes: Any) -> int:
        kind = attributes.pop("resource_type", "ManuallyTrackedItem" if subject is None else "Monitor")
        given = {"resource_type": kind, "public_name": "Shop", **attributes}
        if subject is not None:
            given["resource_id"] = subject
        return (await self.database.write(actions.create_resource, page_id, None, given)).id

    async def incident(
        self, owner: int, started: datetime, resolved: datetime | None = None, **columns: Any
    ) -> int:  # fmt: skip
        def work(tx: Tx) -> int:
            values: dict[str, Any] = {
                "team_id": accounts.ensure_team(tx, "Ops").id,
                "owner_type": "monitor",
                "owner_id": owner,
                "kind": "check",
                "alert_id": "",
                "name": "db-7.internal",
                "cause": "Connection refused by 10.0.0.7",
                "url": "https://db-7.internal.corp.example/secret",
                "status": "Started" if resolved is None else "Resolved",
                "started_at": started,
                "confirmed_at": started,
                "resolved_at": resolved,
                "withdrawn": False,
                "has_response": False,
                "paging": Paging(),
            }
            return tx.insert(insert(incidents).values(**{**values, **columns}))

        return await self.database.write(work)

    async def gap(self, monitor_id: int | None, since: datetime, until: datetime | None, reason: str) -> None:
        def work(tx: Tx) -> None:
            tx.execute(
                insert(gaps).values(
                    monitor_id=monitor_id,
                    from_ms=to_milliseconds(since),
                    to_ms=None if until is None else to_milliseconds(until),
                    reason=reason,
                )
            )

        await self.database.write(work)

    async def report(
        self, page_id: int, says: dict[int, str], since: datetime, until: datetime | None = None, *,
        kind: ReportType = ReportType.MANUAL, applied: bool = True, draft: bool = False, draft_update: bool = False,
        title: str = "Trouble", message: str = "We are looking into it.",
    ) -> int:  # fmt: skip
        """A report with one update, as the shelf has it."""
        affected = [{"status_page_resource_id": str(id), "status": status} for id, status in says.items()]

        def work(tx: Tx) -> int:
            id = reports.insert_report(
                tx, page_id=page_id, title=title, report_type=kind, starts_at=since, ends_at=until,
                affected=affected, draft=draft,  # type: ignore[arg-type]
            )  # fmt: skip
            self._update(tx, page_id, id, affected, since, message, applied, draft_update)
            return id

        return await self.database.write(work)

    async def update(self, page_id: int, report_id: int, says: dict[int, str], at: datetime) -> None:
        affected = [{"status_page_resource_id": str(id), "status": status} for id, status in says.items()]
        await self.database.write(self._update, page_id, report_id, affected, at, "More.", True, False)

    def _update(
        self, tx: Tx, page_id: int, report_id: int, affected: Any, at: datetime, message: str, applied: bool,
        draft: bool,
    ) -> None:  # fmt: skip
        id = reports.insert_update(
            tx, page_id=page_id, report_id=report_id, message=message, published_at=at, affected=affected,
            notify_subscribers=False, draft=draft,
        )  # fmt: skip
        if applied:
            tx.execute(updates.update().where(updates.c.id == id).values(applied_at=at))


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
