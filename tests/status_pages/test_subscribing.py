"""A stranger subscribes only what is theirs, learns of nobody else, and can leave for ever."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, text

from tests.status_pages.audience import BROWSER, Audience
from tests.time import FakeClock
from tocsin.gateway import visitors
from tocsin.gateway.audit import audit_entries
from tocsin.kernel.errors import Invalid, NotFound, Refused, TooMany
from tocsin.status_pages.actions import subscribing
from tocsin.status_pages.rules import subscribing as rules
from tocsin.status_pages.store import tables
from tocsin.storage import Database, Tx

ENDPOINT = "https://fcm.googleapis.com/fcm/send/abc"
HOOK = "https://hooks.example.com/in?key=s3cret"


@pytest.fixture
async def audience(database: Database, clock: FakeClock) -> Audience:
    return await Audience(database, clock).furnish()


@pytest.fixture
async def here(sqlite_database: Database, clock: FakeClock) -> Audience:
    """Where the kind of database makes no difference."""
    return await Audience(sqlite_database, clock).furnish()


async def test_an_address_listens_once_its_owner_has_said_so(audience: Audience) -> None:
    await audience.subscribe(
        " Ann@Example.com ", status_page_resource_ids=[audience.resources["api"]], language="de-AT"
    )
    asked = await audience.found("ann@example.com")
    assert (rules.listening(asked), asked.status_page_resource_ids, asked.language) == (
        False, (audience.resources["api"],), "de",
    )  # fmt: skip
    assert await audience.notices() == [(asked.id, 0, "confirm", "queued")]
    opened = await audience.confirmation("ann@example.com")
    assert opened is not None
    assert (opened.address, opened.listening, opened.page_id) == ("a…@example.com", False, audience.page_id)
    assert not rules.listening(await audience.found("ann@example.com")), "opening a link does nothing: scanners do"
    assert rules.listening(await audience.act(visitors.CONFIRM, opened))
    assert rules.listening(await audience.act(visitors.CONFIRM, opened)), "a second press is no mistake"


async def test_whoever_left_can_come_back_but_an_old_link_does_not_bring_them(audience: Audience) -> None:
    await audience.subscribe("ann@example.com")
    token = await audience.database.read(audience._confirmation_token, "ann@example.com", "email")
    await audience.act(visitors.CONFIRM, await audience.confirmation("ann@example.com"))
    await audience.wait(days=1)
    gone = await audience.act(visitors.UNSUBSCRIBE, await audience.management("ann@example.com"))
    assert not rules.listening(gone)
    assert await visitors.open_confirmation(audience.database, token, None) is None
    opened = await audience.management("ann@example.com")
    assert opened is not None and opened.left  # noqa: PT018
    await audience.subscribe("ann@example.com", status_page_resource_ids=[audience.resources["shop"]])
    back = await audience.act(visitors.CONFIRM, await audience.confirmation("ann@example.com"))
    assert (back.id, back.status_page_resource_ids) == (gone.id, (audience.resources["shop"],))


async def test_the_answer_is_the_same_for_a_stranger_and_changes_nothing_of_a_subscriber(audience: Audience) -> None:
    await audience.listening("ann@example.com", resources=[audience.resources["api"]])
    await audience.subscribe("ann@example.com", language="fr")
    ann = await audience.found("ann@example.com")
    assert (ann.status_page_resource_ids, ann.language) == ((audience.resources["api"],), "en")
    assert await audience.notices() == [(ann.id, 0, "confirm", "queued")], "a mail tells its owner how things stand"


async def test_who_presses_twice_at_once_is_one_subscriber(audience: Audience) -> None:
    await asyncio.gather(*(audience.subscribe("ann@example.com") for _ in range(5)))
    assert (await audience.count(), len(await audience.notices())) == (1, 1)


async def test_one_address_is_written_to_a_few_times_whatever_is_asked(audience: Audience) -> None:
    for _ in range(3):
        await audience.subscribe("ann@example.com")
    assert len(await audience.notices()) == 1
    await audience.subscribe("ann@example.com", kind="webhook", url=HOOK)
    assert (len(await audience.notices()), await audience.count()) == (1, 1), "by whatever they ask"
    for _ in range(10):
        await audience.wait(minutes=10)
        await audience.subscribe("ann@example.com")
    assert len(await audience.notices()) == rules.MAX_MAILS_PER_ADDRESS
    await audience.subscribe("bob@example.com")
    assert len(await audience.notices()) == rules.MAX_MAILS_PER_ADDRESS + 1, "others are not concerned"
    await audience.wait(days=1, minutes=1)
    await audience.subscribe("ann@example.com")
    assert len(await audience.notices()) == rules.MAX_MAILS_PER_ADDRESS + 2


async def test_many_pages_together_write_to_nobody_many_times(
    audience: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_MAILS_PER_ADDRESS_IN_ALL", 3)
    for number in range(6):
        audience.page_id = await audience.database.write(audience.add_page, audience.team_id, f"page-{number}")
        await audience.subscribe("ann@example.com")
    assert len(await audience.notices()) == 3
    await audience.subscribe("bob@example.com")
    assert len(await audience.notices()) == 4


async def test_who_is_to_be_forgotten_is_found_without_reading_everybody(here: Audience) -> None:
    """On SQLite pages to people wait while it is looked."""

    def plan(tx: Tx) -> str:
        asked = "SELECT id FROM status_page_subscribers WHERE (confirmed_at IS NULL OR unsubscribed_at IS NOT NULL)"
        found = text(f"EXPLAIN QUERY PLAN {asked} AND updated_at < 1 ORDER BY updated_at LIMIT 500")
        return str(tx.execute(found).all())

    assert "ix_status_page_subscribers_silent" in await here.database.read(plan)


@pytest.mark.parametrize("kind", ["confirmations", "browsers"])
async def test_a_page_is_asked_a_bounded_number_of_times_an_hour(
    here: Audience, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(rules, "MAX_ASKED_PER_PAGE", 3)

    async def ask(number: int) -> None:
        if kind == "confirmations":
            await here.subscribe(f"p{number}@example.com")
        else:
            await here.subscribe(kind="push", subscription=json.dumps({"endpoint": f"{ENDPOINT}{number}", **BROWSER}))

    for number in range(3):
        await ask(number)
    with pytest.raises(TooMany):
        await ask(3)
    await here.wait(hours=1, seconds=1)
    await ask(4)
    assert await here.count() == 4


@pytest.mark.parametrize(
    ("settings", "body", "field"),
    [
        ({"subscribable": False}, {"email": "a@example.com"}, "base"),
        ({"published": False}, {"email": "a@example.com"}, "base"),
        ({}, {"email": "nobody"}, "email"),
        ({}, {"email": ""}, "email"),
        ({}, {"email": "a@example.com\r\nBcc: b@example.com"}, "email"),
        ({}, {"email": "a@example.com", "status_page_resource_ids": [999]}, "status_page_resource_ids"),
        ({}, {"email": "a@example.com", "kind": "webhook", "url": "ftp://example.com/"}, "url"),
        ({}, {"email": "a@example.com", "kind": "webhook", "url": "https://exa mple.com/"}, "url"),
        ({}, {"email": "", "kind": "webhook", "url": HOOK}, "email"),
        ({}, {"email": "a@example.com", "kind": "slack", "url": "https://evil.example/services/T/B/x"}, "url"),
        ({}, {"kind": "push", "subscription": "{}"}, "subscription"),
        ({}, {"kind": "push", "subscription": json.dumps({"endpoint": "https://evil.example/", **BROWSER})},
         "subscription"),
        ({}, {"kind": "push", "subscription": json.dumps({"endpoint": "https://fcm.googleapis.com.evil.example/",
                                                          **BROWSER})}, "subscription"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_name(
    sqlite_database: Database, clock: FakeClock, settings: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    audience = await Audience(sqlite_database, clock).furnish(**settings)
    with pytest.raises(Invalid) as refused:
        await audience.subscribe(**body)
    assert list(refused.value.field_errors) == [field]
    assert await audience.count() == 0


@pytest.mark.parametrize("host", [
    "127.0.0.1:9000", "[::1]", "[::ffff:10.0.0.1]", "10.1.2.3", "192.168.0.1:8443", "169.254.169.254",
    "[fe80::1%25eth0]",
    "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1", "localhost", "LOCALHOST.", "app.localhost", "nas.local",
    "db.internal", "user@127.0.0.1",
])  # fmt: skip
async def test_a_webhook_that_would_never_be_called_is_refused_at_once(audience: Audience, host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(Invalid) as refused:
            await audience.subscribe("ann@example.com", kind="webhook", url=f"{scheme}://{host}/x")
        assert refused.value.field_errors == {
            "url": ["must have a public host: private addresses and names like localhost are never called"]
        }
    assert (await audience.count(), await audience.notices()) == (0, [])


async def test_a_webhook_at_a_public_host_is_taken(audience: Audience) -> None:
    for host in (
        "93.184.215.14:9000",
        "[2606:2800:21f:cb07::1]",
        "local.example",
        "notlocalhost.example",
        "1.example",
    ):
        await audience.subscribe("ann@example.com", kind="webhook", url=f"https://{host}/x")
        await audience.wait(minutes=11)
    assert await audience.count() == 5


async def test_a_browser_needs_no_mail_and_renews_itself(audience: Audience) -> None:
    text = json.dumps({"endpoint": ENDPOINT, "expirationTime": None, **BROWSER})
    await audience.subscribe(kind="push", subscription=text)
    await audience.subscribe(kind="push", subscription=text, status_page_resource_ids=[audience.resources["api"]])
    assert (await audience.count(), await audience.notices()) == (1, [])
    row = await audience.database.read(lambda tx: tx.execute(select(tables.subscribers)).one())
    assert ENDPOINT not in row.address + row.key, "whoever knows it can make the browser's push service call"
    found = await audience.subscriber(row.id)
    assert found is not None
    assert rules.listening(found)
    assert (rules.shown(found), found.status_page_resource_ids) == (
        "fcm.googleapis.com/…", (audience.resources["api"],),
    )  # fmt: skip


async def test_a_webhook_is_vouched_for_by_a_mail_address_and_its_secret_is_sealed(audience: Audience) -> None:
    await audience.subscribe("ann@example.com", kind="webhook", url=HOOK)
    row = await audience.database.read(lambda tx: tx.execute(select(tables.subscribers)).one())
    assert "s3cret" not in row.address + row.key
    confirmed = await audience.act(visitors.CONFIRM, await audience.confirmation("ann@example.com", "webhook"))
    assert (confirmed.address, rules.shown(confirmed)) == (HOOK, "hooks.example.com/…")


async def test_one_address_vouches_for_few_places(here: Audience) -> None:
    for number in range(rules.MAX_PLACES_PER_ADDRESS + 5):
        await here.subscribe("ann@example.com", kind="webhook", url=f"{HOOK}{number}")
        await here.wait(hours=6)
    assert await here.count() == rules.MAX_PLACES_PER_ADDRESS + 1


async def test_a_link_is_good_for_its_own_subscription_alone(audience: Audience) -> None:
    ann = await audience.listening("ann@example.com")
    bob = await audience.listening("bob@example.com")
    opened = await audience.management("ann@example.com")
    assert opened is not None
    with pytest.raises(Refused):
        await audience.act(visitors.CONFIRM, opened)
    request = visitors.request(audience.door, visitors.UNSUBSCRIBE, opened.credential, {}, "")
    with pytest.raises(Refused):
        await audience.door.call(_for(request, bob))
    visitor = visitors.visitor(audience.team_id, audience.page_id, None)
    with pytest.raises(Refused):
        await audience.door.call(visitors.request(audience.door, visitors.UNSUBSCRIBE, visitor, {}, ""))
    request = visitors.request(audience.door, visitors.SUBSCRIBE, visitor, {"email": "c@example.com"}, "")
    with pytest.raises(Refused):
        await audience.door.call(_for(request, audience.other_page_id))
    for id in (ann, bob):
        found = await audience.subscriber(id)
        assert found is not None
        assert rules.listening(found)


def _for(request: Any, id: int) -> Any:
    arguments = msgspec.structs.replace(request.arguments, path={"id": str(id)})
    return msgspec.structs.replace(request, arguments=arguments)


async def test_forged_and_late_links_open_nothing(audience: Audience) -> None:
    id = await audience.listening("ann@example.com")
    other = await audience.listening("bob@example.com")
    right = await audience.database.read(subscribing.subscription_token, id)
    asked = await audience.database.read(audience._confirmation_token, "ann@example.com", "email")
    for wrong in ("", "1", f"{other}-{right.partition('-')[2]}", right[:-1], right + "0", "٣" + right[1:], asked):
        assert await visitors.open_subscription(audience.database, wrong, None) is None
    for wrong in ("", right, f"{other}-{asked.partition('-')[2]}", asked[:-1]):
        assert await visitors.open_confirmation(audience.database, wrong, None) is None
    await audience.wait(days=7)
    assert await visitors.open_confirmation(audience.database, asked, None) is None
    await audience.wait(days=2_000)
    assert await visitors.open_subscription(audience.database, right, None) is not None, "one can always leave"


async def test_a_subscriber_chooses_what_to_hear_of(audience: Audience) -> None:
    await audience.listening("ann@example.com")
    opened = await audience.management("ann@example.com")
    chosen = await audience.act(
        visitors.CHOOSE, opened, status_page_resource_ids=[audience.resources["shop"]], language="ja"
    )
    assert (chosen.status_page_resource_ids, chosen.language) == ((audience.resources["shop"],), "ja")
    with pytest.raises(Invalid):
        await audience.act(visitors.CHOOSE, opened, status_page_resource_ids=[999])
    await audience.act(visitors.UNSUBSCRIBE, opened)
    with pytest.raises(NotFound):
        await audience.act(visitors.CHOOSE, opened)


async def test_everything_is_written_down_without_addresses(here: Audience) -> None:
    await here.subscribe("ann@example.com", kind="webhook", url=HOOK)
    await here.act(visitors.CONFIRM, await here.confirmation("ann@example.com", "webhook"))
    entries = await here.database.read(lambda tx: tx.execute(select(audit_entries).order_by(audit_entries.c.id)).all())
    assert [entry.sentence for entry in entries] == [
        "A visitor of the status page asked to be told of a status page's updates (status_pages 1) in team Ops "
        "through the public status page: allowed, whoever reads a public page may ask to be told of its updates.",
        "Subscriber hooks.example.com/… confirmed a subscription to a status page (status_page_subscriber 1) in "
        "team Ops through the public status page: allowed, the one to whom the link of this subscription was sent.",
    ]
    assert not any("ann@" in str(entry) or "s3cret" in str(entry) for entry in entries)


async def test_strangers_are_slowed_down_before_they_are_written_down(clock: FakeClock) -> None:
    visits = visitors.Visits(clock)
    for _ in range(visitors.ASKED_PER_ADDRESS):
        visits.admit("2001:db8::1")
    with pytest.raises(TooMany) as refused:
        visits.admit("2001:db8::ffff")  # of the same customer
    assert 0 < refused.value.retry_after_seconds <= 3_600
    visits.admit("2001:db8:0:1::1")
    visits.admit("203.0.113.7")
    clock.wind(hours=1)
    visits.admit("2001:db8::1")


async def test_one_customer_with_many_networks_uses_up_nobody_elses_share(clock: FakeClock) -> None:
    visits = visitors.Visits(clock)
    for number in range(visitors.ASKED_PER_SITE):
        visits.admit(f"2001:db8:0:{number:x}::1")
    with pytest.raises(TooMany):
        visits.admit("2001:db8:0:ffff::1")
    visits.admit("2001:db8:1::1")


async def test_a_link_writes_no_endless_log(here: Audience) -> None:
    await here.listening("ann@example.com")
    opened = await here.management("ann@example.com")
    assert opened is not None
    visits = visitors.Visits(here.clock)
    for _ in range(visitors.DEEDS_PER_LINK):
        visits.admit_deed(opened)
    with pytest.raises(TooMany):
        visits.admit_deed(opened)


async def test_a_page_has_a_largest_number_of_subscribers(here: Audience, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_SUBSCRIBERS_PER_PAGE", 2)
    await here.listening("a@example.com")
    await here.listening("b@example.com")
    with pytest.raises(Invalid, match="at most 2 subscribers"):
        await here.subscribe("c@example.com")


async def test_who_never_confirmed_and_who_has_left_is_forgotten(audience: Audience) -> None:
    await audience.subscribe("never@example.com")
    await audience.listening("left@example.com")
    await audience.listening("stays@example.com")
    await audience.act(visitors.UNSUBSCRIBE, await audience.management("left@example.com"))
    assert await audience.database.write(subscribing.prune_subscribers, at_most=10) == 0
    await audience.wait(days=30, seconds=1)
    assert await audience.database.write(subscribing.prune_subscribers, at_most=1) == 1
    assert await audience.database.write(subscribing.prune_subscribers, at_most=10) == 1
    assert rules.listening(await audience.found("stays@example.com"))
    assert await audience.count() == 1


async def test_a_lost_key_loses_a_secret_address_and_nothing_else(here: Audience) -> None:
    def work(tx: Tx) -> int:
        return tx.insert(
            insert(tables.subscribers).values(
                status_page_id=here.page_id, kind="webhook", email="a@example.com", key="x", address="sealed:nonsense",
                status_page_resource_ids=[], language="en", failures=0, created_at=tx.now, updated_at=tx.now,
            )
        )  # fmt: skip

    found = await here.subscriber(await here.database.write(work))
    assert found is not None
    assert (found.address, rules.shown(found)) == ("", "a…@example.com")
