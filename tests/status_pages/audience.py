"""A page of Alice's team, the people outside who subscribe to it, and the door through which they come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, insert, select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.gateway import visitors
from tocsin.gateway.door import Door
from tocsin.registry import Catalogue
from tocsin.status_pages.actions import subscribing
from tocsin.status_pages.api.visitors import VISITOR_OPERATIONS
from tocsin.status_pages.model import Settings, Subscriber
from tocsin.status_pages.store import subscribers as shelf
from tocsin.status_pages.store import tables
from tocsin.storage import Database, Tx

BASE_URL = "https://tocsin.example"
BROWSER = {
    "keys": {
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    }
}
"""The keys of a browser, without its endpoint."""


class Audience:
    """See the module's docstring."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.door = Door(database, Catalogue(VISITOR_OPERATIONS), clock)
        self.team_id = self.page_id = self.other_page_id = 0
        self.resources: dict[str, int] = {}

    async def furnish(self, **settings: Any) -> Audience:
        """A published page that can be subscribed to, with the resources `api` and `shop`, and another team's page."""

        def work(tx: Tx) -> None:
            self.team_id = accounts.ensure_team(tx, "Ops").id
            self.page_id = self.add_page(tx, self.team_id, "acme", **settings)
            self.other_page_id = self.add_page(tx, accounts.ensure_team(tx, "Other").id, "other")
            section = tx.insert(insert(tables.sections).values(status_page_id=self.page_id, name=None, position=0))
            for position, name in enumerate(("api", "shop")):
                self.resources[name] = tx.insert(
                    insert(tables.resources).values(
                        status_page_id=self.page_id, status_page_section_id=section,
                        resource_type="ManuallyTrackedItem", public_name=name.title(), widget_type="plain",
                        position=position, mark_as_down_for="any_incident", mark_as_degraded_for="no_incident",
                    )
                )  # fmt: skip

        await self.database.write(work)
        return self

    def add_page(self, tx: Tx, team_id: int, subdomain: str, **settings: Any) -> int:
        published, domain = settings.pop("published", True), settings.pop("custom_domain", None)
        given = {"company_name": "Acme", "subscribable": True, **settings}
        return tx.insert(
            insert(tables.pages).values(
                team_id=team_id, subdomain=subdomain, custom_domain=domain, published=published,
                settings=msgspec.json.encode(Settings(**given)).decode(), created_at=tx.now, updated_at=tx.now,
            )
        )  # fmt: skip

    # --- what visitors do ---------------------------------------------------------------------------------------------

    async def subscribe(self, email: str | None = None, **body: Any) -> None:
        given = {"email": email, **body}
        credential = visitors.visitor(self.team_id, self.page_id, "203.0.113.7")
        await self.door.call(visitors.request(self.door, visitors.SUBSCRIBE, credential, given, BASE_URL))

    async def act(self, operation: str, opened: visitors.OpenedSubscription | None, **body: Any) -> Subscriber:
        """Press the button behind a link."""
        assert opened is not None
        reply = await self.door.call(visitors.request(self.door, operation, opened.credential, body, BASE_URL))
        assert isinstance(reply.value, Subscriber)
        return reply.value

    async def confirmation(self, email: str, kind: str = "email") -> visitors.OpenedSubscription | None:
        """Open the link of the newest mail that asks an address to confirm, as it would be sent now."""
        token = await self.database.read(self._confirmation_token, email, kind)
        return await visitors.open_confirmation(self.database, token, None)

    async def management(self, email: str, kind: str = "email") -> visitors.OpenedSubscription | None:
        """Open the link at the end of a mail."""
        id = (await self.found(email, kind)).id
        token = await self.database.read(subscribing.subscription_token, id)
        return await visitors.open_subscription(self.database, token, None)

    def _confirmation_token(self, tx: Tx, email: str, kind: str) -> str:
        return subscribing.confirmation_token(tx, self._find(tx, email, kind).id, tx.now)

    async def listening(self, email: str, **more: Any) -> int:
        """Somebody who has confirmed already; returns their id."""
        return await self.database.write(self.add_listener, email, **more)

    def add_listener(
        self, tx: Tx, email: str | None, *, kind: str = "email", address: str = "", resources: list[int] | None = None,
        language: str = "en", page_id: int | None = None, key: str = "",
    ) -> int:  # fmt: skip
        return tx.insert(
            insert(tables.subscribers).values(
                status_page_id=page_id or self.page_id, kind=kind, email=email, key=key or address or email,
                address=tx.vault.seal(address), status_page_resource_ids=resources or [], language=language,
                confirmed_at=tx.now, failures=0, created_at=tx.now, updated_at=tx.now,
            )
        )  # fmt: skip

    # --- what the team reports ----------------------------------------------------------------------------------------

    async def report(self, title: str = "Payments fail", kind: str = "manual", **more: Any) -> int:
        def work(tx: Tx) -> int:
            values = {"starts_at": tx.now, "ends_at": None, "affected_resources": [], "draft": False, **more}
            return tx.insert(
                insert(tables.reports).values(
                    status_page_id=self.page_id, title=title, report_type=kind, created_at=tx.now, updated_at=tx.now,
                    **values,
                )
            )  # fmt: skip

        return await self.database.write(work)

    async def update(self, report_id: int, message: str, **affected: str) -> int:
        """An update that subscribers are told of; `affected`: a word by resource, e.g. `api="downtime"`."""

        def work(tx: Tx) -> int:
            tx.ring(tables.NOTICES_TOPIC)
            return tx.insert(
                insert(tables.updates).values(
                    status_page_id=self.page_id, status_report_id=report_id, message=message, published_at=tx.now,
                    affected_resources=[
                        {"status_page_resource_id": str(self.resources[name]), "status": word}
                        for name, word in affected.items()
                    ],
                    notify_subscribers=True, draft=False, applied_at=tx.now, told_through_id=0, created_at=tx.now,
                )
            )  # fmt: skip

        return await self.database.write(work)

    # --- looking ------------------------------------------------------------------------------------------------------

    def _find(self, tx: Tx, email: str, kind: str) -> Subscriber:
        column = tables.subscribers.c
        id = tx.execute(select(column.id).where(column.email == email, column.kind == kind)).scalar_one()
        found = shelf.find(tx, id)
        assert found is not None
        return found

    async def found(self, email: str, kind: str = "email") -> Subscriber:
        return await self.database.read(self._find, email, kind)

    async def subscriber(self, id: int) -> Subscriber | None:
        return await self.database.read(shelf.find, id)

    async def count(self, table: str = "subscribers") -> int:
        """Rows of a table."""
        counted = select(func.count()).select_from(getattr(tables, table))
        return int(await self.database.read(lambda tx: tx.execute(counted).scalar_one()))

    async def notices(self) -> list[tuple[int, int, str, str]]:
        """(subscriber, update, channel, state) of every message, in order."""
        column = tables.notices.c
        statement = select(column.subscriber_id, column.status_update_id, column.channel, column.state)
        return await self.database.read(lambda tx: [tuple(row) for row in tx.execute(statement.order_by(column.id))])

    async def wait(self, **parts: float) -> datetime:
        self.clock.wind(timedelta(**parts))
        return self.clock.now()
