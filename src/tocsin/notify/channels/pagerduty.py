"""Passes an incident on to PagerDuty, and tells it when somebody has acknowledged and when it is over.

PagerDuty, Events API v2: `POST /v2/enqueue`. Everything about one incident has the same `dedup_key`, so that a repeated
event changes nothing there: what is sent twice after a crash is one alert.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import (
    Fetches,
    accepted,
    ask,
    blank_complaints,
    cut,
    decoded,
    details,
    is_about_an_incident,
    link_of,
    settings_of,
    strange,
)
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Sent

KIND = "pagerduty"
CONNECTIONS = 8
TELLS = frozenset({Kind.PAGE, Kind.ACKNOWLEDGED, Kind.RESOLVED})
SHOWN = frozenset({"severity", "region"})
"""The settings of a target that are no secret."""
MAX_SUMMARY_CHARACTERS = 1_024
MAX_KEY_CHARACTERS = 255
"""Limits of the Events API v2."""

_ACTIONS = {Kind.PAGE: "trigger", Kind.ACKNOWLEDGED: "acknowledge", Kind.RESOLVED: "resolve"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where PagerDuty takes events, by the region of an account."""

    us_url: str = "https://events.pagerduty.com"
    eu_url: str = "https://events.eu.pagerduty.com"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One integration of a PagerDuty service."""

    key: str
    """The integration key (`routing_key`), usually 32 letters and digits."""
    severity: Literal["info", "warning", "error", "critical"]
    region: Literal["us", "eu"] = "us"

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        return blank_complaints(key=self.key)


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Enqueue one event. A test opens an alert and closes it again at once."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    url = (settings.eu_url if target.region == "eu" else settings.us_url) + "/v2/enqueue"
    key = cut(message.thread, MAX_KEY_CHARACTERS)
    if not is_about_an_incident(message):
        answer = await _enqueue(net, url, _event(message, target, "trigger", key), message)
        return answer if not isinstance(answer, Sent) else await _closed(net, url, message, target, key, answer)
    action = _ACTIONS.get(Kind(message.notice.kind), "trigger")
    return await _enqueue(net, url, _event(message, target, action, key), message)


async def _closed(net: Fetches, url: str, message: Message, target: Target, key: str, answer: Sent) -> Answer:
    response = await ask(net, "POST", url, _event(message, target, "resolve", key))
    return answer if accepted(response) else answered(response, "PagerDuty", at=message.at)


async def _enqueue(net: Fetches, url: str, event: dict[str, Any], message: Message) -> Answer:
    response = await ask(net, "POST", url, event)
    answer = answered(response, "PagerDuty", at=message.at)
    if isinstance(answer, Sent) and decoded(response).get("status") != "success":
        return strange(response, "PagerDuty")
    return Sent(answer.detail, provider_id=event["dedup_key"]) if isinstance(answer, Sent) else answer


def _event(message: Message, target: Target, action: str, key: str) -> dict[str, Any]:
    event: dict[str, Any] = {"routing_key": target.key, "event_action": action, "dedup_key": key}
    if action != "trigger":
        return event
    notice = message.notice
    link = link_of(message)
    return event | {
        "payload": {
            "summary": cut(f"{notice.headline}: {notice.cause}", MAX_SUMMARY_CHARACTERS),
            "source": "Tocsin",
            "severity": target.severity,
            "timestamp": to_wire(message.at),
            "custom_details": {"cause": notice.cause, **details(message)},
        },
        "links": [{"href": link, "text": "The incident in Tocsin"}] if link else [],
        "client": "Tocsin",
        "client_url": link,
    }
