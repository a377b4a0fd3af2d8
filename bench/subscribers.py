"""What ten thousand subscribers of a status page cost whoever is on call: nothing, it should be.

    python bench/subscribers.py [--subscribers 10000] [--pages 300] [--rate 1200] [--seconds 20]

The mail server is a bare SMTP listener in a process of its own; the database is SQLite on disk with every commit
flushed. Incidents of a hundred teams open, evenly spread over the seconds, while the escalations, the outbox of pages
and the outbox of subscribers run as in the product: first with nothing else to do, then just after an update that all
subscribers are told of, at the usual rate and without a limit. Measured is the time from each incident to the mail
server's acceptance of its page, by the ledger; and how many mails to subscribers leave in a second. Nothing is
asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import tempfile
import time
from statistics import median, quantiles
from typing import Any

import msgspec
import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from paging import BASE_URL, _open, _teams, _waits, serve
from tocsin.escalation.worker import Escalations
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.kernel.vault import Vault
from tocsin.notify import actions
from tocsin.notify.channels import email, push
from tocsin.notify.worker import Deliveries
from tocsin.runtime.loop import Supervisor
from tocsin.status_pages.actions import notice_states
from tocsin.status_pages.model import Settings
from tocsin.status_pages.store import tables
from tocsin.status_pages.worker import Notices
from tocsin.storage import MemoryBus, Tx, open_database
from tocsin.storage.migrate import migrate

MESSAGE = "We see errors in **payments** and are looking into it.\n\n- cards fail\n- wallets work\n"


def audience(tx: Tx, team_id: int, number: int) -> None:
    """A page with so many who have confirmed."""
    page = tx.insert(
        insert(tables.pages).values(
            team_id=team_id, subdomain="acme", published=True, created_at=tx.now, updated_at=tx.now,
            settings=msgspec.json.encode(Settings(company_name="Acme", subscribable=True)).decode(),
        )
    )  # fmt: skip
    tx.execute(insert(tables.subscribers), [
        {"status_page_id": page, "kind": "email", "email": f"c{each}@customer.example",
         "key": f"c{each}@customer.example", "address": "", "status_page_resource_ids": [], "language": "en",
         "confirmed_at": tx.now, "failures": 0, "created_at": tx.now, "updated_at": tx.now}
        for each in range(number)
    ])  # fmt: skip
    report = tx.insert(
        insert(tables.reports).values(
            status_page_id=page, title="Payments fail", report_type="manual", starts_at=tx.now, ends_at=None,
            affected_resources=[], draft=False, created_at=tx.now, updated_at=tx.now,
        )
    )  # fmt: skip
    tx.insert(
        insert(tables.updates).values(
            status_page_id=page, status_report_id=report, message=MESSAGE, published_at=tx.now, affected_resources=[],
            notify_subscribers=True, draft=False, applied_at=tx.now, told_through_id=0, created_at=tx.now,
        )
    )  # fmt: skip
    tx.ring(tables.NOTICES_TOPIC)


class Run:
    """What one run has measured."""

    def __init__(self, waits: list[float], mails: int, seconds: float, cpu_seconds: float) -> None:
        self.waits = waits
        self.mails = mails
        self.seconds = seconds
        self.cpu_seconds = cpu_seconds


async def measure(port: int, subscribers: int, pages: int, rate: int, seconds: float) -> Run:
    """Let incidents open while that many subscribers are told."""
    bus, clock = MemoryBus(), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bench.db", clock, bus, Vault(Vault.new_key()))
        migrate(database)
        settings = email.settings(f"smtp://127.0.0.1:{port}?from=tocsin@ops.example")
        sender = Deliveries(database, clock, base_url=BASE_URL, settings={email.KIND: settings}, alone=True)
        notices = Notices(
            database, clock, RealNet(clock), base_url=BASE_URL, email_settings=settings, push_settings=push.Settings(),
            mails_per_minute=rate, alone=True,
        )  # fmt: skip
        supervisor = Supervisor([Escalations(database, clock), sender, notices], bus, clock)
        teams = await database.write(_teams)
        supervisor.start()
        if subscribers:
            await database.write(audience, teams[0], subscribers)
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(pages):
            await asyncio.sleep(max(0.0, began + number * seconds / pages - time.perf_counter()))
            await database.write(_open, teams[number % len(teams)], number)
        while (await database.read(actions.states))["sent"] < pages:
            await asyncio.sleep(0.1)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        mails = (await database.read(notice_states))["sent"]
        await sender.drain()
        await supervisor.stop()
        await notices.close()
        waits = await database.read(_waits)
        database.close()
    return Run(waits, mails, took, cpu)


def main() -> None:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--rate", type=int, default=1_200)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    ready: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
    server.start()
    table = Table(
        title=f"{options.pages} pages within {options.seconds:g} s beside {options.subscribers:,} subscribers"
    )
    for heading in ("subscribers are told", "page p50", "page p99", "worst", "their mails/s", "CPU"):
        table.add_column(heading, justify="left" if heading == "subscribers are told" else "right")
    try:
        port = ready.get(timeout=10)
        for what, number, rate in (
            ("nobody", 0, options.rate),
            (f"at {options.rate} mails a minute", options.subscribers, options.rate),
            ("without a limit", options.subscribers, 0),
        ):
            found = asyncio.run(measure(port, number, options.pages, rate, options.seconds))
            p99 = quantiles(found.waits, n=100)[98]
            table.add_row(
                what, f"{median(found.waits):,.0f} ms", f"{p99:,.0f} ms", f"{max(found.waits):,.0f} ms",
                f"{found.mails / found.seconds:,.0f}", f"{found.cpu_seconds / found.seconds:.0%}",
            )  # fmt: skip
    finally:
        server.terminate()
    Console().print(table)


if __name__ == "__main__":
    main()
