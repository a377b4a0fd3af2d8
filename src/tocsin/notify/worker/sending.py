"""Sends what is to be sent: takes the messages that are due, hands each to its channel and notes the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Unavailable
from tocsin.notify import actions, rules
from tocsin.notify.channels import Channel, discover
from tocsin.notify.model import UNLIMITED, Answer, GiveUp, Limits, Look, Message, Retry, Sent
from tocsin.storage import Database

log = structlog.get_logger()

MAX_IN_FLIGHT = 50
"""Messages being sent at once over all channels; bounds memory and sockets."""
MAX_SETTLE_TRIES = 120
FIRST_SETTLE_WAIT_SECONDS = 0.1
LONGEST_SETTLE_WAIT_SECONDS = 5.0
"""A known answer is offered to an unavailable database for about ten minutes; after that the message is sent again."""
UNWANTED = "it was taken back before it left"
RECHECK_SECONDS = 0.25
"""A message that has waited this long for its turn since it was claimed is asked for once more: somebody may have
answered meanwhile. Sooner than that the question would cost more than it saves."""
CLOSE_SECONDS = 2.0
"""What a clean shutdown leaves for answers on their way; whatever is cut off goes out again after its lease."""


class Deliveries:
    """The worker behind every message. `run_once` starts what is due and returns; each answer is settled by itself.

    Channels do not wait for each other: each has its own places, so that a slow mail server holds up mail alone. A
    message being settled rings `deliveries`, so that whoever runs this worker looks again when a place is free.
    """

    name = "deliveries"
    topic = actions.DELIVERIES_TOPIC

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        base_url: str,
        settings: Mapping[str, msgspec.Struct] | None = None,
        net: object = None,
        alone: bool = False,
        channels: Mapping[str, Channel] | None = None,
        given_up: actions.GivenUp | None = None,
        gone: actions.Gone | None = None,
        limits: Limits = UNLIMITED,
    ) -> None:
        """`settings`: by channel kind; what is missing counts as not configured. `alone`: no other process sends from
        this database, so the first look takes over whatever a predecessor left leased or waiting. `given_up`: what
        follows a page that will never arrive; `gone`: what follows an address that is dead for good (see
        `actions.settle`). `limits`: beyond which pages are held back."""
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self._net = net
        self._channels = discover() if channels is None else channels
        self._settings = {
            kind: (settings or {}).get(kind, channel.Settings()) for kind, channel in self._channels.items()
        }
        self._sessions = {
            kind: opened(self._settings[kind])
            for kind, channel in self._channels.items()
            if (opened := getattr(channel, "Session", None)) is not None
        }
        self._busy: dict[str, int] = dict.fromkeys(self._channels, 0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._takes_over = alone
        self._given_up = given_up
        self._gone = gone
        self._limits = limits
        self._closing = False
        self._accepted_at: datetime | None = None
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Start sending what is due, as far as there are free places. Returns when the next message becomes due."""
        if self._closing:
            return None
        if self._takes_over:
            await self._database.write(actions.take_over)
            self._takes_over = False
        look = await self._database.read(actions.look)
        now = self._clock.now()
        if look.watch_at is not None and look.watch_at <= now:
            await self._database.write(actions.look_after, self._given_up)
            look = await self._database.read(actions.look)
        self.lag_seconds = self._lag(look, now)
        next_at = min((at for at in (look.next_at, look.watch_at) if at is not None), default=None)
        for kind in look.due:
            claimed = await self._start(kind)
            lease_end = now + timedelta(seconds=rules.LEASE_SECONDS)
            if claimed and (next_at is None or lease_end < next_at):
                next_at = lease_end
        return next_at

    def _lag(self, look: Look, now: datetime) -> float:
        """How long pages have not moved: overdue ones, and ones put off again and again with none accepted since.

        A single mailbox that refuses while others accept is that mailbox's trouble; a mail server that takes nothing
        is ours, however punctually we try it.
        """
        stuck = look.oldest_tried_page_at
        if stuck is not None and self._accepted_at is not None and self._accepted_at >= stuck:
            stuck = None
        since = [at for at in (look.oldest_page_due_at, stuck) if at is not None]
        return max(0.0, (now - min(since)).total_seconds()) if since else 0.0

    @property
    def with_receipts(self) -> frozenset[str]:
        """The channels by which we hear whether a page has arrived."""
        return frozenset(kind for kind in self._channels if self._received_within(kind) is not None)

    @property
    def in_flight(self) -> int:
        """Messages that are being sent or settled."""
        return len(self._tasks)

    async def drain(self) -> None:
        """Wait until everything that was started is settled."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Let what is in flight finish for a moment, then let go; nothing is lost, it is sent again after its lease."""
        self._closing = True
        if self._tasks:
            _, unfinished = await asyncio.wait(set(self._tasks), timeout=CLOSE_SECONDS)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        await asyncio.gather(*(session.close() for session in self._sessions.values()), return_exceptions=True)

    async def _start(self, kind: str) -> int:
        places = MAX_IN_FLIGHT - sum(self._busy.values())
        if kind in self._channels:
            places = min(places, _connections(self._channels[kind], self._settings[kind]) - self._busy[kind])
        if places <= 0:
            return 0
        claimed_at = self._clock.monotonic()
        messages = await self._database.write(actions.claim, kind, places, self._base_url, self._limits)
        for message in messages:
            self._busy[kind] = self._busy.get(kind, 0) + 1
            task = asyncio.create_task(self._deliver(message, claimed_at), name=f"delivery {message.delivery_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(messages)

    async def _deliver(self, message: Message, claimed_at: float) -> None:
        try:
            answer = await self._send(message) if await self._wanted(message, claimed_at) else None
        finally:
            self._busy[message.channel] -= 1  # before settling: its ring says that there is a free place
        await self._settle(message, Retry(UNWANTED) if answer is None else answer)

    async def _wanted(self, message: Message, claimed_at: float) -> bool:
        """Whether it is still to be sent. When that cannot be asked, it is."""
        if self._clock.monotonic() - claimed_at < RECHECK_SECONDS:
            return True
        try:
            return await self._database.read(actions.wanted, message.delivery_id, message.attempt)
        except (Unavailable, DBAPIError):
            return True

    async def _send(self, message: Message) -> Answer:
        channel = self._channels.get(message.channel)
        if channel is None:
            return GiveUp(f"this Tocsin has no channel “{message.channel}”")
        try:
            async with asyncio.timeout(rules.SEND_LIMIT_SECONDS):
                session = self._sessions.get(message.channel)
                if session is not None:
                    answer: Answer = await session.send(message, self._net)
                    return answer
                return await channel.send(message, self._settings[message.channel], self._net)
        except TimeoutError:
            return Retry(f"no answer within {rules.SEND_LIMIT_SECONDS} s")
        except Exception as error:  # a bug of ours must not cost the page: it is tried again and shown
            log.exception("a channel failed", channel=message.channel, delivery_id=message.delivery_id)
            return Retry(f"an error of Tocsin's own ({type(error).__name__}); see the server's log")

    async def _settle(self, message: Message, answer: Answer) -> None:
        wait_seconds = FIRST_SETTLE_WAIT_SECONDS
        for _ in range(MAX_SETTLE_TRIES):
            try:
                state = await self._database.write(
                    actions.settle,
                    message.delivery_id,
                    message.attempt,
                    answer,
                    self._given_up,
                    gone=self._gone,
                    received_within_seconds=self._received_within(message.channel),
                )
            except (Unavailable, DBAPIError) as error:  # whatever it is, giving up here would send the message again
                log.warning("an answer waits for the database", delivery_id=message.delivery_id, why=str(error))
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, LONGEST_SETTLE_WAIT_SECONDS)
            else:
                facts = {"delivery_id": message.delivery_id, "channel": message.channel, "attempt": message.attempt}
                if isinstance(answer, Sent):
                    self._accepted_at = self._clock.now()
                    log.info("delivery", **facts, state=state or "unchanged")
                else:
                    log.warning("delivery", **facts, state=state or "unchanged", why=answer.why)
                return
        log.error("an answer was lost: the message will be sent again", delivery_id=message.delivery_id)

    def _received_within(self, kind: str) -> float | None:
        """How long a page by this channel may take to be reported as delivered; None = it brings no such reports."""
        limit = getattr(self._channels.get(kind), "RECEIVED_WITHIN_SECONDS", None)
        own: float | None = getattr(self._settings.get(kind), "received_within_seconds", limit)
        return own


def _connections(channel: Channel, settings: msgspec.Struct) -> int:
    """The operator's limit where the channel has such a setting, its own otherwise."""
    return int(getattr(settings, "connections", 0) or channel.CONNECTIONS)
