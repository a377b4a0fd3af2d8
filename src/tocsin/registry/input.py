"""Reads what a caller sent, tolerant where clients differ and strict where a typing error would go unnoticed."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid, NotFound
from tocsin.registry.operation import Operation, Route

MAX_PAGE = 1_000_000_000
"""Pages beyond this are the same empty page: keeps offsets inside what databases count with."""
MAX_INTEGER = 2**63 - 1
"""What an integer column holds."""


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """What came with a call, as it came: the surface neither checks nor converts it."""

    path: Mapping[str, str] = {}
    """Parameters in the address."""
    query: Mapping[str, list[str]] | Invalid = {}
    """Query parameters, each with all its values, or why they could not be read."""
    body: Mapping[str, Any] | Invalid = {}
    """The JSON object, or why it could not be read (raised after the caller is known, not before)."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    attribute: str
    """Its name in Python when the wire's is a keyword there, e.g. `from`."""
    type: Any
    required: bool
    nullable: bool
    expects: str
    """Completes "must be …" for people."""
    integer: bool


def read(operation: Operation, route: Route, arguments: Arguments) -> msgspec.Struct:
    """The operation's input struct from what was sent (contract part 1, 2.3-2.5).

    `""` is null for what can be null; numbers and booleans may come as strings; attributes that only answers carry are
    ignored; any other unknown one is refused. Raises Invalid with every wrong field at once, or NotFound when an id in
    the address is no number.
    """
    fields = _fields(operation.input)
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name in route.path_parameters:
        values[name] = _path_value(operation, fields[name], name, arguments.path[name])
    sent = _sent(operation, route, arguments, fields)
    for name, value in sent.items():
        try:
            values[name] = _converted(fields[name], value)
        except ValueError as error:
            errors[name] = [str(error)]
    missing = [name for name, field in fields.items() if field.required and name not in values and name not in errors]
    if errors:
        raise Invalid.of(errors)
    if missing:
        raise Invalid.missing(missing)
    if operation.answer == "list":
        _clamp(operation, values)
    return operation.input(**{fields[name].attribute: value for name, value in values.items()})


def addressed(operation: Operation, arguments: Mapping[str, Any]) -> tuple[Route, Arguments]:
    """One flat set of arguments as they would come by HTTP: at the first address of the operation whose parameters are
    among them. Raises Invalid when none is."""
    for route in operation.routes:
        names = route.path_parameters
        if all(arguments.get(name) not in (None, "") for name in names):
            break
    else:
        raise Invalid.missing([name for name in operation.routes[0].path_parameters if not arguments.get(name)])
    path = {name: str(arguments[name]) for name in names}
    rest = {name: value for name, value in arguments.items() if name not in path}
    if route.method in ("GET", "DELETE"):
        query = {name: [_said(value)] for name, value in rest.items() if value is not None}
        return route, Arguments(path=path, query=query)
    return route, Arguments(path=path, body=rest)


def _said(value: Any) -> str:
    """A value as a query has it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def given(input: msgspec.Struct, fields: type[msgspec.Struct]) -> dict[str, Any]:
    """What was sent of these fields, by wire name: what is UNSET was not, and stays as it is."""
    return {name: value for name in fields.__struct_fields__ if (value := getattr(input, name)) is not msgspec.UNSET}


def truth(value: Any) -> bool | None:
    """What an attribute of yes or no will be read as, however a client has spelt it; None = nothing, or nonsense."""
    try:
        return None if value is None else msgspec.convert(value, bool, strict=False)
    except msgspec.ValidationError:
        return None


def _sent(operation: Operation, route: Route, arguments: Arguments, fields: Mapping[str, _Field]) -> dict[str, Any]:
    """What was sent for each field, from the query of a GET or DELETE and the body of anything else."""
    in_path = set(route.path_parameters)
    if route.method in ("GET", "DELETE"):
        if isinstance(arguments.query, Invalid):
            raise arguments.query
        flat = {name: texts[-1] for name, texts in arguments.query.items() if texts}
        taken: dict[str, Any] = {name: flat[name] for name in flat if name in fields and name not in in_path}
        if "query" in fields:  # a list with nested filters reads them itself
            taken["query"] = dict(arguments.query)
        return {name: value for name, value in taken.items() if value != ""}
    if isinstance(arguments.body, Invalid):
        raise arguments.body
    body = dict(arguments.body)
    unknown = [name for name in body if (name not in fields or name in in_path) and name not in operation.readonly]
    if unknown:
        raise Invalid.unknown(unknown)
    return {name: value for name, value in body.items() if name in fields}


def _converted(field: _Field, value: Any) -> Any:
    """The value in the field's type. Raises ValueError with the words after the field's name."""
    if value is None or (value == "" and field.nullable):
        if field.nullable:
            return None
        raise ValueError("can't be blank")
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("must not contain null characters")
    if field.integer and isinstance(value, float) and value.is_integer():
        value = int(value)
    if field.integer and isinstance(value, bool):
        raise ValueError(f"must be {field.expects}")
    try:
        converted = msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(_words(field, error)) from None
    if isinstance(converted, int) and abs(converted) > MAX_INTEGER:
        raise ValueError("is too large")
    return converted


def _words(field: _Field, error: msgspec.ValidationError) -> str:
    """msgspec's complaint for people; a place inside the value (`$[0].name`) is kept."""
    text, at, place = str(error).partition(" - at `$")
    place = place.rstrip("`").lstrip(".") if at else ""
    inside = f" (at {place})" if place else ""
    if "unknown field" in text:
        return f"has an unknown attribute {text.partition('`')[2].rstrip('`')}{inside}"
    if place and field.expects == "an object":
        return f"is wrong at {place}: {text[:1].lower()}{text[1:].replace('`', '')}"
    return f"must be {field.expects}{inside}"


def _path_value(operation: Operation, field: _Field, name: str, text: str) -> Any:
    if not field.integer:
        return text
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        resource = operation.resource.type if operation.resource and name == "id" else operation.area.rstrip("s")
        raise NotFound(resource, text)
    return int(text)


def _clamp(operation: Operation, values: dict[str, Any]) -> None:
    """`per_page` beyond the maximum is clamped in silence, zero or less is the default (contract part 1, 2.4)."""
    size = operation.page_size
    per_page = values.get("per_page", size.default)
    values["per_page"] = size.default if per_page <= 0 else min(per_page, size.maximum)
    values["page"] = min(max(values.get("page", 1), 1), MAX_PAGE)


@functools.lru_cache(maxsize=1024)
def _fields(input: type[msgspec.Struct]) -> dict[str, _Field]:
    hints = typing.get_type_hints(input, include_extras=True)
    return {
        field.encode_name: _field(field.encode_name, field.name, hints[field.name], field.required)
        for field in msgspec.structs.fields(input)
    }


def _field(name: str, attribute: str, annotation: Any, required: bool) -> _Field:
    parts = [part for part in _union(annotation) if part is not msgspec.UnsetType]
    nullable = types.NoneType in parts
    parts = [part for part in parts if part is not types.NoneType]
    plain: Any = parts[0] if len(parts) == 1 else typing.Union[tuple(parts)]  # noqa: UP007 - built at run time
    return _Field(name, attribute, plain, required, nullable, _expects(plain), _bare(plain) is int)


def _union(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _bare(annotation: Any) -> Any:
    if typing.get_origin(annotation) is typing.Annotated:
        return typing.get_args(annotation)[0]
    return annotation


def _expects(annotation: Any) -> str:
    bare = _bare(annotation)
    origin = typing.get_origin(bare) or bare
    names = {
        int: "an integer",
        float: "a number",
        str: "a string",
        bool: "true or false",
        list: "a list",
        dict: "an object",
        typing.Literal: "one of: " + ", ".join(str(value) for value in typing.get_args(bare)),
    }
    if origin is list and typing.get_args(bare):
        return f"a list of {_plural(typing.get_args(bare)[0])}"
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        return "an object"
    found = names.get(origin)
    return found if found is not None else "of another type"


def _plural(annotation: Any) -> str:
    names = {int: "integers", str: "strings", bool: "booleans", float: "numbers"}
    return names.get(_bare(annotation), "objects")
