"""Sends what is to be sent: takes the messages that are due, hands each to its channel and notes the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Unavailable
from tocsin.kernel.flight import Flight
from tocsin.notify import actions, rules
from tocsin.notify.channels import Channel, discover
from tocsin.notify.model import (
    EVERYTHING,
    UNLIMITED,
    Answer,
    GiveUp,
    Limits,
    Look,
    Message,
    Place,
    Retry,
    Sent,
    Share,
)
from tocsin.storage import Database

log = structlog.get_logger()

UNKNOWN_PLACES = 50
"""Messages at once by a channel that is not there (any more): each is given up as it comes."""
PLACES_SHARE = 4
"""Of a channel behind which many servers stand, one of them gets this part at most: if it is silent, the others do not
wait for it."""
MAX_SETTLE_TRIES = 120
FIRST_SETTLE_WAIT_SECONDS = 0.1
LONGEST_SETTLE_WAIT_SECONDS = 5.0
"""A known answer is offered to an unavailable database for about ten minutes; after that the message is sent again."""
UNWANTED = "it was taken back before it left"
RECHECK_SECONDS = 0.25
"""A message that has waited this long for its turn since it was claimed is asked for once more: somebody may have
answered meanwhile. Sooner than that the question would cost more than it saves."""
LOOK_AGAIN = timedelta(seconds=15)
"""After a look at what should have arrived has failed through a fault of ours."""
CLOSE_SECONDS = 2.0
"""What a clean shutdown leaves for answers on their way; whatever is cut off goes out again after its lease."""


class Deliveries:
    """The worker behind every message. `run_once` starts what is due and returns; each answer is settled by itself.

    Channels do not wait for each other: each has its own places, so that a slow mail server holds up mail alone; and of
    a channel behind which many servers stand, none gets all. A message being settled rings `deliveries`, so that
    whoever runs this worker looks again when a place is free.
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
        self._busy: dict[str, Counter[Place]] = {}
        self._flight = Flight()
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
        look = await self._database.read(actions.look, self._full(), self._accepted_at)
        now = self._clock.now()
        watch_at, unseen_seconds = look.watch_at, 0.0
        if watch_at is not None and watch_at <= now:
            seen = await self._looked_after()
            unseen_seconds = 0.0 if seen else (now - watch_at).total_seconds()
            look = await self._database.read(actions.look, self._full(), self._accepted_at)
            watch_at = look.watch_at if seen else now + LOOK_AGAIN
        self.lag_seconds = max(self._lag(look, now), unseen_seconds)
        next_at = min((at for at in (look.next_at, watch_at) if at is not None), default=None)
        for kind in look.due:
            claimed = await self._start(kind)
            lease_end = now + timedelta(seconds=rules.LEASE_SECONDS)
            if claimed and (next_at is None or lease_end < next_at):
                next_at = lease_end
        return next_at

    @staticmethod
    def _lag(look: Look, now: datetime) -> float:
        """How long pages have not moved: overdue ones, and ones put off again and again with none accepted since.

        A single mailbox that refuses while others accept is that mailbox's trouble; a mail server that takes nothing
        is ours, however punctually we try it.
        """
        since = [at for at in (look.oldest_page_due_at, look.oldest_tried_page_at) if at is not None]
        return max(0.0, (now - min(since)).total_seconds()) if since else 0.0

    @property
    def with_receipts(self) -> frozenset[str]:
        """The channels by which we hear whether a page has arrived."""
        return frozenset(kind for kind in self._channels if self._received_within(kind) is not None)

    @property
    def in_flight(self) -> int:
        """Messages that are being sent or settled."""
        return len(self._flight)

    async def drain(self) -> None:
        """Wait until everything that was started is settled."""
        await self._flight.landed()

    async def close(self) -> None:
        """Let what is in flight finish for a moment, then let go; nothing is lost, it is sent again after its lease."""
        self._closing = True
        await self._flight.let_go(CLOSE_SECONDS)
        await asyncio.gather(*(session.close() for session in self._sessions.values()), return_exceptions=True)

    async def _start(self, kind: str) -> int:
        busy = self._busy.setdefault(kind, Counter())
        free = self._places(kind) - busy.total()
        if free <= 0:
            return 0
        claimed_at = self._clock.monotonic()
        messages = await self._database.write(
            actions.claim, kind, free, self._base_url, self._limits, self._share(kind)
        )  # fmt: skip
        for message in messages:
            busy[message.place] += 1
            self._flight.start(self._deliver(message, claimed_at), f"delivery {message.delivery_id}")
        return len(messages)

    async def _deliver(self, message: Message, claimed_at: float) -> None:
        try:
            answer = await self._send(message) if await self._wanted(message, claimed_at) else None
        finally:
            self._leave(message)  # before settling: its ring says that there is a free place
        await self._settle(message, Retry(UNWANTED) if answer is None else answer)

    def _places(self, kind: str) -> int:
        """How many messages a channel carries at once."""
        channel = self._channels.get(kind)
        return UNKNOWN_PLACES if channel is None else _connections(channel, self._settings[kind])

    def _share(self, kind: str) -> Share:
        """How much of it one place gets: with people's own servers, or teams', a part; of our provider all there is."""
        channel = self._channels.get(kind)
        if not hasattr(channel, "Target") and not getattr(channel, "MANY_SERVERS", False):
            return EVERYTHING
        most = max(1, self._places(kind) // PLACES_SHARE)
        return Share(most=most, busy=dict(self._busy.get(kind, {})))

    def _full(self) -> dict[str, frozenset[Place]]:
        return {kind: full for kind in self._busy if (full := self._share(kind).full)}

    def _leave(self, message: Message) -> None:
        busy = self._busy[message.channel]
        busy[message.place] -= 1
        if busy[message.place] <= 0:
            del busy[message.place]

    async def _looked_after(self) -> bool:
        """See to the pages that should have arrived. When that fails, those that are to leave do not wait for it."""
        try:
            await self._database.write(actions.look_after, self._given_up)
        except (Unavailable, DBAPIError):
            raise
        except Exception:  # a bug of ours about one incident must not keep every other page back
            log.exception("a look at pages that should have arrived failed")
            return False
        return True

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
                # Without the statement: what a message says, and to whom, stands in no log.
                why = str(getattr(error, "orig", None) or error)
                log.warning("an answer waits for the database", delivery_id=message.delivery_id, why=why)
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, LONGEST_SETTLE_WAIT_SECONDS)
            except Exception:  # a bug of ours: the message is sent again after its lease, and this says why
                log.exception("an answer could not be settled", delivery_id=message.delivery_id)
                return
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
