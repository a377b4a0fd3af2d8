"""Posts in a Discord channel by its webhook, and changes the first message when somebody has answered."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from tocsin.kernel.net import HttpResponse, Net
from tocsin.notify.channels import answered, posting
from tocsin.notify.channels.places import ask, decoded, settings_of
from tocsin.notify.channels.posting import Post, cut, post_of
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent

KIND = "discord"
CONNECTIONS = 4
"""Discord takes five messages in two seconds by one webhook; beyond it says when (429)."""
MAX_TITLE_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 4_096
MAX_FIELD_NAME_CHARACTERS = 256
MAX_FIELD_VALUE_CHARACTERS = 1_024
MAX_EMBED_CHARACTERS = 6_000
"""Of all texts of an embed together (Discord: Embed limits)."""
ROOM_FOR_FACTS = MAX_EMBED_CHARACTERS - MAX_TITLE_CHARACTERS - MAX_DESCRIPTION_CHARACTERS // 2
MAX_CONTENT_CHARACTERS = 2_000

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~@:/])")
"""What Discord's markdown may take for markup, a mention, an emoji or a link."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of the installation: the address of a webhook is all that is needed."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's webhook."""

    webhook_url: posting.WebAddress
    """`https://discord.com/api/webhooks/<id>/<token>`: whoever has it may post there."""


async def send(message: Message, settings: Settings, net: Net) -> Answer:
    """Post it, and let the first message about the same incident show how things stand now."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    sending = _Sending(message, target, net)
    changes = message.notice.kind in posting.CHANGES and not message.late
    if message.parent and message.parent.isdecimal() and changes:
        changed = await sending.call(f"/messages/{message.parent}", "PATCH")
        if isinstance(changed, Retry):
            return changed
    return await sending.call("", "POST")


def escape(text: str) -> str:
    """Nothing in it is markup, a mention or a link."""
    return _MARKDOWN.sub(r"\\\1", text)


class _Sending:
    def __init__(self, message: Message, target: Target, net: Net) -> None:
        self._message = message
        self._url = target.webhook_url
        self._net = net
        self._post = post_of(message)

    async def call(self, path: str, method: str) -> Answer:
        response = await self._ask(path, method, _form(self._post))
        if response.status_code == 400:  # its form is refused: as plain text it must go
            content = cut(escape(posting.plain(self._post)), MAX_CONTENT_CHARACTERS)
            response = await self._ask(path, method, {"content": content, "allowed_mentions": {"parse": []}})
        found = decoded(response)
        wait = found.get("retry_after")
        asks = any(name.lower() == "retry-after" for name, _ in response.headers)
        if response.status_code == 429 and isinstance(wait, int | float) and not asks:
            lines = [*response.header_lines, f"Retry-After: {int(wait) + 1}".encode()]
            response = msgspec.structs.replace(response, header_lines=lines)
        answer = answered(response, "Discord", at=self._message.at)
        if isinstance(answer, Sent):
            id = found.get("id")
            return Sent(answer.detail, provider_id=id if isinstance(id, str) and id.isdecimal() else None)
        if isinstance(answer, GiveUp) and response.status_code in (401, 404) and method == "POST":
            return msgspec.structs.replace(answer, endpoint_gone=True)  # the webhook was deleted
        return answer

    async def _ask(self, path: str, method: str, form: dict[str, Any]) -> HttpResponse:
        parts = urlsplit(self._url)
        # wait: the answer names the message; with_components: a plain webhook may have buttons that are links
        query = "&".join(part for part in (parts.query, "wait=true", "with_components=true") if part)
        url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + path, query, ""))
        response = await ask(self._net, method, url, form)
        if response.cause:
            response = msgspec.structs.replace(response, cause=posting.without(response.cause, url, parts.path))
        return response


def _form(post: Post) -> dict[str, Any]:
    """The message as one embed. Nobody is mentioned, whatever stands in it."""
    embed: dict[str, Any] = {
        "title": cut(f"{post.mark} {post.headline}", MAX_TITLE_CHARACTERS, escape),
        "description": cut(post.cause, MAX_DESCRIPTION_CHARACTERS // 2, escape),
        "color": post.color,
        "fields": [
            {
                "name": cut(label, MAX_FIELD_NAME_CHARACTERS, escape),
                "value": cut(value, MAX_FIELD_VALUE_CHARACTERS, escape),
                "inline": True,
            }
            for label, value in posting.within(post.facts, ROOM_FOR_FACTS, escape)
        ],
    }
    form: dict[str, Any] = {"embeds": [embed], "allowed_mentions": {"parse": []}, "components": []}
    if post.url:
        embed["url"] = post.url
        button = {"type": 2, "style": 5, "label": post.invitation, "url": post.url}
        form["components"] = [{"type": 1, "components": [button]}]
    return form
