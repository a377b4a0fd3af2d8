"""Posts in a Slack channel, with buttons that answer, and keeps what is said about one incident in one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec

from tocsin.kernel.net import HttpResponse, Net
from tocsin.notify.channels import answered, posting
from tocsin.notify.channels.places import ask, decoded, settings_of
from tocsin.notify.channels.posting import Post, cut, post_of
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "slack"
CONNECTIONS = 8
"""Slack takes about one message a second and channel, and speaks up (429) when it is too much."""
MAX_TEXT_CHARACTERS = 3_000
"""Of the text of a section (Slack, Block Kit: section)."""
MAX_FIELD_CHARACTERS = 1_400
"""Of a fact's value; Slack takes 2,000 for a field with its label (Block Kit: section)."""
ROOM_FOR_FACTS = 8_000
"""All blocks together may have about 13,000 characters: more is `msg_blocks_too_long`."""
MAX_PREVIEW_CHARACTERS = 1_000
"""Of the line that a notification shows; Slack itself cuts at 40,000."""
MAX_CHANNEL_NAME_CHARACTERS = 80
UNKNOWN_ERROR_ATTEMPTS = 3
"""An error that we do not know is tried so often before it counts as final."""
OWN_CHANNEL_TIMEOUT_SECONDS = 10.0
"""For an incident's own channel, after its page went through: both together stay within a worker's patience."""
WHO_TIMEOUT_SECONDS = 1.2
"""Slack wants an answer to a pressed button within three seconds; who pressed it must be known before that."""

_TEMPORARY = frozenset({
    "ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error", "service_unavailable",
    "request_timeout", "team_added_to_org", "external_channel_migrating", "accesslimited", "user_is_limited",
})  # fmt: skip
"""What Slack says of itself, or of just now (its reference of `chat.postMessage`, Errors)."""
_GONE = frozenset({"account_inactive", "token_revoked", "team_access_not_granted", "no_service", "no_team"})
"""The app, or the workspace, has shut us out for good."""
_REASONS: Mapping[str, str] = {
    "invalid_auth": "the bot token is not valid",
    "not_authed": "the bot token is missing",
    "account_inactive": "the app was removed from the workspace, or the account behind the token is gone",
    "token_revoked": "the bot token was revoked",
    "token_expired": "the bot token has expired",
    "no_permission": "the app may not do this",
    "missing_scope": "the app lacks a permission (scope)",
    "not_allowed_token_type": "this is not a bot token (xoxb-…)",
    "channel_not_found": "there is no such channel, or it is private and the bot is not in it: /invite it there",
    "not_in_channel": "the bot is not in the channel: /invite it there",
    "is_archived": "the channel is archived",
    "restricted_action": "the workspace lets only others post there",
    "ekm_access_denied": "the workspace's administrators have suspended posting",
    "no_service": "the incoming webhook was removed",
    "no_team": "the workspace does not exist any more",
    "channel_is_archived": "the channel is archived",
    "action_prohibited": "the workspace forbids this webhook to post there",
    "posting_to_general_channel_denied": "the workspace lets only others post in its general channel",
}
"""The errors that an operator can mend, in words."""
_ILL_FORMED = frozenset({
    "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_payload", "invalid_arguments",
})  # fmt: skip
"""The form of the message is refused and not its text: then it goes as plain text, for it must go."""


SHOWN = frozenset({"slack_channel_id", "slack_channel_name", "slack_team_id", "slack_team_name", "integration_type"})
"""The settings of a target that are no secret."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of the installation: where Slack is. Everything else belongs to a team's target."""

    base_url: str = "https://slack.com/api"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One channel of one workspace: an app's bot that posts there, or the address of an incoming webhook."""

    webhook_url: posting.WebAddress | Literal[""] = ""
    """An incoming webhook: messages with links. Without it, a bot."""
    bot_token: Annotated[str, msgspec.Meta(max_length=500)] = ""
    """`xoxb-…`, with the scope chat:write; users:read.email to know members, channels:manage for `channel`."""
    signing_secret: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Of the app: proves that a pressed button comes from Slack. Without it messages have links and no buttons."""
    slack_channel_id: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """E.g. `C0123456789`."""
    slack_channel_name: Annotated[str, msgspec.Meta(max_length=255)] = ""
    slack_team_id: Annotated[str, msgspec.Meta(max_length=100)] = ""
    slack_team_name: Annotated[str, msgspec.Meta(max_length=255)] = ""
    integration_type: Literal["legacy", "verbose", "thread", "channel"] = "thread"
    """Where the story goes on: in the thread of the first message, in a channel of the incident's own, or
    (`verbose`, `legacy`) in the channel itself."""

    def complaints(self) -> dict[str, str]:
        """What cannot work, by field."""
        if self.webhook_url or (self.bot_token and self.slack_channel_id):
            return {}
        return {"bot_token": "and slack_channel_id are needed, or a webhook_url"}


async def send(message: Message, settings: Settings, net: Net) -> Answer:
    """Post it, and let the first message about the same incident show how things stand now."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    if target.webhook_url:
        return await _post_to_webhook(message, target, net)
    if not target.bot_token or not target.slack_channel_id:
        return GiveUp("the target has neither a webhook's address nor a bot token with a channel")
    return await _Bot(message, target, settings, net).send()


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who pressed a button."""

    name: str
    email: str | None = None
    """None when the bot may not read it."""


async def who(net: Net, settings: Settings, bot_token: str, user_id: str, team_id: str) -> Visitor | None:
    """Who a Slack user is; None when Slack does not say so at once.

    An address counts when Slack has confirmed it for a user of this very workspace (`team_id`): in a channel that is
    shared with another company, that company's administrators say what the addresses of its users are.
    """
    if not bot_token or not user_id:
        return None
    url = f"{settings.base_url}/users.info?{urlencode({'user': user_id})}"
    headers = (("Authorization", f"Bearer {bot_token}"),)
    response = await ask(net, "GET", url, headers=headers, timeout_seconds=WHO_TIMEOUT_SECONDS)
    user = decoded(response).get("user")
    profile = user.get("profile") if isinstance(user, dict) else None
    if not isinstance(user, dict) or not isinstance(profile, dict) or user.get("deleted"):
        return None
    names = (profile.get("real_name"), profile.get("display_name"), user.get("name"))
    name = next((name for name in names if isinstance(name, str) and name), "")
    foreign = not team_id or user.get("team_id") != team_id or user.get("is_stranger")
    email = None if foreign or user.get("is_bot") or not user.get("is_email_confirmed", True) else profile.get("email")
    return Visitor(name, email if isinstance(email, str) else None)


async def whisper(net: Net, response_url: str, text: str) -> None:
    """Say something that only whoever pressed a button reads. Lost when it does not go through: nothing hangs on it."""
    await ask(
        net, "POST", response_url, {"response_type": "ephemeral", "replace_original": False, "text": escape(text)}
    )


def escape(text: str) -> str:
    """Slack's control characters: nobody is mentioned and no link is made by a name (Slack, Formatting text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Place(msgspec.Struct, frozen=True):
    """Where a message stands: `C012/1700000000.000100`, and after another `/` the incident's own channel."""

    channel: str
    ts: str
    own: str = ""

    @classmethod
    def read(cls, id: str | None) -> _Place | None:
        parts = (id or "").split("/")
        return cls(*parts) if len(parts) in (2, 3) and parts[0] and parts[1] else None

    def __str__(self) -> str:
        return "/".join(part for part in (self.channel, self.ts, self.own) if part)


class _Bot:
    """One message on its way through an app's bot."""

    def __init__(self, message: Message, target: Target, settings: Settings, net: Net) -> None:
        self._message = message
        self._target = target
        self._settings = settings
        self._net = net
        self._post = post_of(message)
        self._first = _Place.read(message.parent)

    async def send(self) -> Answer:
        first, kind = self._first, self._message.notice.kind
        form = self._form(self._post)
        if first is None:
            answer = await self._say(self._target.slack_channel_id, form)
            if isinstance(answer, Sent) and kind == Kind.PAGE and self._target.integration_type == "channel":
                return await self._with_own_channel(answer)
            return answer
        if kind in posting.CHANGES and not self._message.late:
            # First what may be done twice, then what may not: a new attempt begins from the start.
            changed = await self._call("chat.update", {"channel": first.channel, "ts": first.ts, **form})
            if isinstance(changed, Retry):
                return changed
        if first.own:
            answer = await self._say(first.own, form)
            if not isinstance(answer, GiveUp):
                return answer
        if self._target.integration_type in ("verbose", "legacy"):
            return await self._say(self._target.slack_channel_id, form)
        # A page in an old thread would be seen by those alone who follow it.
        loud = {"reply_broadcast": True} if kind == Kind.PAGE else {}
        return await self._say(first.channel, {**form, "thread_ts": first.ts, **loud})

    async def _say(self, channel: str, form: Mapping[str, Any]) -> Answer:
        found = await self._call("chat.postMessage", {"channel": channel, **form})
        if not isinstance(found, dict):
            return found
        place = _Place(str(found.get("channel") or channel), str(found.get("ts") or ""))
        return Sent("accepted by Slack", provider_id=str(place) if place.ts else None)

    async def _with_own_channel(self, sent: Sent) -> Sent:
        """The page itself is through, whatever comes of its channel and however long that takes."""
        try:
            async with asyncio.timeout(OWN_CHANNEL_TIMEOUT_SECONDS):
                return await self._open_channel(sent)
        except TimeoutError:
            return msgspec.structs.replace(sent, detail=f"{sent.detail}; no channel of its own: Slack took too long")

    async def _open_channel(self, sent: Sent) -> Sent:
        """A channel of the incident's own, named in the thread of its page."""
        place = _Place.read(sent.provider_id)
        if place is None:
            return sent
        # Unique by the delivery, so that a second attempt never finds the name taken by the first.
        name = f"incident-{self._message.notice.incident_id}-{self._message.delivery_id}-{self._message.attempt}"
        made = await self._call("conversations.create", {"name": name[:MAX_CHANNEL_NAME_CHARACTERS]})
        channel = made.get("channel") if isinstance(made, dict) else None
        if not isinstance(channel, dict) or not channel.get("id"):
            why = getattr(made, "why", "Slack did not say which")
            return msgspec.structs.replace(sent, detail=f"{sent.detail}; no channel of its own: {why}")
        own = str(channel["id"])
        await self._call(
            "chat.postMessage",
            {"channel": place.channel, "thread_ts": place.ts, "text": f"What follows is said in <#{own}>."},
        )
        await self._call("chat.postMessage", {"channel": own, **self._form(self._post)})
        return msgspec.structs.replace(sent, provider_id=str(_Place(place.channel, place.ts, own)))

    def _form(self, post: Post) -> dict[str, Any]:
        return _form(post, buttons=bool(self._target.signing_secret))

    async def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any] | Retry | GiveUp:
        """One method of Slack's Web API. What is refused for its form is said once more in plain text."""
        headers = (("Authorization", f"Bearer {self._target.bot_token}"),)
        response = await ask(self._net, "POST", f"{self._settings.base_url}/{method}", body, headers=headers)
        if "blocks" in body and decoded(response).get("error") in _ILL_FORMED:
            bare = {name: value for name, value in body.items() if name != "blocks"}
            bare["text"] = escape(posting.plain(self._post))
            response = await ask(self._net, "POST", f"{self._settings.base_url}/{method}", bare, headers=headers)
        return self._judge(response)

    def _judge(self, response: HttpResponse) -> dict[str, Any] | Retry | GiveUp:
        found = decoded(response)
        if response.status_code == 200 and found.get("ok") is True:
            return found
        error = found.get("error")
        if response.status_code != 200 or not isinstance(error, str):
            answer = answered(response, "Slack", at=self._message.at, words=_words(error))
            return Retry("Slack answered 200 without saying what came of it") if isinstance(answer, Sent) else answer
        needed = found.get("needed")
        why = f"Slack refused it: {_words(error)}" + (f": {needed}" if isinstance(needed, str) else "")
        if error in _TEMPORARY or (error not in _REASONS and self._message.attempt < UNKNOWN_ERROR_ATTEMPTS):
            return Retry(why)
        return GiveUp(why, endpoint_gone=error in _GONE)


async def _post_to_webhook(message: Message, target: Target, net: Net) -> Answer:
    """An incoming webhook takes messages and gives back no name for them: each stands by itself, with a link."""
    post = post_of(message)
    response = await ask(net, "POST", target.webhook_url, _form(post, buttons=False))
    words = posting.without(response.body[:200].decode("utf-8", "replace").strip(), target.webhook_url)
    if response.status_code == 400 and words in _ILL_FORMED:
        response = await ask(net, "POST", target.webhook_url, {"text": escape(posting.plain(post))})
        words = response.body[:200].decode("utf-8", "replace").strip()
    if response.cause:
        response = msgspec.structs.replace(response, cause=posting.without(response.cause, target.webhook_url))
    answer = answered(response, "Slack", at=message.at, words=_words(words))
    if isinstance(answer, GiveUp) and words in _GONE:
        return msgspec.structs.replace(answer, endpoint_gone=True)
    return answer


def _form(post: Post, *, buttons: bool) -> dict[str, Any]:
    """The message in Slack's blocks. `text` is what a notification shows, and what there is when blocks fail."""
    title = f"*{cut(post.headline, 500, escape)}*"
    if post.url:
        title = f"*<{escape(post.url)}|{cut(post.headline, 500, escape)}>*"
    head = cut(post.cause, MAX_TEXT_CHARACTERS - len(title) - 10, escape)
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _mrkdwn(f"{post.mark} {title}\n{head}".strip())}]
    facts = posting.within(post.facts, ROOM_FOR_FACTS, escape)
    if facts:
        fields = [_mrkdwn(f"*{escape(label)}*\n{cut(value, MAX_FIELD_CHARACTERS, escape)}") for label, value in facts]
        blocks.append({"type": "section", "fields": fields})
    if post.buttons and buttons:
        blocks.append({"type": "actions", "elements": [_button(each) for each in post.buttons]})
    elif post.url:
        blocks.append({"type": "section", "text": _mrkdwn(f"<{escape(post.url)}|{escape(post.invitation)}>")})
    return {
        "text": cut(post.line, MAX_PREVIEW_CHARACTERS, escape),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _button(button: posting.Button) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "type": "button",
        "action_id": button.deed,
        "text": {"type": "plain_text", "text": button.label},
        "value": button.token,
    }
    return {**drawn, "style": "primary"} if button.deed in ("acknowledge", "approve") else drawn


def _mrkdwn(text: str) -> dict[str, Any]:
    # verbatim: nothing in it becomes a link or a mention that we did not write as one
    return {"type": "mrkdwn", "text": text[:MAX_TEXT_CHARACTERS], "verbatim": True}


def _words(error: object) -> str:
    if not isinstance(error, str):
        return ""
    return f"{_REASONS[error]} ({error})" if error in _REASONS else error
