"""An address counts when a code that was sent there comes back; until then, and when it is gone, nothing goes there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.time import FakeClock
from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role, User
from tocsin.accounts.store import invitations
from tocsin.contacts import actions
from tocsin.contacts.model import Kind, Method, RuleStep
from tocsin.contacts.store import contact_codes, contact_methods
from tocsin.kernel.errors import Invalid, NotFound, TooMany
from tocsin.kernel.vault import Vault
from tocsin.notify import actions as notify
from tocsin.notify.store.tables import deliveries
from tocsin.storage import Database, Tx

ANN = "ann@example.com"
ALL = ("call", "sms", "email", "push")


def ann(tx: Tx) -> User:
    """The one person of a team."""
    found = accounts.user_by_email(tx, ANN)
    if found is None:
        found = accounts.create_user(tx, email=ANN, name="Ann Example", password=None)
        accounts.join(tx, accounts.ensure_team(tx, "Ops").id, found.id)
    return found


def add(tx: Tx, kind: Kind, address: str) -> Method:
    notify.configured(tx, {"email", "sms", "call", "telegram", "pushover"})
    user = ann(tx)
    team_id = accounts.team_ids_of(tx, user.id)[0]
    return actions.create_method(tx, user, kind=kind, address=address, label="", team_id=team_id)


def codes(tx: Tx) -> list[str]:
    """The codes of all messages that are to be sent, oldest first."""
    found = []
    for channel in ("email", "sms", "call", "ntfy", "telegram", "pushover"):
        for message in notify.claim(tx, channel, 50, "http://tocsin.test"):
            match = re.search(r"code is ([0-9 ]+)", message.notice.headline)
            assert match, message.notice
            found.append((message.delivery_id, match[1]))
    return [code for _, code in sorted(found)]


def verified(tx: Tx, kind: Kind, address: str) -> Method:
    method = add(tx, kind, address)
    actions.verify(tx, ann(tx), method, codes(tx)[-1])
    return actions.find_method(tx, ann(tx), method.id)


def sent(tx: Tx, *wanted: str, critical: bool = False) -> list[tuple[str, str]]:
    told = actions.reach_now(tx, ann(tx).id, wanted, urgency_id=None, critical=critical, at=tx.now)
    return [(each.channel, each.endpoint or each.address) for each in told.messages]


@pytest.mark.slow
async def test_a_new_address_gets_a_code_by_mail_and_pages_when_the_code_comes_back(world: World) -> None:
    path = "/v2/users/alice@example.com/contact-methods"
    added = await world.api("POST", path, {"kind": "email", "address": "alice.private@example.com", "label": "Home"})
    assert added.status_code == 201, added.text
    id = added.json()["data"]["id"]
    assert added.json()["data"]["attributes"]["verified"] is False
    await world.settle()
    (mail,) = world.mail_to("alice.private@example.com")
    code = re.search(r"\[Tocsin\] ([0-9]{6}) is your code", mail.subject)
    assert code, mail.subject
    assert "See the incident" not in mail.text

    await world.outage("shop")
    assert len(world.mail_to("alice.private@example.com")) == 1

    wrong = f"{(int(code[1]) + 1) % 1_000_000:06d}"
    refused = await world.api("POST", f"{path}/{id}/verify", {"code": wrong})
    assert refused.status_code == 422
    assert refused.json() == {"errors": {"code": ["is wrong: 4 tries are left"]}}
    again = await world.api("POST", f"{path}/{id}/verify", {"code": wrong})
    assert again.json() == {"errors": {"code": ["is wrong: 3 tries are left"]}}
    right = await world.api("POST", f"{path}/{id}/verify", {"code": f"{code[1][:3]} {code[1][3:]}"})
    assert right.status_code == 200, right.text
    assert right.json()["data"]["attributes"]["verified"] is True
    listed = (await world.api("GET", path)).json()["data"]
    assert [(each["id"], each["attributes"]["account"]) for each in listed] == [("0", True), (id, False)]
    preview = (await world.api("GET", "/v2/users/alice@example.com/reach?call=true")).json()
    assert [each["address"] for each in preview["messages"]] == ["alice@example.com", "alice.private@example.com"]
    assert preview["remarks"] == ["This Tocsin cannot send phone calls"]
    log = "\n".join(await world.audit_log())
    assert "alice.private" not in log
    assert code[1] not in log


async def test_a_code_is_good_for_ten_minutes_and_five_tries_and_only_the_newest(
    database: Database, clock: FakeClock
) -> None:
    async def verify(method: Method, code: str) -> str:
        def work(tx: Tx) -> str:
            try:
                actions.verify(tx, ann(tx), method, code)
            except Invalid as error:
                if error.aftermath is not None:
                    error.aftermath(tx)
                return error.field_errors["code"][0]
            return "verified"

        return await database.write(work)

    method = await database.write(add, Kind.PHONE, "+420 777 123-456")
    assert method.address == "+420777123456"
    (first,) = await database.write(codes)
    clock.wind(timedelta(minutes=10))
    assert await verify(method, first) == "has expired: ask for another one"

    async def another() -> str:
        await database.write(lambda tx: actions.send_code(tx, ann(tx), method, team_id=1))
        return (await database.write(codes))[-1]

    second, third = await another(), await another()
    if second != third:
        assert await verify(method, second) == "is wrong: 4 tries are left"
    wrong = f"{(int(third) + 1) % 1_000_000:06d}"
    for _ in range(5):
        last = await verify(method, wrong)
    assert last in ("is wrong: 0 tries are left", "was wrong too often: ask for another one")
    assert await verify(method, third) == "was wrong too often: ask for another one"
    fourth = await another()
    assert await verify(method, fourth) == "verified"
    assert await verify(method, "000000") == "verified"
    with pytest.raises(Invalid):
        await another()


async def test_nobody_can_have_a_number_flooded_with_codes(database: Database, clock: FakeClock) -> None:
    method = await database.write(add, Kind.PHONE, "+420777123456")

    def again(tx: Tx) -> None:
        actions.send_code(tx, ann(tx), method, team_id=1)

    for _ in range(4):
        await database.write(again)
    with pytest.raises(TooMany):
        await database.write(again)

    def anew(tx: Tx) -> None:
        actions.remove_method(tx, ann(tx), method.id)
        add(tx, Kind.PHONE, "+420777123456")

    with pytest.raises(TooMany):  # deleting and adding it anew does not start the count anew
        await database.write(anew)
    clock.wind(timedelta(hours=1))
    await database.write(anew)


async def test_what_is_verified_is_used_and_what_is_gone_or_deleted_is_not(database: Database) -> None:
    def work(tx: Tx) -> None:
        assert sent(tx, "call", "push") == [("email", ANN)]
        phone = verified(tx, Kind.PHONE, "00420 777 123 456")
        topic = verified(tx, Kind.NTFY, "https://ntfy.sh/secret-topic-1")
        assert (topic.address, topic.endpoint) == ("ntfy.sh/…ic-1", None)
        assert sent(tx, "call", "push") == [("call", "+420777123456"), ("ntfy", "https://ntfy.sh/secret-topic-1")]
        assert actions.by_phone(tx, "+420777123456") == [phone.user_id]
        assert actions.by_phone(tx, "+420777123457") == []
        assert actions.phone_numbers(tx, [phone.user_id, 99]) == {phone.user_id: ["+420777123456"], 99: []}
        actions.retire(tx, phone.user_id, "ntfy", "https://ntfy.sh/secret-topic-1")
        assert sent(tx, "call", "push") == [("call", "+420777123456")]
        actions.remove_method(tx, ann(tx), phone.id)
        assert sent(tx, "call", "push") == [("email", ANN)]
        with pytest.raises(NotFound):
            actions.find_method(tx, ann(tx), phone.id)

    await database.write(work)


async def test_a_rule_that_names_an_address_goes_with_it(database: Database) -> None:
    def work(tx: Tx) -> None:
        phone = verified(tx, Kind.PHONE, "+420777123456")
        step = {"channel": "call", "contact_method_id": phone.id}
        both = [RuleStep(**step), RuleStep(channel="email", after_seconds=60)]  # type: ignore[arg-type]
        rule = actions.create_rule(tx, ann(tx), None, both)
        assert sent(tx, "sms") == [("call", "+420777123456"), ("email", ANN)]
        actions.remove_method(tx, ann(tx), phone.id)
        (left,) = actions.find_rule(tx, ann(tx), rule.id).steps
        assert (left.channel, left.after_seconds) == ("email", 0)

    await database.write(work)


async def test_a_browser_subscribes_behind_a_link_of_its_person_and_renews(
    database: Database, clock: FakeClock
) -> None:
    keys = f'{{"p256dh": "{"A" * 87}", "auth": "{"A" * 22}"}}'
    subscription = f'{{"endpoint": "https://push.example/abc", "keys": {keys}, "more": 1}}'

    def work(tx: Tx) -> str:
        user = ann(tx)
        link = actions.push_link(tx, user.id)
        assert actions.confirm(tx, link.token) == user.id
        forged = f"{user.id + 1}{link.token[len(str(user.id)) :]}"
        assert [actions.confirm(tx, token) for token in (forged, "x", "", f"{link.token}0")] == [None] * 4
        notify.configured(tx, {"email", "push"})
        first = actions.add_push(tx, user.id, subscription, "Pixel 9")
        ((channel, endpoint),) = sent(tx, "push")
        assert channel == "push"
        assert "https://push.example/abc" in endpoint
        actions.retire(tx, user.id, "push", endpoint)
        assert sent(tx, "push") == [("email", ANN)]
        assert actions.add_push(tx, user.id, subscription, "Pixel 9") == first
        assert [channel for channel, _ in sent(tx, "push")] == ["push"]
        for wrong in ("{}", "x", '{"endpoint": "file:///etc", "keys": {"p256dh": "k", "auth": "a"}}', "x" * 5_000):
            with pytest.raises(Invalid):
                actions.add_push(tx, user.id, wrong, "")
        return link.token

    token = await database.write(work)
    clock.wind(timedelta(hours=1))
    assert await database.read(actions.confirm, token) is None


@pytest.mark.parametrize(
    ("kind", "address", "complaint"),
    [
        (Kind.PHONE, "777123456", "international"),
        (Kind.PHONE, "+0420777123456", "international"),
        (Kind.PHONE, "+4207771234567890", "international"),
        (Kind.PHONE, "+42077712345a", "international"),
        (Kind.PHONE, "  ", "blank"),
        (Kind.EMAIL, "ann", "valid email"),
        (Kind.EMAIL, "ANN@example.com", "needs no code"),
        (Kind.TELEGRAM, "@ann", "chat id"),
        (Kind.NTFY, "https://ntfy.sh/", "ntfy topic"),
        (Kind.NTFY, "ftp://ntfy.sh/topic", "ntfy topic"),
        (Kind.NTFY, "https://[::1/topic", "ntfy topic"),
        (Kind.PUSHOVER, "short", "30 letters"),
        (Kind.APPRISE, "no url", "Apprise URL"),
        (Kind.PUSH, "{}", "browser"),
    ],
)
async def test_an_address_that_nothing_could_reach_is_refused(
    sqlite_database: Database, kind: Kind, address: str, complaint: str
) -> None:
    with pytest.raises(Invalid) as error:
        await sqlite_database.write(add, kind, address)
    ((text,),) = error.value.field_errors.values()
    assert complaint in text


async def test_a_way_that_this_installation_does_not_have_is_refused_with_what_to_do(sqlite_database: Database) -> None:
    def work(tx: Tx) -> None:
        actions.create_method(tx, ann(tx), kind=Kind.PHONE, address="+420777123456", label="", team_id=1)

    with pytest.raises(Invalid) as error:
        await sqlite_database.write(work)
    assert "neither text messages nor phone calls" in error.value.message


async def test_without_text_messages_a_code_is_spoken_digit_by_digit(sqlite_database: Database) -> None:
    def work(tx: Tx) -> str:
        user = ann(tx)
        notify.configured(tx, {"email", "call"})
        actions.create_method(tx, user, kind=Kind.PHONE, address="+420777123456", label="", team_id=1)
        return codes(tx)[0]

    assert re.fullmatch(r"([0-9] ){5}[0-9]", await sqlite_database.write(work))


async def test_no_table_shows_a_code_or_a_secret_address(sqlite_database: Database) -> None:
    def work(tx: Tx) -> tuple[str, list[str]]:
        add(tx, Kind.NTFY, "https://ntfy.sh/secret-topic-1")
        rows: list[Any] = [tx.execute(select(table)).all() for table in (contact_methods, contact_codes, deliveries)]
        return str(rows), codes(tx)

    rows, (code,) = await sqlite_database.write(work)
    assert "secret-topic" not in rows
    assert not re.search(rf"\b{code}\b", rows)


async def test_who_would_not_be_reached_is_listed(sqlite_database: Database) -> None:
    def work(tx: Tx) -> None:
        team_id = accounts.team_ids_of(tx, ann(tx).id)[0]
        assert [each.code for each in actions.warnings(tx, team_id)] == ["no_verified_phone"]
        phone = verified(tx, Kind.PHONE, "+420777123456")
        assert actions.warnings(tx, team_id) == []
        actions.create_rule(tx, ann(tx), None, [RuleStep(channel="push")])
        (code, sentence, kind, id) = actions.warnings(tx, team_id)[0]
        assert (code, kind, id) == ("no_working_rule", "user", phone.user_id)
        assert sentence == "No address in Ann Example's own rule works: the severity decides instead."

    await sqlite_database.write(work)


async def test_an_address_whose_key_is_lost_costs_nobody_the_others(database: Database) -> None:
    def work(tx: Tx) -> None:
        verified(tx, Kind.PHONE, "+420777123456")
        topic = verified(tx, Kind.NTFY, "https://ntfy.sh/secret-topic-1")
        elsewhere = Vault("the key of another installation altogether").seal("https://ntfy.sh/secret-topic-1")
        tx.execute(update(contact_methods).where(contact_methods.c.id == topic.id).values(sealed_endpoint=elsewhere))
        assert sent(tx, "call", "push") == [("call", "+420777123456")]
        assert sent(tx, "push") == [("email", ANN)]

    await database.write(work)


async def test_old_codes_and_invitations_are_forgotten(database: Database, clock: FakeClock) -> None:
    def begin(tx: Tx) -> None:
        add(tx, Kind.PHONE, "+420777123456")
        accounts.invite(tx, 1, "dana@example.com", Role.MEMBER, "Ann")

    def rows(tx: Tx) -> int:
        tables = (contact_codes, invitations)
        return sum(int(tx.execute(select(func.count()).select_from(table)).scalar_one()) for table in tables)

    async def tidy() -> int:
        await database.write(accounts.prune_invitations, at_most=10)
        await database.write(actions.prune_codes, at_most=10)
        return await database.read(rows)

    await database.write(begin)
    assert await tidy() == 2
    clock.wind(timedelta(days=2))
    assert await tidy() == 1
    clock.wind(timedelta(days=60))
    assert await tidy() == 0
