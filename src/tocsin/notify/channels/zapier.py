"""Starts a Zap for every step of an incident: posts a flat JSON object to its catch hook.

Zapier's catch hooks have no idempotency: after a crash a Zap may run twice. `id` is the same for every attempt, so that
a step of the Zap can tell.
"""

from __future__ import annotations

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import Fetches, ask, details, link_of, settings_of, web_address_complaint
from tocsin.notify.model import Answer, GiveUp, Message

KIND = "zapier"
CONNECTIONS = 8
SHOWN: frozenset[str] = frozenset()
"""Who has the hook's address can run the Zap."""
GONE_STATUS = 410
"""A hook whose Zap was deleted (RFC 9110, 15.5.11)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to configure for an installation."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One catch hook."""

    url: str

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong = web_address_complaint(self.url)
        return {"url": wrong} if wrong else {}


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Run the Zap once."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    notice = message.notice
    body = {
        "id": message.key,
        "event": notice.kind,
        "at": to_wire(message.at),
        "incident_id": notice.incident_id or None,
        "subject": notice.subject,
        "headline": notice.headline,
        "cause": notice.cause,
        "critical": notice.critical,
        "url": link_of(message),
        "facts": details(message),
    }
    response = await ask(net, "POST", target.url, body)
    answer = answered(response, "Zapier", at=message.at)
    if isinstance(answer, GiveUp) and response.status_code == GONE_STATUS:
        return GiveUp(answer.why, endpoint_gone=True)
    return answer
