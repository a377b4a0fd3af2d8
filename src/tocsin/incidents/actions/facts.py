"""Reads the facts that callers attach to an incident, in any of the forms in which they may be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.accounts import actions as accounts
from tocsin.incidents.model import Metadata, Value
from tocsin.kernel.errors import Invalid
from tocsin.storage import Tx

MAX_KEYS = 100
"""Keys per incident."""
MAX_VALUES = 100
"""Values per key."""
MAX_KEY_CHARACTERS = 255
MAX_VALUE_CHARACTERS = 10_000
MAX_ID = 2**63 - 1
"""What an id column can hold."""

REFERENCES = (
    "User", "Team", "Policy", "Schedule", "SlackIntegration", "LinearIntegration", "JiraIntegration",
    "MicrosoftTeamsWebhook", "ZapierWebhook", "NativeWebhook", "PagerDutyWebhook",
)  # fmt: skip
"""Types that point at something else (contract part 2, 7.1)."""


def read_facts(tx: Tx, raw: Mapping[str, Any], team_id: int) -> Metadata:
    """Facts as they are to be stored; people and teams are looked up, so that answers can say all we know of them.

    References to what we do not keep (policies, schedules, integrations) are stored as given.

    Accepts `{"Key": "a"}`, `{"Key": ["a", "b"]}`, `{"Key": {"type": …}}` and `{"Key": [{"type": …, …}]}`; a key with
    null or nothing is left out. Raises Invalid (field `metadata`).
    """
    facts = {key: [_looked_up(tx, key, value, team_id) for value in values] for key, values in _parsed(raw).items()}
    return {key: values for key, values in facts.items() if values}


def filter_facts(raw: Mapping[str, Any]) -> Metadata:
    """The same forms, as a filter: nothing is looked up, what is said must match. Raises Invalid."""
    return _parsed(raw)


def _parsed(raw: Mapping[str, Any]) -> Metadata:
    if len(raw) > MAX_KEYS:
        raise _wrong(f"has too many keys, at most {MAX_KEYS} are accepted")
    facts: Metadata = {}
    for key, given in raw.items():
        if not key.strip() or len(key) > MAX_KEY_CHARACTERS or "\x00" in key:
            raise _wrong(f"has a key that is blank or longer than {MAX_KEY_CHARACTERS} characters")
        several = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(several) > MAX_VALUES:
            raise _wrong(f"{key} has too many values, at most {MAX_VALUES} are accepted")
        facts[key] = [_value(key, one) for one in several if one is not None and one != ""]
    return facts


def _value(key: str, given: Any) -> Value:
    if not isinstance(given, Mapping):
        return Value(value=_scalar(key, given))
    unknown = set(given) - {"type", "value", "item_id", "name", "email"}
    if unknown:
        raise _wrong(f"{key} has unknown attributes: {', '.join(sorted(map(str, unknown)))}")
    type = given.get("type") or "String"
    if type == "String":
        if given.get("value") is None:
            raise _wrong(f"{key} needs a value")
        return Value(value=_scalar(key, given["value"]))
    if type not in REFERENCES:
        raise _wrong(f"{key} has an unsupported type, supported are: String, {', '.join(REFERENCES)}")
    item_id = given.get("item_id")
    if item_id is not None:
        try:
            item_id = int(item_id)
        except (TypeError, ValueError, OverflowError):
            raise _wrong(f"{key} has an item_id that is not an integer") from None
        if not 0 < item_id <= MAX_ID:
            raise _wrong(f"{key} has an item_id that is out of range")
    name = None if given.get("name") is None else _scalar(key, given["name"])
    email = None if given.get("email") is None else _scalar(key, given["email"])
    if item_id is None and name is None and email is None:
        raise _wrong(f"{key} needs an item_id, a name or an email")
    return Value(type=type, item_id=item_id, name=name, email=email)


def _scalar(key: str, given: Any) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if not isinstance(given, (str, int, float)):
        raise _wrong(f"{key} must be text, a list of texts or typed values")
    if isinstance(given, int) and abs(given) > MAX_ID:
        raise _wrong(f"{key} has a number that is out of range")
    text = str(given)
    if len(text) > MAX_VALUE_CHARACTERS or "\x00" in text:
        raise _wrong(f"{key} has a value that is longer than {MAX_VALUE_CHARACTERS} characters")
    return text


def _looked_up(tx: Tx, key: str, value: Value, team_id: int) -> Value:
    if value.type not in ("User", "Team"):
        return value
    if value.type == "User":
        for user in accounts.members(tx, team_id):
            by_email = value.email is None or user.email.lower() == value.email.lower()
            by_name = value.name is None or user.name == value.name
            if by_email and by_name and value.item_id in (None, user.id):
                return Value(type="User", item_id=user.id, name=user.name, email=user.email)
    if value.type == "Team":
        team = accounts.team(tx, team_id)
        if value.item_id in (None, team.id) and value.name in (None, team.name):
            return Value(type="Team", item_id=team.id, name=team.name)
    raise _wrong(f"{key} refers to a {value.type} that doesn't exist")


def _wrong(text: str) -> Invalid:
    return Invalid.fields(metadata=text)
