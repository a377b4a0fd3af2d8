"""Draws a form from what an operation takes, and reads it back: nothing about a field is written down twice."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.registry import Operation


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a form."""

    name: str
    """On the wire, and in the form."""
    label: str
    kind: str
    """`text`, `long`, `number`, `switch`, `choice`, `many` (boxes to tick, their values with commas between them),
    `lines` (a list, one entry on each line), `json` or `secret`."""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    """For a choice: (value, words)."""
    hint: str = ""
    value: str = ""
    """As it stands in the form; for a switch "true" or ""."""
    errors: tuple[str, ...] = ()


_ACRONYMS = {
    "url": "URL", "ssl": "SSL", "sms": "SMS", "http": "HTTP", "dns": "DNS", "ip": "IP", "id": "ID", "api": "API",
    "tls": "TLS", "rss": "RSS", "css": "CSS", "html": "HTML", "sla": "SLA",
}  # fmt: skip


def label_of(name: str) -> str:
    """`check_frequency` as people read it: `Check frequency`."""
    words = [_ACRONYMS.get(word, word) for word in name.split("_") if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def fields_of(
    operation: Operation,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]] | None = None,
    *,
    leave_out: Collection[str] = (),
    only: Collection[str] | None = None,
    hints: Mapping[str, str] | None = None,
    choices: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
    long: Collection[str] = (),
    labels: Mapping[str, str] | None = None,
) -> list[Field]:
    """The form of an operation, with `values` (a record's attributes, or a form as it was sent) filled in.

    Never the parameters of its address, nor `team_name`. `choices`: for fields whose values are known elsewhere, e.g.
    the team's policies. `long`: texts of several lines. `labels`: where the name on the wire is no good word. With
    `only` in an order of its own (a tuple or a list), the fields come in that order.
    """
    in_path = {name for route in operation.routes for name in route.path_parameters}
    found = []
    for name, (annotation, required) in _inputs(operation).items():
        if name in in_path or name in leave_out or name == "team_name" or (only is not None and name not in only):
            continue
        kind, options = _kind(annotation)
        if choices is not None and name in choices:
            kind, options = "choice", choices[name]
        elif name in operation.secrets:
            kind = "secret"
        elif kind == "text" and name in long:
            kind = "long"
        found.append(
            Field(
                name=name,
                label=(labels or {}).get(name, label_of(name)),
                kind=kind,
                required=required,
                choices=options,
                hint=(hints or {}).get(name, ""),
                value=_written(kind, values.get(name)),
                errors=tuple((errors or {}).get(name, ())),
            )
        )
    if isinstance(only, Sequence):
        found.sort(key=lambda field: only.index(field.name))
    return found


def read_fields(fields: Collection[Field], sent: Mapping[str, list[str]]) -> dict[str, Any]:
    """What a form says, as the operation takes it; a secret that was left empty is not sent. Raises Invalid."""
    body: dict[str, Any] = {}
    for field in fields:
        if field.kind == "switch":
            body[field.name] = sent.get(field.name, [""])[-1] == "true"
            continue
        if field.kind == "many":
            body[field.name] = [value for value in sent.get(field.name, []) if value]
            continue
        if field.name not in sent:
            continue
        text = sent[field.name][-1]
        if field.kind == "lines":
            body[field.name] = [line.strip() for line in text.splitlines() if line.strip()]
        elif field.kind == "json":
            body[field.name] = _json(field, text)
        elif field.kind == "secret" and text == "":
            continue
        elif field.kind in ("text", "long"):
            body[field.name] = text
        else:
            body[field.name] = None if text == "" else text
    return body


def _json(field: Field, text: str) -> Any:
    try:
        return msgspec.json.decode(text) if text.strip() else None
    except msgspec.DecodeError as error:
        raise Invalid.fields(**{field.name: f"is not valid JSON ({error})"}) from None


def _inputs(operation: Operation) -> dict[str, tuple[Any, bool]]:
    """(type, whether it must be there) of every field, by its name on the wire."""
    hints = typing.get_type_hints(operation.input, include_extras=True)
    return {field.encode_name: (hints[field.name], field.required) for field in msgspec.structs.fields(operation.input)}


def _kind(annotation: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    parts = [part for part in _union(annotation) if part not in (msgspec.UnsetType, types.NoneType)]
    optional = len(parts) < len(_union(annotation))
    bare = [typing.get_args(part)[0] if typing.get_origin(part) is typing.Annotated else part for part in parts]
    if bare == [bool]:
        return "switch", ()
    if bare and all(part in (int, float) for part in bare):
        return "number", ()
    if bare == [str] or (str in bare and all(part in (str, int, float) for part in bare)):
        return "text", ()
    if len(bare) == 1 and typing.get_origin(bare[0]) is typing.Literal:
        options = tuple((str(value), label_of(str(value))) for value in typing.get_args(bare[0]))
        return "choice", ((("", "—"),) if optional else ()) + options
    if len(bare) == 1 and typing.get_origin(bare[0]) in (list, tuple):
        inner = typing.get_args(bare[0])[:1]
        if inner and all(each in (str, int) for each in _union(inner[0])):
            return "lines", ()
    return "json", ()


def _union(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _written(kind: str, value: Any) -> str:
    if value is None or value is msgspec.UNSET:
        return ""
    if kind == "switch":
        return "true" if value in (True, "true", "1", "on") else ""
    if kind == "many" and isinstance(value, list | tuple):
        return ",".join(str(each) for each in value)
    if kind == "lines" and isinstance(value, list | tuple):
        return "\n".join(str(each) for each in value)
    if kind == "json" and not isinstance(value, str):
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return str(value)
