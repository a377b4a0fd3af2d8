"""What the reference says of each operation, in words, before anybody thinks of how it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from tocsin.gateway.rules import need
from tocsin.registry import Catalogue, Operation
from tocsin.registry.risk import Risk, callers, risks
from tocsin.rest import openapi

_VERSION = re.compile(r"/api/(v\d+)/")
_FORM = re.compile(r"_resource(?:_(\d+))?$")
"""How the names of a kind's schemas end: some are answered in two forms, by version."""


class Argument(msgspec.Struct, frozen=True):
    """One thing that is sent, or one that is answered."""

    name: str
    type: str
    required: bool = False
    doc: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One operation."""

    name: str
    doc: str
    addresses: tuple[tuple[str, str], ...]
    """(method, path); none when only our own pages lead to it."""
    area: str
    level: str
    """Which an agent needs in the area: less than the operation's own when its risky act covers it."""
    self_service: bool
    """Whether every agent may, whatever it is granted."""
    switch: str | None
    sometimes: bool
    """Whether the switch is needed only for some of what can be sent."""
    callers: tuple[str, ...]
    risks: tuple[Risk, ...]
    event: str | None
    tool: str
    query: tuple[Argument, ...] = ()
    attributes: tuple[Argument, ...] = ()
    statuses: tuple[str, ...] = ()
    answers: str = ""
    """The kind of what is answered, a key of `Book.kinds`; empty when it has none."""
    listed: bool = False
    """Whether many of the kind are answered."""

    @property
    def versions(self) -> tuple[str, ...]:
        """E.g. `v2`, `v3`: under which its addresses stand."""
        found = {match.group(1) for _, path in self.addresses if (match := _VERSION.match(path))}
        return tuple(sorted(found))

    @property
    def access(self) -> str:
        """Who can be let in at all, as people read it."""
        if not self.addresses:
            return "through our pages and links"
        return "people, tokens, agents" if "agents" in self.callers else "people and tokens, no agents"

    @property
    def permission(self) -> str:
        """What an agent must be granted."""
        if self.self_service:
            return "none, for itself"
        needed = f"{self.level} {words(self.area)}"
        if self.switch is None:
            return needed
        return f"{needed} + {self.switch}{' (depends)' if self.sometimes else ''}"

    @property
    def searched(self) -> str:
        """In what a search looks; the page's script looks in the same words."""
        paths = " ".join(f"{method} {path}" for method, path in self.addresses)
        return " ".join((self.name, self.doc, paths, self.event or "", self.tool)).lower()


class Kind(msgspec.Struct, frozen=True):
    """One kind of record that is answered."""

    name: str
    doc: str
    attributes: tuple[Argument, ...]


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The whole reference."""

    version: str
    entries: tuple[Entry, ...]
    kinds: dict[str, Kind]

    def areas(self) -> dict[str, list[Entry]]:
        """The operations by the area in which the right to them is granted, in the order of declaration."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.area, []).append(entry)
        return found


def read(catalogue: Catalogue) -> Book:
    """The reference of what is declared. Costs a fifth of a second: not on the event loop."""
    document = openapi.document(catalogue)
    entries = tuple(_entry(operation, document) for operation in catalogue)
    schemas = document["components"]["schemas"]
    kinds = {entry.answers: _kind(entry.answers, schemas) for entry in entries if entry.answers}
    return Book(version=document["info"]["version"], entries=entries, kinds=dict(sorted(kinds.items())))


def words(name: str) -> str:
    """An area's name as people write it."""
    return name.replace("_", " ")


def short(name: str) -> str:
    """A schema's name as people say it: without the package that declares it."""
    return _FORM.sub(lambda found: f", form {found[1]}" if found[1] else "", name.rsplit(".", 1)[-1])


def _entry(operation: Operation, document: dict[str, Any]) -> Entry:
    schemas = document["components"]["schemas"]
    found = Entry(
        name=operation.name,
        doc=operation.doc,
        addresses=tuple((route.method, route.path) for route in operation.routes),
        area=operation.area,
        level=need(operation, None).level,
        self_service=operation.self_service,
        switch=operation.switch,
        sometimes=operation.acts is not None,
        callers=callers(operation),
        risks=risks(operation),
        event=operation.event,
        tool=operation.tool,
    )
    if not operation.routes:
        return found
    route = operation.routes[0]
    drawn = document["paths"][route.path][route.method.lower()]
    body = drawn.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    statuses = tuple(drawn["responses"])
    answers, listed = _answers(drawn["responses"][statuses[0]], schemas)
    return msgspec.structs.replace(
        found,
        query=tuple(
            Argument(each["name"], _type(each["schema"], schemas), each["required"], _said(each, each["schema"]))
            for each in drawn["parameters"]
            if each["in"] in ("path", "query")
        ),
        attributes=tuple(_arguments(body, schemas)),
        statuses=statuses,
        answers=answers,
        listed=listed,
    )


def _answers(response: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, bool]:
    """(the name of the schema of what is answered, whether many are)"""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    if "oneOf" in schema:
        schema = schema["oneOf"][0]
    data = schema.get("properties", {}).get("data", schema)
    reference = data.get("items", data).get("$ref", "")
    return reference.rsplit("/", 1)[-1], "items" in data


def _kind(name: str, schemas: dict[str, Any]) -> Kind:
    schema = schemas[name]
    doc = schema.get("description", "")
    attributes = schema.get("properties", {}).get("attributes", {})
    if "$ref" in attributes:
        schema = schemas[attributes["$ref"].rsplit("/", 1)[1]]
    return Kind(name, doc or schema.get("description", ""), tuple(_arguments(schema, schemas, answered=True)))


def _arguments(schema: dict[str, Any], schemas: dict[str, Any], *, answered: bool = False) -> Iterable[Argument]:
    if schema.get("type") == "array":
        yield Argument("(the whole body)", _type(schema, schemas), True, schema.get("description", ""))
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield Argument(name, _type(each, schemas), name in required and not answered, each.get("description", ""))


def _said(parameter: dict[str, Any], schema: dict[str, Any]) -> str:
    said = parameter.get("description") or schema.get("description", "")
    return str(said)


def _type(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A schema in a few words, e.g. `string or null`."""
    if "$ref" in schema:
        found = schemas.get(schema["$ref"].rsplit("/", 1)[1], {})
        return " | ".join(map(str, found["enum"])) if "enum" in found else "object"
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(each, schemas) for each in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        each = schema["prefixItems"] if "prefixItems" in schema else [schema.get("items") or {}]
        return f"list of {' and '.join(dict.fromkeys(_type(item, schemas) for item in each))}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
