"""What each tool takes and answers, as JSON Schema that a model can read: whole, without detours, in plain words."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from itertools import pairwise
from typing import Any, cast

import msgspec

from tocsin.mcp.arguments import DRY_RUN, RENAMED, takes_team
from tocsin.registry import Operation, Resource, Scope

Schema = dict[str, Any]

MAX_DEPTH = 12
"""Of one struct within another: what refers to itself is cut there."""
_NOTES = re.compile(r"\s*\(contract[^)]*\)")
"""Where a form comes from: for whoever reads the code."""

WORDS: dict[str, str] = {
    "dry_run": "Do nothing, and tell what it would change and whom it would wake.",
    "call": "Whether to phone.",
    "sms": "Whether to send a text message.",
    "email": "Whether to send an e-mail.",
    "push": "Whether to send a push notification.",
    "critical_alert": "Whether a push may break through a silenced phone.",
    "policy_id": "The escalation policy: an id from `escalation_policies`.",
    "escalation_policy_id": "The escalation policy: an id from `escalation_policies`.",
    "monitor_id": "A monitor: an id from `monitors`.",
    "heartbeat_id": "A heartbeat: an id from `heartbeats`.",
    "monitor_group_id": "A monitor group: an id from `monitor_groups`.",
    "heartbeat_group_id": "A heartbeat group: an id from `heartbeat_groups`.",
    "schedule_id": "An on-call calendar: an id from `on_calls`.",
    "status_page_id": "The status page: an id from `status_pages`.",
    "status_report_id": "The report: an id from `status_page_reports`.",
    "status_page_section_id": "The section: an id from `status_page_sections`.",
    "relation_id": "The catalog relation: an id from `catalog_relations`.",
    "team_wait": "Seconds to wait before everybody in the team is paged.",
    "from": "The first day or instant, as ISO 8601, e.g. `2026-03-01`.",
    "to": "The last day or instant, as ISO 8601, e.g. `2026-03-31`.",
    "page": "Which page, from 1.",
    "team_name": "The team that it is about, by name; `team_id` does as well.",
    "team_id": "The team that it is about: an id from `teams`; needed when your token reaches several.",
    "paused": "Whether it is put aside for a while.",
    "acknowledged_by": "Who takes it. Leave it out unless you were told a name: it is you.",
    "resolved_by": "Who resolves it. Leave it out unless you were told a name: it is you.",
    "reopened_by": "Who reopens it. Leave it out unless you were told a name: it is you.",
    "requester_email": "On whose behalf; a team member's address.",
    "notify_subscribers": "Whether to mail everybody who subscribes to the page. Off unless you were asked to.",
    "affected_resources": "Which resources of the page it is about, each with its status.",
    "published_at": "When it goes public, as ISO 8601; left out: now.",
    "metadata": 'Facts as `{"Key": ["value", …]}`.',
    "user": "A person: an id or an e-mail address from `team_members`.",
    "draft": "Whether it stays unpublished until a person has looked at it.",
}
"""What a field is, by its name, when its own struct does not say."""


def input_schema(operation: Operation, sources: dict[str, str]) -> Schema:
    """The operation's input under the names that agents use. `sources`: which tool yields the id for a field."""
    struct = _inlined(operation.input)
    renamed = {taken: shown for shown, taken in RENAMED.get(operation.name, {}).items()}
    documented = field_docs(operation.input)
    properties: Schema = {}
    for name, each in struct.get("properties", {}).items():
        if name == "query":
            properties["metadata"] = {"type": "object", "description": WORDS["metadata"]}
            continue
        words = documented.get(name) or each.get("description") or _id_words(name, sources) or WORDS.get(name)
        properties[renamed.get(name, name)] = {**each, **({"description": words} if words else {})}
    _team(operation, properties)
    if not operation.reads:
        properties.setdefault(DRY_RUN, {"type": "boolean", "default": False, "description": WORDS[DRY_RUN]})
    if "per_page" in properties:
        size = operation.page_size
        words = f"How many on a page; at most {size.maximum}."
        properties["per_page"] = {
            "type": "integer", "default": size.default, "minimum": 1, "maximum": size.maximum, "description": words,
        }  # fmt: skip
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required := [renamed.get(name, name) for name in struct.get("required", ())]:
        schema["required"] = required
    return schema


def struct_schema(struct: type[msgspec.Struct]) -> Schema:
    """What a tool takes whose input is one struct and no operation's."""
    schema = _inlined(struct)
    documented = field_docs(struct)
    properties = {
        name: {**each, **({"description": words} if (words := documented.get(name) or WORDS.get(name)) else {})}
        for name, each in schema.get("properties", {}).items()
    }
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required := schema.get("required"):
        found["required"] = required
    return found


def output_schema(operation: Operation) -> Schema | None:
    """What `structuredContent` is: an object for one, an object with `items` for several; None for what is no JSON.

    Nothing is required of it: the same tool may answer that a person must approve first.
    """
    if operation.media is not None:
        return None
    resource = operation.routes[0].resource or operation.resource
    if operation.answer == "none":
        return _object({"done": {"type": "boolean"}, "undo_id": {"type": "integer"}})
    if operation.answer == "flat" or resource is None:
        return None if operation.flat is None else _object(_typed(_inlined(operation.flat)).get("properties", {}))
    if operation.answer == "one":
        return _object(_item(resource))
    properties: Schema = {"items": {"type": "array", "items": _object(_item(resource))}}
    if operation.answer == "list":
        for name in ("page", "per_page", "total"):
            properties[name] = {"type": "integer"}
        properties["next_page"] = {"type": ["integer", "null"]}
    if operation.picks is not None:
        properties |= _item(resource)
    return _object(properties)


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _item(resource: Resource) -> Schema:
    attributes = _typed(_inlined(resource.attributes)).get("properties", {})
    return {"id": {"type": ["integer", "string", "null"]}, "type": {"type": "string"}, **attributes}


def _team(operation: Operation, properties: Schema) -> None:
    if operation.scope is not Scope.RECORD:
        properties.setdefault("team_name", {"type": "string", "description": WORDS["team_name"]})
    if takes_team(operation):
        properties.setdefault("team_id", {"type": "integer", "description": WORDS["team_id"]})


def _id_words(name: str, sources: dict[str, str]) -> str | None:
    source = sources.get(name)
    return None if source is None else f"An id from `{source}`."


@functools.lru_cache(maxsize=1024)
def field_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What stands below each field in the source, by wire name: written for whoever reads the code, true for all."""
    found: dict[str, str] = {}
    for kind in reversed(struct.__mro__):
        if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct):
            continue
        found |= _documented(kind)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(struct)}
    return {names[name]: words for name, words in found.items() if name in names}


@functools.lru_cache(maxsize=1024)
def _documented(kind: type) -> dict[str, str]:
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError, SyntaxError):  # made at run time: it has no source
        return {}
    found: dict[str, str] = {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, words in pairwise(statements):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(words, ast.Expr) and isinstance(words.value, ast.Constant) and isinstance(words.value.value, str):
            found[field.target.id] = plain(words.value.value)
    return found


def plain(words: str) -> str:
    """A docstring as a sentence for callers."""
    return _NOTES.sub("", " ".join(words.split()))


@functools.lru_cache(maxsize=1024)
def _inlined(kind: type[msgspec.Struct]) -> Schema:
    schema = msgspec.json.schema(kind)
    found = _clean(schema, schema.get("$defs", {}), 0)
    return cast(Schema, found)


def _clean(schema: Any, definitions: Schema, depth: int) -> Any:
    """Without references, without titles that repeat a class's name, null told as a type where that is all there is."""
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        if depth > MAX_DEPTH:
            return {"type": "object"}
        return _clean(definitions[reference.rsplit("/", 1)[1]], definitions, depth + 1)
    cleaned: Schema = {}
    for name, value in schema.items():
        if name in ("title", "$defs"):
            continue
        if name in ("properties", "patternProperties"):
            cleaned[name] = {key: _clean(each, definitions, depth) for key, each in value.items()}
        elif isinstance(value, list) and name in ("anyOf", "oneOf", "allOf", "prefixItems"):
            cleaned[name] = [_clean(each, definitions, depth) for each in value]
        elif name == "description":
            cleaned[name] = plain(value)
        else:
            cleaned[name] = _clean(value, definitions, depth)
    return _merged(cleaned)


def _merged(schema: Schema) -> Schema:
    """`anyOf` of bare types as a list of types: the same in half the words."""
    several = schema.get("anyOf")
    if several and all(set(each) == {"type"} and isinstance(each["type"], str) for each in several):
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return {"type": [each["type"] for each in several], **rest}
    if schema.get("required") == []:
        del schema["required"]
    return schema


def _typed(schema: Schema) -> Schema:
    """An answer's schema: types alone. Enumerations grow, and old clients must not break on a new word."""
    loose: Schema = {}
    for name, value in schema.items():
        if name in ("description", "default", "examples", "required", "minLength", "maxLength", "pattern", "minimum"):
            continue
        if name == "enum":
            loose["type"] = sorted({_json_type(each) for each in value})
        elif name in ("properties", "patternProperties"):
            loose[name] = {key: _typed(each) for key, each in value.items()}
        elif isinstance(value, dict):
            loose[name] = _typed(value)
        elif isinstance(value, list) and name in ("anyOf", "oneOf", "allOf", "prefixItems"):
            loose[name] = [_typed(each) for each in value]
        else:
            loose[name] = value
    return loose


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "string"
