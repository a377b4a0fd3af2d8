"""The addresses of facts: one upsert in version 3, create, read, update and delete in version 2."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from tocsin.kernel.errors import Invalid
from tocsin.metadata import actions, rules
from tocsin.metadata.api import inputs
from tocsin.metadata.api.resources import METADATA, METADATA_V2
from tocsin.metadata.model import Fact, OwnerType, Value, Wanted
from tocsin.registry import Call, Done, Operation, Page, Route, Scope
from tocsin.storage import Tx

_V2 = "/api/v2/metadata"
_V3 = "/api/v3/metadata"
_STATUSES: dict[actions.Outcome, int] = {"created": 201, "updated": 200, "deleted": 204}


def operations(owners: actions.Owners) -> Iterator[Operation]:
    """What can be done with facts of these owners."""
    book = _Book(owners)
    yield from _reading(book)
    yield Operation(
        name="metadata.set",
        routes=(Route("POST", _V3),),
        area="metadata",
        level="write",
        input=inputs.SetMetadata,
        handler=book.set,
        doc="Set, change or delete all values of one key.",
        deed="set metadata",
        resource=METADATA,
        statuses=tuple(_STATUSES.values()),
        event="metadata.updated",
    )
    yield from _writing(book)


def _reading(book: _Book) -> Iterator[Operation]:
    yield Operation(
        name="metadata.list",
        routes=(Route("GET", _V3), Route("GET", _V2, resource=METADATA_V2)),
        area="metadata",
        level="read",
        input=inputs.ListMetadata,
        handler=book.page,
        doc="List metadata, of one owner or of everything.",
        deed="listed metadata",
        resource=METADATA,
        answer="list",
        scope=Scope.LIST,
    )
    yield Operation(
        name="metadata.get",
        tool_name="metadata_entry",
        routes=(Route("GET", f"{_V2}/{{id}}"),),
        area="metadata",
        level="read",
        input=inputs.ById,
        handler=book.get,
        doc="Get one metadata record.",
        deed="read metadata",
        resource=METADATA_V2,
    )


def _writing(book: _Book) -> Iterator[Operation]:
    yield Operation(
        name="metadata.create",
        routes=(Route("POST", _V2),),
        area="metadata",
        level="write",
        input=inputs.CreateMetadata,
        handler=book.create,
        doc="Attach one text under a key; a key that is there already is replaced.",
        deed="created metadata",
        resource=METADATA_V2,
        event="metadata.created",
    )
    yield Operation(
        name="metadata.update",
        routes=(Route("PATCH", f"{_V2}/{{id}}"),),
        area="metadata",
        level="write",
        input=inputs.UpdateMetadata,
        handler=book.update,
        doc="Change a metadata record's text, key or owner.",
        deed="changed metadata",
        resource=METADATA_V2,
        event="metadata.updated",
    )
    yield Operation(
        name="metadata.delete",
        routes=(Route("DELETE", f"{_V2}/{{id}}"),),
        area="metadata",
        level="full",
        input=inputs.ById,
        handler=book.delete,
        doc="Delete a metadata record.",
        deed="deleted metadata",
        resource=METADATA_V2,
        answer="none",
        switch="delete",
        event="metadata.deleted",
    )


class _Book:
    """The handlers, which need to know who can have facts here."""

    def __init__(self, owners: actions.Owners) -> None:
        self._owners = owners

    def page(self, tx: Tx, call: Call, input: inputs.ListMetadata) -> Page[Fact]:
        owner_type = None if isinstance(input.owner_type, UnsetType) else input.owner_type
        if owner_type is not None and owner_type not in list(OwnerType):
            raise Invalid.values({"owner_type": [str(each) for each in OwnerType]})
        owner_id = None if isinstance(input.owner_id, UnsetType) else input.owner_id
        wanted = Wanted(team_ids=call.team_ids, owner_type=owner_type, owner_id=owner_id)
        found, total = actions.page(tx, wanted, page=input.page, per_page=input.per_page)
        return Page(items=found, total=total, page=input.page, per_page=input.per_page)

    def get(self, tx: Tx, call: Call, input: inputs.ById) -> Fact:
        return actions.find(tx, input.id, call.team_ids)

    def set(self, tx: Tx, call: Call, input: inputs.SetMetadata) -> Done[Fact]:
        values = rules.parsed_values(input.key, input.values or [], "values")
        if input.mode == "merge" and not values:
            raise Invalid.fields(values="can't be blank when they are merged")
        fact, outcome = self._put(tx, call, input, values, field="values", merge=input.mode == "merge")
        return Done(_STATUSES[outcome], fact)

    def create(self, tx: Tx, call: Call, input: inputs.CreateMetadata) -> Fact:
        values = _one(input.key, input.value)
        fact, _ = self._put(tx, call, input, values, field="value", merge=False)
        assert fact is not None
        return fact

    def update(self, tx: Tx, call: Call, input: inputs.UpdateMetadata) -> Fact:
        fact = actions.find(tx, input.id, call.team_ids)
        key = fact.key if input.key is UNSET else input.key
        return actions.update(
            tx,
            self._owners,
            fact,
            owner_type=fact.owner_type if input.owner_type is UNSET else input.owner_type,
            owner_id=fact.owner_id if input.owner_id is UNSET else input.owner_id,
            key=key,
            values=fact.values if input.value is UNSET else _one(key, input.value),
            team_ids=call.team_ids,
            by=call.actor.name,
        )

    def delete(self, tx: Tx, call: Call, input: inputs.ById) -> None:
        actions.delete(tx, self._owners, actions.find(tx, input.id, call.team_ids), call.actor.name)

    def _put(
        self,
        tx: Tx,
        call: Call,
        input: inputs.SetMetadata | inputs.CreateMetadata,
        values: list[Value],
        *,
        field: str,
        merge: bool,
    ) -> tuple[Fact | None, actions.Outcome]:
        team_id = actions.owners_team(tx, self._owners, input.owner_type, input.owner_id, call.team_ids)
        return actions.put_key(
            tx,
            self._owners,
            team_id=team_id,
            owner_type=input.owner_type,
            owner_id=input.owner_id,
            key=input.key,
            values=values,
            field=field,
            merge=merge,
            by=call.actor.name,
        )


def _one(key: str, text: str) -> list[Value]:
    if not text:
        raise Invalid.fields(value="can't be blank")
    return rules.parsed_values(key, text, "value")
