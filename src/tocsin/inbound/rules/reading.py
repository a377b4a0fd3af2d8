"""Where in a message a rule or a field looks: one answer for each target, whatever the message is."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import msgspec

from tocsin.inbound.model import Received, ReceivedMail
from tocsin.inbound.rules import patterns

WEBHOOK_TARGETS = ("query_string", "header", "body", "json", "xml")
EMAIL_TARGETS = ("from_email", "subject", "body")
MAX_STEPS = 32
"""Parts of a dotted JSON key."""


class Message(Protocol):
    """Anything that rules can be asked about."""

    def text(self, target: str, field: str | None) -> str | None:
        """What stands there, None when there is nothing of the kind."""
        ...


class WebhookMessage:
    """A web request."""

    def __init__(self, received: Received) -> None:
        self._received = received

    def text(self, target: str, field: str | None) -> str | None:
        received = self._received
        if target == "body":
            return self._body
        if target == "query_string":
            return _named(received.query, field, "=", "&")
        if target == "header":
            return _named(received.headers, None if field is None else field.lower(), ": ", "\n")
        if target == "json":
            return json_text(self._json, field) if self._json is not _NOTHING else None
        if target == "xml" and self._xml is not None:
            return patterns.select(self._xml, field) if field else "".join(self._xml.itertext())
        return None

    @cached_property
    def _body(self) -> str:
        return self._received.body.decode("utf-8", "replace").removeprefix("\ufeff")

    @cached_property
    def _json(self) -> Any:
        try:
            return msgspec.json.decode(self._body)
        except (msgspec.MsgspecError, RecursionError):
            return _NOTHING

    @cached_property
    def _xml(self) -> Any:
        return patterns.parse_xml(self._received.body)


class MailMessage:
    """An e-mail."""

    def __init__(self, mail: ReceivedMail) -> None:
        self._mail = mail

    def text(self, target: str, field: str | None) -> str | None:
        if target == "from_email":
            return self._mail.sender
        if target == "subject":
            return self._mail.subject
        if target == "body":
            return self._mail.text
        return None


def json_text(document: Any, key: str | None) -> str | None:
    """The value at a dotted key (`incident.status`, `alerts.0.labels.job`, `alerts[0]`) as text; None: there is none.

    A key that itself holds dots is found too. Lists and objects come as JSON.
    """
    steps = (key or "").strip().removeprefix("$").replace("[", ".").replace("]", "").strip(".")
    found = document if not steps else _walk(document, steps.split(".")[:MAX_STEPS])
    if found is _NOTHING:
        return None
    if isinstance(found, str):
        return found
    return "" if found is None else msgspec.json.encode(found).decode()


class _Nothing:
    pass


_NOTHING = _Nothing()


def _walk(document: Any, steps: list[str]) -> Any:
    """Tries the longest name first at each level; goes back to no level, so that it takes a few hundred looks."""
    here = document
    while steps:
        if isinstance(here, list):
            if not (steps[0].isascii() and steps[0].isdecimal() and len(steps[0]) < 9 and int(steps[0]) < len(here)):
                return _NOTHING
            here, steps = here[int(steps[0])], steps[1:]
            continue
        if not isinstance(here, dict):
            return _NOTHING
        for taken in range(len(steps), 0, -1):
            name = ".".join(steps[:taken])
            if name in here:
                here, steps = here[name], steps[taken:]
                break
        else:
            return _NOTHING
    return here


def _named(pairs: tuple[tuple[str, str], ...], name: str | None, between: str, after: str) -> str | None:
    if not name:
        return after.join(f"{known}{between}{value}" for known, value in pairs)
    return next((value for known, value in pairs if known == name), None)
