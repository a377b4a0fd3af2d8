"""PagerDuty's Events API v2, so that what pages through PagerDuty today can page through us by another URL alone."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, read_object

KIND = "pagerduty"
NAME = "PagerDuty Events API v2"

_EXPECTED = "an event of PagerDuty's Events API v2"
_ACTIONS: dict[str, Action] = {"trigger": "started", "acknowledge": "acknowledged", "resolve": "resolved"}
_GENERATED_CHARACTERS = 32
"""Of a deduplication key that we make: PagerDuty's own have as many."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One event; its `dedup_key` is the alert's id. A trigger without one gets a key of its own, and the answer names
    it. Change events are taken and open nothing, as with PagerDuty."""
    message = read_object(received, _EXPECTED)
    if _is_change(received):
        return []
    action = message.whole("event_action").lower()
    if action not in _ACTIONS:
        raise Unreadable(
            f"Expected {_EXPECTED}: `event_action` must be trigger, acknowledge or resolve, not {action[:50]!r}"
        )
    key = message.whole("dedup_key")
    if action != "trigger" and not key:
        raise Unreadable(f"Expected {_EXPECTED}: `dedup_key` is required to {action}")
    summary = message.line("payload.summary")
    if action == "trigger" and not summary:
        raise Unreadable(f"Expected {_EXPECTED}: `payload.summary` is required to trigger")
    return [_alert(message, _ACTIONS[action], identity(key or _generated(received)), summary)]


def answer(received: Received, alerts: list[Alert]) -> tuple[int, dict[str, Any]]:
    """What PagerDuty answers: 202 with the deduplication key, as the sender wrote it."""
    if _is_change(received):
        return 202, {"status": "success", "message": "Change event processed"}
    key = read_object(received, _EXPECTED).whole("dedup_key") or _generated(received)
    return 202, {"status": "success", "message": "Event processed", "dedup_key": key}


def _is_change(received: Received) -> bool:
    return received.path.rstrip("/").endswith("change/enqueue")


def _generated(received: Received) -> str:
    """The same whenever this request is read, another for every other request."""
    return sha256(received.at.isoformat().encode() + received.body).hexdigest()[:_GENERATED_CHARACTERS]


def _alert(message: Fields, action: Action, alert_id: str | None, summary: str) -> Alert:
    payload = message.object("payload")
    return Alert(
        action=action,
        alert_id=alert_id,
        title=summary or message.line("dedup_key") or NAME,
        cause=payload.text("summary") or message.text("dedup_key") or NAME,
        severity=payload.line("severity", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=message.link("client_url")
        or next((url for link in message.objects("links") if (url := link.link("href"))), None),
        facts=facts(
            action,
            {
                "source": payload.line("source"),
                "component": payload.line("component"),
                "group": payload.line("group"),
                "class": payload.line("class"),
                "client": message.line("client"),
            },
            payload.flat("custom_details") or {"custom_details": payload.text("custom_details")},
            {link.line("text") or "link": link.link("href") for link in message.objects("links")[:10]},
        ),
    )
