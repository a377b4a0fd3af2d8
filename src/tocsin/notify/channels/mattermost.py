"""Posts in a Mattermost channel by an incoming webhook, with buttons that answer."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from tocsin.kernel.net import Net
from tocsin.notify.channels import answered, posting
from tocsin.notify.channels.places import ask, settings_of
from tocsin.notify.channels.posting import Post, post_of
from tocsin.notify.model import Answer, GiveUp, Message, Sent

KIND = "mattermost"
CONNECTIONS = 4
CALLBACK_PATH = "/callbacks/mattermost"
"""Where Mattermost's own server tells us of a pressed button."""
SHOWN = frozenset({"channel", "buttons"})
"""The settings of a target that are no secret."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~])")
_MENTION = re.compile(r"([@:])(?=\w)")
"""What begins a mention or an emoji: no escape takes that from it, a character of no width behind it does."""
_APART = "\u200b"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of the installation: the address of a webhook is all that is needed."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's incoming webhook."""

    webhook_url: posting.WebAddress
    """`https://<server>/hooks/<key>`: whoever has it may post there."""
    channel: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Another channel than the webhook's own, when the webhook is not locked to it."""
    buttons: bool = True
    """Off when Mattermost's server cannot reach this Tocsin: then messages have links."""


async def send(message: Message, settings: Settings, net: Net) -> Answer:
    """Post it. A webhook gives back no name for what it posts, so each message stands by itself."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    form = _form(post_of(message), target)
    response = await ask(net, "POST", target.webhook_url, form)
    if response.cause:
        response = msgspec.structs.replace(response, cause=posting.without(response.cause, target.webhook_url))
    answer = answered(response, "Mattermost", at=message.at)
    if isinstance(answer, GiveUp) and response.status_code in (404, 410):
        return msgspec.structs.replace(answer, endpoint_gone=True)
    if isinstance(answer, Sent) and response.body.strip() not in (b"ok", b""):
        # A proxy's sign-in page also answers 200: only Mattermost's own word counts.
        return GiveUp("something answered 200 there, but not Mattermost: is this the address of an incoming webhook?")
    return answer


def escape(text: str) -> str:
    """Nothing in it is markup, and nobody is mentioned (`@channel` would wake everybody, asked or not)."""
    return _MENTION.sub(rf"\1{_APART}", _MARKDOWN.sub(r"\\\1", text))


def _form(post: Post, target: Target) -> dict[str, Any]:
    url = post.url
    title = f"{post.mark} {post.headline}"
    attachment: dict[str, Any] = {
        "fallback": posting.cut(_APART.join(re.split(r"(?<=[@:])(?=\w)", post.line)), 500),
        "color": f"#{post.color:06x}",
        "title": escape(title),
        "text": escape(post.cause),
        "fields": [{"short": True, "title": escape(label), "value": escape(value)} for label, value in post.facts],
    }
    origin = url.partition("/answer/")[0]
    if post.buttons and target.buttons and origin != url:
        attachment["actions"] = [
            {
                "id": button.deed,
                "name": button.label,
                "type": "button",
                "style": "primary" if button.deed == "acknowledge" else "default",
                "integration": {
                    "url": origin + CALLBACK_PATH,
                    "context": {"deed": button.deed, "token": button.token},
                },
            }
            for button in post.buttons
        ]
    if url:
        attachment["title_link"] = url
        attachment["text"] = f"{attachment['text']}\n[{post.invitation}]({url})".strip()
    form: dict[str, Any] = {"username": "Tocsin", "attachments": [attachment]}
    return {**form, "channel": target.channel} if target.channel else form
