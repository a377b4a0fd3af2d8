"""Keeps the catalog: its relations, the attributes of each, and the records that say what belongs to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid, NotFound
from tocsin.metadata import rules
from tocsin.metadata.actions.facts import looked_up
from tocsin.metadata.actions.references import Resolver
from tocsin.metadata.model import Attribute, Entry, MatchMode, Record, Relation, Value
from tocsin.metadata.store import catalog as shelf
from tocsin.storage import Tx

RELATION_TYPE = "catalog_relation"
ATTRIBUTE_TYPE = "catalog_attribute"
RECORD_TYPE = "catalog_record"

MAX_RELATIONS = 100
"""Per team: they are asked whenever an incident opens."""
MAX_ATTRIBUTES = 100
"""Per relation, as many as an incident has keys."""
MAX_RECORDS = 10_000
"""Per relation: every host of a large site."""
MAX_BATCH = 1_000
"""Records in one call: while they are written, pages wait."""
MAX_NAME_CHARACTERS = rules.MAX_KEY_CHARACTERS
"""An attribute's name becomes a key."""
MAX_DESCRIPTION_CHARACTERS = 10_000

# --- Relations -----------------------------------------------------------------------------------------------------


def relation(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Relation:
    """One relation, if the caller may see it. Raises NotFound."""
    found = shelf.relation(tx, id, team_ids)
    if found is None:
        raise NotFound(RELATION_TYPE, id)
    return found


def relations(tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int) -> tuple[list[Relation], int]:
    """One page of the relations that the caller may see, by id, and how many there are in all."""
    return shelf.relations_page(tx, team_ids, offset=(page - 1) * per_page, limit=per_page)


def create_relation(tx: Tx, team_id: int, *, name: str, description: str | None, match_mode: MatchMode) -> Relation:
    """Begin a table of the catalog. Raises Invalid (fields name, description, base)."""
    _check_relation(name, description)
    if shelf.count_relations(tx, team_id) >= MAX_RELATIONS:
        raise Invalid.fields(base=f"The team has {MAX_RELATIONS} relations already")
    id = shelf.add_relation(tx, team_id=team_id, name=name, description=description, match_mode=match_mode)
    return relation(tx, id, None)


def update_relation(tx: Tx, found: Relation, changes: Mapping[str, Any]) -> Relation:
    """Change what is in `changes` (name, description, match_mode). Raises Invalid."""
    wanted: Relation = msgspec.structs.replace(found, **changes)
    _check_relation(wanted.name, wanted.description)
    shelf.change_relation(tx, found.id, name=wanted.name, description=wanted.description, match_mode=wanted.match_mode)
    return wanted


def delete_relation(tx: Tx, found: Relation) -> None:
    """Delete a relation with its attributes and records; what it added to incidents stays there."""
    shelf.remove_relation(tx, found.id)


# --- Attributes ----------------------------------------------------------------------------------------------------


def attributes(tx: Tx, relation: Relation) -> list[Attribute]:
    """The attributes of a relation, by position."""
    return shelf.attributes_of(tx, [relation.id])[relation.id]


def attribute(tx: Tx, relation: Relation, id: int) -> Attribute:
    """One attribute of a relation. Raises NotFound."""
    for each in attributes(tx, relation):
        if each.id == id:
            return each
    raise NotFound(ATTRIBUTE_TYPE, id)


def create_attribute(tx: Tx, relation: Relation, *, name: str, primary: bool) -> Attribute:
    """Add an attribute behind the others. Raises Invalid (fields name, base)."""
    others = attributes(tx, relation)
    _check_attribute(name, others)
    if len(others) >= MAX_ATTRIBUTES:
        raise Invalid.fields(base=f"The relation has {MAX_ATTRIBUTES} attributes already")
    position = len(others)
    id = shelf.add_attribute(tx, relation_id=relation.id, name=name, primary=primary, position=position)
    return Attribute(id=id, relation_id=relation.id, name=name, primary=primary, position=position)


def update_attribute(tx: Tx, relation: Relation, found: Attribute, changes: Mapping[str, Any]) -> Attribute:
    """Change what is in `changes` (name, primary). Raises Invalid (field name)."""
    wanted: Attribute = msgspec.structs.replace(found, **changes)
    _check_attribute(wanted.name, [other for other in attributes(tx, relation) if other.id != found.id])
    shelf.change_attribute(tx, found.id, name=wanted.name, primary=wanted.primary)
    return wanted


def delete_attribute(tx: Tx, found: Attribute) -> None:
    """Delete an attribute and what records say under it; those behind it move up one position."""
    shelf.remove_attribute(tx, found)


# --- Records -------------------------------------------------------------------------------------------------------


def record(tx: Tx, relation: Relation, id: int) -> Record:
    """One record of a relation. Raises NotFound."""
    found = shelf.record(tx, relation.id, id)
    if found is None:
        raise NotFound(RECORD_TYPE, id)
    return _named([found], attributes(tx, relation))[0]


def records(tx: Tx, relation: Relation, *, page: int, per_page: int) -> tuple[list[Record], int]:
    """One page of a relation's records, by id, and how many there are in all."""
    found, total = shelf.records_page(tx, relation.id, offset=(page - 1) * per_page, limit=per_page)
    return _named(found, attributes(tx, relation)), total


def create_record(tx: Tx, relation: Relation, given: Sequence[Any], references: Mapping[str, Resolver]) -> Record:
    """Add a record. `given`: the wire's list of attributes with values. Raises Invalid (fields attributes, base)."""
    _check_room(tx, relation, 1, shelf.count_records(tx, relation.id))
    entries = _entries(tx, relation, attributes(tx, relation), given, references, {})
    return record(tx, relation, shelf.add_record(tx, relation.id, entries, _terms(entries)))


def create_records(
    tx: Tx, relation: Relation, given: Sequence[Any], references: Mapping[str, Resolver], *, instead: bool
) -> None:
    """Add many records, all or none; `instead`: in place of all that are there.

    Raises Invalid, whose fields begin with the number of the record from 0, e.g. `3.attributes`.
    """
    if len(given) > MAX_BATCH:
        raise Invalid.fields(base=f"has too many records, at most {MAX_BATCH} are accepted in one call")
    _check_room(tx, relation, len(given), 0 if instead else shelf.count_records(tx, relation.id))
    known, seen = attributes(tx, relation), dict[Value, Value]()
    several = [_numbered(tx, relation, known, number, one, references, seen) for number, one in enumerate(given)]
    if instead:
        shelf.remove_records_of(tx, relation.id)
    for entries in several:
        shelf.add_record(tx, relation.id, entries, _terms(entries))


def update_record(
    tx: Tx, relation: Relation, found: Record, given: Sequence[Any], references: Mapping[str, Resolver]
) -> Record:
    """Replace all that a record says. Raises Invalid (field attributes)."""
    entries = _entries(tx, relation, attributes(tx, relation), given, references, {})
    shelf.change_record(tx, found.id, entries, _terms(entries))
    return record(tx, relation, found.id)


def delete_record(tx: Tx, found: Record) -> None:
    """Delete a record; what it added to incidents stays there."""
    shelf.remove_record(tx, found.id)


# --- Below: how what was sent is read ------------------------------------------------------------------------------


def _check_relation(name: str, description: str | None) -> None:
    errors: dict[str, list[str]] = {}
    if not name.strip():
        errors["name"] = ["can't be blank"]
    elif len(name) > MAX_NAME_CHARACTERS:
        errors["name"] = [f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)"]
    if len(description or "") > MAX_DESCRIPTION_CHARACTERS:
        errors["description"] = [f"is too long (maximum is {MAX_DESCRIPTION_CHARACTERS} characters)"]
    if errors:
        raise Invalid.of(errors)


def _check_attribute(name: str, others: Sequence[Attribute]) -> None:
    if not name.strip():
        raise Invalid.fields(name="can't be blank")
    if len(name) > MAX_NAME_CHARACTERS:
        raise Invalid.fields(name=f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)")
    if any(other.name == name for other in others):
        raise Invalid.fields(name="has already been taken")


def _check_room(tx: Tx, relation: Relation, more: int, there: int) -> None:
    if there + more > MAX_RECORDS:
        raise Invalid.fields(base=f"A relation has at most {MAX_RECORDS} records, and this one has {there}")


def _numbered(
    tx: Tx,
    relation: Relation,
    known: Sequence[Attribute],
    number: int,
    given: Any,
    references: Mapping[str, Resolver],
    seen: dict[Value, Value],
) -> list[Entry]:
    if not isinstance(given, Mapping) or set(given) != {"attributes"} or not isinstance(given["attributes"], list):
        raise Invalid.of({f"{number}": ["must be an object with a list of attributes, and nothing else"]})
    try:
        return _entries(tx, relation, known, given["attributes"], references, seen)
    except Invalid as error:
        raise Invalid.of({f"{number}.{field}": texts for field, texts in error.field_errors.items()}) from None


def _entries(
    tx: Tx,
    relation: Relation,
    known: Sequence[Attribute],
    given: Sequence[Any],
    references: Mapping[str, Resolver],
    seen: dict[Value, Value],
) -> list[Entry]:
    """What a record says, each attribute once and in the order of its first mention.

    Terraform sends an entry for every value, the same attribute again and again: they are put together.
    """
    if len(given) > MAX_ATTRIBUTES * rules.MAX_VALUES:
        raise _wrong("has too many entries")
    by_attribute: dict[int, list[Value]] = {}
    names: dict[int, str] = {}
    for one in given:
        if not isinstance(one, Mapping) or set(one) != {"attribute", "values"}:
            raise _wrong("must be a list of objects, each with an attribute and its values")
        attribute = _meant(one["attribute"], known)
        names[attribute.id] = attribute.name
        values = rules.parsed_values(attribute.name, one["values"] or [], "attributes", blanks=True)
        by_attribute.setdefault(attribute.id, []).extend(values)
    for id, values in by_attribute.items():
        if len(values) > rules.MAX_VALUES:
            raise _wrong(f"{names[id]} has too many values, at most {rules.MAX_VALUES} are accepted")
    if sum(map(rules.characters, by_attribute.values())) > rules.MAX_CHARACTERS:
        raise _wrong(f"has values of more than {rules.MAX_CHARACTERS} characters together")
    facts = {names[id]: values for id, values in by_attribute.items()}
    found = looked_up(tx, facts, relation.team_id, "attributes", references, seen)
    return [Entry(attribute_id=id, attribute_name=names[id], values=found[names[id]]) for id in by_attribute]


def _meant(given: Any, known: Sequence[Attribute]) -> Attribute:
    """The attribute that is named, by id when there is one and else by name."""
    if not isinstance(given, Mapping) or set(given) - {"id", "name"}:
        raise _wrong("has an attribute that is not an object with an id or a name")
    id, name = given.get("id"), given.get("name")
    if id not in (None, ""):
        for attribute in known:
            if str(id) == str(attribute.id):
                return attribute
        raise _wrong(f"has an attribute with the id {str(id)[:20]}, which this relation doesn't have")
    for attribute in known:
        if attribute.name == name:
            return attribute
    raise _wrong(f"has an attribute named {str(name)[:MAX_NAME_CHARACTERS]!r}, which this relation doesn't have")


def _named(found: Sequence[Record], known: Sequence[Attribute]) -> list[Record]:
    """The records with the names of their attributes, without what they said under deleted ones."""
    names = {attribute.id: attribute.name for attribute in known}
    return [
        msgspec.structs.replace(
            record,
            entries=[
                msgspec.structs.replace(entry, attribute_name=names[entry.attribute_id])
                for entry in record.entries
                if entry.attribute_id in names
            ],
        )
        for record in found
    ]


def _terms(entries: Sequence[Entry]) -> set[int]:
    return {number for entry in entries for number in rules.catalog_terms(entry.attribute_id, entry.values)}


def _wrong(text: str) -> Invalid:
    return Invalid.fields(attributes=text)
