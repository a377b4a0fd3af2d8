"""What a message says by its integration's rules: nothing, a new trouble, that somebody took it on, or its end."""

from __future__ import annotations

import msgspec

from tocsin.inbound.model import Action, Alert, Field, Rule, Settings
from tocsin.inbound.rules import patterns
from tocsin.inbound.rules.reading import Message

MAX_VALUE_CHARACTERS = 10_000
"""Of a piece taken out of a message."""
MAX_TITLE_CHARACTERS = 255
_ORDER: tuple[Action, ...] = ("resolved", "acknowledged", "started")


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one message, and why."""

    alert: Alert | None
    """None: the message changes nothing."""
    action: Action | None
    matched: tuple[str, ...]
    """The rules that matched, in words, e.g. `started_rules[0]: json incident.status contains "alert"`."""
    fields: dict[str, str | None]
    """What each field took out of the message, by its wire name; None: nothing."""
    words: str


def judge(settings: Settings, message: Message, *, name: str, default_cause: str) -> Judgement:
    """Read one message by the rules.

    The more particular wins: a message that matches the rules for the end, or for the acknowledgement, does not start
    anything, though `unused` for the start matches every message (contract part 2, 9.1).
    """
    for action in _ORDER:
        rule_type = getattr(settings, f"{action}_rule_type")
        rules: tuple[Rule, ...] = getattr(settings, f"{action}_rules")
        if rule_type == "unused":
            if action != "started":
                continue
            return _taken(settings, message, action, ("every message starts an incident",), name, default_cause)
        hits = [number for number, rule in enumerate(rules) if matches(rule, message)]
        if rules and (len(hits) == len(rules) if rule_type == "all" else hits):
            matched = tuple(f"{action}_rules[{number}]: {say(rules[number])}" for number in hits)
            return _taken(settings, message, action, matched, name, default_cause)
    words = "No rule matched, so nothing was done." + _unread(settings, message)
    return Judgement(alert=None, action=None, matched=(), fields={}, words=words)


def matches(rule: Rule, message: Message) -> bool:
    """Whether a rule is true of a message; what is not there counts as the empty text."""
    text = message.text(rule.rule_target, rule.target_field) or ""
    content = rule.content or ""
    kind = rule.match_type.removesuffix("_not")
    if kind == "contains":
        found = content in text
    elif kind == "equals":
        found = text.strip() == content.strip()
    else:
        found = patterns.search(content, text) is not None
    return found is not rule.match_type.endswith("_not")


def extract(field: Field | None, message: Message) -> str | None:
    """The piece that a field takes out of a message; None when there is none, or nothing but space."""
    text = None if field is None else message.text(field.field_target, field.target_field)
    if field is None or text is None:
        return None
    found = _piece(field, text)
    found = None if found is None else found.replace("\x00", "\ufffd").strip()[:MAX_VALUE_CHARACTERS]
    return found or None


def say(rule: Rule) -> str:
    """A rule in words."""
    where = f"{rule.rule_target} {rule.target_field}" if rule.target_field else rule.rule_target
    return f'{where} {rule.match_type} "{rule.content or ""}"'


def _unread(settings: Settings, message: Message) -> str:
    """Why rules could not match: they look into JSON or XML, and the message is none. A sender cuts it off, or sends
    a form: otherwise the rules would be looked at again and again for what is not their fault.
    """
    targets = {rule.rule_target for action in _ORDER for rule in getattr(settings, f"{action}_rules")}
    wrong = [kind.upper() for kind in ("json", "xml") if kind in targets and message.text(kind, None) is None]
    return f" Rules look into its {' and '.join(wrong)}, but its body cannot be read as that." if wrong else ""


def _piece(field: Field, text: str) -> str | None:
    if field.match_type == "match_everything":
        return text
    if field.match_type == "match_regex":
        return patterns.search(field.content or "", text)
    if field.match_type == "match_before":
        before, found, _ = text.partition(field.content or field.content_before or "\x00")
        return before if found else None
    start = field.content_before if field.match_type == "match_between" else field.content or field.content_after
    _, found, after = text.partition(start or "\x00")
    if not found or field.match_type == "match_after":
        return after if found else None
    between, found, _ = after.partition(field.content_after or "\x00")
    return between if found else None


def _taken(
    settings: Settings, message: Message, action: Action, matched: tuple[str, ...], name: str, default_cause: str
) -> Judgement:
    id_name = f"{action}_alert_id_field"
    if getattr(settings, id_name) is None:
        id_name = "started_alert_id_field"  # an id for the start is good for the end as well
    id_field: Field | None = getattr(settings, id_name)
    alert_id = extract(id_field, message)
    cause, title = extract(settings.cause_field, message), extract(settings.title_field, message)
    others: tuple[Field, ...] = getattr(settings, f"other_{action}_fields")
    facts = {label(field, number): extract(field, message) for number, field in enumerate(others)}
    fields = {id_name: alert_id, "cause_field": cause, "title_field": title} | {
        f"other_{action}_fields: {key}": value for key, value in facts.items()
    }
    if id_field is not None and alert_id is None and action != "started":
        words = f"It matched, but {id_name} found no alert id in it, so nobody knows which incident it is about."
        return Judgement(alert=None, action=action, matched=matched, fields=fields, words=words)
    alert = Alert(
        action=action,
        alert_id=alert_id,
        title=" ".join((title or name).split())[:MAX_TITLE_CHARACTERS],
        cause=cause or default_cause,
        facts={key: value for key, value in facts.items() if value is not None},
    )
    return Judgement(alert=alert, action=action, matched=matched, fields=fields, words="")


def label(field: Field, number: int) -> str:
    """The metadata key under which a field's piece stands."""
    return (field.name or field.target_field or field.special_type or f"Field {number + 1}").strip()
