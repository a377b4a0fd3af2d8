"""Asks Telegram what people have pressed and written, so that buttons work behind any router."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpResponse
from tocsin.notify.channels.places import decoded
from tocsin.rest.callbacks.telegram import PREFIX, Updates
from tocsin.runtime.chat import TelegramBots

log = structlog.get_logger()

POLL_SECONDS = 25
"""How long Telegram may wait with its answer until there is something to say (Bot API: getUpdates)."""
POLL_LIMIT_SECONDS = POLL_SECONDS + 10.0
UPDATES_AT_ONCE = 20
LOOK_EVERY = timedelta(seconds=60)
"""How often it is looked for bots that have come or gone."""
MAX_BOTS = 50
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
TAKEN_ELSEWHERE_WAIT_SECONDS = 30.0
"""Telegram answers one listener per bot: another process of ours, or another program, is listening (409)."""
NOBODYS_TOKEN_WAIT_SECONDS = 600.0
"""A token that Telegram does not know (401) will not be known in a minute either; a new one is listened to at once."""
ALLOWED = ("callback_query", "message")

Mode = Literal["polling", "webhook", "off"]


class TelegramUpdates:
    """A worker of the runtime: keeps one long question open for each bot, or has Telegram call us instead.

    Telegram remembers what it has told and forgets it when the next question names a higher number: a crash between
    the two brings the same update again, and whoever pressed once has pressed once.
    """

    name = "telegram"
    topic = "telegram"

    def __init__(self, bots: TelegramBots, updates: Updates, clock: Clock, *, mode: Mode, base_url: str) -> None:
        self._bots = bots
        self._updates = updates
        self._clock = clock
        self._mode = mode
        self._base_url = base_url.rstrip("/")
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._hooked: set[str] = set()
        self._offsets: dict[str, int] = {}
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """See to it that every bot is listened to. Returns when to look again."""
        if self._mode == "off":
            return None
        tokens = (await self._bots.tokens())[:MAX_BOTS]
        for token in [token for token, task in self._listening.items() if token not in tokens or task.done()]:
            self._listening.pop(token).cancel()
        for number, token in enumerate(tokens):
            if self._mode == "webhook":
                await self._hook(token)
            elif token not in self._listening:
                self._listening[token] = asyncio.create_task(self._listen(token), name=f"telegram bot {number}")
        return self._clock.now() + LOOK_EVERY

    async def ask(self, token: str, wait_seconds: int = 0) -> int | None:
        """One question; returns how many updates were taken, None when there was no answer to be had."""
        bot = self._bots.bot(token)
        form: dict[str, Any] = {"timeout": wait_seconds, "limit": UPDATES_AT_ONCE, "allowed_updates": ALLOWED}
        if token in self._offsets:
            form["offset"] = self._offsets[token]
        response = await bot.call("getUpdates", form, POLL_LIMIT_SECONDS)
        answer = decoded(response)
        found = answer.get("result")
        if response.status_code != 200 or answer.get("ok") is not True or not isinstance(found, list):
            await self._refused(token, response, str(answer.get("description", "")))
            return None
        updates = [each for each in found if isinstance(each, Mapping) and isinstance(each.get("update_id"), int)]
        for update in sorted(updates, key=lambda each: "callback_query" not in each):  # small talk can wait
            await self._take(token, update)
        if updates:
            self._offsets[token] = max(update["update_id"] for update in updates) + 1
        return len(found)

    async def close(self) -> None:
        """Stop listening; what was not taken is told again."""
        for task in self._listening.values():
            task.cancel()
        await asyncio.gather(*self._listening.values(), return_exceptions=True)
        self._listening.clear()

    async def _listen(self, token: str) -> None:
        wait_seconds = FIRST_WAIT_SECONDS
        while True:  # until the bot is gone or we stop
            try:
                taken = await self.ask(token, POLL_SECONDS)
            except Exception as error:  # whatever it is, the bot must not stay deaf
                log.exception("a Telegram bot could not be listened to", why=type(error).__name__)
                taken = None
            if taken is not None:
                wait_seconds = FIRST_WAIT_SECONDS
                continue
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, LONGEST_WAIT_SECONDS)

    async def _take(self, token: str, update: Mapping[str, Any]) -> None:
        try:
            await self._updates.take(self._bots.bot(token), update)
        except Exception as error:  # a bug of ours: asked for again and again, it would keep all others back
            log.exception("what a Telegram bot was told could not be taken", why=type(error).__name__)

    async def _refused(self, token: str, response: HttpResponse, why: str) -> None:
        bot_id = token.partition(":")[0]
        if response.status_code == 409 and "webhook" in why:
            # It was set once, by us or by another program; whoever polls wants it away, or the buttons are dead.
            await self._bots.bot(token).call("deleteWebhook", {})
            return
        log.warning("a Telegram bot cannot be listened to", bot=bot_id, why=why or response.cause or "no answer")
        if response.status_code == 409:
            await asyncio.sleep(TAKEN_ELSEWHERE_WAIT_SECONDS)
        elif response.status_code in (401, 404):
            await asyncio.sleep(NOBODYS_TOKEN_WAIT_SECONDS)

    async def _hook(self, token: str) -> None:
        if token in self._hooked:
            return
        at, header = await self._bots.webhook(token)
        form = {"url": f"{self._base_url}{PREFIX}{at}", "secret_token": header, "allowed_updates": ALLOWED}
        response = await self._bots.bot(token).call("setWebhook", form)
        answer = decoded(response)
        if response.status_code == 200 and answer.get("ok") is True:
            self._hooked.add(token)
            return
        why = str(answer.get("description", "")) or response.cause or "no answer"
        log.warning("Telegram does not take our address", bot=token.partition(":")[0], why=why)
