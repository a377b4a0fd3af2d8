"""Opsgenie's Alert API, so that what pages through Opsgenie today can page through us by another URL alone."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any
from uuid import UUID

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, one_line, read_object, tidy

KIND = "opsgenie"
NAME = "Opsgenie Alert API"

_EXPECTED = "a request of Opsgenie's Alert API"
_VERBS: dict[str, Action] = {"close": "resolved", "acknowledge": "acknowledged"}
_IDLE = frozenset((
    "actions", "assign", "description", "details", "escalate", "message", "notes", "priority", "responders", "snooze",
    "tags", "teams", "unacknowledge",
))  # fmt: skip
"""What changes nothing that we hold: taken, so that the sender does not stumble over it."""
_PATH = re.compile(rf"(?:v2/)?alerts(?:/(?P<alias>.+?)(?:/(?P<verb>{'|'.join(sorted(_IDLE | set(_VERBS)))}))?)?")
"""An alias may hold a slash."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """Create (`POST v2/alerts`), close and acknowledge (`POST v2/alerts/ALIAS/close`), delete (`DELETE
    v2/alerts/ALIAS`, which closes). The alias is the alert's id; without one, a create gets its request's."""
    alias, verb = _address(received)
    if alias is None:
        return [_created(received)]
    if verb is None and received.method == "DELETE":
        verb = "close"
    if verb in _IDLE:
        return []
    if verb not in _VERBS:
        raise Unreadable(f"Expected {_EXPECTED}: close or acknowledge of an alert, not {(verb or '')[:50]!r}")
    message = read_object(received, _EXPECTED) if received.body.strip() else Fields()  # the body is optional
    note = message.text("note")
    by = message.line("user") or message.line("source")
    alert = Alert(
        action=_VERBS[verb],
        alert_id=identity(alias),
        title=one_line(alias) or NAME,
        cause=note or f"{verb} by {by or 'the sender'}",
        facts=tidy({"user": message.line("user"), "source": message.line("source"), "note": note}),
    )
    return [alert]


def answer(received: Received, alerts: list[Alert]) -> tuple[int, dict[str, Any]]:
    """What Opsgenie answers: 202, for it does the work later. Here it is done."""
    return 202, {"result": "Request will be processed", "took": 0.0, "requestId": _request_id(received)}


def _address(received: Received) -> tuple[str | None, str | None]:
    """The alias and what shall be done with it; (None, None) to create one."""
    path = received.path.strip("/")
    found = _PATH.fullmatch(path) if path else None
    if path and not found:
        raise Unreadable(f"Expected {_EXPECTED}: the path must be v2/alerts or v2/alerts/ALIAS/close")
    if not found or found["alias"] is None:
        return None, None
    return found["alias"], found["verb"]


def _created(received: Received) -> Alert:
    message = read_object(received, _EXPECTED)
    title = message.line("message")
    if not title:
        raise Unreadable(f"Expected {_EXPECTED}: `message` is required to create an alert")
    return Alert(
        action="started",
        alert_id=identity(message.whole("alias") or _request_id(received)),
        title=title,
        cause=message.text("description") or title,
        severity=message.line("priority", limit=MAX_SEVERITY_CHARACTERS) or None,
        facts=facts(
            "started",
            {
                "entity": message.line("entity"),
                "source": message.line("source"),
                "tags": message.listed("tags"),
                "user": message.line("user"),
                "note": message.text("note"),
            },
            message.flat("details"),
        ),
    )


def _request_id(received: Received) -> str:
    """The same whenever this request is read, another for every other request."""
    told = f"{received.at.isoformat()} {received.path} ".encode("utf-8", "surrogatepass")
    return str(UUID(bytes=sha256(told + received.body).digest()[:16]))
