"""Passes an incident on to Splunk On-Call (VictorOps), and tells it of the acknowledgement and of the end.

Splunk On-Call's REST endpoint: everything about one incident has the same `entity_id`, so that what is sent twice after
a crash is one incident there.
"""

from __future__ import annotations

import msgspec

from tocsin.kernel.clock import to_milliseconds
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import (
    Fetches,
    ask,
    decoded,
    is_about_an_incident,
    link_of,
    plain,
    settings_of,
    strange,
    web_address_complaint,
)
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Sent

KIND = "splunk_on_call"
CONNECTIONS = 8
TELLS = frozenset({Kind.PAGE, Kind.ACKNOWLEDGED, Kind.RESOLVED})
SHOWN: frozenset[str] = frozenset()
"""The address holds the key."""
MAX_TEXT_CHARACTERS = 10_000
"""Of the message; the endpoint names no limit, and nobody reads more on a phone."""

_TYPES = {Kind.PAGE: "CRITICAL", Kind.ACKNOWLEDGED: "ACKNOWLEDGEMENT", Kind.RESOLVED: "RECOVERY"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to configure for an installation: every target has its own address."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One REST endpoint with its routing key."""

    url: str

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong = web_address_complaint(self.url)
        return {"url": wrong} if wrong else {}


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Post one alert. A test stands on the timeline there and opens no incident."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    notice = message.notice
    kind = _TYPES.get(Kind(notice.kind), "INFO") if is_about_an_incident(message) else "INFO"
    body = {
        "message_type": kind,
        "entity_id": message.thread,
        "entity_display_name": notice.headline,
        "state_message": plain(message, MAX_TEXT_CHARACTERS),
        "state_start_time": to_milliseconds(message.at) // 1000,
        "monitoring_tool": "Tocsin",
        "alert_url": link_of(message),
    }
    response = await ask(net, "POST", target.url, body)
    answer = answered(response, "Splunk On-Call", at=message.at)
    if not isinstance(answer, Sent):
        return answer
    said = decoded(response)
    if "result" not in said:
        return strange(response, "Splunk On-Call")
    if said["result"] != "success":  # it refuses with 200 as well
        return GiveUp(f"Splunk On-Call refused it: {str(said.get('message') or said.get('messages') or '')[:300]}")
    return Sent(answer.detail, provider_id=message.thread)
