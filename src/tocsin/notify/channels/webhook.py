"""Tells any web server of every step of an incident: a JSON object, signed if it has a secret.

The envelope and the signature are those of Standard Webhooks: `webhook-id` is the same for every attempt of a message,
by which a receiver drops what comes twice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.kernel.clock import to_milliseconds, to_wire
from tocsin.kernel.signatures import SECRET_PREFIX, key_of, signature
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import (
    Fetches,
    Headers,
    ask,
    key_complaints,
    link_of,
    settings_of,
    web_address_complaint,
)
from tocsin.notify.model import Answer, GiveUp, Message

KIND = "webhook"
CONNECTIONS = 16
SHOWN: frozenset[str] = frozenset()
"""Addresses of hooks are often passwords themselves."""
GONE_STATUS = 410
"""It will never take this again (RFC 9110, 15.5.11)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to configure for an installation."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver."""

    url: str
    signing_secret: str = ""
    """`whsec_` and 24 to 64 random bytes in Base64; empty: not signed."""
    authorization: str = ""
    """The whole `Authorization` header, e.g. `Bearer …`; empty: none."""

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong: dict[str, str] = {}
        address = web_address_complaint(self.url)
        if address:
            wrong["url"] = address
        try:
            if self.signing_secret:
                key_of(self.signing_secret)
        except ValueError:
            wrong["signing_secret"] = f"must be empty, or {SECRET_PREFIX} and 24 to 64 random bytes in Base64"
        return wrong | key_complaints(authorization=self.authorization)


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Post one message."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    body = msgspec.json.encode(_body(message))
    headers = _signed(message, target, body)
    if target.authorization:
        headers += (("Authorization", target.authorization),)
    response = await ask(net, "POST", target.url, msgspec.Raw(body), headers=headers)
    answer = answered(response, "The webhook", at=message.at)
    if isinstance(answer, GiveUp) and response.status_code == GONE_STATUS:
        return GiveUp(answer.why, endpoint_gone=True)
    return answer


def _body(message: Message) -> dict[str, Any]:
    notice = message.notice
    return {
        "type": notice.kind,
        "timestamp": to_wire(message.at),
        "data": {
            "delivery_id": message.delivery_id,
            "team_id": notice.team_id,
            "incident_id": notice.incident_id or None,
            "subject": notice.subject,
            "headline": notice.headline,
            "cause": notice.cause,
            "critical": notice.critical,
            "facts": [{"name": label, "value": value} for label, value in notice.facts],
            "url": link_of(message),
            "actions": notice.actions if message.answer_url else (),
        },
    }


def _signed(message: Message, target: Target, body: bytes) -> Headers:
    at = to_milliseconds(message.at) // 1000
    headers: Headers = (("webhook-id", message.key), ("webhook-timestamp", str(at)))
    if not target.signing_secret:
        return headers
    return (*headers, ("webhook-signature", signature(key_of(target.signing_secret), message.key, at, body)))
