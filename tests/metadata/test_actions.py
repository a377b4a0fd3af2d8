"""Facts are attached, replaced, forgotten and found, and an incident opens with all that is known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Filter, Incident, Opening
from tocsin.kernel.errors import Invalid
from tocsin.metadata import actions
from tocsin.metadata.actions import catalog
from tocsin.metadata.model import MatchMode, Metadata, Value
from tocsin.metadata.store import facts as shelf
from tocsin.notify import actions as notify
from tocsin.storage import Database, Tx
from tocsin.storage import metadata as tables

BASE = "https://tocsin.example"


def text(*words: str) -> list[Value]:
    return [Value(value=word) for word in words]


class House:
    """Two teams, and short words for what is done in them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.team_id = self.other_id = 0

    async def furnish(self) -> House:
        def found(tx: Tx) -> tuple[int, int]:
            ops, other = accounts.ensure_team(tx, "Ops"), accounts.ensure_team(tx, "Other")
            for team, name in ((ops, "Alice Archer"), (ops, "Bob Builder"), (other, "Charlie Chan")):
                email = f"{name.split()[0].lower()}@x.example"
                accounts.join(tx, team.id, accounts.create_user(tx, email=email, name=name, password=None).id)
            return ops.id, other.id

        self.team_id, self.other_id = await self.database.write(found)
        return self

    async def put(self, owner_type: str, owner_id: int, **facts: list[Value]) -> None:
        await self.database.write(
            actions.put, team_id=self.team_id, owner_type=owner_type, owner_id=owner_id, facts=facts
        )

    async def of(self, owner_type: str, owner_id: int) -> Metadata:
        return (await self.database.read(actions.of, owner_type, [owner_id]))[owner_id]

    async def open(self, *, owner: tuple[str, int] | None = ("monitor", 1), team_id: int = 0, **more: Any) -> Incident:
        opening = Opening(
            team_id=team_id or self.team_id, owner_type=owner[0] if owner else None,
            owner_id=owner[1] if owner else None, name="Shop", cause="Status 503", paging=Paging(),
            confirmed=True, **more,
        )  # fmt: skip
        return await self.database.write(incidents.open, opening, BASE)

    async def having(self, **wanted: list[Value]) -> list[int]:
        page, _ = await self.database.read(incidents.page, Filter(metadata=wanted), page=1, per_page=50)
        return [incident.id for incident in page]

    async def relation(
        self, *rows: dict[str, list[str]], primary: str = "Service", mode: str = "any", team_id: int = 0
    ) -> int:
        """A relation with a column for every key of the rows."""

        def work(tx: Tx) -> int:
            made = catalog.create_relation(
                tx, team_id or self.team_id, name="Services", description=None, match_mode=MatchMode(mode)
            )
            for name in dict.fromkeys(name for row in rows for name in row):
                catalog.create_attribute(tx, made, name=name, primary=name == primary)
            for row in rows:
                given = [{"attribute": {"name": name}, "values": values} for name, values in row.items()]
                catalog.create_record(tx, made, given, {})
            return made.id

        return await self.database.write(work)

    async def count(self, table: str) -> int:
        statement = tables.tables[table].select()
        return await self.database.read(lambda tx: len(tx.execute(statement).all()))


@pytest.fixture
async def house(database: Database) -> House:
    return await House(database).furnish()


async def test_a_key_is_replaced_and_an_empty_list_deletes_it(house: House) -> None:
    await house.put("Monitor", 1, Team=text("Shop"), Runbook=text("https://r"))
    await house.put("Monitor", 1, Team=text("Infra", "Night"), Zone=text("eu"))
    assert await house.of("Monitor", 1) == {
        "Team": text("Infra", "Night"),
        "Runbook": text("https://r"),
        "Zone": text("eu"),
    }
    await house.put("Monitor", 1, Runbook=[], Nothing=[])
    assert list(await house.of("Monitor", 1)) == ["Team", "Zone"]


async def test_owners_of_different_types_with_the_same_id_are_different(house: House) -> None:
    await house.put("Monitor", 1, Team=text("Shop"))
    await house.put("Heartbeat", 1, Team=text("Infra"))
    await house.database.write(actions.forget, "Heartbeat", [1, 2])
    assert await house.of("Heartbeat", 1) == {}
    assert await house.of("Monitor", 1) == {"Team": text("Shop")}


async def test_what_is_forgotten_leaves_nothing_behind(house: House) -> None:
    incident = await house.open(metadata={"Team": "Shop", "Zone": "eu"})
    await house.put("Incident", incident.id, Team=text("Infra"))
    await house.database.write(incidents.delete, incident.id)
    assert (await house.count("metadata"), await house.count("metadata_terms")) == (0, 0)


async def test_incidents_are_found_by_what_they_have_now_and_not_by_what_they_had(house: House) -> None:
    first, second = await house.open(metadata={"Team": "Shop"}), await house.open(owner=None, metadata={"Zone": "eu"})
    assert await house.having(Team=text("Shop")) == [first.id]
    await house.put("Incident", first.id, Team=text("Infra"))
    await house.put("Incident", second.id, Team=text("Shop", "Night"))
    assert await house.having(Team=text("Shop")) == [second.id]
    assert await house.having(Team=text("Infra", "Night")) == [second.id, first.id]
    assert await house.having(Team=text("Shop"), Zone=text("eu")) == [second.id]
    assert await house.having(Team=[], Zone=[]) == [second.id]
    await house.put("Incident", second.id, Team=[])
    assert await house.having(Team=[]) == [first.id]


async def test_facts_of_monitors_are_no_facts_of_incidents_with_the_same_id(house: House) -> None:
    incident = await house.open(owner=None)
    await house.put("Monitor", incident.id, Team=text("Shop"))
    assert await house.having(Team=text("Shop")) == []


async def test_an_incident_inherits_what_its_owner_is_known_for_but_keeps_its_own(house: House) -> None:
    await house.put("Monitor", 1, Team=text("Shop"), Zone=text("eu"))
    await house.put("Monitor", 2, Team=text("Infra"))
    incident = await house.open(metadata={"Zone": "us"})
    assert await house.of("Incident", incident.id) == {"Team": text("Shop"), "Zone": text("us")}
    await house.put("Monitor", 1, Team=text("Night"))
    assert (await house.of("Incident", incident.id))["Team"] == text("Shop")


@pytest.mark.parametrize(
    ("owner", "owner_type"),
    [
        ("heartbeat", "Heartbeat"),
        ("incoming_webhook", "IncomingWebhook"),
        ("email_integration", "EmailIntegration"),
        ("grafana_integration", "WebhookIntegration"),
    ],
)
async def test_every_kind_of_owner_hands_its_facts_on(house: House, owner: str, owner_type: str) -> None:
    await house.put(owner_type, 5, Team=text("Shop"))
    incident = await house.open(owner=(owner, 5))
    assert await house.of("Incident", incident.id) == {"Team": text("Shop")}


@pytest.mark.slow
async def test_the_catalog_adds_what_follows_from_what_is_inherited(house: House) -> None:
    await house.relation(
        {"Service": ["api", "web"], "Team": ["Shop"]},
        {"Service": ["db"], "Team": ["Infra"]},
    )
    await house.relation({"Team": ["Shop"], "Lead": ["Alice"]}, primary="Team")
    await house.put("Monitor", 1, Service=text("web"))
    incident = await house.open()
    assert await house.of("Incident", incident.id) == {
        "Service": text("web"),
        "Team": text("Shop"),
        "Lead": text("Alice"),
    }
    assert await house.having(Lead=text("Alice")) == [incident.id]


async def test_another_teams_catalog_adds_nothing(house: House) -> None:
    await house.relation({"Service": ["web"], "Team": ["Shop"]}, team_id=house.other_id)
    incident = await house.open(metadata={"Service": "web"})
    assert await house.of("Incident", incident.id) == {"Service": text("web")}


async def test_an_attribute_that_becomes_primary_is_looked_at_and_a_deleted_one_is_not(house: House) -> None:
    id = await house.relation({"Service": ["web"], "Host": ["web-1"], "Team": ["Shop"]})

    def change(tx: Tx) -> None:
        relation = catalog.relation(tx, id, None)
        service, host, _ = catalog.attributes(tx, relation)
        catalog.update_attribute(tx, relation, host, {"primary": True})
        catalog.delete_attribute(tx, service)

    await house.database.write(change)
    incident = await house.open(metadata={"Host": "web-1"})
    assert await house.of("Incident", incident.id) == {"Host": text("web-1"), "Team": text("Shop")}
    other = await house.open(owner=("monitor", 2), metadata={"Service": "web"})
    assert list(await house.of("Incident", other.id)) == ["Service"]


@pytest.mark.slow
async def test_people_are_paged_even_if_what_belongs_to_an_incident_cannot_be_found_out(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A row that no version of ours has written stands for whatever may go wrong with additions."""
    await house.put("Monitor", 1, Team=text("Shop"))
    broken = shelf.facts.update().values({shelf.facts.c["values"]: [{"colour": "red"}]})
    await house.database.write(lambda tx: tx.execute(broken).rowcount)
    incident = await house.open(metadata={"Zone": "eu"})
    assert await house.of("Incident", incident.id) == {"Zone": text("eu")}
    assert len(await house.database.write(lambda tx: notify.claim(tx, "email", 100, BASE))) == 2


async def test_what_alerts_say_is_cut_to_what_a_fact_may_be(house: House) -> None:
    facts = {str(number): "x" * 20_000 for number in range(150)} | {" ": "blank"}
    incident = await house.open(metadata=facts)
    found = await house.of("Incident", incident.id)
    assert len(found) == 100
    assert {len(values[0].value or "") for values in found.values()} == {10_000}


async def test_people_and_teams_are_looked_up_within_the_team(house: House) -> None:
    def read(tx: Tx, *values: dict[str, Any]) -> list[Value]:
        return actions.read_facts(tx, {"Key": list(values)}, house.team_id)["Key"]

    bob, alice = {"type": "User", "email": "BOB@x.example"}, {"type": "User", "name": "Alice Archer"}
    found = await house.database.read(read, bob, alice, {"type": "Team", "name": "Ops"})
    assert [(value.type, value.name, value.email) for value in found] == [
        ("User", "Bob Builder", "bob@x.example"),
        ("User", "Alice Archer", "alice@x.example"),
        ("Team", "Ops", None),
    ]
    for foreign in ({"type": "User", "email": "charlie@x.example"}, {"type": "Team", "name": "Other"}):
        with pytest.raises(Exception, match="doesn't exist"):
            await house.database.read(read, foreign)


async def test_whoever_keeps_what_is_referred_to_looks_it_up(house: House) -> None:
    def policy(tx: Tx, given: Value, team_id: int) -> Value | None:
        return Value(type="Policy", item_id=7, name="Night") if given.item_id in (None, 7) else None

    def read(tx: Tx, item_id: int) -> Metadata:
        given = {"Key": [{"type": "Policy", "item_id": item_id}]}
        return actions.read_facts(tx, given, house.team_id, {"Policy": policy})

    assert await house.database.read(read, 7) == {"Key": [Value(type="Policy", item_id=7, name="Night")]}
    with pytest.raises(Exception, match="refers to a Policy that doesn't exist"):
        await house.database.read(read, 8)


async def test_a_withdrawn_incident_takes_its_facts_along(house: House, clock: FakeClock) -> None:
    opening = Opening(
        team_id=house.team_id, owner_type="monitor", owner_id=1, name="Shop", cause="Status 503", paging=Paging(),
        confirmed=False, metadata={"Team": "Shop"},
    )  # fmt: skip
    incident = await house.database.write(incidents.open, opening, BASE)
    await house.database.write(incidents.withdraw, incident.id)
    clock.wind(days=31)
    await house.database.write(incidents.prune, at_most=100)
    assert (await house.count("metadata"), await house.count("metadata_terms")) == (0, 0)


async def test_neither_a_key_nor_a_record_says_more_than_can_be_read_while_pages_wait(house: House) -> None:
    large = ["x" * 10_000] * 6
    with pytest.raises(Invalid, match="metadata"):
        await house.database.read(lambda tx: actions.read_facts(tx, {"Runbook": large}, house.team_id))
    with pytest.raises(Invalid):
        await house.relation({"Service": ["web"], "Runbook": large[:3], "Customers": large[3:]})
