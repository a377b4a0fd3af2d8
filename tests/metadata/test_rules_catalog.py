"""The catalog adds what follows from what is known, and never touches what is known."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.metadata import rules
from tocsin.metadata.model import Attribute, Entry, Excerpt, MatchMode, Metadata, Record, Relation, Value


def text(*words: str) -> list[Value]:
    return [Value(value=word) for word in words]


def excerpt(
    columns: Sequence[tuple[str, bool]], *rows: dict[str, list[Value]], mode: MatchMode = MatchMode.ANY
) -> Excerpt:
    """A relation of columns (name, primary) with rows of values by column."""
    attributes = [
        Attribute(id=number, relation_id=1, name=name, primary=primary, position=number)
        for number, (name, primary) in enumerate(columns)
    ]
    ids = {attribute.name: attribute.id for attribute in attributes}
    records = [
        Record(
            id=number,
            relation_id=1,
            entries=[Entry(attribute_id=ids[name], values=values) for name, values in row.items()],
        )
        for number, row in enumerate(rows)
    ]
    relation = Relation(id=1, team_id=1, name="R", description=None, match_mode=mode)
    return Excerpt(relation=relation, attributes=attributes, records=records)


SERVICES = [("Host", True), ("Service", True), ("Team", False), ("Runbook", False)]


def test_a_record_adds_what_it_says_besides_its_primary_values() -> None:
    known = excerpt(SERVICES, {"Host": text("web-1", "web-2"), "Team": text("Shop"), "Runbook": text("https://r")})
    assert rules.enrich({"Host": text("web-2")}, [known]) == {
        "Host": text("web-2"),
        "Team": text("Shop"),
        "Runbook": text("https://r"),
    }
    assert rules.enrich({"Host": text("web-3")}, [known]) == {"Host": text("web-3")}


def test_what_is_there_is_not_overwritten() -> None:
    known = excerpt(SERVICES, {"Host": text("a"), "Team": text("Shop")})
    facts = {"Host": text("a"), "Team": text("Night shift")}
    assert rules.enrich(facts, [known]) == facts


def test_all_wants_every_primary_value_and_a_blank_one_matches_anything() -> None:
    row = {"Host": text("a"), "Service": text("api"), "Team": text("Shop")}
    blank = {"Host": text("b"), "Service": text(""), "Team": text("Infra")}
    known = excerpt(SERVICES, row, blank, mode=MatchMode.ALL)
    assert "Team" not in rules.enrich({"Host": text("a")}, [known])
    assert rules.enrich({"Host": text("a"), "Service": text("api")}, [known])["Team"] == text("Shop")
    assert rules.enrich({"Host": text("b")}, [known])["Team"] == text("Infra")
    assert rules.enrich({"Host": text("b"), "Service": text("any")}, [known])["Team"] == text("Infra")


def test_any_is_content_with_one_and_a_blank_one_matches_nothing() -> None:
    known = excerpt(SERVICES, {"Host": text("a"), "Service": text(""), "Team": text("Shop")})
    assert rules.enrich({"Host": text("a"), "Service": text("x")}, [known])["Team"] == text("Shop")
    assert "Team" not in rules.enrich({"Service": text("")}, [known])


def test_a_record_of_blanks_speaks_about_nothing() -> None:
    for mode in MatchMode:
        known = excerpt(SERVICES, {"Host": text(""), "Team": text("Everybody")}, mode=mode)
        assert rules.enrich({"Host": text("a")}, [known]) == {"Host": text("a")}


def test_several_records_add_their_values_to_one_anothers() -> None:
    known = excerpt(
        SERVICES,
        {"Host": text("a"), "Team": text("Shop", "Night")},
        {"Host": text("b"), "Team": text("Night", "Infra")},
    )
    assert rules.enrich({"Host": text("a", "b")}, [known])["Team"] == text("Shop", "Night", "Infra")


def test_a_reference_is_recognised_by_the_surest_name_that_both_have() -> None:
    alice = Value(type="User", item_id=1, name="Alice", email="alice@x.example")
    assert rules.same(alice, Value(type="User", item_id=1, name="Alice Archer"))
    assert rules.same(alice, Value(type="User", email="ALICE@x.example"))
    assert not rules.same(alice, Value(type="User", item_id=2, name="Alice", email="alice@x.example"))
    assert not rules.same(alice, Value(type="Team", item_id=1, name="Alice"))
    assert not rules.same(alice, Value(value="Alice"))


def test_what_was_added_leads_to_more() -> None:
    hosts = excerpt([("Host", True), ("Service", False)], {"Host": text("a"), "Service": text("api")})
    services = excerpt([("Service", True), ("Team", False)], {"Service": text("api"), "Team": text("Shop")})
    found = rules.enriched({"Host": text("a")}, lambda facts: [services, hosts])
    assert found == {"Host": text("a"), "Service": text("api"), "Team": text("Shop")}


words = st.sampled_from(["", "a", "b", "c"])
some = st.lists(st.builds(lambda word: Value(value=word), words), max_size=3)
names = ["K", "L", "M", "N"]
columns = st.lists(st.booleans(), min_size=4, max_size=4).map(lambda flags: list(zip(names, flags, strict=True)))
rows = st.lists(st.dictionaries(st.sampled_from(names), some, max_size=4), max_size=4)
excerpts = st.lists(
    st.builds(
        lambda shape, given, mode: excerpt(shape, *given, mode=mode), columns, rows, st.sampled_from(list(MatchMode))
    ),
    max_size=3,
)
facts = st.dictionaries(st.sampled_from([*names, "O"]), some.filter(bool), max_size=3)


@pytest.mark.slow
@given(facts, excerpts)
def test_nothing_that_is_known_changes_and_nothing_comes_from_nowhere(known: Metadata, catalog: list[Excerpt]) -> None:
    found = rules.enrich(known, catalog)
    assert {key: found[key] for key in known} == known
    assert list(found)[: len(known)] == list(known)
    for key in found.keys() - known.keys():
        said = [
            value
            for each in catalog
            for attribute in each.attributes
            if attribute.name == key and not attribute.primary
            for record in each.records
            for entry in record.entries
            if entry.attribute_id == attribute.id
            for value in entry.values
        ]
        assert found[key]
        assert all(value in said and value.value != "" for value in found[key])


@pytest.mark.slow
@given(facts, excerpts)
def test_what_is_enriched_is_complete(known: Metadata, catalog: list[Excerpt]) -> None:
    found = rules.enriched(known, lambda _: catalog)
    assert rules.enrich(found, catalog) == found
    assert rules.enriched(found, lambda _: catalog) == found


@pytest.mark.slow
@given(facts, excerpts)
def test_looking_up_what_is_new_finds_all_that_looking_at_everything_does(
    known: Metadata, catalog: list[Excerpt]
) -> None:
    def look_up(news: Metadata) -> list[Excerpt]:
        return [
            msgspec.structs.replace(each, records=[record for record in each.records if shares(news, each, record)])
            for each in catalog
        ]

    assert rules.enriched(known, look_up) == rules.enriched(known, lambda _: catalog)


@pytest.mark.slow
@given(facts, excerpts)
def test_a_record_matches_only_what_it_shares_a_number_with(known: Metadata, catalog: list[Excerpt]) -> None:
    """What the look-up by number leaves out would not have matched."""
    for each in catalog:
        for record in each.records:
            if not rules.matches(known, each.relation.match_mode, each.attributes, record):
                continue
            assert shares(known, each, record)


def shares(known: Metadata, each: Excerpt, record: Record) -> bool:
    """Whether a record is found by these facts."""
    return any(
        rules.catalog_terms(attribute.id, known.get(attribute.name, []))
        & rules.catalog_terms(attribute.id, entry.values)
        for attribute in each.attributes
        if attribute.primary
        for entry in record.entries
        if entry.attribute_id == attribute.id
    )


def test_the_catalog_adds_no_more_text_than_a_page_can_bear_whatever_its_records_say() -> None:
    large = "x" * 9_000
    rows = [{"Service": text("shop"), "Team": text(f"{number}{large}")} for number in range(50)]
    known = excerpt(SERVICES, *rows, {"Service": text("shop"), "Runbook": text("https://r")})
    found = rules.enriched({"Service": text("shop")}, lambda facts: [known])
    added = sum(rules.characters(values) for key, values in found.items() if key != "Service")
    assert 90_000 < added <= rules.MAX_TAKEN_OVER_CHARACTERS
    assert found["Runbook"] == text("https://r"), "what still fits is not left out for what does not"


def test_an_incident_takes_over_the_first_keys_of_an_owner_that_says_too_much() -> None:
    facts = {f"key {number}": text("x" * 10_000) for number in range(20)}
    assert list(rules.inherited(facts)) == [f"key {number}" for number in range(10)]
    assert rules.inherited({"Team": text("Shop")}) == {"Team": text("Shop")}
