"""The addresses of the catalog: relations, their attributes and their records (contract part 2, 7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.metadata.actions import Owners
from tocsin.metadata.actions import catalog as actions
from tocsin.metadata.model import Attribute, MatchMode, Record, Relation
from tocsin.metadata.rules import typed
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

_RELATIONS = "/api/v2/catalog/relations"
_ATTRIBUTES = "/api/v2/catalog/relations/{relation_id}/attributes"
_RECORDS = "/api/v2/catalog/relations/{relation_id}/records"


class RelationAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the catalog."""

    name: str
    description: str | None
    match_mode: str


class AttributeAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table of the catalog."""

    name: str
    primary: bool
    position: int


class RecordAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table of the catalog."""

    attributes: list[dict[str, Any]]


class ListRelations(msgspec.Struct, frozen=True, kw_only=True):
    """The page of the list."""

    page: int = 1
    per_page: int = 50


class RelationById(msgspec.Struct, frozen=True, kw_only=True):
    """Names one relation."""

    id: int


class CreateRelation(msgspec.Struct, frozen=True, kw_only=True):
    """A new relation."""

    name: str
    description: str | UnsetType | None = UNSET
    match_mode: Literal["any", "all"] | UnsetType | None = UNSET


class UpdateRelation(RelationById, frozen=True, kw_only=True):
    """What is to change of a relation."""

    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    match_mode: Literal["any", "all"] | UnsetType = UNSET


class Within(msgspec.Struct, frozen=True, kw_only=True):
    """Names the relation in which something is."""

    relation_id: int


class ListWithin(Within, frozen=True, kw_only=True):
    """The relation and the page of the list."""

    page: int = 1
    per_page: int = 50


class OneWithin(Within, frozen=True, kw_only=True):
    """Names one thing in a relation."""

    id: int


class CreateAttribute(Within, frozen=True, kw_only=True):
    """A new attribute, which comes behind the others."""

    name: str
    primary: bool | UnsetType | None = UNSET


class UpdateAttribute(OneWithin, frozen=True, kw_only=True):
    """What is to change of an attribute."""

    name: str | UnsetType = UNSET
    primary: bool | UnsetType = UNSET


class CreateRecord(Within, frozen=True, kw_only=True):
    """A new record: attributes named by id or name, each with typed values."""

    attributes: list[Any]


class UpdateRecord(OneWithin, frozen=True, kw_only=True):
    """All that a record is to say."""

    attributes: list[Any] | UnsetType = UNSET


class ManyRecords(Within, frozen=True, kw_only=True):
    """Many records at once: the body is a JSON array of them."""

    records: list[Any]


def operations(owners: Owners) -> Iterator[Operation]:
    """What can be done with the catalog; `owners`: for what is needed to look references up."""
    yield from _relations()
    yield from _attributes()
    yield from _records(_Records(owners))
    yield from _batches(_Records(owners))


def _relations() -> tuple[Operation, ...]:
    area, one = "metadata", f"{_RELATIONS}/{{id}}"
    return (
        Operation(
            name="catalog_relations.list", routes=(Route("GET", _RELATIONS),), area=area, level="read",
            input=ListRelations, handler=_list_relations, resource=RELATION, answer="list", scope=Scope.LIST,
            doc="List the relations of the catalog.", deed="listed catalog relations",
        ),
        Operation(
            name="catalog_relations.create", routes=(Route("POST", _RELATIONS),), area=area, level="write",
            input=CreateRelation, handler=_create_relation, resource=RELATION, scope=Scope.CREATE,
            doc="Create a catalog relation.", deed="created a catalog relation",
        ),
        Operation(
            name="catalog_relations.get", routes=(Route("GET", one),), area=area, level="read",
            input=RelationById, handler=_get_relation, resource=RELATION,
            doc="Get a catalog relation.", deed="read a catalog relation",
        ),
        Operation(
            name="catalog_relations.update", routes=(Route("PATCH", one),), area=area, level="write",
            input=UpdateRelation, handler=_update_relation, resource=RELATION,
            doc="Change a catalog relation.", deed="changed a catalog relation",
        ),
        Operation(
            name="catalog_relations.delete", routes=(Route("DELETE", one),), area=area, level="full",
            input=RelationById, handler=_delete_relation, resource=RELATION, answer="none", switch="delete",
            doc="Delete a catalog relation with its attributes and records.", deed="deleted a catalog relation",
        ),
    )  # fmt: skip


def _attributes() -> tuple[Operation, ...]:
    area, one = "metadata", f"{_ATTRIBUTES}/{{id}}"
    return (
        Operation(
            name="catalog_attributes.list", routes=(Route("GET", _ATTRIBUTES),), area=area, level="read",
            input=ListWithin, handler=_list_attributes, resource=ATTRIBUTE, answer="list",
            doc="List the attributes of a catalog relation.", deed="listed catalog attributes",
        ),
        Operation(
            name="catalog_attributes.create", routes=(Route("POST", _ATTRIBUTES),), area=area, level="write",
            input=CreateAttribute, handler=_create_attribute, resource=ATTRIBUTE,
            doc="Add an attribute to a catalog relation.", deed="created a catalog attribute",
        ),
        Operation(
            name="catalog_attributes.get", routes=(Route("GET", one),), area=area, level="read",
            input=OneWithin, handler=_get_attribute, resource=ATTRIBUTE,
            doc="Get an attribute of a catalog relation.", deed="read a catalog attribute",
        ),
        Operation(
            name="catalog_attributes.update", routes=(Route("PATCH", one),), area=area, level="write",
            input=UpdateAttribute, handler=_update_attribute, resource=ATTRIBUTE,
            doc="Change an attribute of a catalog relation.", deed="changed a catalog attribute",
        ),
        Operation(
            name="catalog_attributes.delete", routes=(Route("DELETE", one),), area=area, level="full",
            input=OneWithin, handler=_delete_attribute, resource=ATTRIBUTE, answer="none", switch="delete",
            doc="Delete an attribute, and what records say under it.", deed="deleted a catalog attribute",
        ),
    )  # fmt: skip


def _records(book: _Records) -> tuple[Operation, ...]:
    area, one = "metadata", f"{_RECORDS}/{{id}}"
    return (
        Operation(
            name="catalog_records.list", routes=(Route("GET", _RECORDS),), area=area, level="read",
            input=ListWithin, handler=_list_records, resource=RECORD, answer="list",
            doc="List the records of a catalog relation.", deed="listed catalog records",
        ),
        Operation(
            name="catalog_records.create", routes=(Route("POST", _RECORDS),), area=area, level="write",
            input=CreateRecord, handler=book.create, resource=RECORD,
            doc="Add a record to a catalog relation.", deed="created a catalog record",
        ),
        Operation(
            name="catalog_records.get", routes=(Route("GET", one),), area=area, level="read",
            input=OneWithin, handler=_get_record, resource=RECORD,
            doc="Get a record of a catalog relation.", deed="read a catalog record",
        ),
        Operation(
            name="catalog_records.update", routes=(Route("PATCH", one),), area=area, level="write",
            input=UpdateRecord, handler=book.update, resource=RECORD,
            doc="Replace all that a catalog record says.", deed="changed a catalog record",
        ),
        Operation(
            name="catalog_records.delete", routes=(Route("DELETE", one),), area=area, level="full",
            input=OneWithin, handler=_delete_record, resource=RECORD, answer="none", switch="delete",
            doc="Delete a catalog record.", deed="deleted a catalog record",
        ),
    )  # fmt: skip


def _batches(book: _Records) -> tuple[Operation, ...]:
    area, path = "metadata", f"{_RECORDS}/batch"
    return (
        Operation(
            name="catalog_records.add_many", routes=(Route("POST", path),), area=area, level="write",
            input=ManyRecords, handler=book.add, resource=RECORD, answer="none", statuses=(201,),
            list_field="records",
            doc="Add many records to a catalog relation, all or none.", deed="created catalog records",
        ),
        Operation(
            name="catalog_records.replace_all", routes=(Route("PUT", path),), area=area, level="full",
            input=ManyRecords, handler=book.replace, resource=RECORD, answer="none", statuses=(201,),
            list_field="records", switch="delete",
            doc="Replace all records of a catalog relation, all or none.", deed="replaced catalog records",
        ),
    )  # fmt: skip


def _list_relations(tx: Tx, call: Call, input: ListRelations) -> Page[Relation]:
    found, total = actions.relations(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _create_relation(tx: Tx, call: Call, input: CreateRelation) -> Relation:
    assert call.team_id is not None
    mode = MatchMode(input.match_mode) if isinstance(input.match_mode, str) else MatchMode.ANY
    return actions.create_relation(
        tx, call.team_id, name=input.name, description=input.description or None, match_mode=mode
    )


def _get_relation(tx: Tx, call: Call, input: RelationById) -> Relation:
    return actions.relation(tx, input.id, call.team_ids)


def _update_relation(tx: Tx, call: Call, input: UpdateRelation) -> Relation:
    changes = _sent(input, "name", "description", "match_mode")
    if "match_mode" in changes:
        changes["match_mode"] = MatchMode(changes["match_mode"])
    return actions.update_relation(tx, actions.relation(tx, input.id, call.team_ids), changes)


def _delete_relation(tx: Tx, call: Call, input: RelationById) -> None:
    actions.delete_relation(tx, actions.relation(tx, input.id, call.team_ids))


def _list_attributes(tx: Tx, call: Call, input: ListWithin) -> Page[Attribute]:
    found = actions.attributes(tx, actions.relation(tx, input.relation_id, call.team_ids))
    first = (input.page - 1) * input.per_page
    return Page(items=found[first : first + input.per_page], total=len(found), page=input.page, per_page=input.per_page)


def _create_attribute(tx: Tx, call: Call, input: CreateAttribute) -> Attribute:
    relation = actions.relation(tx, input.relation_id, call.team_ids)
    return actions.create_attribute(tx, relation, name=input.name, primary=input.primary is True)


def _get_attribute(tx: Tx, call: Call, input: OneWithin) -> Attribute:
    return actions.attribute(tx, actions.relation(tx, input.relation_id, call.team_ids), input.id)


def _update_attribute(tx: Tx, call: Call, input: UpdateAttribute) -> Attribute:
    relation = actions.relation(tx, input.relation_id, call.team_ids)
    found = actions.attribute(tx, relation, input.id)
    return actions.update_attribute(tx, relation, found, _sent(input, "name", "primary"))


def _delete_attribute(tx: Tx, call: Call, input: OneWithin) -> None:
    actions.delete_attribute(tx, _get_attribute(tx, call, input))


def _list_records(tx: Tx, call: Call, input: ListWithin) -> Page[Record]:
    relation = actions.relation(tx, input.relation_id, call.team_ids)
    found, total = actions.records(tx, relation, page=input.page, per_page=input.per_page)
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _get_record(tx: Tx, call: Call, input: OneWithin) -> Record:
    return actions.record(tx, actions.relation(tx, input.relation_id, call.team_ids), input.id)


def _delete_record(tx: Tx, call: Call, input: OneWithin) -> None:
    actions.delete_record(tx, _get_record(tx, call, input))


class _Records:
    """The handlers that need to look references up."""

    def __init__(self, owners: Owners) -> None:
        self._references = owners.references

    def create(self, tx: Tx, call: Call, input: CreateRecord) -> Record:
        relation = actions.relation(tx, input.relation_id, call.team_ids)
        return actions.create_record(tx, relation, input.attributes, self._references)

    def update(self, tx: Tx, call: Call, input: UpdateRecord) -> Record:
        relation = actions.relation(tx, input.relation_id, call.team_ids)
        found = actions.record(tx, relation, input.id)
        if isinstance(input.attributes, UnsetType):
            return found
        return actions.update_record(tx, relation, found, input.attributes, self._references)

    def add(self, tx: Tx, call: Call, input: ManyRecords) -> None:
        relation = actions.relation(tx, input.relation_id, call.team_ids)
        actions.create_records(tx, relation, input.records, self._references, instead=False)

    def replace(self, tx: Tx, call: Call, input: ManyRecords) -> None:
        relation = actions.relation(tx, input.relation_id, call.team_ids)
        actions.create_records(tx, relation, input.records, self._references, instead=True)


def _sent(input: msgspec.Struct, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(input, name)) is not UNSET}


def _render_record(record: Record) -> RecordAttributes:
    return RecordAttributes(
        attributes=[
            {
                "attribute": {"id": str(entry.attribute_id), "name": entry.attribute_name},
                "values": [typed(value) for value in entry.values],
            }
            for entry in record.entries
        ]
    )


RELATION = Resource(
    type="catalog_relation",
    attributes=RelationAttributes,
    render=lambda found: RelationAttributes(
        name=found.name, description=found.description, match_mode=str(found.match_mode)
    ),
    doc="A table of the catalog, e.g. of services with their teams: what its records say is added to incidents.",
)
ATTRIBUTE = Resource(
    type="catalog_attribute",
    attributes=AttributeAttributes,
    render=lambda found: AttributeAttributes(name=found.name, primary=found.primary, position=found.position),
    doc="A column of a catalog relation; by the primary ones its records are recognised.",
)
RECORD = Resource(
    type="catalog_record",
    attributes=RecordAttributes,
    render=_render_record,
    doc="A row of a catalog relation: values by attribute.",
)
