"""The machine-readable manual of the API (OpenAPI 3.1), drawn from the same declarations as the API itself."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from tocsin import __version__
from tocsin.gateway.identity import UNAUTHENTICATED
from tocsin.registry import Catalogue, Operation, Resource, Route, Scope
from tocsin.rest.body import MAX_BODY_BYTES

Schema = dict[str, Any]

_WITH_BODY = frozenset({"POST", "PATCH", "PUT"})
_REF = "#/components/schemas/{name}"
_NOTES = re.compile(r"\s*\(contract part[^)]*\)")
"""Where a struct's form comes from: for whoever reads the code, not for callers."""

_DESCRIPTION = (
    "Tocsin speaks Better Stack's Uptime API: requests are flat JSON objects, answers are `{data: {id, type, "
    "attributes}}`. Send `Authorization: Bearer <token>`. Unknown body keys are refused; an empty string clears a "
    "nullable attribute; integers may be sent as digits in a string. Every write may carry an `Idempotency-Key`."
)

_ERRORS: dict[str, tuple[str, Any]] = {
    "400": ("The request could not be read.", "The request body must be a JSON object of attributes."),
    "401": ("No token, or one that is not known.", UNAUTHENTICATED),
    "403": ("The token lacks the right.", "This token may not delete monitors."),
    "404": ("There is no such thing within reach.", "Resource type monitor with id = 123456 was not found"),
    "408": ("The body did not arrive in time.", "The request body did not arrive within 30 seconds."),
    "409": ("Not in a state in which this can be done.", "Incident was already acknowledged"),
    "413": ("The body is too large.", f"The request body is larger than {MAX_BODY_BYTES} bytes."),
    "422": ("The attributes cannot be accepted.", {"url": ["can't be blank"]}),
    "429": ("Too often; `Retry-After` says when to come back.", "Too many requests. Please try again later."),
    "500": ("Our own mistake.", "Something went wrong on our side."),
    "503": ("Storage cannot take it just now; nothing was written.", "The database cannot take this just now."),
}


def document(catalogue: Catalogue, base_url: str | None = None) -> dict[str, Any]:
    """The OpenAPI 3.1 document of everything that can be called."""
    routes = list(catalogue.routes())
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    counts: dict[str, int] = {}
    for route, operation in routes:
        counts[operation.name] = number = counts.get(operation.name, 0) + 1
        name = operation.name if number == 1 else f"{operation.name}.{number}"
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation, name, schemas)
    tags = sorted({operation.area for _, operation in routes})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin API",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url or "/"}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A team token or a global token."}
            },
            "responses": {status: _error(words, example) for status, (words, example) in _ERRORS.items()},
            "headers": {
                "x-request-id": {
                    "description": "Names this request in our log and audit.",
                    "schema": {"type": "string"},
                },
            },
            "schemas": schemas.components,
        },
    }


def statuses(route: Route, operation: Operation) -> list[str]:
    """Every HTTP status that `operation` can answer at `route`, success first."""
    writes = route.method in _WITH_BODY
    found = {"400", "401", "403", "422", "429", "500", "503"}
    if route.path_parameters or writes or route.method == "DELETE" or operation.not_found:
        found.add("404")
    if writes:
        found |= {"408", "413"}
    if operation.conflicts:
        found.add("409")
    return [*(str(status) for status in operation.statuses or (operation.success,)), *sorted(found)]


class _Schemas:
    """Names for all structs and resources, and what they look like."""

    def __init__(self, routes: list[tuple[Route, Operation]]) -> None:
        self._resources: dict[int, tuple[Resource, str]] = {}
        structs: dict[type, None] = {}
        answers: dict[type, None] = {}
        for route, operation in routes:
            structs[operation.input] = None
            if operation.flat is not None:
                answers[operation.flat] = None
            resource = route.resource or operation.resource
            if resource is not None and id(resource) not in self._resources:
                answers[resource.attributes] = None
                taken = sum(other.type == resource.type for other, _ in self._resources.values())
                name = f"{resource.type}_resource" + (f"_{taken + 1}" if taken else "")
                self._resources[id(resource)] = (resource, name)
        kinds = [*structs, *(kind for kind in answers if kind not in structs)]
        schemas, self.components = msgspec.json.schema_components(kinds, ref_template=_REF)
        for schema in self.components.values():
            if "description" in schema:
                schema["description"] = _NOTES.sub("", schema["description"])
        self._refs = dict(zip(kinds, schemas, strict=True))
        for kind in answers:
            self._complete(kind)
        for resource, name in self._resources.values():
            self.components[name] = self._resource(resource)
        self.components["errors"] = _ERRORS_SCHEMA
        self.components["pagination"] = _PAGINATION_SCHEMA

    def of(self, kind: type[msgspec.Struct]) -> Schema:
        """The schema of a struct, without its indirection."""
        reference = self._refs[kind].get("$ref")
        found: Schema = self.components[reference.rsplit("/", 1)[1]] if reference else self._refs[kind]
        return found

    def ref(self, kind: type[msgspec.Struct]) -> Schema:
        return self._refs[kind]

    def resource_ref(self, resource: Resource) -> Schema:
        return {"$ref": _REF.format(name=self._resources[id(resource)][1])}

    def _complete(self, kind: type[msgspec.Struct]) -> None:
        """Answers carry every attribute, whether or not the struct has a default for it."""
        schema = self.of(kind)
        schema["required"] = [
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if msgspec.UnsetType not in typing.get_args(field.type)
        ]

    def _resource(self, resource: Resource) -> Schema:
        schema: Schema = {
            "type": "object",
            "properties": {
                "id": {"type": ["string", "null"] if resource.types else "string", "examples": ["41"]},
                "type": {"type": "string", "enum": list(resource.types)}
                if resource.types
                else {"type": "string", "const": resource.type},
                "attributes": self._refs[resource.attributes],
            },
            "required": ["id", "type", "attributes"],
        }
        if resource.doc:
            schema["description"] = resource.doc
        if resource.relationships is not None:
            schema["properties"]["relationships"] = {"type": "object"}
            schema["required"].append("relationships")
        return schema


def _operation(route: Route, operation: Operation, name: str, schemas: _Schemas) -> dict[str, Any]:
    described = [f"Needs the right to **{operation.level}** {operation.area.replace('_', ' ')}."]
    if operation.switch:
        described.append(f"An agent must besides be allowed to **{operation.switch}**.")
    if operation.event:
        described.append(f"Records the event `{operation.event}`.")
    found: dict[str, Any] = {
        "operationId": name,
        "summary": operation.doc.rstrip("."),
        "description": " ".join(described),
        "tags": [operation.area],
        "parameters": list(_parameters(route, operation, schemas)),
        "responses": {
            status: _success(route, operation, schemas, int(status))
            if status < "400"
            else {"$ref": f"#/components/responses/{status}"}
            for status in statuses(route, operation)
        },
    }
    if route.method in _WITH_BODY:
        body = body_schema(route, operation, schemas.of(operation.input))
        found["requestBody"] = {
            "required": bool(body.get("required")) or operation.list_field is not None,
            "content": {"application/json": {"schema": body}},
        }
    return found


def body_schema(route: Route, operation: Operation, struct: Schema) -> Schema:
    """What may stand in the request body: the input without what the path already says."""
    outside = set(route.path_parameters)
    properties = {name: schema for name, schema in struct.get("properties", {}).items() if name not in outside}
    if operation.scope is Scope.CREATE:
        properties.setdefault(
            "team_name", {"type": "string", "description": "The team that will own it; required from a global token."}
        )
    if operation.list_field is not None:
        found: Schema = properties[operation.list_field]
        return found
    body: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required := [name for name in struct.get("required", ()) if name not in outside]:
        body["required"] = required
    return body


def _parameters(route: Route, operation: Operation, schemas: _Schemas) -> Iterable[dict[str, Any]]:
    properties = dict(schemas.of(operation.input).get("properties", {}))
    for name in route.path_parameters:
        yield {"name": name, "in": "path", "required": True, "schema": properties.pop(name, {"type": "string"})}
    if route.method in _WITH_BODY or route.method == "DELETE":
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A text of your choice: the same request sent again under it is answered, not repeated.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    if route.method in _WITH_BODY:
        return
    paged = operation.answer == "list" and operation.paged
    if operation.scope is Scope.LIST:
        properties.setdefault("team_name", {"type": "string"})
    if paged:
        size = operation.page_size
        properties["page"] = {"type": "integer", "default": 1, "description": "From 1."}
        properties["per_page"] = {
            "type": "integer",
            "default": size.default,
            "description": f"At most {size.maximum}; more is clamped.",
        }
    if properties.pop("query", None) is not None:
        yield _METADATA_FILTER
    required = schemas.of(operation.input).get("required", ())
    for name, schema in properties.items():
        yield {"name": name, "in": "query", "required": name in required, "schema": schema}


def _success(route: Route, operation: Operation, schemas: _Schemas, status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": operation.doc,
        "headers": {"x-request-id": {"$ref": "#/components/headers/x-request-id"}},
    }
    resource = route.resource or operation.resource
    schema: Schema
    if operation.answer == "none" or status == 204:
        return answer
    if operation.answer == "flat" or resource is None:
        schema = schemas.ref(operation.flat) if operation.flat is not None else {}
    else:
        item = schemas.resource_ref(resource)
        single: Schema = {"type": "object", "properties": {"data": item}, "required": ["data"]}
        if operation.answer == "one":
            schema = single
            if resource.included is not None:
                schema["properties"]["included"] = {"type": "array", "items": {"type": "object"}}
        else:
            schema = {
                "type": "object",
                "properties": {"data": {"type": "array", "items": item}},
                "required": ["data"],
            }
            if operation.answer == "list" and operation.paged:
                schema["properties"]["pagination"] = {"$ref": _REF.format(name="pagination")}
                schema["required"].append("pagination")
        if resource.brings is not None:
            schema["properties"]["included"] = {"type": "array", "items": {"type": "object"}}
        if operation.picks is not None:
            schema = {"oneOf": [schema, single]}
    answer["content"] = {"application/json": {"schema": schema}}
    if operation.media is not None:
        answer["content"] = {operation.media: {"schema": {"type": "string", "format": "binary"}}}
    return answer


def _error(words: str, example: Any) -> dict[str, Any]:
    return {
        "description": words,
        "headers": {"x-request-id": {"$ref": "#/components/headers/x-request-id"}},
        "content": {
            "application/json": {"schema": {"$ref": _REF.format(name="errors")}, "example": {"errors": example}}
        },
    }


_METADATA_FILTER: dict[str, Any] = {
    "name": "metadata",
    "in": "query",
    "required": False,
    "style": "deepObject",
    "explode": True,
    "description": "By metadata: `metadata[Key][][value]=v`, or typed, `metadata[Key][][type]=User"
    "&metadata[Key][][email]=a@b.c`. Values of one key are alternatives; every key must match.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}
"""Drawn for an input with a field `query`, which takes the parameters as they came (contract part 2, 1.2)."""

_ERRORS_SCHEMA: Schema = {
    "type": "object",
    "description": "`errors` is a sentence, or an object of field names with a list of what is wrong with each.",
    "properties": {
        "errors": {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
            ]
        },
        "invalid_attributes": {"type": "array", "items": {"type": "string"}},
        "required_attributes": {"type": "array", "items": {"type": "string"}},
        "allowed_values": {"type": "object"},
        "see_docs": {"type": "string"},
    },
    "required": ["errors"],
}

_PAGINATION_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "first": {"type": "string"},
        "last": {"type": "string"},
        "prev": {"type": ["string", "null"]},
        "next": {"type": ["string", "null"]},
    },
    "required": ["first", "last", "prev", "next"],
}
