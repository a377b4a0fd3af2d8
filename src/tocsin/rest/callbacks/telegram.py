"""What Telegram tells us: somebody pressed a button below a page, or wrote to the bot."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from tocsin.rest.body import Malformed, read_body
from tocsin.rest.callbacks import chats
from tocsin.rest.callbacks.chats import Answer, Chat, Press, table, text
from tocsin.rest.callbacks.deeds import Answering, Receive, Result, Scope, Send, Way

log = structlog.get_logger()

PREFIX = "/callbacks/telegram/"
WAY: Way = ("telegram", "Telegram message")
MAX_TOAST_CHARACTERS = 200
"""Of what is shown when a button was pressed (Bot API: answerCallbackQuery)."""
DEEDS = {"a": "acknowledge", "r": "resolve"}
"""What the letter before a button's token means."""
COMMANDS = ("/start", "/id", "/help")

Secrets = Callable[[str], Awaitable[tuple["Bot", str] | None]]
"""`secrets(path)`: the bot whose webhook this is, and what Telegram must send with each update; None = nobody's."""


class Bot(Protocol):
    """One bot, as far as an update is answered by it."""

    async def call(self, method: str, body: Mapping[str, Any]) -> object: ...


class Updates:
    """Understands what a bot is told, whichever way it came. The same update twice changes nothing the second time."""

    def __init__(self, answering: Answering) -> None:
        self._chat = Chat("Telegram", WAY, answering)

    async def take(self, bot: Bot, update: Mapping[str, Any], client_address: str | None = None) -> None:
        """One update (Bot API: Update). What we do not know is passed over."""
        query, message = table(update.get("callback_query")), table(update.get("message"))
        if query:
            await self._pressed(bot, query, client_address)
        elif message:
            await self._written_to(bot, message)

    async def _pressed(self, bot: Bot, query: dict[str, Any], client_address: str | None) -> None:
        letter, _, token = text(query.get("data")).partition(":")
        person = table(query.get("from"))
        names = (text(person.get("first_name")), text(person.get("last_name")))
        press = Press(
            token=token,
            deed=DEEDS.get(letter, ""),
            name=" ".join(name for name in names if name) or text(person.get("username")),
        )
        outcome, words = await self._chat.press(press, client_address)
        # Without an answer the button turns and turns in somebody's hand.
        await bot.call(
            "answerCallbackQuery",
            {"callback_query_id": text(query.get("id")), "text": _cut(words), "show_alert": False},
        )
        if outcome.result in (Result.DONE, Result.LATE) and (outcome.by or outcome.resolved):
            await self._leave_buttons(bot, table(query.get("message")), () if outcome.resolved else ("r",), token)

    async def _leave_buttons(self, bot: Bot, message: dict[str, Any], letters: Sequence[str], token: str) -> None:
        """Take away what cannot be done any more: whoever answers a page of their own is told no news of it."""
        chat_id, message_id = table(message.get("chat")).get("id"), message.get("message_id")
        if isinstance(chat_id, int) and isinstance(message_id, int):
            keys = [{"text": DEEDS[letter].capitalize(), "callback_data": f"{letter}:{token}"} for letter in letters]
            form = {
                "chat_id": chat_id,
                "message_id": message_id,
                "reply_markup": {"inline_keyboard": [keys] if keys else []},
            }
            await bot.call("editMessageReplyMarkup", form)

    async def _written_to(self, bot: Bot, message: dict[str, Any]) -> None:
        """Whoever begins to talk with the bot is told the number by which it can reach them."""
        chat = table(message.get("chat"))
        said = text(message.get("text")).split()
        id = chat.get("id")
        if not isinstance(id, int) or not said or said[0].partition("@")[0] not in COMMANDS:
            return
        if chat.get("type") == "private":
            words = (
                f"Your chat id is {id}. Add it in Tocsin as a contact method of the kind “telegram”: "
                "I will then send you a code here."
            )
        else:
            words = f"The id of this chat is {id}. Give it as chat_id of a notification target for Telegram."
        await bot.call("sendMessage", {"chat_id": id, "text": words})


class TelegramCallbacks:
    """An ASGI application for `/callbacks/telegram/<secret>`, where Telegram brings updates by itself."""

    def __init__(self, updates: Updates, secrets: Secrets) -> None:
        self._updates = updates
        self._secrets = secrets

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await chats.serve("telegram", scope, receive, send, self._answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return 405, "Telegram posts here."
        headers = dict(scope["headers"])
        body = await read_body(receive, headers.get(b"content-length"), chats.MAX_BODY_BYTES)
        path = scope["path"][len(PREFIX) :]
        found = await self._secrets(path) if len(path) <= chats.MAX_TOKEN_CHARACTERS else None
        given = headers.get(b"x-telegram-bot-api-secret-token", b"")
        if found is None or not hmac.compare_digest(found[1].encode(), given):
            return 401, "This is not the address of any bot's webhook, or the secret is wrong."
        try:
            update = table(msgspec.json.decode(body))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise Malformed(400, "This is no update of Telegram's.") from None
        await self._updates.take(found[0], update, chats.address(scope))
        return 200, ""


def _cut(words: str) -> str:
    return words if len(words) <= MAX_TOAST_CHARACTERS else words[: MAX_TOAST_CHARACTERS - 1] + "…"
