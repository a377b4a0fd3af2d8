"""What webhooks, chats and browsers are told, over real sockets; where nothing is sent because a stranger chose it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trustme
from sqlalchemy import select

from tests.kernel.servers import HttpServer, LoopThread, loop_thread
from tests.notify.channels.pushing import Browser, push_service
from tests.status_pages.audience import BASE_URL, Audience
from tests.status_pages.test_notices import run
from tests.time import FakeClock
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.kernel.signatures import key_of, signature
from tocsin.kernel.vault import Vault
from tocsin.notify.channels import email, push
from tocsin.status_pages.actions import notices as actions
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.rules import subscribing
from tocsin.status_pages.store import tables
from tocsin.status_pages.worker import Notices, posts
from tocsin.status_pages.worker.notices import PLACES_PER_HOST
from tocsin.storage import Database, Tx


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def net(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNet]:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    found = RealNet(SystemClock(), ca_file=str(path))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    with loop_thread() as found:
        yield found


@pytest.fixture
def server(loop: LoopThread) -> Iterator[HttpServer]:
    found = HttpServer(loop)
    found.answer("/in", 200)
    yield found
    found.close()


@pytest.fixture
async def here(sqlite_database: Database, clock: FakeClock) -> Audience:
    return await Audience(sqlite_database, clock).furnish()


Make = Any


@pytest.fixture
async def sender(here: Audience, net: RealNet, vault: Vault) -> AsyncIterator[Make]:
    """Makes a worker."""
    made: list[Notices] = []

    def make(**more: Any) -> Notices:
        given = {
            "email_settings": email.Settings(), "push_settings": push.settings(vault, BASE_URL), "public_only": False,
            "alone": True,
        }  # fmt: skip
        made.append(Notices(here.database, here.clock, net, base_url=BASE_URL, **{**given, **more}))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_a_webhook_is_told_as_the_contract_has_it_and_can_prove_who_told(
    here: Audience, server: HttpServer, sender: Make
) -> None:
    hook = await here.listening("ann@example.com", kind="webhook", address=server.url("/in"))
    report = await here.report("DB issues")
    first = await here.update(report, "Looking", api="downtime")
    await here.wait(minutes=5)
    await here.update(report, "Fix on the way", api="downtime")
    await run(sender(), here.clock)
    (_, _, _), (line, headers, body) = server.requests
    token = await here.database.read(actions.subscription_token, hook)
    root = f"{BASE_URL}/status/acme"
    assert line == "POST /in HTTP/1.1"
    assert json.loads(body) == {
        "event_type": "incident",
        "meta": {"unsubscribe": f"{root}/unsubscribe/{token}", "documentation": f"{root}/subscribe"},
        "page": {"id": "1", "status_indicator": "downtime", "status_description": "Some services are down"},
        "incident": {
            "id": str(report), "name": "DB issues", "created_at": "2026-03-02T12:00:00Z",
            "updated_at": "2026-03-02T12:00:00Z", "shortlink": f"{root}/incidents/{report}", "organization_id": "1",
            "incident_updates": [
                {"id": str(first + 1), "status_report_id": str(report), "body": "Fix on the way",
                 "created_at": "2026-03-02T12:05:00Z"},
                {"id": str(first), "status_report_id": str(report), "body": "Looking",
                 "created_at": "2026-03-02T12:00:00Z"},
            ],
        },
    }  # fmt: skip
    assert len(json.loads(server.requests[0][2])["incident"]["incident_updates"]) == 1
    secret = await here.database.read(actions._signing_secret, hook)
    at = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(key_of(secret), headers["webhook-id"], at, body)
    assert server.requests[0][1]["webhook-id"] != headers["webhook-id"]


async def test_maintenance_has_its_own_words_and_times(here: Audience, server: HttpServer, sender: Make) -> None:
    await here.listening("ann@example.com", kind="webhook", address=server.url("/in"))
    now = here.clock.now()
    report = await here.report("Upgrade", kind="maintenance", starts_at=now, ends_at=now.replace(hour=14))
    await here.update(report, "It begins", api="maintenance")
    await run(sender(), here.clock)
    said = json.loads(server.requests[0][2])
    assert said["event_type"] == "maintenance"
    assert said["maintenance"]["ends_at"] == "2026-03-02T14:00:00Z"
    assert said["maintenance"]["shortlink"].endswith(f"/maintenance/{report}")
    assert [each["body"] for each in said["maintenance"]["maintenance_updates"]] == ["It begins"]


async def test_a_webhook_that_fails_is_tried_again_and_one_that_is_gone_is_not(
    here: Audience, server: HttpServer, sender: Make
) -> None:
    server.answer("/busy", 503)
    server.answer("/gone", 410)
    server.answer("/wrong", 400)
    ids = {
        name: await here.listening(f"{name}@example.com", kind="webhook", address=server.url(f"/{name}"))
        for name in ("busy", "gone", "wrong")
    }
    await here.update(await here.report(), "Looking", api="downtime")
    worker = sender()
    await run(worker, here.clock)
    states = {row[0]: row[3] for row in await here.notices()}
    assert states == {ids["busy"]: "waiting", ids["gone"]: "given_up", ids["wrong"]: "given_up"}
    server.answer("/busy", 200)
    await here.wait(seconds=30)
    await run(worker, here.clock)
    found = {name: await here.subscriber(id) for name, id in ids.items()}
    assert {name: each.failures for name, each in found.items() if each} == {"busy": 0, "gone": 1, "wrong": 1}
    assert [name for name, each in found.items() if each and subscribing.listening(each)] == ["busy", "wrong"]
    first, second = (each for each in server.requests if "/busy" in each[0])
    assert first[1]["webhook-id"] == second[1]["webhook-id"]


@pytest.mark.slow
async def test_a_webhook_that_refuses_again_and_again_is_left_alone(
    here: Audience, server: HttpServer, sender: Make
) -> None:
    server.answer("/wrong", 400)
    hook = await here.listening("ann@example.com", kind="webhook", address=server.url("/wrong"))
    report = await here.report()
    for number in range(rules.MAX_FAILURES + 1):
        await here.update(report, f"Update {number}", api="downtime")
    await run(sender(), here.clock)
    found = await here.subscriber(hook)
    assert found is not None
    assert not subscribing.listening(found)
    assert len(server.requests) == rules.MAX_FAILURES


async def test_what_a_stranger_points_at_the_inside_is_never_asked(
    here: Audience, server: HttpServer, sender: Make
) -> None:
    for number, host in enumerate(("127.0.0.1", "localhost", "[::1]", "169.254.169.254")):
        await here.listening(f"p{number}@example.com", kind="webhook", address=f"http://{host}:{server.port}/in")
    server.answer("/away", 302, b"", f"Location: {server.url('/in')}")
    await here.update(await here.report(), "Looking", api="downtime")
    await run(sender(public_only=True), here.clock)
    assert server.requests == []
    assert {row[3] for row in await here.notices()} == {"given_up"}


async def test_a_redirect_is_not_followed(here: Audience, server: HttpServer, sender: Make) -> None:
    server.answer("/away", 302, b"", f"Location: {server.url('/in')}")
    await here.listening("ann@example.com", kind="webhook", address=server.url("/away"))
    await here.update(await here.report(), "Looking", api="downtime")
    await run(sender(), here.clock)
    assert server.paths() == ["/away"]


@pytest.mark.slow
async def test_a_silent_server_holds_up_nobody_elses_webhook(
    here: Audience, loop: LoopThread, server: HttpServer, sender: Make
) -> None:
    server.script("/silent", 60.0)
    for number in range(8):
        await here.listening(f"s{number}@example.com", kind="webhook", address=server.url("/silent"), key=f"s{number}")
    other = HttpServer(loop)
    other.answer("/in", 200)
    await here.listening("ann@example.com", kind="webhook", address=other.url("/in"))
    await here.update(await here.report(), "Looking", api="downtime")
    worker = sender()
    while not other.requests or len(server.requests) < 4:
        await worker.run_once()
        await asyncio.sleep(0.01)
    other.close()
    await asyncio.sleep(0.05)
    assert len(server.requests) == 4


@pytest.mark.slow
async def test_however_many_wait_for_a_silent_server_others_are_told(
    here: Audience, loop: LoopThread, server: HttpServer, sender: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may point webhooks at a server of theirs that says nothing."""
    monkeypatch.setattr(posts, "TIMEOUT_SECONDS", 0.5)
    server.script("/silent", 60.0)
    for number in range(150):
        await here.listening(f"s{number}@example.com", kind="webhook", address=server.url("/silent"), key=f"s{number}")
    other = HttpServer(loop)
    other.answer("/in", 200)
    await here.listening("ann@example.com", kind="webhook", address=other.url("/in"))
    await here.update(await here.report(), "Looking", api="downtime")
    worker = sender()
    async with asyncio.timeout(10):
        while not other.requests:
            await worker.run_once()
            await asyncio.sleep(0.01)
    other.close()
    assert len(server.requests) <= 3 * PLACES_PER_HOST["webhook"]


async def test_slack_reads_it_without_being_fooled(here: Audience, server: HttpServer, sender: Make) -> None:
    await here.listening("ann@example.com", kind="slack", address=server.url("/in"), language="es")
    report = await here.report("Fail <!channel>")
    await here.update(report, "See <https://evil.example|us> & wait", api="downtime")
    await run(sender(), here.clock)
    said = json.loads(server.requests[0][2])
    assert said["text"] == "[Acme] Fail &lt;!channel&gt;: Interrupción"
    (attachment,) = said["attachments"]
    *lines, leave = attachment["text"].split("\n")
    assert lines == ["See &lt;https://evil.example|us&gt; &amp; wait", "Api: Interrupción"]
    assert leave.startswith(f"<{BASE_URL}/status/acme/unsubscribe/1-")
    assert attachment["title_link"] == f"{BASE_URL}/status/acme/incidents/{report}"


async def test_a_slack_channel_that_is_gone_is_unsubscribed(here: Audience, server: HttpServer, sender: Make) -> None:
    server.answer("/services", 404, b"no_service")
    id = await here.listening("ann@example.com", kind="slack", address=server.url("/services"))
    await here.update(await here.report(), "Looking", api="downtime")
    await run(sender(), here.clock)
    found = await here.subscriber(id)
    assert found is not None
    assert not subscribing.listening(found)


async def test_a_browser_reads_what_nobody_on_the_way_can_and_leaves_by_withdrawing(
    here: Audience, authority: trustme.CA, sender: Make
) -> None:
    with push_service(authority) as service:
        browser = Browser(service.url("/push/bob"))
        id = await here.listening("", kind="push", address=browser.subscription, language="cs")
        report = await here.report("Payments fail")
        await here.update(report, "We are *looking*", api="downtime")
        worker = sender()
        await run(worker, here.clock)
        ((_, headers, body),) = service.requests
        assert browser.open(body) == {
            "title": "Acme: Payments fail", "body": "Výpadek. We are *looking*", "tag": f"status-report-{report}",
            "url": f"{BASE_URL}/status/acme/incidents/{report}",
        }  # fmt: skip
        assert headers["urgency"] == "normal"
        service.answer("/push/bob", 410)
        await here.update(report, "Done", api="resolved")
        await run(worker, here.clock)
    found = await here.subscriber(id)
    assert found is not None
    assert not subscribing.listening(found)


async def test_an_address_whose_key_is_lost_is_given_up(here: Audience, sender: Make) -> None:
    await here.listening("ann@example.com", kind="webhook", address="")
    await here.update(await here.report(), "Looking", api="downtime")
    await run(sender(), here.clock)
    assert [row[3] for row in await here.notices()] == ["given_up"]


async def test_no_secret_stands_in_what_we_keep(here: Audience, sender: Make) -> None:
    await here.listening("ann@example.com", kind="webhook", address="http://127.0.0.1:1/in?key=s3cret", key="x")
    await here.update(await here.report(), "Looking", api="downtime")
    await run(sender(), here.clock)

    def details(tx: Tx) -> str:
        return str([tx.execute(select(table)).all() for table in (tables.notices, tables.subscribers)])

    kept = await here.database.read(details)
    assert "cannot be reached" in kept
    assert "s3cret" not in kept
