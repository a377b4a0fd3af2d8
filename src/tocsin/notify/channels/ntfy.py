"""Sends to a topic of ntfy: a push message on every phone that has subscribed to it, with a button that acknowledges.

ntfy's "publish as JSON": `POST` to the server's root. It has no idempotency: a message may come twice after a crash.
For a team it is a target; for a person `message.endpoint` is the topic's address, with a token or a name and password
before the host when the topic is protected: `https://:tk_…@ntfy.example.com/topic`.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from tocsin.notify.channels import answered
from tocsin.notify.channels.places import (
    Fetches,
    Headers,
    ask,
    cut,
    decoded,
    key_complaints,
    link_of,
    plain,
    settings_of,
    strange,
    web_address_complaint,
)
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Sent

KIND = "ntfy"
CONNECTIONS = 8
SHOWN = frozenset({"server"})
"""Who knows a topic can read it, so a topic is as good as a password."""
MAX_TITLE_CHARACTERS = 250
MAX_TEXT_CHARACTERS = 1_000
"""4,096 bytes is what ntfy takes before it makes an attachment of a text; a character may have four."""
TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")

_PRIORITIES = {Kind.PAGE: 4, Kind.ACKNOWLEDGED: 2, Kind.RESOLVED: 3}
_CRITICAL = 5
"""ntfy's highest: it keeps ringing, and passes "do not disturb" where its user allows that."""
_TAGS = {Kind.PAGE: "rotating_light", Kind.ACKNOWLEDGED: "eyes", Kind.RESOLVED: "white_check_mark"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to configure for an installation: every topic says where it is."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One topic."""

    topic: str
    server: str = "https://ntfy.sh"
    token: str = ""
    username: str = ""
    password: str = ""

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong: dict[str, str] = {}
        address = web_address_complaint(self.server)
        if address:
            wrong["server"] = address
        if not TOPIC.fullmatch(self.topic):
            wrong["topic"] = "must be 1 to 64 letters, digits, hyphens and underscores"
        return wrong | key_complaints(token=self.token)


def endpoint_complaint(endpoint: str) -> str | None:
    """What is wrong with the address of a person's topic; None when it can be used."""
    return None if isinstance(_topic_at(endpoint), Target) else "must be a topic's address, e.g. https://ntfy.sh/topic"


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Publish one message."""
    target = _topic_at(message.endpoint) if message.target is None else settings_of(message, Target)
    if target is None:
        return GiveUp("this is no address of a topic, e.g. https://ntfy.sh/topic")
    if isinstance(target, GiveUp):
        return target
    response = await ask(net, "POST", target.server.rstrip("/") + "/", _body(message, target), headers=_login(target))
    personal = message.attempt if message.target is None else None
    answer = answered(response, "ntfy", at=message.at, attempt=personal)
    if not isinstance(answer, Sent):
        return answer
    id = str(decoded(response).get("id") or "")
    return Sent(answer.detail, provider_id=id) if id else strange(response, "ntfy", personal)


def _body(message: Message, target: Target) -> dict[str, Any]:
    notice = message.notice
    kind = Kind(notice.kind)
    body: dict[str, Any] = {
        "topic": target.topic,
        "title": cut(notice.headline, MAX_TITLE_CHARACTERS),
        "message": plain(message, MAX_TEXT_CHARACTERS) or notice.headline,
        "priority": _CRITICAL if notice.critical and kind is Kind.PAGE else _PRIORITIES.get(kind, 3),
        "tags": [_TAGS.get(kind, "information_source")],
    }
    link = link_of(message)
    if link:
        body["click"] = link
        body["actions"] = [*_buttons(message), {"action": "view", "label": "Open", "url": link}]
    return body


def _buttons(message: Message) -> list[dict[str, Any]]:
    """What acts by itself, without opening a page: a form of ours, posted by the app."""
    if message.answer_url is None or "acknowledge" not in message.notice.actions:
        return []
    return [
        {
            "action": "http",
            "label": "Acknowledge",
            "method": "POST",
            "url": message.answer_url,
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body": "deed=acknowledge",
            "clear": True,
        }
    ]


def _login(target: Target) -> Headers:
    if target.token:
        return (("Authorization", f"Bearer {target.token}"),)
    if target.username:
        pair = f"{target.username}:{target.password}"
        return (("Authorization", "Basic " + base64.b64encode(pair.encode()).decode()),)
    return ()


def _topic_at(endpoint: str) -> Target | None:
    """The topic of a person's address; None when it is none."""
    if web_address_complaint(endpoint):
        return None
    parts = urlsplit(endpoint)
    path, _, topic = parts.path.rstrip("/").rpartition("/")
    if not TOPIC.fullmatch(topic):
        return None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    server = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{quote(path, safe='/%')}"
    name, secret = unquote(parts.username or ""), unquote(parts.password or "")
    if name:
        return Target(topic=topic, server=server, username=name, password=secret)
    return Target(topic=topic, server=server, token=secret)
