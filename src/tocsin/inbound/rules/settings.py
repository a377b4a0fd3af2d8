"""What may be set on an integration, and what it means when something is left out or emptied (contract part 2, 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from tocsin.inbound.model import EMAIL, INCOMING_WEBHOOK, Field, Kind, Rule, RuleType, Settings
from tocsin.inbound.rules import patterns
from tocsin.inbound.rules.reading import EMAIL_TARGETS, WEBHOOK_TARGETS

MAX_NAME_CHARACTERS = 255
MAX_TEXT_CHARACTERS = 10_000
"""Of a rule's or field's content."""
MAX_RULES = 50
"""Of each list: each costs a search through every message."""
MAX_PERIOD_SECONDS = 86_400
MAX_ID = 2**63 - 1
"""What an id column can hold."""

MATCH_TYPES = ("contains", "contains_not", "matches_regex", "matches_regex_not", "equals", "equals_not")
EXTRACTIONS = ("match_before", "match_after", "match_between", "match_regex", "match_everything")
SPECIAL_TYPES = ("alert_id", "cause")
RULE_TYPES = get_args(RuleType)
WITH_RULES = (INCOMING_WEBHOOK.name, EMAIL.name)
"""The kinds whose owners write rules; the others know their senders' messages."""

_SWITCHES = ("call", "sms", "email", "push", "critical_alert")
_ACTIONS = ("started", "acknowledged", "resolved")
_NO_NULL = {"alerting_rule", *_SWITCHES, *(f"{action}_rule_type" for action in _ACTIONS)}

Errors = dict[str, list[str]]


def apply(current: Settings, given: Mapping[str, Any], kind: Kind) -> tuple[Settings, Errors]:
    """The settings after `given` (wire names, only what was sent) and everything wrong with them, by field."""
    errors: Errors = {}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in Settings.__struct_fields__:
            continue
        if value is None:
            values[name] = _default(name)
        elif name == "policy_id":
            values[name] = _policy(value, errors)
        elif name.endswith("_rules"):
            values[name] = _rules(name, value, kind, errors)
        elif name.endswith("_fields"):
            values[name] = _fields(name, value, kind, errors)
        elif name.endswith("_field"):
            values[name] = _field(name, "", value, kind, errors)
        else:
            values[name] = value
    settings = msgspec.structs.replace(current, **values)
    _periods(settings, errors)
    for action in _ACTIONS:
        _needs_rules(settings, action, errors)
    if settings.alerting_rule not in ("alert", "alert_and_warn"):
        errors["alerting_rule"] = ["must be one of: alert, alert_and_warn"]
    return settings, errors


def name_of(given: Mapping[str, Any], current: str, errors: Errors) -> str:
    """The integration's name after `given`."""
    name = str(given["name"] or "").strip() if "name" in given else current
    if len(name) > MAX_NAME_CHARACTERS:
        errors["name"] = [f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)"]
    return name or current


def _default(name: str) -> Any:
    field = getattr(_DEFAULTS, name)
    return field if name in _NO_NULL or isinstance(field, tuple) else None


_DEFAULTS = Settings()


def _policy(value: Any, errors: Errors) -> int | None:
    """The policy's id; 0 and the empty text are none. One that we do not know is no reason to page nobody."""
    text = str(value).strip()
    if text in ("", "0"):
        return None
    if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_ID:
        return int(text)
    errors["policy_id"] = ["is not the id of a policy"]
    return None


def _periods(settings: Settings, errors: Errors) -> None:
    for name in ("team_wait", "recovery_period"):
        seconds = getattr(settings, name)
        if seconds is not None and not 0 <= seconds <= MAX_PERIOD_SECONDS:
            errors[name] = [f"must be between 0 and {MAX_PERIOD_SECONDS} seconds"]


def _needs_rules(settings: Settings, action: str, errors: Errors) -> None:
    rule_type = getattr(settings, f"{action}_rule_type")
    rules = f"{action}_rules"
    if rule_type not in RULE_TYPES:
        errors[f"{action}_rule_type"] = [f"must be one of: {', '.join(RULE_TYPES)}"]
    elif rule_type != "unused" and not getattr(settings, rules) and rules not in errors:
        errors[rules] = [f"can't be blank when {action}_rule_type is {rule_type}: give a rule, or use unused"]


def _rules(name: str, sent: list[Any], kind: Kind, errors: Errors) -> tuple[Rule, ...]:
    if len(sent) > MAX_RULES:
        errors[name] = [f"has too many rules (maximum is {MAX_RULES})"]
        return ()
    rules = []
    for number, raw in enumerate(sent, 1):
        rule = Rule(
            rule_target=str(raw.get("rule_target") or ""), target_field=raw.get("target_field") or None,
            match_type=str(raw.get("match_type") or ""), content=raw.get("content"),
        )  # fmt: skip
        wrong = _wrong_target("rule_target", rule.rule_target, rule.target_field, kind)
        if rule.match_type not in MATCH_TYPES:
            wrong.append(f"match_type must be one of: {', '.join(MATCH_TYPES)}")
        elif rule.match_type.startswith("matches_regex"):
            wrong += _wrong_pattern("content", rule.content)
        elif not rule.content and not rule.match_type.startswith("equals"):
            wrong.append("content can't be blank")
        wrong += _too_long(raw)
        errors.update(_numbered(name, f"rule {number}: ", wrong, errors))
        rules.append(rule)
    return tuple(rules)


def _fields(name: str, sent: list[Any], kind: Kind, errors: Errors) -> tuple[Field, ...]:
    if len(sent) > MAX_RULES:
        errors[name] = [f"has too many fields (maximum is {MAX_RULES})"]
        return ()
    found = [_field(name, f"field {number}: ", raw, kind, errors) for number, raw in enumerate(sent, 1)]
    return tuple(field for field in found if field is not None)


def _field(name: str, prefix: str, raw: Any, kind: Kind, errors: Errors) -> Field | None:
    if not any(value not in (None, "") for value in raw.values()):
        return None  # an empty block of a form
    texts = {key: raw.get(key) for key in Field.__struct_fields__}
    texts["target_field"] = texts["target_field"] or None
    texts["special_type"] = texts["special_type"] or None
    field = Field(**texts | {key: str(raw.get(key) or "") for key in ("field_target", "match_type")})
    wrong = _wrong_target("field_target", field.field_target, field.target_field, kind)
    if field.special_type is not None and field.special_type not in SPECIAL_TYPES:
        wrong.append(f"special_type must be one of: {', '.join(SPECIAL_TYPES)}, or null")
    if field.match_type not in EXTRACTIONS:
        wrong.append(f"match_type must be one of: {', '.join(EXTRACTIONS)}")
    elif field.match_type == "match_regex":
        wrong += _wrong_pattern("content", field.content)
    elif field.match_type == "match_before" and not (field.content or field.content_before):
        wrong.append("content can't be blank for match_before")
    elif field.match_type == "match_after" and not (field.content or field.content_after):
        wrong.append("content can't be blank for match_after")
    elif field.match_type == "match_between" and not (field.content_before and field.content_after):
        wrong.append("content_before and content_after can't be blank for match_between")
    wrong += _too_long(raw)
    errors.update(_numbered(name, prefix, wrong, errors))
    return field


def _wrong_target(word: str, target: str, field: str | None, kind: Kind) -> list[str]:
    allowed = EMAIL_TARGETS if kind is EMAIL else WEBHOOK_TARGETS
    if target not in allowed:
        return [f"{word} must be one of: {', '.join(allowed)}"]
    complaint = patterns.complaint_about_selector(field) if target == "xml" and field else None
    return [f"target_field {complaint}"] if complaint else []


def _wrong_pattern(word: str, pattern: str | None) -> list[str]:
    if not pattern:
        return [f"{word} can't be blank for a regular expression"]
    complaint = patterns.complaint_about_pattern(pattern)
    return [f"{word} {complaint}"] if complaint else []


def _too_long(raw: Mapping[str, Any]) -> list[str]:
    return [
        f"{key} is too long (maximum is {MAX_TEXT_CHARACTERS} characters)"
        for key, value in raw.items()
        if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS
    ]


def _numbered(name: str, prefix: str, wrong: list[str], errors: Errors) -> Errors:
    return {name: [*errors.get(name, []), *(prefix + text for text in wrong)]} if wrong else {}
