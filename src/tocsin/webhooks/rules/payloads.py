"""What another system is told about an event: the default bodies, and the values of a template's variables."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.webhooks.model import MONITOR_EVENTS, TEST_EVENT, Listener, Message, Trigger
from tocsin.webhooks.rules.templates import Values


class IncidentThen(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as it stood when the event happened."""

    owner_type: str | None = None
    owner_id: int | None = None
    name: str = ""
    url: str | None = None
    http_method: str | None = None
    cause: str = ""
    started_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    response_content: str | None = None
    has_response: bool = False


class CommentThen(msgspec.Struct, frozen=True, kw_only=True):
    """A comment as it was written."""

    id: int = 0
    content: str = ""
    created_at: datetime | None = None
    author_name: str = ""
    author_email: str | None = None


class MonitorThen(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor as it stood when the event happened, in the order of the wire (contract part 2, 8.2)."""

    url: str = ""
    pronounceable_name: str = ""
    monitor_type: str = ""
    required_keyword: str | None = None
    verify_ssl: bool = True
    check_frequency: int = 0
    call: bool = False
    sms: bool = False
    email: bool = False
    team_wait: int | None = None
    http_method: str = ""
    request_timeout: float = 0
    recovery_period: int = 0
    request_body: str = ""
    paused_at: datetime | None = None
    last_checked_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


STARTED = "started"


def called(listener: Listener, webhook_ids: Collection[int] | None) -> bool:
    """Whether a step of a policy calls this webhook: by its id, or (None) with all that want to hear of a start."""
    if listener.trigger_type is not Trigger.INCIDENT:
        return False
    return STARTED in listener.events if webhook_ids is None else listener.id in webhook_ids


def wants(listener: Listener, name: str, data: dict[str, Any]) -> bool:
    """Whether a webhook is to be told of the event `name`, e.g. `incident.started`.

    Where an escalation policy decides who hears of an incident, it decides so for webhooks too, and those that are not
    told alongside the first responder hear only from a policy that it has started (contract part 2, 8.1 and 10).
    Pausing a monitor by a change of it is one thing, not two: `monitor.paused` says it.
    """
    about, _, what = name.partition(".")
    if listener.trigger_type is Trigger.INCIDENT:
        alone = data.get("policy_id") is None and listener.notify_alongside_primary_responder
        return about == "incident" and what in listener.events and (what != STARTED or alone)
    if listener.trigger_type is Trigger.MONITOR:
        only_paused = what == "updated" and data.get("changed") == ["paused"]
        return about == "monitor" and what in MONITOR_EVENTS and not only_paused
    return about == "on_call"


def subject(name: str, resource_id: int) -> str:
    """What must arrive in order: the messages about one incident, or about one monitor."""
    return f"{name.partition('.')[0]}-{resource_id}"


def default_body(message: Message) -> dict[str, Any]:
    """What is sent when there is no body template (contract part 2, 8.2)."""
    trigger = message.webhook.trigger_type
    if trigger is Trigger.INCIDENT:
        return _incident_body(message)
    if trigger is Trigger.MONITOR:
        return _monitor_body(message)
    return {"data": message.data.get("on_call", {})}


def variables(message: Message) -> Values:
    """The values of a template's variables, by name."""
    trigger = message.webhook.trigger_type
    if trigger is Trigger.INCIDENT:
        return _incident_values(message)
    if trigger is Trigger.MONITOR:
        return _monitor_values(message)
    return _on_call_values(message.data.get("on_call", {}))


def metadata_texts(message: Message) -> dict[str, str]:
    """`$METADATA.<Key>` by key: several values of one key are separated by commas, as in version 2 of the API."""
    return {key: ", ".join(map(_plain, values)) for key, values in message.metadata.items()}


def sample(trigger: Trigger, now: datetime) -> dict[str, Any]:
    """What an event of this kind would hold, for a message that somebody asks for as a test."""
    if trigger is Trigger.INCIDENT:
        then: dict[str, Any] = {
            "name": "Tocsin test", "url": "https://example.com/", "http_method": "get", "cause": "This is a test",
            "status": "Started", "started_at": now, "has_response": False,
        }  # fmt: skip
        return {"incident": then, "event": "started"}
    if trigger is Trigger.MONITOR:
        monitor = {
            "url": "https://example.com/", "pronounceable_name": "Tocsin test", "monitor_type": "status",
            "check_frequency": 180, "http_method": "get", "request_timeout": 30, "recovery_period": 180, "email": True,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        return {"monitor": monitor, "event": "created"}
    on_call = {
        "message": "Tocsin test is on-call now.", "emails": ["test@example.com"], "calendar_id": 0,
        "calendar_name": "Tocsin test", "primary_calendar": True,
    }  # fmt: skip
    return {"on_call": on_call}


def _event(message: Message) -> str:
    """The wire's word, e.g. `started`."""
    return str(message.data["event"]) if message.event == TEST_EVENT else message.event.partition(".")[2]


def _incident_body(message: Message) -> dict[str, Any]:
    then, id = _incident(message), message.resource_id
    body: dict[str, Any] = {"event": _event(message)}
    body["data"] = {
        "id": str(id),
        "type": "incident",
        "attributes": {
            "name": then.name,
            "url": then.url,
            "http_method": then.http_method,
            "cause": then.cause,
            "started_at": _wire(then.started_at),
            "acknowledged_at": _wire(then.acknowledged_at),
            "resolved_at": _wire(then.resolved_at),
            "response_content": then.response_content,
            "response_url": _response_url(message, then),
            "screenshot_url": None,
        },
        "relationships": _relationships(then),
    }
    comment = _comment(message)
    if comment is not None:
        body["comment"] = {
            "id": comment.id,
            "content": comment.content,
            "created_at": _wire(comment.created_at),
            "author": {"name": comment.author_name, "email": comment.author_email},
        }
    return body


def _relationships(then: IncidentThen) -> dict[str, Any]:
    if then.owner_type is None or then.owner_id is None:
        return {}
    return {then.owner_type: {"data": {"id": str(then.owner_id), "type": then.owner_type}}}


def _monitor_body(message: Message) -> dict[str, Any]:
    then = msgspec.convert(message.data.get("monitor", {}), MonitorThen)
    shown = {name: _wire(value) if isinstance(value, datetime) else value for name, value in _fields(then)}
    data = {"id": str(message.resource_id), "type": "monitor", "attributes": {**shown, "archived_at": None}}
    return {"event": _event(message), "data": data}


def _incident_values(message: Message) -> Values:
    then, id, comment = _incident(message), message.resource_id, _comment(message)
    values: dict[str, Any] = {
        "INCIDENT_ID": id,
        "NAME": then.name,
        "URL": then.url,
        "INCIDENT_URL": f"{message.base_url}/incidents/{id}",
        "HTTP_METHOD": then.http_method,
        "CAUSE": then.cause,
        "ACKNOWLEDGED_BY": then.acknowledged_by,
        "RESOLVED_BY": then.resolved_by,
        "RESPONSE_CONTENT": then.response_content,
        "RESPONSE_URL": _response_url(message, then),
        "METADATA_ARRAY": [{"key": key, "values": values} for key, values in message.metadata.items()],
    }
    values |= _times("STARTED_AT", then.started_at)
    values |= _times("ACKNOWLEDGED_AT", then.acknowledged_at)
    values |= _times("RESOLVED_AT", then.resolved_at)
    if comment is not None:
        values |= {
            "COMMENT_ID": comment.id,
            "COMMENT_CONTENT": comment.content,
            "COMMENT_AUTHOR_NAME": comment.author_name,
            "COMMENT_AUTHOR_EMAIL": comment.author_email,
        }
        values |= _times("COMMENT_CREATED_AT", comment.created_at)
    return values


def _monitor_values(message: Message) -> Values:
    then = msgspec.convert(message.data.get("monitor", {}), MonitorThen)
    return {
        "MONITOR_ID": message.resource_id,
        "NAME": then.pronounceable_name,
        "URL": then.url,
        "HTTP_METHOD": then.http_method,
        "MONITOR_TYPE": then.monitor_type,
        "EVENT": _event(message),
    }


def _on_call_values(on_call: dict[str, Any]) -> Values:
    return {
        "MESSAGE": on_call.get("message"),
        "EMAILS_JSON_ARRAY": on_call.get("emails"),
        "ON_CALL_CALENDAR_ID": on_call.get("calendar_id"),
        "ON_CALL_CALENDAR_NAME": on_call.get("calendar_name"),
        "DEFAULT_ON_CALL_CALENDAR": on_call.get("primary_calendar"),
    }


def _times(name: str, instant: datetime | None) -> dict[str, str | None]:
    if instant is None:
        return {}
    return {name: instant.strftime("%Y-%m-%d %H:%M:%S UTC"), f"{name}_ISO8601": to_wire(instant)}


def _incident(message: Message) -> IncidentThen:
    return msgspec.convert(message.data.get("incident", {}), IncidentThen)


def _comment(message: Message) -> CommentThen | None:
    written = message.data.get("comment")
    return None if written is None else msgspec.convert(written, CommentThen)


def _response_url(message: Message, then: IncidentThen) -> str | None:
    return f"{message.base_url}/api/v3/incidents/{message.resource_id}/response" if then.has_response else None


def _fields(then: MonitorThen) -> list[tuple[str, Any]]:
    return [(name, getattr(then, name)) for name in then.__struct_fields__]


def _plain(value: dict[str, Any]) -> str:
    known = value.get("value"), value.get("name"), value.get("email"), value.get("item_id")
    return next((str(given) for given in known if given is not None), "")


def _wire(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)
