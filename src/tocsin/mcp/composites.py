"""Tools that put several operations together: each a file in `tools/`, with no powers that those operations lack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.mcp.offer import Tool
from tocsin.mcp.schemas import struct_schema


class Ask(Protocol):
    """What a composite works with: `await ask("incidents.list", resolved=False)`, each call judged by the door."""

    now: datetime

    def __call__(self, name: str, **arguments: Any) -> Awaitable[dict[str, Any]]: ...


class Composite(msgspec.Struct, frozen=True, kw_only=True):
    """What a module in `tools/` declares as `TOOL`."""

    name: str
    title: str
    doc: str
    operations: tuple[str, ...]
    """All that it may do; whoever may not do one of them is not offered it."""
    areas: frozenset[str]
    """In which toolsets it is."""
    input: type[msgspec.Struct]
    answers: dict[str, Any]
    """The schema of its structured answer."""
    run: Callable[[Ask, Any], Awaitable[tuple[dict[str, Any], str]]]
    """Returns the structured answer and the same in words. It only reads: what changes something is one operation."""


def composite_tool(composite: Composite) -> Tool:
    """The composite as agents see it."""
    return {
        "name": composite.name,
        "title": composite.title,
        "description": composite.doc,
        "inputSchema": struct_schema(composite.input),
        "outputSchema": composite.answers,
        "annotations": {
            "title": composite.title,
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
    }


def given(composite: Composite, arguments: Mapping[str, Any]) -> msgspec.Struct:
    """The composite's input from what was sent. Raises Invalid."""
    names = {field.encode_name for field in msgspec.structs.fields(composite.input)}
    if unknown := [name for name in arguments if name not in names]:
        raise Invalid.unknown(unknown)
    missing = [
        field.encode_name
        for field in msgspec.structs.fields(composite.input)
        if field.required and arguments.get(field.encode_name) is None
    ]
    if missing:
        raise Invalid.missing(missing)
    try:
        return msgspec.convert(dict(arguments), composite.input, strict=False)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise Invalid.of({place.rstrip("`") or "base": [text]}) from None
