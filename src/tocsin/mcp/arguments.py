"""Sorts a tool's one object of arguments into address, query and body, as the operation behind it takes them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.registry import Operation, Scope
from tocsin.registry.input import Arguments, truth

MAX_ARGUMENTS = 200
"""In one call; no operation has half as many."""

RENAMED: dict[str, dict[str, str]] = {
    **{f"incident_comments.{verb}": {"incident_id": "id"} for verb in ("list", "create", "get", "update", "delete")},
    "inbound_alerts.list": {"incident_id": "id"},
    **{f"postmortems.{verb}": {"incident_id": "id"} for verb in ("get", "save", "delete", "draft", "export")},
    **{f"status_updates.{verb}": {"report_id": "status_report_id"} for verb in ("list", "create")},
    **{
        f"status_updates.{verb}": {"report_id": "status_report_id", "update_id": "id"}
        for verb in ("get", "update", "delete")
    },
    **{f"on_call_events.{verb}": {"calendar_id": "id"} for verb in ("get", "update", "delete")},
}
"""By operation: what agents call an argument (contract, MCP, 1.2), and the field that takes it. Both are understood."""
TEAM_ID = frozenset({"status_reports.create", "status_reports.list"})
"""What takes `team_id` beside all that is listed or created for a team."""

DRY_RUN = "dry_run"
"""With every tool that changes something: what it would do, and whom it would wake."""


class Sorted(msgspec.Struct, frozen=True):
    """A call's arguments as the door takes them."""

    arguments: Arguments
    team_id: int | None
    dry_run: bool


def shown_name(operation: Operation, field: str) -> str:
    """What agents call this field."""
    renamed = RENAMED.get(operation.name, {})
    return next((shown for shown, taken in renamed.items() if taken == field), field)


def takes_team(operation: Operation) -> bool:
    """Whether a team can be named, by `team_id`."""
    return operation.scope is not Scope.RECORD or operation.name in TEAM_ID


def arranged(operation: Operation, given: Mapping[str, Any]) -> Sorted:
    """The call's arguments, the team if one was named by its id, and whether it is a rehearsal.

    What is wrong with them is passed along and raised by the door, after it has judged: who may not do a thing does
    not learn how to.
    """
    route = operation.routes[0]
    fields = _field_names(operation.input)
    nested = "query" in fields
    dry_run = False
    try:
        values = _renamed(operation, given)
        dry_run = _dry_run(operation, values, fields)
        team_id = _team_id(values) if "team_id" not in fields else None
        _all_known(operation, values, fields - {"query"}, nested)
        wrong = None
    except Invalid as error:
        values, team_id, wrong = {}, None, error
    path = {name: values.pop(name, None) for name in route.path_parameters}
    missing = [shown_name(operation, name) for name, value in path.items() if not _names_something(value)]
    if missing and wrong is None:
        wrong = Invalid.missing(missing)
    in_path = {name: _text(value) if _names_something(value) else "0" for name, value in path.items()}
    if route.method in ("GET", "DELETE"):
        return Sorted(Arguments(path=in_path, query=wrong or _query(values, nested)), team_id, dry_run)
    return Sorted(Arguments(path=in_path, body=wrong or values), team_id, dry_run)


@functools.lru_cache(maxsize=1024)
def _field_names(input: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(input))


def _renamed(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    if len(given) > MAX_ARGUMENTS:
        raise Invalid(f"More than {MAX_ARGUMENTS} arguments cannot be read.")
    values = dict(given)
    for shown, taken in RENAMED.get(operation.name, {}).items():
        if shown in values:
            if taken in values:
                raise Invalid.of({shown: [f"and {taken} are the same: send one of them"]})
            values[taken] = values.pop(shown)
    return values


def _dry_run(operation: Operation, values: dict[str, Any], fields: frozenset[str]) -> bool:
    """What says neither yes nor no is refused: what was meant as a rehearsal is never done."""
    if operation.reads or DRY_RUN in fields or DRY_RUN not in values:
        return False
    wanted = truth(values.pop(DRY_RUN))
    if wanted is None:
        raise Invalid.fields(dry_run="must be true or false")
    return wanted


def _team_id(values: dict[str, Any]) -> int | None:
    sent = values.pop("team_id", None)
    if sent is None or sent == "":
        return None
    try:
        found = msgspec.convert(sent, int, strict=False)
    except msgspec.ValidationError:
        found = 0
    if isinstance(sent, bool) or not 0 < found < 2**63:
        raise Invalid.fields(team_id="must be an integer")
    return found


def _all_known(operation: Operation, values: Mapping[str, Any], fields: frozenset[str], nested: bool) -> None:
    """A list's filter that we do not have must not be taken for one that let everything pass."""
    also = {"team_name"} if operation.scope is not Scope.RECORD else set()
    if nested:
        also.add("metadata")
    if operation.routes[0].method not in ("GET", "DELETE"):
        also |= operation.readonly
    if unknown := [name for name in values if name not in fields and name not in also]:
        raise Invalid.unknown(unknown)


def _names_something(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _query(values: Mapping[str, Any], nested: bool) -> dict[str, list[str]] | Invalid:
    """The same as parameters of an address: all of it text, each with all its values."""
    query: dict[str, list[str]] = {}
    for name, value in values.items():
        if nested and name == "metadata":
            try:
                query |= _metadata(value)
            except Invalid as error:
                return error
        elif isinstance(value, list):
            query[name] = [_word(one) for one in value]
        elif value is not None:
            query[name] = [_word(value)]
    return query


def _metadata(value: Any) -> dict[str, list[str]]:
    """`{"Team": ["Payments"]}` as `metadata[Team][][value]=Payments`; typed values as they are."""
    if not isinstance(value, dict):
        raise Invalid.fields(metadata="must be an object of keys and their values")
    query: dict[str, list[str]] = {}
    for key, several in value.items():
        if "[" in key or "]" in key:
            raise Invalid.fields(metadata="has a key with brackets, which cannot be asked for")
        for one in several if isinstance(several, list) else [several]:
            for attribute, text in (one if isinstance(one, dict) else {"value": one}).items():
                query.setdefault(f"metadata[{key}][][{attribute}]", []).append(_word(text))
    return query


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
