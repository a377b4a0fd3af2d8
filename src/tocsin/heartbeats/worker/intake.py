"""Takes pings in, as many as come: all that arrive while one commit runs are written by the next, then answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import structlog

from tocsin.heartbeats import actions
from tocsin.heartbeats.actions.heartbeats import TOKEN_LENGTH
from tocsin.heartbeats.actions.pinging import MAX_USER_AGENT
from tocsin.heartbeats.actions.tokens import ids_of_tokens
from tocsin.heartbeats.model import Kind, Ping
from tocsin.kernel.errors import TocsinError, Unavailable
from tocsin.storage import Database

log = structlog.get_logger()

MAX_BATCH = 256
"""Pings in one transaction: bounds how long the first of them waits for the last."""
MAX_WAITING = 20_000
"""Pings that wait for a commit; beyond, callers are told to come again, which curl's --retry does."""
MAX_TOKENS = 200_000
"""Tokens remembered, about 40 MB; beyond, all are forgotten and looked up anew."""
MAX_LOOKUPS = 500
"""Unknown tokens asked for in one query."""

Told = Callable[[bool | BaseException], None]
"""Hears what became of a ping: True when it is durable, False when there is no such heartbeat, or what went wrong."""
Waiter = tuple[Ping, Told, str]
"""A ping, who hears of it, and the token by which it came."""


class Intake:
    """Belongs to one event loop. A ping is answered when it is durable, not before."""

    def __init__(self, database: Database, base_url: str) -> None:
        self.taken = 0
        """Pings made durable since the start."""
        self.failed = 0
        """Pings that could not be written, and were answered so."""
        self._database = database
        self._base_url = base_url
        self._ids: dict[str, int] = {}
        self._waiting: list[Waiter] = []
        self._in_flight = 0
        self._scheduled = False
        self._lookups: dict[str, asyncio.Future[int | None]] = {}
        self._looking = False

    async def take(
        self, token: str, kind: str, exit_code: int | None, run_id: str | None, method: str, remote_ip: str | None,
        user_agent: str | None, body: bytes,
    ) -> bool:  # fmt: skip
        """Record a ping; False when no heartbeat has that token. Raises Unavailable, and then nothing was recorded."""
        id = self._ids.get(token)
        if id is None:
            id = await self._look_up(token)
            if id is None:
                return False
        if len(self._waiting) >= MAX_WAITING:
            self.failed += 1
            raise Unavailable("More pings come in than can be written. Try again.", retry_after_seconds=1)
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def told(outcome: bool | BaseException) -> None:
            if answered.done():
                return
            if isinstance(outcome, BaseException):
                answered.set_exception(outcome)
            else:
                answered.set_result(outcome)

        self._add(id, token, kind, exit_code, run_id, method, remote_ip, user_agent, body, told)
        return await answered

    def offer(
        self, token: str, kind: str, exit_code: int | None, method: str, remote_ip: str | None,
        user_agent: str | None, told: Told,
    ) -> bool:  # fmt: skip
        """Record a ping without a body and call `told`, always later. False, and nothing is done, when `take` has to be
        asked: the token is not known yet, or too many wait."""
        id = self._ids.get(token)
        if id is None or len(self._waiting) >= MAX_WAITING:
            return False
        self._add(id, token, kind, exit_code, None, method, remote_ip, user_agent, b"", told)
        return True

    def _add(
        self, id: int, token: str, kind: str, exit_code: int | None, run_id: str | None, method: str,
        remote_ip: str | None, user_agent: str | None, body: bytes, told: Told,
    ) -> None:  # fmt: skip
        ping = Ping(
            heartbeat_id=id, kind=_KINDS[kind], exit_code=exit_code, run_id=run_id, method=method,
            remote_ip=remote_ip, user_agent=_clean(user_agent), body=body,
        )  # fmt: skip
        self._waiting.append((ping, told, token))
        if not self._scheduled and not self._in_flight:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    async def take_by_name(
        self, key: str, slug: str, create: bool, kind: str, exit_code: int | None, run_id: str | None, method: str,
        remote_ip: str | None, user_agent: str | None, body: bytes,
    ) -> bool:  # fmt: skip
        """Record a ping of the heartbeat of that slug; True when it was made. Raises NotFound, Refused, Unavailable."""
        ping = Ping(
            heartbeat_id=0, kind=_KINDS[kind], exit_code=exit_code, run_id=run_id, method=method,
            remote_ip=remote_ip, user_agent=_clean(user_agent), body=body,
        )  # fmt: skip
        made = await self._database.write(actions.ping_by_name, key, slug, ping, create, self._base_url)
        self.taken += 1
        return made

    def _flush(self) -> None:
        """Hand what waits to the database: one batch at a time, so that batches are large when there is much to do."""
        self._scheduled = False
        while self._waiting and not self._in_flight:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            self._submit(batch)

    def _submit(self, batch: Sequence[Waiter]) -> None:
        loop = asyncio.get_running_loop()
        pings = [ping for ping, _, _ in batch]
        try:
            future = self._database.submit_write(actions.record, pings, self._base_url)
        except RuntimeError:  # the database is being closed
            self._refuse(batch, Unavailable("Tocsin is stopping. Try again."))
            return
        self._in_flight += 1
        future.add_done_callback(lambda done: _on(loop, self._written, batch, done))

    def _written(self, batch: Sequence[Waiter], done: Future[list[bool]]) -> None:
        self._in_flight -= 1
        error = done.exception()
        if error is None:
            self.taken += len(batch)
            for (_, told, token), there in zip(batch, done.result(), strict=True):
                if not there:
                    self._ids.pop(token, None)  # it was deleted
                _tell(told, there)
        elif isinstance(error, TocsinError) or len(_heartbeats(batch)) == 1:
            log.error("pings could not be written", pings=len(batch), error=_words(error))
            self._refuse(batch, error)
        else:  # what cannot be written of one heartbeat must not hold up the others
            log.error("pings could not be written together", pings=len(batch), error=_words(error))
            for id in _heartbeats(batch):
                self._submit([waiter for waiter in batch if waiter[0].heartbeat_id == id])
        self._flush()

    def _refuse(self, batch: Sequence[Waiter], error: BaseException) -> None:
        self.failed += len(batch)
        for _, told, _ in batch:
            _tell(told, error)

    async def _look_up(self, token: str) -> int | None:
        """Ask the database, together with all who ask in the same moment: a guess costs the same as a hit."""
        if len(token) != TOKEN_LENGTH or not (token.isascii() and token.isalnum()):
            return None
        asked = self._lookups.get(token)
        if asked is None:
            if len(self._lookups) >= MAX_WAITING:
                raise Unavailable("Too many unknown addresses are asked for. Try again.", retry_after_seconds=1)
            asked = self._lookups[token] = asyncio.get_running_loop().create_future()
            if not self._looking:
                self._looking = True
                self._task = asyncio.create_task(self._look_all_up())
        return await asyncio.shield(asked)

    async def _look_all_up(self) -> None:
        try:
            while self._lookups:  # ends when nobody asks any more
                tokens = list(self._lookups)[:MAX_LOOKUPS]
                try:
                    found = await self._database.read(ids_of_tokens, tokens)
                except Exception as error:
                    self._settle(tokens, error)
                    continue
                if len(self._ids) + len(found) > MAX_TOKENS:
                    self._ids.clear()
                self._ids.update(found)
                self._settle(tokens, found)
        finally:
            self._looking = False

    def _settle(self, tokens: Sequence[str], found: Mapping[str, int] | Exception) -> None:
        for token in tokens:
            asked = self._lookups.pop(token)
            if isinstance(found, Exception):
                asked.set_exception(found)
                asked.exception()  # whoever asked may be gone: nobody need hear of it then
            else:
                asked.set_result(found.get(token))


_KINDS = {kind.value: kind for kind in Kind}


def _heartbeats(batch: Sequence[Waiter]) -> list[int]:
    return list(dict.fromkeys(ping.heartbeat_id for ping, _, _ in batch))


def _tell(told: Told, outcome: bool | BaseException) -> None:
    try:
        told(outcome)
    except Exception:  # one who cannot be answered must not keep the others from their answers
        log.exception("a ping could not be answered")


def _words(error: BaseException) -> str:
    """Its first line: those below may hold what a job said."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _clean(user_agent: str | None) -> str | None:
    return None if user_agent is None else user_agent[:MAX_USER_AGENT].replace("\x00", "\ufffd")


def _on(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *values: Any) -> None:
    """From the database's thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, *values)
