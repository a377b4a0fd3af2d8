"""Every subscriber whom an update concerns is told of it once, in order, and of nothing that is not true any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.net import FakeNet
from tests.notify.mailserver import Mailbox, mail_server
from tests.status_pages.audience import BASE_URL, Audience
from tests.time import FakeClock
from tocsin.gateway import visitors
from tocsin.notify.channels import email, push
from tocsin.status_pages.actions import notices as actions
from tocsin.status_pages.model.notices import Notice, Outcome, State, Verdict
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.rules import subscribing
from tocsin.status_pages.store import tables
from tocsin.status_pages.worker import Notices, notices
from tocsin.storage import Database


@pytest.fixture
async def audience(database: Database, clock: FakeClock) -> Audience:
    return await Audience(database, clock).furnish()


@pytest.fixture
async def here(sqlite_database: Database, clock: FakeClock) -> Audience:
    """Where the kind of database makes no difference."""
    return await Audience(sqlite_database, clock).furnish()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as box:
        yield box


def worker(audience: Audience, mailbox: Mailbox, **more: Any) -> Notices:
    smtp = email.Settings(host="127.0.0.1", port=mailbox.port, from_address="status@tocsin.example")
    given = {"email_settings": smtp, "push_settings": push.Settings(), "mails_per_minute": 60_000, "alone": True}
    return Notices(audience.database, audience.clock, FakeNet(), base_url=BASE_URL, **{**given, **more})


async def run(sender: Notices, clock: FakeClock) -> None:
    """Let it do all that can be done now."""
    for _ in range(200):
        next_at = await sender.run_once()
        idle = not sender.in_flight  # else it is rung when they are settled
        await sender.drain()
        if idle and (next_at is None or next_at > clock.now()):
            return
    raise AssertionError("it never came to rest")


def told(mailbox: Mailbox) -> list[str]:
    return sorted(mailbox.recipients)


async def test_those_are_told_whom_it_concerns(audience: Audience, mailbox: Mailbox) -> None:
    api, shop = audience.resources["api"], audience.resources["shop"]
    await audience.listening("all@example.com")
    await audience.listening("api@example.com", resources=[api])
    await audience.listening("both@example.com", resources=[api, shop])
    await audience.listening("shop@example.com", resources=[shop])
    await audience.listening("elsewhere@example.com", page_id=audience.other_page_id)
    await audience.subscribe("unconfirmed@example.com")
    await audience.listening("left@example.com")
    await audience.act(visitors.UNSUBSCRIBE, await audience.management("left@example.com"))
    sender = worker(audience, mailbox)
    await run(sender, audience.clock)
    assert told(mailbox) == ["unconfirmed@example.com"], "who is asked to confirm"
    mailbox.recipients.clear()
    await audience.update(await audience.report(), "We are looking", api="downtime")
    await run(sender, audience.clock)
    await sender.close()
    assert told(mailbox) == ["all@example.com", "api@example.com", "both@example.com"]
    assert {state for _, _, _, state in await audience.notices()} == {"sent"}


async def test_a_mail_says_what_happened_to_what_and_how_to_leave(here: Audience, mailbox: Mailbox) -> None:
    await here.listening("ann@example.com", language="de")
    report = await here.report("Payments <b>fail</b>")
    await here.update(report, "We **see** it.\n\n![spy](https://evil.example/x.png) <script>alert(1)</script>"
                      " [bad](javascript:alert(1))", api="downtime")  # fmt: skip
    sender = worker(here, mailbox, mail_domain="alerts.tocsin.example")
    await run(sender, here.clock)
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[Acme] Payments <b>fail</b>: Ausfall"
    assert str(mail["From"]) == "Acme <status@tocsin.example>"
    token = await here.database.read(lambda tx: actions.subscription_token(tx, 1))
    leave = f"{BASE_URL}/status/acme/unsubscribe/{token}"
    assert str(mail["List-Unsubscribe"]).startswith(f"<{leave}>, <mailto:unsubscribe+1.")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == f"<status-page-{here.page_id}.tocsin.example>"
    assert (mail["Auto-Submitted"], mail["Precedence"]) == ("auto-generated", "bulk")
    assert mail["References"] == f"<status-report-{report}@tocsin.example>"
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for text in (plain, html):
        assert f"{BASE_URL}/status/acme/incidents/{report}" in text
        assert leave in text
        assert "Api" in text
    assert "<strong>see</strong>" in html
    assert "Payments &lt;b&gt;fail&lt;/b&gt;" in html
    for evil in ("<script", "<img", 'href="javascript', 'evil.example/x.png"'):
        assert evil not in html.replace('href="https://evil.example/x.png"', "")
    assert mailbox.senders == [
        await here.database.read(lambda tx: f"{actions._return_path(tx, 'bounce', 1)}@alerts.tocsin.example")
    ]
    await sender.close()


async def test_two_updates_reach_a_subscriber_in_order(audience: Audience, mailbox: Mailbox) -> None:
    await audience.listening("ann@example.com")
    await audience.listening("bob@example.com")
    report = await audience.report()
    await audience.update(report, "First", api="downtime")
    await audience.update(report, "Second", api="resolved")
    putting_off = ["ann@example.com"]
    mailbox.answer_recipient = lambda to: "451 4.2.1 later" if to in putting_off else None
    sender = worker(audience, mailbox)
    await run(sender, audience.clock)
    assert mailbox.recipients == ["bob@example.com", "bob@example.com"], "others do not wait"
    putting_off.clear()
    await audience.wait(seconds=30)
    await run(sender, audience.clock)
    await sender.close()
    hers = [mail["Subject"] for mail, to in zip(mailbox.mails, mailbox.recipients, strict=True) if to.startswith("ann")]
    assert hers == ["[Acme] Payments fail: Outage", "[Acme] Payments fail: Resolved"]
    assert len(mailbox.mails) == 4


@pytest.mark.slow
async def test_planning_goes_on_where_it_stood_and_plans_nobody_twice(audience: Audience) -> None:
    await audience.database.write(
        lambda tx: [audience.add_listener(tx, f"p{number}@example.com") for number in range(250)]
    )
    id = await audience.update(await audience.report(), "Looking", api="downtime")
    assert await audience.database.write(actions.expand, id) == actions.EXPANDED_AT_ONCE
    both = await asyncio.gather(*(audience.database.write(actions.expand, id) for _ in range(2)))
    assert sum(both) == 50
    assert await audience.database.write(actions.expand, id) == 0
    planned = [subscriber for subscriber, _, _, _ in await audience.notices()]
    assert len(planned) == len(set(planned)) == 250


async def test_what_is_taken_back_is_not_sent(audience: Audience, mailbox: Mailbox) -> None:
    await audience.listening("ann@example.com")
    report = await audience.report()
    first = await audience.update(report, "Wrong", api="downtime")
    second = await audience.update(report, "Right", api="resolved")
    for id in (first, second):
        await audience.database.write(actions.expand, id)
    await audience.database.write(lambda tx: tx.execute(delete(tables.updates).where(tables.updates.c.id == first)))
    sender = worker(audience, mailbox)
    await run(sender, audience.clock)
    await sender.close()
    assert [mail["Subject"] for mail in mailbox.mails] == ["[Acme] Payments fail: Resolved"]
    assert [state for _, _, _, state in await audience.notices()] == ["dropped", "sent"]


@pytest.mark.parametrize("what", ["unpublished", "draft", "left", "forgotten", "chosen", "old"])
async def test_nothing_goes_out_for_other_reasons_either(here: Audience, mailbox: Mailbox, what: str) -> None:
    ann = await here.listening("ann@example.com")
    await here.database.write(actions.expand, await here.update(await here.report(), "Looking", api="downtime"))
    changes: dict[str, Any] = {
        "unpublished": update(tables.pages).values(published=False),
        "draft": update(tables.reports).values(draft=True),
        "left": update(tables.subscribers).values(unsubscribed_at=here.clock.now()),
        "chosen": update(tables.subscribers).values(status_page_resource_ids=[here.resources["shop"]]),
        "forgotten": delete(tables.subscribers).where(tables.subscribers.c.id == ann),
    }
    if what in changes:
        await here.database.write(lambda tx: tx.execute(changes[what]))
    else:
        await here.wait(hours=12, seconds=1)
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    await sender.close()
    assert mailbox.mails == []
    assert [state for _, _, _, state in await here.notices()] == ["dropped"]


async def test_an_unpublished_page_tells_nobody(here: Audience, mailbox: Mailbox) -> None:
    await here.listening("ann@example.com")
    await here.database.write(lambda tx: tx.execute(update(tables.pages).values(published=False)))
    await here.update(await here.report(), "Looking", api="downtime")
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    assert (mailbox.mails, await here.notices()) == ([], [])


@pytest.mark.slow
async def test_after_a_crash_nobody_is_forgotten_and_what_was_sent_is_not_sent_again(
    audience: Audience, mailbox: Mailbox
) -> None:
    for number in range(5):
        await audience.listening(f"p{number}@example.com")
    id = await audience.update(await audience.report(), "Looking", api="downtime")
    await audience.database.write(actions.expand, id)
    ids = (await audience.database.read(actions.look, {"email": 3})).due["email"]
    claimed = await audience.database.write(actions.claim, ids, BASE_URL)
    assert len(claimed) == 3
    await audience.database.write(actions.settle, [(claimed[0], Outcome(verdict=Verdict.ACCEPTED, detail="ok"))])
    # here it dies: two are leased and nobody knows whether they went out
    heir = worker(audience, mailbox, alone=False)
    await run(heir, audience.clock)
    assert len(mailbox.mails) == 2, "nobody touches what somebody else may be sending"
    await audience.wait(seconds=rules.LEASE_SECONDS)
    await run(heir, audience.clock)
    assert told(mailbox) == [f"p{number}@example.com" for number in range(1, 5)]
    await heir.close()


async def test_a_process_that_is_alone_takes_over_at_once(here: Audience, mailbox: Mailbox) -> None:
    await here.listening("ann@example.com")
    await here.database.write(actions.expand, await here.update(await here.report(), "Looking", api="downtime"))
    ids = (await here.database.read(actions.look, {"email": 3})).due["email"]
    await here.database.write(actions.claim, ids, BASE_URL)
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    await sender.close()
    assert mailbox.recipients == ["ann@example.com"]


@pytest.mark.slow
async def test_an_address_that_is_dead_is_unsubscribed_at_once_and_one_that_fails_after_a_while(
    audience: Audience, mailbox: Mailbox
) -> None:
    dead = await audience.listening("dead@example.com")
    full = await audience.listening("full@example.com")
    report = await audience.report()
    refusals = {"dead@example.com": "550 5.1.1 no such user", "full@example.com": "452 4.2.2 mailbox full"}
    mailbox.answer_recipient = refusals.get
    sender = worker(audience, mailbox)
    for number in range(rules.MAX_FAILURES):
        await audience.update(report, f"Update {number}", api="downtime")
        for _ in range(2):  # once more, just before it is no news any more
            await run(sender, audience.clock)
            await audience.wait(hours=11, minutes=59, seconds=50)
        found = await audience.subscriber(full)
        assert found is not None
        assert found.failures == number + 1
        assert subscribing.listening(found) is (number + 1 < rules.MAX_FAILURES)
        gone = await audience.subscriber(dead)
        assert gone is not None
        assert not subscribing.listening(gone)
    assert len([row for row in await audience.notices() if row[0] == dead]) == 1
    await sender.close()


@pytest.mark.slow
async def test_our_own_trouble_is_nobodys_failure(here: Audience, mailbox: Mailbox) -> None:
    ids = [await here.listening(f"p{number}@example.com") for number in range(60)]
    await here.update(await here.report(), "Looking", api="downtime")
    asked = 0

    def refuse() -> str:
        nonlocal asked
        asked += 1
        return "451 4.3.0 no disk"

    mailbox.answer_data = refuse
    sender = worker(here, mailbox)
    for _ in range(20):
        await run(sender, here.clock)
        await here.wait(seconds=30)
    assert asked < 80, "a mail server that takes nothing is asked now and then"
    mailbox.answer_data = lambda: None
    for _ in range(10):
        await run(sender, here.clock)
        await here.wait(minutes=5)
    assert len(set(mailbox.recipients)) == len(mailbox.recipients) == 60
    for id in ids:
        found = await here.subscriber(id)
        assert found is not None
        assert found.failures == 0
    await sender.close()


@pytest.mark.slow
@pytest.mark.parametrize("refusal", ["550 relay not permitted", "550 5.7.1 relaying denied", "550 5.1.1 who is that"])
async def test_a_mail_server_that_refuses_everybody_costs_nobody_their_subscription(
    here: Audience, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    monkeypatch.setattr(notices, "REFUSED_IN_A_ROW", 3)
    ids = [await here.listening(f"p{number}@example.com") for number in range(12)]
    report = await here.report()
    mailbox.answer_recipient = lambda to: refusal
    sender = worker(here, mailbox)
    for number in range(rules.MAX_FAILURES + 1):
        await here.update(report, f"Update {number}", api="downtime")
        for _ in range(2):
            await run(sender, here.clock)
            await here.wait(hours=11, minutes=59, seconds=50)
    standing = [await here.subscriber(id) for id in ids]
    assert sum(each is not None and subscribing.listening(each) for each in standing) >= 9
    mailbox.answer_recipient = lambda to: None
    await here.update(report, "It can be mended", api="downtime")
    for _ in range(3):
        await run(sender, here.clock)
        await here.wait(minutes=2)
    assert len(set(mailbox.recipients)) >= 9
    await sender.close()


async def test_without_a_mail_server_news_grows_old_and_nobody_is_unsubscribed(here: Audience) -> None:
    ann = await here.listening("ann@example.com")
    await here.update(await here.report(), "Looking", api="downtime")
    sender = worker(here, Mailbox(), email_settings=email.Settings())
    for _ in range(2):
        await run(sender, here.clock)
        await here.wait(hours=11, minutes=59, seconds=50)
    assert [state for _, _, _, state in await here.notices()] == ["given_up"]
    found = await here.subscriber(ann)
    assert found is not None
    assert subscribing.listening(found)


@pytest.mark.slow
async def test_mails_leave_at_a_bounded_rate_over_few_connections(here: Audience, mailbox: Mailbox) -> None:
    for number in range(50):
        await here.listening(f"p{number}@example.com")
    await here.update(await here.report(), "Looking", api="downtime")
    sender = worker(here, mailbox, mails_per_minute=600)
    await run(sender, here.clock)
    counts = []
    for _ in range(5):
        counts.append(len(mailbox.mails))
        await here.wait(seconds=1)
        await run(sender, here.clock)
    assert counts == [10, 20, 30, 40, 50]
    assert mailbox.most_at_once <= 2
    await sender.close()


@pytest.mark.slow
async def test_who_waits_for_a_confirmation_waits_behind_nobody(here: Audience, mailbox: Mailbox) -> None:
    for number in range(100):
        await here.listening(f"p{number}@example.com")
    await here.update(await here.report(), "Looking", api="downtime")
    sender = worker(here, mailbox, mails_per_minute=600)
    await run(sender, here.clock)
    await here.subscribe("new@example.com", language="fr")
    await here.wait(seconds=1)
    await run(sender, here.clock)
    assert "new@example.com" in mailbox.recipients
    (mail,) = [mail for mail in mailbox.mails if "new@" in str(mail["To"])]
    assert mail["Subject"] == "Confirmez votre abonnement à l’état des services de Acme"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    token = text.partition("/subscribe/confirm/")[2].split()[0]
    opened = await visitors.open_confirmation(here.database, token, None)
    assert subscribing.listening(await here.act(visitors.CONFIRM, opened))
    await sender.close()


async def test_who_is_subscribed_already_reads_that_they_are(here: Audience, mailbox: Mailbox) -> None:
    await here.listening("ann@example.com")
    await here.subscribe("ann@example.com")
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    (mail,) = mailbox.mails
    assert mail["Subject"] == "You are subscribed to the status of Acme"
    assert "/subscribe/confirm/" not in mail.as_string()
    await sender.close()


async def test_whoever_left_while_a_mail_waited_gets_none(here: Audience, mailbox: Mailbox) -> None:
    await here.listening("ann@example.com")
    await here.update(await here.report(), "Looking", api="downtime")
    sender = worker(here, mailbox)
    for _ in range(2):
        async with sender._connections, sender._connections:  # both are taken: it waits for its turn
            await sender.run_once()
            await asyncio.sleep(0.05)
            await here.wait(seconds=2)
            if (await here.found("ann@example.com")).unsubscribed_at is None:
                await here.act(visitors.UNSUBSCRIBE, await here.management("ann@example.com"))
        await sender.drain()
    assert (mailbox.mails, [state for *_, state in await here.notices()]) == ([], ["dropped"])


async def test_a_server_that_refuses_our_return_address_takes_the_mail_from_its_author(
    here: Audience, mailbox: Mailbox
) -> None:
    await here.listening("ann@example.com")
    await here.update(await here.report(), "Looking", api="downtime")
    mailbox.answer_sender = lambda address: "553 5.7.1 not yours" if address.startswith("bounce+") else None
    sender = worker(here, mailbox, mail_domain="alerts.tocsin.example")
    await run(sender, here.clock)
    assert (mailbox.recipients, mailbox.senders) == (["ann@example.com"], ["status@tocsin.example"])
    await sender.close()


async def test_a_late_answer_changes_nothing_unless_it_was_accepted(audience: Audience) -> None:
    await audience.listening("ann@example.com")
    await audience.database.write(
        actions.expand, await audience.update(await audience.report(), "Looking", api="downtime")
    )

    async def claim() -> Notice:
        ids = (await audience.database.read(actions.look, {"email": 3})).due["email"]
        (notice,) = await audience.database.write(actions.claim, ids, BASE_URL)
        return notice

    async def settle(notice: Notice, verdict: Verdict) -> State | None:
        outcome = Outcome(verdict=verdict, detail="")
        return (await audience.database.write(actions.settle, [(notice, outcome)]))[0]

    first = await claim()
    await audience.wait(seconds=rules.LEASE_SECONDS)
    second = await claim()
    assert (first.attempt, second.attempt, first.key) == (1, 2, second.key)
    assert await settle(first, Verdict.LATER) is None
    assert await settle(first, Verdict.ACCEPTED) is State.SENT
    assert await settle(second, Verdict.LATER) is None


async def test_finished_messages_are_forgotten_after_a_month(audience: Audience) -> None:
    await audience.listening("ann@example.com")
    await audience.database.write(
        actions.expand, await audience.update(await audience.report(), "Looking", api="downtime")
    )
    await audience.wait(days=31)
    assert await audience.database.write(actions.prune_notices, at_most=10) == 0, "unfinished ones are not"
    ids = (await audience.database.read(actions.look, {"email": 3})).due["email"]
    assert await audience.database.write(actions.claim, ids, BASE_URL) == []
    assert await audience.database.write(actions.prune_notices, at_most=10) == 1
    assert await audience.count("notices") == 0


async def test_they_are_counted_by_state(audience: Audience) -> None:
    await audience.listening("ann@example.com")
    await audience.database.write(
        actions.expand, await audience.update(await audience.report(), "Looking", api="downtime")
    )
    await audience.wait(days=2)
    found = await audience.database.read(actions.states)
    assert found == {"queued": 1, "sending": 0, "waiting": 0, "sent": 0, "given_up": 0, "dropped": 0}


def test_the_pause_grows_to_its_bound() -> None:
    assert [rules.pause_seconds(number) for number in (0, 2, 3, 4, 5, 50)] == [0, 0, 2, 4, 8, 60]
    assert rules.LIFETIME[next(iter(rules.LIFETIME))] > timedelta(0)


async def test_a_server_that_repeats_an_address_puts_it_in_no_log(
    here: Audience, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    await here.listening("ann@example.com")
    await here.update(await here.report(), "Looking", api="downtime")
    mailbox.answer_recipient = lambda to: f"550 5.1.1 <{to}> is unknown"
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    await sender.close()
    said = capsys.readouterr().out
    assert "is unknown" in said
    assert "ann@example.com" not in said


async def test_letters_of_the_world_and_endless_lines_arrive_as_they_were_written(
    here: Audience, mailbox: Mailbox
) -> None:
    await here.listening("ann@example.com", language="ja")
    said = "Zahlungen \N{PILE OF POO} schlagen fehl & " + "immer weiter " * 200
    await here.update(await here.report("Störung 障害"), "Kurz: ÄÖÜ", api="downtime")
    await here.update(1, said, api="resolved")
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    await sender.close()
    first, second = mailbox.mails
    assert first["Subject"] == "[Acme] Störung 障害: 障害"
    for mail, words in ((first, "Kurz: ÄÖÜ"), (second, said.strip())):
        plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
        assert plain is not None
        assert html is not None
        assert words in plain.get_content()
        assert words in unescape(html.get_content())
        assert max(map(len, mail.as_bytes().splitlines())) <= 998


async def test_a_message_that_cannot_be_made_silences_no_other(here: Audience, mailbox: Mailbox) -> None:
    await here.listening("ann@example.com")
    spoilt = await here.listening("bob@example.com")
    await here.listening("cid@example.com")
    await here.database.write(actions.expand, await here.update(await here.report(), "Looking", api="downtime"))
    broken = update(tables.notices).where(tables.notices.c.subscriber_id == spoilt).values(kind="no such kind")
    await here.database.write(lambda tx: tx.execute(broken))
    sender = worker(here, mailbox)
    await run(sender, here.clock)
    await sender.close()
    assert told(mailbox) == ["ann@example.com", "cid@example.com"]
    assert [state for *_, state in await here.notices()] == ["sent", "given_up", "sent"]
