"""The rules of an incoming webhook or a mailbox as a form has them: rows that may be left empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ACTIONS = (("started", "Starts an incident when"), ("acknowledged", "Acknowledges it when"),
           ("resolved", "Resolves it when"))  # fmt: skip
RULE_TYPES = {
    "started": (("unused", "every message"), ("all", "all of these hold"), ("any", "any of these holds")),
    "acknowledged": (("unused", "never"), ("all", "all of these hold"), ("any", "any of these holds")),
    "resolved": (("unused", "never"), ("all", "all of these hold"), ("any", "any of these holds")),
}
WEB_TARGETS = (
    ("json", "JSON at"),
    ("xml", "XML at"),
    ("header", "Header"),
    ("query_string", "Parameter"),
    ("body", "Whole body"),
)
MAIL_TARGETS = (("subject", "Subject"), ("from_email", "Sender"), ("body", "Text"))
MATCHES = (("contains", "contains"), ("contains_not", "does not contain"), ("equals", "is"), ("equals_not", "is not"),
           ("matches_regex", "matches pattern"), ("matches_regex_not", "does not match pattern"))  # fmt: skip
EXTRACTIONS = (("match_everything", "all of it"), ("match_before", "up to"), ("match_after", "from … on"),
               ("match_between", "between … and …"), ("match_regex", "what matches"))  # fmt: skip
SINGLE_FIELDS = (("title_field", "Title"), ("cause_field", "Cause"), ("started_alert_id_field", "Id of the alert"))
BLANK_ROWS = 2
MAX_ROWS = 50
_RULE = ("rule_target", "target_field", "match_type", "content")
_FIELD = ("field_target", "target_field", "match_type", "content", "content_before", "content_after")


def editor(values: Mapping[str, Any], *, mail: bool) -> dict[str, Any]:
    """All that the form shows: `lists` of rules, single `fields` and further `facts`, each with blank rows to fill."""
    lists = [
        {
            "action": action,
            "words": words,
            "types": RULE_TYPES[action],
            "type": values.get(f"{action}_rule_type") or "unused",
            "rows": _rows(values.get(f"{action}_rules") or (), _RULE),
        }
        for action, words in ACTIONS
    ]
    fields = [
        {"name": name, "words": words, "row": _row(values.get(name) or {}, _FIELD)} for name, words in SINGLE_FIELDS
    ]
    return {
        "lists": lists,
        "fields": fields,
        "facts": _rows(values.get("other_started_fields") or (), ("name", *_FIELD)),
        "targets": MAIL_TARGETS if mail else WEB_TARGETS,
        "matches": MATCHES,
        "extractions": EXTRACTIONS,
    }


def read(sent: Mapping[str, list[str]]) -> dict[str, Any]:
    """What such a form says, by the names on the wire; rows in which nothing was written are none."""
    found: dict[str, Any] = {}
    for action, _ in ACTIONS:
        found[f"{action}_rule_type"] = _text(sent, f"{action}_rule_type") or "unused"
        found[f"{action}_rules"] = _read_rows(sent, f"{action}_rules", _RULE, ("target_field", "content"))
    for name, _ in SINGLE_FIELDS:
        found[name] = _read_field(sent, name)
    named = ("name", *_FIELD)
    found["other_started_fields"] = _read_rows(sent, "other_started_fields", named, ("name",))
    return found


def summary(it: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """The rules that are set, in words: (what follows, on which condition, each rule). Empty for kinds without."""
    if "started_rule_type" not in it:
        return []
    matches, targets = dict(MATCHES), dict(WEB_TARGETS + MAIL_TARGETS)
    found = []
    for action, words in ACTIONS:
        kind = it[f"{action}_rule_type"]
        rules = [
            f"{targets.get(rule['rule_target'], rule['rule_target'])} {rule['target_field'] or ''} "
            f"{matches.get(rule['match_type'], rule['match_type'])} “{rule['content'] or ''}”".replace("  ", " ")
            for rule in it[f"{action}_rules"]
        ]
        found.append((words, dict(RULE_TYPES[action]).get(kind, kind), rules if kind != "unused" else []))
    return found


def _rows(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, str]]:
    return [_row(each, names) for each in [*found, *({} for _ in range(BLANK_ROWS))]]


def _row(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    return {name: str(found.get(name) or "") for name in names}


def _read_rows(
    sent: Mapping[str, list[str]], prefix: str, names: Sequence[str], telling: Sequence[str]
) -> list[dict[str, str | None]]:
    rows = []
    for place in range(MAX_ROWS + BLANK_ROWS):
        row = {name: _text(sent, f"{prefix}-{place}-{name}") or None for name in names}
        if any(row[name] for name in telling):
            rows.append(row)
    return rows


def _read_field(sent: Mapping[str, list[str]], name: str) -> dict[str, str | None] | None:
    row = {key: _text(sent, f"{name}-{key}") or None for key in _FIELD}
    return row if row["field_target"] else None


def _text(sent: Mapping[str, list[str]], name: str) -> str:
    return sent.get(name, [""])[-1]
