"""Text that outsiders wrote: cut to a size, stripped of credentials and named, so that a model reads it as evidence."""

from __future__ import annotations

from typing import Any

from tocsin.kernel.vault import covered, without_credentials

MAX_CHARACTERS = 4_000
"""Of one such text: enough to see what was answered, too little to drown a conversation in."""

OUTSIDERS: dict[str, frozenset[str]] = {
    "incident": frozenset({"name", "cause", "response_content", "response_options", "metadata"}),
    "incident_comment": frozenset({"content"}),
    "timeline_item": frozenset({"data"}),
    "heartbeat_ping": frozenset({"body", "user_agent"}),
    "inbound_payload": frozenset({"headers", "body", "query_string", "path"}),
    "inbound_alert": frozenset({"title", "cause", "url", "metadata", "group_key"}),
    "incoming_webhook": frozenset({"sample_query_string", "sample_headers", "sample_body"}),
    "outgoing_webhook_delivery": frozenset({"log"}),
    "on_call_cover_request": frozenset({"message"}),
    "status_page_subscriber": frozenset({"address", "email"}),
    "StoredResponse": frozenset({"headers", "body", "url"}),
    "Trial": frozenset({"extracted_fields", "alerts"}),
}
"""By the type of a resource, or the name of a struct: which of its fields hold what others have written."""


def marked(item: dict[str, Any], kind: str) -> list[str]:
    """Cut and clean such fields where they stand; returns the names of those that hold anything."""
    named = []
    for field in OUTSIDERS.get(kind, ()):
        value = item.get(field)
        if value in (None, "", [], {}):
            continue
        item[field] = cleaned(value)
        named.append(field)
    return sorted(named)


def cleaned(value: Any) -> Any:
    """Every text in it within its size and without `user:password@`."""
    if isinstance(value, str):
        text = without_credentials(value)
        return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}… [{len(text) - MAX_CHARACTERS} more]"
    if isinstance(value, dict):
        return {name: cleaned(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return value


def hidden(item: dict[str, Any], secrets: frozenset[str]) -> None:
    """A password is of no use to a model, and what it has read it may repeat."""
    for name in secrets & item.keys():
        item[name] = covered(item[name])
