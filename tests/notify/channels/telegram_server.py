"""A Telegram on loopback: one bot's API as the real one speaks it, and the people at the other end.

Speaks sendMessage, editMessageText, editMessageReplyMarkup, answerCallbackQuery, getUpdates (short and long),
setWebhook and deleteWebhook.
"""

from __future__ import annotations

import asyncio
import html
import itertools
import json
import re
from typing import Any

from tests.notify.channels.web_server import Answer, Headers, WebServer
from tocsin.notify.channels.telegram import Settings

TOKEN = "4711:a-secret-for-tests-alone-of-35-chars"
GROUP = "-1001234567890"
ANN = "1000001"
"""Ann's private chat with the bot, which has the number of Ann herself."""
_TAGS = re.compile(r"</?(b|i|u|s|a|code|pre)(?: href=\"([^\"<>]*)\")?>")
_ENTITIES = re.compile(r"&(?!lt;|gt;|amp;|quot;|#\d+;|#x[0-9a-fA-F]+;)")


class Shown:
    """One message in a chat, as it looks now."""

    def __init__(self, message_id: int, form: dict[str, Any]) -> None:
        self.message_id = message_id
        self.form = form
        self.chat_id = str(form["chat_id"])
        self.reply_to: int | None = form.get("reply_parameters", {}).get("message_id")

    @property
    def text(self) -> str:
        """What is read: without markup."""
        text: str = self.form["text"]
        return html.unescape(_TAGS.sub("", text)) if self.form.get("parse_mode") == "HTML" else text

    @property
    def links(self) -> list[str]:
        return [html.unescape(found[2]) for found in _TAGS.finditer(self.form["text"]) if found[2]]

    @property
    def buttons(self) -> dict[str, str]:
        """What each button gives back, by what stands on it."""
        rows = self.form.get("reply_markup", {}).get("inline_keyboard", [])
        return {key["text"]: key["callback_data"] for row in rows for key in row}


class Telegram(WebServer):
    """All of Telegram, with one bot in it."""

    def __init__(self) -> None:
        super().__init__()
        self.chats = {GROUP, ANN}
        self.blocked: set[str] = set()
        self.moved: dict[str, int] = {}
        """Groups that have become supergroups, and their new numbers."""
        self.messages: list[Shown] = []
        self.toasts: list[dict[str, Any]] = []
        """What was shown to whoever pressed a button."""
        self.asked: list[str] = []
        self.webhook: dict[str, Any] | None = None
        self.longest_poll_seconds = 0.0
        """How long getUpdates waits when there is nothing: a test has no time."""
        self._updates: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._confirmed = 0

    @property
    def settings(self) -> Settings:
        return Settings(bot_token=TOKEN, base_url=self.url)

    @property
    def pending(self) -> int:
        """Updates that the bot has not confirmed yet."""
        return len([each for each in self._updates if each["update_id"] >= self._confirmed])

    def in_chat(self, chat_id: str = GROUP) -> list[Shown]:
        return [each for each in self.messages if each.chat_id == chat_id]

    def press(self, message: Shown, label: str, name: str = "Ann", user_id: int = 1000001) -> dict[str, Any]:
        """Somebody presses a button; returns the update that the bot gets."""
        person = {"id": user_id, "is_bot": False, "first_name": name, "username": name.lower()}
        query = {
            "id": str(next(self._ids)), "from": person, "chat_instance": "1", "data": message.buttons[label],
            "message": {"message_id": message.message_id, "chat": {"id": int(message.chat_id), "type": "supergroup"}},
        }  # fmt: skip
        return self._update(callback_query=query)

    def write(self, text: str, chat_id: str = ANN, name: str = "Ann") -> dict[str, Any]:
        """Somebody writes to the bot."""
        person = {"id": 1000001, "is_bot": False, "first_name": name}
        kind = "private" if chat_id == ANN else "supergroup"
        chat = {"id": int(chat_id), "type": kind, "first_name": name}
        return self._update(message={"message_id": next(self._ids), "from": person, "chat": chat, "text": text})

    def _update(self, **what: Any) -> dict[str, Any]:
        update = {"update_id": 900_000 + next(self._ids), **what}
        self._updates.append(update)
        return update

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        token, _, name = path.removeprefix("/bot").partition("/")
        if token != TOKEN:
            return _refusal(401, "Unauthorized")
        self.asked.append(name)
        form = json.loads(body) if body else {}
        if name == "getUpdates":
            return await self._get_updates(form)
        if name == "answerCallbackQuery":
            if len(form.get("text", "")) > 200:
                return _refusal(400, "Bad Request: MESSAGE_TOO_LONG")
            self.toasts.append(form)
            return _ok(True)
        if name in ("setWebhook", "deleteWebhook"):
            self.webhook = form if name == "setWebhook" else None
            return _ok(True)
        assert name in ("sendMessage", "editMessageText", "editMessageReplyMarkup"), name
        return self._say(name, form)

    async def _get_updates(self, form: dict[str, Any]) -> Answer:
        if self.webhook is not None:
            return _refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        self._confirmed = max(self._confirmed, form.get("offset", 0))
        waited = 0.0
        while True:
            found = [each for each in self._updates if each["update_id"] >= self._confirmed]
            if found or waited >= min(self.longest_poll_seconds, form.get("timeout", 0)):
                return _ok(found[: form.get("limit", 100)])
            await asyncio.sleep(0.02)
            waited += 0.02

    def _say(self, name: str, form: dict[str, Any]) -> Answer:
        chat_id = str(form["chat_id"])
        if chat_id in self.moved:
            new = self.moved[chat_id]
            status, answer, more = _refusal(400, "Bad Request: group chat was upgraded to a supergroup chat")
            return status, {**answer, "parameters": {"migrate_to_chat_id": new}}, more
        if chat_id in self.blocked:
            return _refusal(403, "Forbidden: bot was blocked by the user")
        if chat_id not in self.chats:
            return _refusal(400, "Bad Request: chat not found")
        fault = _fault(form) if name != "editMessageReplyMarkup" else None
        if fault:
            return _refusal(400, f"Bad Request: {fault}")
        if name in ("editMessageText", "editMessageReplyMarkup"):
            found = [each for each in self.in_chat(chat_id) if each.message_id == form["message_id"]]
            if not found:
                return _refusal(400, "Bad Request: message to edit not found")
            changed = {**found[0].form, **form}
            if all(found[0].form.get(part) == changed.get(part) for part in ("text", "reply_markup")):
                return _refusal(400, "Bad Request: message is not modified")
            found[0].form = changed
            shown = found[0]
        else:
            shown = Shown(next(self._ids), form)
            self.messages.append(shown)
        return _ok({"message_id": shown.message_id, "chat": {"id": int(chat_id), "type": "supergroup"}})


def _fault(form: dict[str, Any]) -> str | None:
    text: str = form.get("text", "")
    if form.get("parse_mode") == "HTML":
        bare = _TAGS.sub("", text)
        if "<" in bare or ">" in bare or _ENTITIES.search(bare):
            return "can't parse entities: unsupported start tag"
        text = html.unescape(bare)
    if not text.strip():
        return "message text is empty"
    if len(text) > 4_096:
        return "message is too long"
    keys = [key for row in form.get("reply_markup", {}).get("inline_keyboard", []) for key in row]
    if any(not 1 <= len(key["callback_data"].encode()) <= 64 for key in keys):
        return "BUTTON_DATA_INVALID"
    return None


def _ok(result: Any) -> Answer:
    return 200, {"ok": True, "result": result}, {}


def _refusal(status: int, description: str) -> tuple[int, dict[str, Any], Headers]:
    return status, {"ok": False, "error_code": status, "description": description}, {}
