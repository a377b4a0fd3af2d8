"""Reads facts in any of the forms in which callers write them, and shows them in the form that callers read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.metadata.model import Metadata, OwnerType, Value

MAX_KEYS = 100
"""Keys per owner."""
MAX_VALUES = 100
"""Values per key."""
MAX_KEY_CHARACTERS = 255
MAX_VALUE_CHARACTERS = 10_000
"""Of one value: a paragraph of instructions fits, a log does not."""
MAX_CHARACTERS = 50_000
"""Of all values of a key together, and of all that a record of the catalog says: they are read whenever an incident
opens, and pages wait for that."""
MAX_ID = 2**63 - 1
"""What an id column can hold."""

REFERENCES = (
    "User", "Team", "Policy", "Schedule", "SlackIntegration", "LinearIntegration", "JiraIntegration",
    "MicrosoftTeamsWebhook", "ZapierWebhook", "NativeWebhook", "PagerDutyWebhook",
)  # fmt: skip
"""Types that point at something else (contract part 2, 7.1)."""
_OWNERS = {
    "monitor": OwnerType.MONITOR,
    "heartbeat": OwnerType.HEARTBEAT,
    "incoming_webhook": OwnerType.INCOMING_WEBHOOK,
    "email_integration": OwnerType.EMAIL_INTEGRATION,
    "call_routing": OwnerType.CALL_ROUTING,
}
_PARTS = frozenset(field.encode_name for field in msgspec.structs.fields(Value))


def parsed(raw: Mapping[str, Any]) -> Metadata:
    """Facts as they are said, nothing looked up.

    Accepts `{"Key": "a"}`, `{"Key": ["a", "b"]}`, `{"Key": {"type": …}}` and `{"Key": [{"type": …, …}]}`; what is null
    or empty is left out, so that a key may be left without values. Raises Invalid (field `metadata`).
    """
    if len(raw) > MAX_KEYS:
        raise Invalid.fields(metadata=f"has too many keys, at most {MAX_KEYS} are accepted")
    return {checked_key(key, "metadata"): parsed_values(key, given, "metadata") for key, given in raw.items()}


def parsed_values(key: str, given: Any, field: str, *, blanks: bool = False) -> list[Value]:
    """The values of one key, from a list of them or a single one; `blanks` keeps texts that are empty.

    Raises Invalid (under `field`, the name of the attribute in which they were sent).
    """
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(several) > MAX_VALUES:
        raise _wrong(field, f"{key} has too many values, at most {MAX_VALUES} are accepted")
    values = [_value(key, one, field, blanks) for one in several if one is not None and (blanks or one != "")]
    if characters(values) > MAX_CHARACTERS:
        raise _wrong(field, f"{key} has values of more than {MAX_CHARACTERS} characters together")
    return [value for value in values if blanks or value.value != ""]


def characters(values: Iterable[Value]) -> int:
    """How much text values are."""
    return sum(len(text) for value in values for text in (value.value, value.name, value.email) if text)


def checked_key(key: str, field: str = "key") -> str:
    """The key as it is. Raises Invalid (under `field`, where it was sent) when nobody could read it."""
    if not key.strip() or len(key) > MAX_KEY_CHARACTERS or "\x00" in key:
        where = "has a key that " if field != "key" else ""
        raise _wrong(field, f"{where}is blank or longer than {MAX_KEY_CHARACTERS} characters")
    return key


def owner_type_of(kind: str | None) -> str | None:
    """The wire's word for the owner of what an incident's `owner_type` names; None: nothing can be attached to it.

    `monitor` is a `Monitor`; whatever sends infrastructure alerts (`prometheus_integration` …) a `WebhookIntegration`.
    """
    if kind is None:
        return None
    return _OWNERS.get(kind) or (OwnerType.WEBHOOK_INTEGRATION if kind.endswith("_integration") else None)


def resource_type(owner_type: str) -> str:
    """How answers call an owner that is not there: `IncomingWebhook` is an `incoming_webhook`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", owner_type).lower()


def typed(value: Value) -> dict[str, Any]:
    """What is known of a value, and nothing else: the wire's form in version 3."""
    return {name: given for name, given in msgspec.structs.asdict(value).items() if given is not None}


def plain(values: Iterable[Value]) -> str:
    """Values as one text for people and for version 2 of the API: `Payments`, `Alice, Bob`."""
    return ", ".join(_text(value) for value in values)


def _text(value: Value) -> str:
    known = value.value, value.name, value.email, value.item_id
    return next((str(given) for given in known if given is not None), "")


def _value(key: str, given: Any, field: str, blanks: bool) -> Value:
    if not isinstance(given, Mapping):
        return Value(value=_scalar(key, given, field))
    unknown = set(given) - _PARTS
    if unknown:
        raise _wrong(field, f"{key} has unknown attributes: {', '.join(sorted(map(str, unknown)))}")
    type = given.get("type") or "String"
    if type == "String":
        text = given.get("value")
        if text is None and not blanks:
            raise _wrong(field, f"{key} needs a value")
        if any(given.get(part) not in (None, "") for part in ("item_id", "name", "email")):
            raise _wrong(field, f"{key} is a String, which has a value and no item_id, name or email")
        return Value(value=_scalar(key, "" if text is None else text, field))
    if type not in REFERENCES:
        raise _wrong(field, f"{key} has an unsupported type, supported are: String, {', '.join(REFERENCES)}")
    return _reference(key, type, given, field)


def _reference(key: str, type: str, given: Mapping[str, Any], field: str) -> Value:
    item_id = given.get("item_id")
    if item_id == "":
        item_id = None
    if item_id is not None:
        try:
            item_id = int(item_id)
        except (TypeError, ValueError, OverflowError):
            raise _wrong(field, f"{key} has an item_id that is not an integer") from None
        if not 0 < item_id <= MAX_ID:
            raise _wrong(field, f"{key} has an item_id that is out of range")
    name = _scalar(key, given["name"], field) if given.get("name") not in (None, "") else None
    email = _scalar(key, given["email"], field) if given.get("email") not in (None, "") else None
    if given.get("value") not in (None, ""):
        raise _wrong(field, f"{key} has a value, which only a String has")
    if email is not None and type != "User":
        raise _wrong(field, f"{key} has an email, which only a User has")
    if item_id is None and name is None and email is None:
        raise _wrong(field, f"{key} needs an item_id, a name or an email")
    return Value(type=type, item_id=item_id, name=name, email=email)


def _scalar(key: str, given: Any, field: str) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if not isinstance(given, (str, int, float)):
        raise _wrong(field, f"{key} must be text, a list of texts or typed values")
    if isinstance(given, int) and abs(given) > MAX_ID:
        raise _wrong(field, f"{key} has a number that is out of range")
    text = str(given)
    if len(text) > MAX_VALUE_CHARACTERS or "\x00" in text:
        raise _wrong(field, f"{key} has a value that is longer than {MAX_VALUE_CHARACTERS} characters")
    return text


def _wrong(field: str, text: str) -> Invalid:
    return Invalid.of({field: [text]})
