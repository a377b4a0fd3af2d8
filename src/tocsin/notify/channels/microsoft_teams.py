"""Posts a card in a Microsoft Teams channel or chat, by the address of a workflow."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tocsin.kernel.net import HttpResponse, Net
from tocsin.notify.channels import answered, posting
from tocsin.notify.channels.places import ask, settings_of
from tocsin.notify.channels.posting import Post, post_of
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "microsoft_teams"
CONNECTIONS = 4
"""Teams takes four messages a second by one address."""
MAX_CARD_BYTES = 20_000
"""Of a card: Teams refuses more than 28 KB, all it makes of it counted in."""
_STYLES = {Kind.PAGE: "attention", Kind.ACKNOWLEDGED: "warning", Kind.RESOLVED: "good", Kind.NOTICE: "accent"}
_MARKDOWN = re.compile(r"([\\`*_\[\]()#+\-.!~])")
"""What a card's markdown gives a meaning to (Adaptive Cards: text features)."""
_AS_TEXT = re.compile(r"HTTP error (\d{3})")
"""An old connector answers 200 and tells of the error in the text."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of the installation: the address of a workflow is all that is needed."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One channel or chat: the address of its workflow “Post to a channel when a webhook request is received”."""

    webhook_url: posting.WebAddress
    """Whoever has it may post there."""


async def send(message: Message, settings: Settings, net: Net) -> Answer:
    """Post it. A workflow gives back no name for what it posts, so each message stands by itself."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    response = await ask(net, "POST", target.webhook_url, _form(post_of(message)))
    return _judge(response, target.webhook_url, message)


def escape(text: str) -> str:
    """Nothing in it is markup or a link; an ampersand stays one, for a card knows no HTML."""
    return _MARKDOWN.sub(r"\\\1", text)


def _judge(response: HttpResponse, url: str, message: Message) -> Answer:
    if response.cause:
        response = msgspec.structs.replace(response, cause=posting.without(response.cause, url))
    answer = answered(response, "Microsoft Teams", at=message.at)
    if isinstance(answer, Sent):
        told = _AS_TEXT.search(response.body[:2_000].decode("utf-8", "replace"))
        if told is None:
            return answer
        why = f"Microsoft Teams answered 200, and in it an error {told[1]}"
        return Retry(why) if told[1] == "429" or told[1] >= "500" else GiveUp(why)
    if isinstance(answer, GiveUp) and response.status_code in (404, 410):  # the workflow was deleted
        return msgspec.structs.replace(answer, endpoint_gone=True)
    return answer


def _form(post: Post) -> dict[str, Any]:
    """The card, with as many facts as there is room for."""
    for kept in range(len(post.facts), -1, -1):
        form = _card(msgspec.structs.replace(post, facts=post.facts[:kept]))
        if len(msgspec.json.encode(form)) <= MAX_CARD_BYTES:
            return form
    return _card(msgspec.structs.replace(post, facts=(), cause=posting.cut(post.cause, 200)))


def _card(post: Post) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        {
            "type": "Container",
            "style": _STYLES.get(Kind(post.kind), "accent") if post.kind in _STYLES else "accent",
            "bleed": True,
            "items": [
                {
                    "type": "TextBlock",
                    "text": f"{post.mark} {escape(post.headline)}",
                    "weight": "Bolder",
                    "size": "Medium",
                    "wrap": True,
                }
            ],
        }
    ]
    if post.cause:
        body.append({"type": "TextBlock", "text": escape(post.cause), "wrap": True})
    if post.facts:
        facts = [{"title": escape(label), "value": escape(value)} for label, value in post.facts]
        body.append({"type": "FactSet", "facts": facts})
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": posting.cut(post.line, 500),
        "body": body,
    }
    if post.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": post.invitation, "url": post.url}]
    return {
        "type": "message",
        "summary": posting.cut(post.line, 500),
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        ],
    }
