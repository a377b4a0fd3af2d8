"""Sends messages by a Telegram bot, to a group or to a person, with buttons that answer."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from tocsin.kernel.net import HttpResponse, Net
from tocsin.notify.channels import answered, posting
from tocsin.notify.channels.places import TIMEOUT_SECONDS, ask, decoded, settings_of
from tocsin.notify.channels.posting import Post, cut, post_of
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "telegram"
CONNECTIONS = 8
"""Telegram takes about thirty messages a second, and twenty a minute in one group; beyond it says when (429)."""
MAX_TEXT_CHARACTERS = 4_096
"""Of a message, after its markup is read (Bot API: sendMessage)."""
ROOM_FOR_FACTS = MAX_TEXT_CHARACTERS - posting.MAX_HEADLINE_CHARACTERS - posting.MAX_CAUSE_CHARACTERS - 200
MAX_CALLBACK_BYTES = 64
"""Of what a button gives back (Bot API: InlineKeyboardButton)."""
MAX_TOAST_CHARACTERS = 200
"""Of what is shown when a button was pressed (Bot API: answerCallbackQuery)."""
DEEDS: Mapping[str, str] = {"a": "acknowledge", "r": "resolve"}
"""One letter says what a button does: the rest of its 64 bytes is the token."""
_LETTERS = {deed: letter for letter, deed in DEEDS.items()}
_UNREADABLE = "can't parse entities"
"""The markup is refused and not the message: then it goes as plain text."""

SHOWN = frozenset({"chat_id", "message_thread_id"})
"""The settings of a target that are no secret."""
BotToken = Annotated[str, msgspec.Meta(pattern=r"^(\d{1,20}:[A-Za-z0-9_-]{20,200})?$")]
"""`<the bot's id>:<secret>`, from @BotFather."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of the installation: its bot. No token = only targets that bring a bot of their own."""

    bot_token: str = ""
    base_url: str = "https://api.telegram.org"
    buttons: bool = True
    """Whether somebody here hears when a button is pressed; otherwise messages have links."""

    @property
    def configured(self) -> bool:
        """Whether people can be written to."""
        return bool(self.bot_token)

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A group, a channel or a chat, and the bot that is in it."""

    chat_id: Annotated[str, msgspec.Meta(pattern=r"^(-?\d{1,20}|@\w{4,64})$")]
    """E.g. `-1001234567890`, or `@name` of a public channel."""
    bot_token: BotToken = ""
    """Empty = the installation's bot."""
    message_thread_id: int | None = None
    """The topic of a group that has topics."""


async def send(message: Message, settings: Settings, net: Net) -> Answer:
    """Send it, and let the first message about the same incident show how things stand now."""
    if message.target is None:  # a person, who has spoken to the installation's bot
        place = Target(chat_id=message.endpoint)
    else:
        target = settings_of(message, Target)
        if isinstance(target, GiveUp):
            return target
        place = target
    token = place.bot_token or settings.bot_token
    if not token:
        return GiveUp("no Telegram bot is configured: set TOCSIN_TELEGRAM_BOT_TOKEN, or the target's bot_token")
    bot = Bot(token, settings, net)
    return await _Sending(message, place, bot, buttons=settings.buttons).send()


class Bot:
    """One bot: what it can be asked for."""

    def __init__(self, token: str, settings: Settings, net: Net) -> None:
        self._token = token
        self._settings = settings
        self._net = net

    async def call(
        self, method: str, body: Mapping[str, Any], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> HttpResponse:
        """One method of the Bot API; the token, which stands in the address, is in nothing that comes back."""
        url = f"{self._settings.base_url}/bot{self._token}/{method}"
        response = await ask(self._net, "POST", url, body, timeout_seconds=timeout_seconds)
        if response.cause:
            response = msgspec.structs.replace(response, cause=posting.without(response.cause, self._token))
        return response


class _Place(msgspec.Struct, frozen=True):
    """Where a message stands: `-1001234567890/17`."""

    chat_id: str
    message_id: int

    @classmethod
    def read(cls, id: str | None) -> _Place | None:
        chat_id, found, message_id = (id or "").rpartition("/")
        return cls(chat_id, int(message_id)) if found and chat_id and message_id.isdecimal() else None

    def __str__(self) -> str:
        return f"{self.chat_id}/{self.message_id}"


class _Sending:
    def __init__(self, message: Message, target: Target, bot: Bot, *, buttons: bool) -> None:
        self._message = message
        self._target = target
        self._bot = bot
        self._post = post_of(message)
        self._buttons = buttons
        self._first = _Place.read(message.parent)

    async def send(self) -> Answer:
        first = self._first
        if first is not None and self._message.notice.kind in posting.CHANGES and not self._message.late:
            # First what may be done twice, then what may not: a new attempt begins from the start.
            form = {"chat_id": first.chat_id, "message_id": first.message_id, **self._form()}
            changed = await self._said("editMessageText", form)
            if isinstance(changed, Retry):
                return changed
        form = {"chat_id": self._target.chat_id, **self._form()}
        if self._target.message_thread_id is not None:
            form["message_thread_id"] = self._target.message_thread_id
        if first is not None:
            form["reply_parameters"] = {"message_id": first.message_id, "allow_sending_without_reply": True}
        if self._message.notice.kind != Kind.PAGE:
            form["disable_notification"] = True
        return await self._said("sendMessage", form)

    async def _said(self, method: str, form: dict[str, Any]) -> Answer:
        response = await self._bot.call(method, form)
        found = decoded(response)
        parameters = found.get("parameters")
        moved = parameters.get("migrate_to_chat_id") if isinstance(parameters, dict) else None
        if isinstance(moved, int):  # the group has become a supergroup, and has got another number by that
            return self._judge(await self._bot.call(method, {**form, "chat_id": str(moved)}))
        if _UNREADABLE in str(found.get("description", "")):
            bare = {name: value for name, value in form.items() if name != "parse_mode"}
            bare["text"] = cut(posting.plain(self._post), MAX_TEXT_CHARACTERS)
            return self._judge(await self._bot.call(method, bare))
        return self._judge(response)

    def _judge(self, response: HttpResponse) -> Answer:
        found = decoded(response)
        result = found.get("result")
        if response.status_code == 200 and found.get("ok") is True:
            return Sent("accepted by Telegram", provider_id=_id_in(result))
        parameters = found.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        if isinstance(wait, int):  # Telegram says it in the body alone
            lines = [*response.header_lines, f"Retry-After: {wait}".encode()]
            response = msgspec.structs.replace(response, header_lines=lines)
        quick = self._message.attempt if self._message.target is None else None
        answer = answered(response, "Telegram", at=self._message.at, attempt=quick)
        if isinstance(answer, Sent):
            return Retry("Telegram answered 200 without saying what came of it")
        if isinstance(answer, GiveUp) and response.status_code == 403:  # blocked by the person, or thrown out
            return msgspec.structs.replace(answer, endpoint_gone=True)
        return answer

    def _form(self) -> dict[str, Any]:
        post = self._post
        form: dict[str, Any] = {
            "text": _html(post),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        keys = [
            {"text": button.label, "callback_data": f"{_LETTERS[button.deed]}:{button.token}"}
            for button in post.buttons
            if self._buttons
        ]
        form["reply_markup"] = {
            "inline_keyboard": [keys]
            if keys and all(len(key["callback_data"]) <= MAX_CALLBACK_BYTES for key in keys)
            else []
        }
        return form


def escape(text: str) -> str:
    """What Telegram's HTML gives a meaning to (Bot API: HTML style)."""
    return html.escape(text, quote=True)


def _html(post: Post) -> str:
    lines = [f"{post.mark} <b>{escape(post.headline)}</b>", escape(post.cause)]
    lines += [f"<b>{escape(label)}</b>: {escape(value)}" for label, value in posting.within(post.facts, ROOM_FOR_FACTS)]
    if post.url:
        lines.append(f'<a href="{escape(post.url)}">{escape(post.invitation)}</a>')
    return "\n".join(line for line in lines if line)


def _id_in(result: object) -> str | None:
    """The name of the message that was made, from Telegram's own description of it."""
    if not isinstance(result, dict) or not isinstance(result.get("chat"), dict):
        return None
    chat_id, message_id = result["chat"].get("id"), result.get("message_id")
    return str(_Place(str(chat_id), message_id)) if isinstance(message_id, int) and chat_id is not None else None
