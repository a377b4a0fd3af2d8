"""Nobody gets in unrecognised, nobody gets more than their team's things, and all of it is on record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.gateway import Credential, Door
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.request import Reply, Request
from tocsin.gateway.throttle import REFUSALS_PER_ADDRESS
from tocsin.kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany, Unauthenticated
from tocsin.registry import Call, Catalogue, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import Arguments
from tocsin.storage import Database, Tx
from tocsin.storage.events import events, record


class BellAttributes(msgspec.Struct):
    name: str
    loud: bool
    team_name: str


class Bell(msgspec.Struct, frozen=True):
    id: int
    team_id: int
    name: str


class BellNew(msgspec.Struct):
    name: str
    secret: str | msgspec.UnsetType = msgspec.UNSET


class BellsWanted(msgspec.Struct):
    page: int = 1
    per_page: int = 50


class BellId(msgspec.Struct):
    id: int


BELL = Resource(type="bell", attributes=BellAttributes, render=lambda bell: BellAttributes(bell.name, True, ""))


def cast(tx: Tx, call: Call, wanted: BellNew) -> Bell:
    if wanted.name == "cracked":
        record(tx, "half.done", team_id=call.team_id, resource_type="bell", resource_id=0)
        raise Conflict("Bell was already cracked")
    if wanted.name == "bug":
        raise RuntimeError("our fault")
    assert call.team_id is not None
    record(tx, "bell.cast", team_id=call.team_id, resource_type="bell", resource_id=7)
    return Bell(7, call.team_id, wanted.name)


def bells(tx: Tx, call: Call, wanted: BellsWanted) -> Page[str]:
    return Page([str(call.team_ids)], 1, wanted.page, wanted.per_page)


def ring(tx: Tx, call: Call, wanted: BellId) -> Bell:
    raise NotFound("bell", wanted.id)


CAST = Operation(
    name="bells.create", routes=(Route("POST", "/bells"),), area="bells", level="write", input=BellNew, handler=cast,
    doc="Cast a bell.", deed="cast a bell", resource=BELL, scope=Scope.CREATE, secrets=("secret",),
)  # fmt: skip
LIST = Operation(
    name="bells.list", routes=(Route("GET", "/bells"),), area="bells", level="read", input=BellsWanted, handler=bells,
    doc="List bells.", deed="listed bells", resource=BELL, answer="list", scope=Scope.LIST,
)  # fmt: skip
RING = Operation(
    name="bells.ring", routes=(Route("POST", "/bells/{id}/ring"),), area="bells", level="write", input=BellId,
    handler=ring, doc="Ring a bell.", deed="rang a bell", resource=BELL,
)  # fmt: skip

FIND = Operation(
    name="bells.get", routes=(Route("GET", "/bells/{id}"),), area="bells", level="read", input=BellId,
    handler=ring, doc="Find a bell.", deed="looked at a bell", resource=BELL,
)  # fmt: skip


class House:
    """A door with two teams behind it: Alice's, and Charlie's, who must see nothing of it."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.door = Door(database, Catalogue([CAST, LIST, RING, FIND]), clock)
        self.tokens: dict[str, str] = {}

    async def furnish(self) -> House:
        def work(tx: Tx) -> dict[str, str]:
            alice = accounts.ensure_team(tx, "Alice's team")
            charlie = accounts.ensure_team(tx, "Charlie's team")
            self.alice = alice.id
            return {
                "alice": accounts.create_token(tx, team_id=alice.id, name="CI"),
                "charlie": accounts.create_token(tx, team_id=charlie.id, name="Other"),
                "global": accounts.create_token(tx, team_id=None, name="Everything"),
            }

        self.tokens = await self.database.write(work)
        return self

    async def call(
        self,
        operation: Operation,
        token: str | None = "alice",
        body: Mapping[str, Any] | Invalid | None = None,
        **more: Any,
    ) -> Reply:
        query = more.pop("query", {})
        path = more.pop("path", {})
        credential = more.pop("credential", None) or Credential(token=self.tokens.get(token or "", token))
        return await self.door.call(
            Request(
                operation=operation,
                route=operation.routes[0],
                credential=credential,
                arguments=Arguments(body=body or {}, query=query, path=path),
                surface="rest",
                base_url="http://here",
                render=lambda reply: msgspec.json.encode(str(reply.value)),
                **more,
            )
        )

    async def log(self) -> list[Any]:
        return await self.database.read(lambda tx: list(tx.execute(select(audit_entries).order_by(audit_entries.c.id))))

    async def events(self) -> list[str]:
        return await self.database.read(lambda tx: [row.name for row in tx.execute(select(events.c.name))])


@pytest.fixture
async def house(database: Database, clock: FakeClock) -> House:
    return await House(database, clock).furnish()


async def test_a_write_is_done_and_on_record(house: House) -> None:
    reply = await house.call(CAST, body={"name": "Big Ben", "secret": "hush"})
    assert reply.value == Bell(7, house.alice, "Big Ben")
    (entry,) = await house.log()
    assert (
        entry.sentence == "Token 'CI' cast a bell (bell 7 'Big Ben') in team Alice's team through the API: allowed, "
        "the team's own token."
    )
    assert entry.team_id == house.alice
    assert entry.arguments == {"name": "Big Ben", "secret": "[hidden]"}


async def test_a_stranger_is_turned_away_and_that_is_on_record(house: House) -> None:
    for operation in (CAST, LIST):
        for token in (None, "wrong"):
            with pytest.raises(Unauthenticated, match="Invalid Team API token"):
                await house.call(operation, token, body={"name": "x"})
    log = await house.log()
    assert [entry.outcome for entry in log] == ["denied"] * 4
    assert (
        log[0].sentence == "Somebody without a valid token tried: bells.create through the API: denied, no valid token."
    )
    assert log[0].arguments == {}, "what strangers send is not kept"


async def test_a_failed_write_leaves_nothing_but_its_audit_entry(house: House) -> None:
    with pytest.raises(Conflict):
        await house.call(CAST, body={"name": "cracked"})
    assert await house.events() == []
    (entry,) = await house.log()
    assert (entry.outcome, entry.reason) == ("failed", "Bell was already cracked")


@pytest.mark.slow
async def test_a_bug_of_ours_is_on_record_and_raised(house: House) -> None:
    with pytest.raises(RuntimeError):
        await house.call(CAST, body={"name": "bug"})
    (entry,) = await house.log()
    assert entry.reason == "a fault of ours (RuntimeError)"


async def test_bad_input_from_a_stranger_is_unauthenticated_first(house: House) -> None:
    with pytest.raises(Unauthenticated):
        await house.call(CAST, None, body=Invalid("not JSON"))
    with pytest.raises(Invalid, match="not JSON"):
        await house.call(CAST, body=Invalid("not JSON"))


async def test_a_global_token_must_name_the_team_that_will_own(house: House) -> None:
    with pytest.raises(Invalid) as missing:
        await house.call(CAST, "global", body={"name": "x"})
    assert missing.value.detail == {"required_attributes": ["team_name"]}
    with pytest.raises(Invalid) as unknown:
        await house.call(CAST, "global", body={"name": "x", "team_name": "Nobody's"})
    assert unknown.value.field_errors == {"team_name": ["doesn't exist"]}
    reply = await house.call(CAST, "global", body={"name": "x", "team_name": "Alice's team"})
    assert reply.value.team_id == house.alice


async def test_what_cannot_be_read_is_said_before_what_is_missing(house: House) -> None:
    with pytest.raises(Invalid, match="not JSON"):
        await house.call(CAST, "global", body=Invalid("not JSON"))
    with pytest.raises(Invalid, match="too many"):
        await house.call(LIST, "global", query=Invalid("too many"))
    with pytest.raises(Unauthenticated):
        await house.call(LIST, None, query=Invalid("too many"))


async def test_a_password_in_an_address_is_not_kept_in_the_log(house: House) -> None:
    await house.call(CAST, body={"name": "http://ann:hunter2@shop.example/x?y=a@b"})
    (entry,) = await house.log()
    assert entry.arguments == {"name": "http://[hidden]@shop.example/x?y=a@b"}


async def test_a_team_token_cannot_create_in_another_team(house: House) -> None:
    with pytest.raises(Invalid):
        await house.call(CAST, "charlie", body={"name": "x", "team_name": "Alice's team"})


async def test_a_list_reaches_only_the_callers_teams(house: House) -> None:
    seen = {
        (token, name): (await house.call(LIST, token, query={"team_name": [name]} if name else {})).value.items[0]
        for token in ("alice", "charlie", "global")
        for name in ("", "Alice's team", "Nobody's")
    }
    alice = str((house.alice,))
    assert seen["alice", ""] == alice
    assert seen["alice", "Alice's team"] == alice
    assert seen["alice", "Nobody's"] == "()"
    assert seen["charlie", "Alice's team"] == "()"
    assert seen["global", ""] == "None"
    assert seen["global", "Alice's team"] == alice


async def test_the_same_idempotency_key_does_it_once(house: House) -> None:
    first = await house.call(CAST, body={"name": "x"}, idempotency_key="k1")
    again = await house.call(CAST, body={"name": "x"}, idempotency_key="k1")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.body == first.body
    assert await house.events() == ["bell.cast"]


async def test_an_idempotency_key_belongs_to_its_caller_and_its_request(house: House) -> None:
    await house.call(CAST, body={"name": "x"}, idempotency_key="k1")
    with pytest.raises(Invalid, match="different request"):
        await house.call(CAST, body={"name": "y"}, idempotency_key="k1")
    assert (await house.call(CAST, "charlie", body={"name": "y"}, idempotency_key="k1")).replayed is False


async def test_an_idempotency_key_is_forgotten_after_a_day(house: House, clock: FakeClock) -> None:
    await house.call(CAST, body={"name": "x"}, idempotency_key="k1")
    clock.wind(timedelta(hours=24, seconds=1))
    assert (await house.call(CAST, body={"name": "x"}, idempotency_key="k1")).replayed is False


async def test_a_failed_write_does_not_use_up_its_idempotency_key(house: House) -> None:
    for _ in range(2):
        with pytest.raises(Conflict):
            await house.call(CAST, body={"name": "cracked"}, idempotency_key="k1")


async def test_a_link_opens_only_what_it_was_sent_for(house: House) -> None:
    def add(tx: Tx) -> int:
        user = accounts.create_user(tx, email="ann@example.com", name="Ann Example", password=None)
        accounts.join(tx, house.alice, user.id)
        return user.id

    user_id = await house.database.write(add)
    link = Credential(user_id=user_id, through="e-mail link", only=frozenset({"bells.ring"}))
    with pytest.raises(NotFound):
        await house.call(RING, credential=link, path={"id": "9"})
    with pytest.raises(Refused, match=r"not good for bells\.create"):
        await house.call(CAST, credential=link, body={"name": "x"})
    with pytest.raises(Refused):
        await house.call(LIST, credential=link)
    assert [(entry.actor_name, entry.outcome) for entry in await house.log()] == [
        ("Ann Example", "failed"),
        ("Ann Example", "denied"),
        ("Ann Example", "denied"),
    ]


async def test_an_id_that_is_no_number_is_not_found(house: House) -> None:
    for id in ("abc", "-1", "1e3", "9" * 30, "١"):
        with pytest.raises(NotFound) as error:
            await house.call(RING, path={"id": id})
        assert error.value.message == f"Resource type bell with id = {id} was not found"


@pytest.mark.slow
async def test_whoever_keeps_guessing_is_sent_off_without_filling_the_disk(house: House, clock: FakeClock) -> None:
    stranger = Credential(token="guess", client_address="192.0.2.7")
    for number in range(REFUSALS_PER_ADDRESS):
        with pytest.raises(Unauthenticated):
            await house.call((LIST, CAST)[number % 2], credential=stranger, body={"name": "x"})
    for operation in (LIST, CAST):
        with pytest.raises(TooMany) as error:
            await house.call(operation, credential=stranger, body={"name": "x"})
        assert 0 < error.value.retry_after_seconds <= 60
    assert len(await house.log()) == REFUSALS_PER_ADDRESS
    known = Credential(token=house.tokens["alice"], client_address="192.0.2.7")
    await house.call(LIST, credential=known)
    with pytest.raises(Unauthenticated):
        await house.call(LIST, credential=Credential(token="guess", client_address="192.0.2.8"))
    clock.wind(minutes=1)
    with pytest.raises(Unauthenticated):
        await house.call(LIST, credential=stranger)


async def test_reads_at_once_are_judged_and_written_down_each_for_itself(house: House) -> None:
    def person(tx: Tx) -> int:
        ann = accounts.create_user(tx, email="ann@example.com", name="Ann Archer", password=None)
        accounts.join(tx, house.alice, ann.id)
        return ann.id

    ann = await house.database.write(person)

    def asked(operation: Operation, **path: str) -> Request:
        seen = Credential(user_id=ann, team_id=house.alice, only=frozenset({"bells.list", "bells.get"}))
        return Request(
            operation=operation, route=operation.routes[0], credential=seen, arguments=Arguments(path=path),
            surface="console", base_url="http://here",
        )  # fmt: skip

    listed, found, again = await house.door.several([asked(LIST), asked(FIND, id="7"), asked(LIST)])
    assert isinstance(listed, Reply)
    assert isinstance(again, Reply)
    assert listed.value == again.value == Page([str((house.alice,))], 1, 1, 50)
    assert isinstance(found, NotFound)
    assert await house.log() == [], "a person's reads are not on record, one by one or at once"

    def narrowed(request: Request) -> Request:
        only = msgspec.structs.replace(request.credential, only=frozenset({"bells.list"}))
        return msgspec.structs.replace(request, credential=only)

    listed, refused = await house.door.several([narrowed(asked(LIST)), narrowed(asked(FIND, id="7"))])
    assert isinstance(listed, Reply)
    assert isinstance(refused, Refused)
    with pytest.raises(Refused) as alone:
        await house.door.call(narrowed(asked(FIND, id="7")))
    assert str(refused) == str(alone.value)
    at_once, by_itself = await house.log()
    assert at_once.outcome == by_itself.outcome == "denied"
    assert at_once.sentence == by_itself.sentence


async def test_only_reads_of_one_person_are_asked_at_once(house: House) -> None:
    def asked(operation: Operation, **who: Any) -> Request:
        return Request(
            operation=operation, route=operation.routes[0], credential=Credential(**who), arguments=Arguments(),
            surface="console", base_url="http://here",
        )  # fmt: skip

    for requests in (
        [asked(LIST, user_id=1), asked(CAST, user_id=1)],
        [asked(LIST, user_id=1), asked(LIST, user_id=2)],
        [asked(LIST, token=house.tokens["alice"])],
    ):
        with pytest.raises(AssertionError):
            await house.door.several(requests)


async def test_who_has_gone_is_nobody_in_every_read_at_once(house: House) -> None:
    gone = Credential(user_id=999, team_id=house.alice)
    request = Request(
        operation=LIST, route=LIST.routes[0], credential=gone, arguments=Arguments(), surface="console",
        base_url="http://here",
    )  # fmt: skip
    answers = await house.door.several([request, request])
    assert [type(answer) for answer in answers] == [NotFound, NotFound]
