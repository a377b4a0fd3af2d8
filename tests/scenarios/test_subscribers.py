"""Customers subscribe to a status page, hear of an outage in order, and leave; whoever is on call hears of it first."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import insert

from tests.letters import Mail
from tests.world import BASE_URL, World
from tocsin.gateway import visitors
from tocsin.status_pages.store import tables
from tocsin.status_pages.worker.notices import PLACES
from tocsin.storage import Tx

ANN = "ann@customer.example"


class StatusPage:
    """A page of Ops, and what happens on it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = 0
        self.resource_id = ""

    async def publish(self) -> StatusPage:
        page = {
            "subdomain": "acme", "timezone": "UTC", "company_name": "Acme", "subscribable": True, "published": True,
        }  # fmt: skip
        made = await self.world.api("POST", "/v2/status-pages", page)
        assert made.status_code == 201, made.text
        self.id = int(made.json()["data"]["id"])
        resource = {"resource_type": "ManuallyTrackedItem", "public_name": "Shop"}
        made = await self.world.api("POST", f"/v2/status-pages/{self.id}/resources", resource)
        self.resource_id = made.json()["data"]["id"]
        return self

    def _affected(self, status: str) -> list[dict[str, str]]:
        return [{"status_page_resource_id": self.resource_id, "status": status}]

    async def report(self, title: str, message: str) -> str:
        body = {"title": title, "message": message, "affected_resources": self._affected("downtime")}
        made = await self.world.api("POST", f"/v2/status-pages/{self.id}/status-reports", body)
        assert made.status_code == 201, made.text
        return str(made.json()["data"]["id"])

    async def update(self, report_id: str, message: str, status: str) -> None:
        body = {"message": message, "affected_resources": self._affected(status), "notify_subscribers": True}
        made = await self.world.api(
            "POST", f"/v2/status-pages/{self.id}/status-reports/{report_id}/status-updates", body
        )
        assert made.status_code == 201, made.text

    async def subscribe(self, email: str) -> None:
        """What the page's form does."""
        team_id = 1
        await self._ask(visitors.SUBSCRIBE, visitors.visitor(team_id, self.id, "203.0.113.7"), {"email": email})

    async def press(self, operation: str, opened: visitors.OpenedSubscription | None) -> None:
        """What a button behind a link does."""
        assert opened is not None
        await self._ask(operation, opened.credential, {})

    async def _ask(self, operation: str, credential: Any, body: dict[str, Any]) -> None:
        await self.world.door.call(visitors.request(self.world.door, operation, credential, body, BASE_URL))
        await self.world.settle()

    async def listeners(self, number: int) -> None:
        """So many customers who have confirmed long ago."""

        def work(tx: Tx) -> None:
            tx.execute(insert(tables.subscribers), [
                {"status_page_id": self.id, "kind": "email", "email": f"c{each}@customer.example",
                 "key": f"c{each}@customer.example", "address": "", "status_page_resource_ids": [], "language": "en",
                 "confirmed_at": tx.now, "failures": 0, "created_at": tx.now, "updated_at": tx.now}
                for each in range(number)
            ])  # fmt: skip

        await self.world.database.write(work)


def secret(mail: Mail, path: str) -> str:
    """The secret of the link with this path in a mail."""
    found = re.search(re.escape(f"{BASE_URL}/status/acme/{path}/") + r"(\S+)", mail.text)
    assert found, mail.text
    return found[1]


@pytest.mark.slow
async def test_a_customer_confirms_hears_two_updates_in_order_and_leaves_by_one_click(world: World) -> None:
    page = await StatusPage(world).publish()
    await page.subscribe(ANN)
    (asked,) = world.mail_to(ANN)
    assert asked.subject == "Confirm your subscription to the status of Acme"
    quiet = await page.report("Too early", "Nobody has confirmed yet")
    await world.settle()
    opened = await visitors.open_confirmation(world.database, secret(asked, "subscribe/confirm"), None)
    await page.press(visitors.CONFIRM, opened)
    await page.update(quiet, "Never mind", "resolved")
    report = await page.report("Payments fail", "We are *looking*")
    await page.update(report, "All is well", "resolved")
    await world.settle()
    assert [mail.subject for mail in world.mail_to(ANN)[1:]] == [
        "[Acme] Too early: Resolved", "[Acme] Payments fail: Outage", "[Acme] Payments fail: Resolved",
    ]  # fmt: skip
    last = world.mail_to(ANN)[-1]
    one_click = str(last.message["List-Unsubscribe"])
    assert last.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert secret(last, "unsubscribe") in one_click
    await page.press(
        visitors.UNSUBSCRIBE, await visitors.open_subscription(world.database, secret(last, "unsubscribe"), None)
    )
    await page.update(report, "One more thing", "resolved")
    await world.settle()
    assert world.mail_to(ANN)[-1].subject == last.subject
    assert len(world.mail_to(ANN)) == 4
    assert "Subscriber a…@customer.example left the subscribers of a status page" in (await world.audit_log())[-2]


@pytest.mark.slow
async def test_a_crash_in_the_middle_forgets_nobody_and_repeats_little(world: World) -> None:
    page = await StatusPage(world).publish()
    await page.listeners(100)
    await page.report("Payments fail", "We are looking")
    world.mailbox.dawdle_seconds = 0.01
    while len(world.mailbox.mails) < 30:
        await world.notices.run_once()
        await asyncio.sleep(0.01)
        world.clock.wind(seconds=1)
    for task in set(world.notices._flight.tasks):  # as a killed process does: nothing is written down any more
        task.cancel()
    world.mailbox.dawdle_seconds = 0.0
    world.crash()
    await world.fast_forward(seconds=20)
    everybody = [mail.to for mail in world.mails() if mail.subject.startswith("[Acme]")]
    assert set(everybody) == {f"c{each}@customer.example" for each in range(100)}
    assert len(everybody) <= 100 + PLACES["email"]


@pytest.mark.slow
async def test_a_page_overtakes_two_thousand_mails_to_customers(world: World) -> None:
    await world.on_call("alice")
    page = await StatusPage(world).publish()
    await page.listeners(2_000)
    await page.report("Payments fail", "We are looking")
    await world.fast_forward(seconds=2)
    made = await world.api("POST", "/v3/incidents", {"summary": "The shop is closed", "name": "Shop"})
    assert made.status_code == 201, made.text
    await world.fast_forward(seconds=3)
    mails = world.mails()
    at = next(number for number, mail in enumerate(mails) if mail.to == "alice@example.com")
    assert 0 < at < 100, "it left at once, though nearly two thousand had been waiting for longer"
    assert at < len(mails) < 200, "and they went on"
