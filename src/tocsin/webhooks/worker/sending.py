"""Sends what other systems are to be told: takes the messages that are due, makes their requests, notes the answers."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Unavailable
from tocsin.kernel.flight import Flight
from tocsin.kernel.net import HttpRequest, Net
from tocsin.storage import Database
from tocsin.webhooks import actions
from tocsin.webhooks.model import Look, Message, Outcome, State, Verdict
from tocsin.webhooks.rules import delivering
from tocsin.webhooks.rules.templates import TooLong
from tocsin.webhooks.worker import requests

log = structlog.get_logger()

MAX_IN_FLIGHT = 64
"""Requests at once over all webhooks; bounds memory and sockets."""
MAX_IN_FLIGHT_PER_WEBHOOK = 4
"""At one endpoint: what a small receiver bears, and what one slow receiver may take from the others."""
CLAIMED_AT_ONCE = 16
"""Webhooks whose messages are taken in one transaction: a page must not wait behind all of them."""
GIVE_UP_SECONDS = delivering.TIMEOUT_SECONDS + 15
"""The longest one attempt may take with everything: below the lease, so that nobody sends it beside us."""
MAX_EXPIRY_ROUNDS = 10
MAX_SETTLE_TRIES = 20
FIRST_SETTLE_WAIT_SECONDS = 0.1
LONGEST_SETTLE_WAIT_SECONDS = 5.0
"""A known answer is offered to an unavailable database for over a minute; after that the message is sent again."""
CLOSE_SECONDS = 1.0
"""What a clean shutdown leaves for answers on their way; whatever is cut off goes out again, under the same id."""

_Answered = tuple[Message, Outcome]


class WebhookDeliveries:
    """A worker of the runtime. `run_once` starts what is due and returns; each answer is settled by itself.

    Endpoints do not wait for each other: each has its own few places, and one that has failed of late only one.
    """

    name = "webhook_deliveries"
    topic = actions.TOPIC

    def __init__(self, database: Database, clock: Clock, net: Net, *, base_url: str, alone: bool = False) -> None:
        """`base_url`: for the links in bodies. `alone`: no other process sends from this database, so the first look
        takes over whatever a predecessor left leased."""
        self._database = database
        self._clock = clock
        self._net = net
        self._base_url = base_url
        self._takes_over = alone
        self._busy: dict[int, int] = {}
        self._flight = Flight()
        self._answered: list[_Answered] = []
        self._settling = asyncio.Lock()
        self._closing = False
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Start sending what is due, as far as there are free places. Returns when the next message becomes due."""
        if self._closing:
            return None
        if self._takes_over:
            await self._database.write(actions.take_over)
            self._takes_over = False
        await self._expire()
        look = await self._database.read(actions.look)
        now = self._clock.now()
        self.lag_seconds = 0.0 if look.oldest_due_at is None else max(0.0, (now - look.oldest_due_at).total_seconds())
        wanted = self._places(look)
        for start in range(0, len(wanted), CLAIMED_AT_ONCE):
            await self._start(wanted[start : start + CLAIMED_AT_ONCE])
        return look.next_at

    @property
    def in_flight(self) -> int:
        """Messages that are being sent or settled."""
        return len(self._flight)

    async def drain(self) -> None:
        """Wait until everything that was started is settled."""
        await self._flight.landed()

    async def close(self) -> None:
        """Let what is in flight finish for a moment, then let go; nothing is lost, it is sent again."""
        self._closing = True
        await self._flight.let_go(CLOSE_SECONDS)

    async def _expire(self) -> None:
        for _ in range(MAX_EXPIRY_ROUNDS):
            if not await self._database.read(actions.any_expired):
                return
            await self._database.write(actions.expire)

    def _places(self, look: Look) -> list[tuple[int, int]]:
        """(webhook, how many messages of it may be started), as far as there are free places."""
        free = MAX_IN_FLIGHT - sum(self._busy.values())
        wanted = []
        for webhook_id in look.due:
            most = 1 if webhook_id in look.probing else MAX_IN_FLIGHT_PER_WEBHOOK
            places = min(free, most - self._busy.get(webhook_id, 0))
            if places > 0:
                wanted.append((webhook_id, places))
                free -= places
        return wanted

    async def _start(self, wanted: list[tuple[int, int]]) -> None:
        try:
            messages = await self._database.write(actions.claim_all, wanted, self._base_url)
        except (Unavailable, DBAPIError):
            raise  # the database's own trouble concerns everybody
        except Exception:  # a bug of ours with one webhook must not silence the others
            if len(wanted) > 1:
                for each in wanted:
                    await self._start([each])
                return
            log.exception("the messages of a webhook could not be taken", webhook_id=wanted[0][0])
            return
        for message in messages:
            self._busy[message.webhook.id] = self._busy.get(message.webhook.id, 0) + 1
            self._flight.start(self._deliver(message), f"webhook delivery {message.delivery_id}")

    async def _deliver(self, message: Message) -> None:
        webhook_id = message.webhook.id
        try:
            outcome = await self._send(message)
        finally:
            self._busy[webhook_id] -= 1  # before settling: its ring says that there is a free place
            if not self._busy[webhook_id]:
                del self._busy[webhook_id]
        await self._settle(message, outcome)

    async def _send(self, message: Message) -> Outcome:
        if message.webhook.unreadable:
            return Outcome(verdict=Verdict.UNAVAILABLE, detail=f"Not sent: {message.webhook.unreadable}")
        if not message.data:
            return Outcome(verdict=Verdict.GONE, detail="Not sent: what it was about has been forgotten")
        try:
            request = requests.request(message)
        except TooLong as error:
            return Outcome(verdict=Verdict.GONE, detail=f"Not sent: {error}")
        except Exception as error:  # a bug of ours must not cost the message: it is tried again and shown
            log.exception("a webhook's request could not be made", delivery_id=message.delivery_id)
            return Outcome(verdict=Verdict.REFUSED, detail=_our_own(error))
        return await self._ask(message, request)

    async def _ask(self, message: Message, request: HttpRequest) -> Outcome:
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                return requests.outcome(await self._net.fetch(request), self._clock.now())
        except TimeoutError:
            return Outcome(verdict=Verdict.OURS, detail=f"The network did not come back within {GIVE_UP_SECONDS:.0f} s")
        except Exception as error:
            log.exception("a webhook's request failed", delivery_id=message.delivery_id)
            return Outcome(verdict=Verdict.OURS, detail=_our_own(error))

    async def _settle(self, message: Message, outcome: Outcome) -> None:
        """Write down an answer, together with all that have come in while the last ones were written."""
        self._answered.append((message, outcome))
        async with self._settling:
            together, self._answered = self._answered[:MAX_IN_FLIGHT], self._answered[MAX_IN_FLIGHT:]
            if together:  # else it went with those of somebody before us
                await self._write_down(together)

    async def _write_down(self, together: list[_Answered]) -> None:
        wait_seconds = FIRST_SETTLE_WAIT_SECONDS
        for _ in range(MAX_SETTLE_TRIES):
            try:
                states = await self._database.write(actions.settle, together)
            except (Unavailable, DBAPIError) as error:
                log.warning("webhooks' answers wait for the database", answers=len(together), why=str(error))
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, LONGEST_SETTLE_WAIT_SECONDS)
            except Exception:  # a bug of ours with one answer must not cost the others
                if len(together) > 1:
                    for each in together:
                        await self._write_down([each])
                    return
                log.exception("a webhook's answer could not be written down", **_facts(together[0]))
                return
            else:
                for each, state in zip(together, states, strict=True):
                    say = log.info if state is State.DELIVERED else log.warning
                    outcome = each[1]
                    say("webhook", **_facts(each), state=state or "unchanged", status=outcome.status_code,
                        why=outcome.detail)  # fmt: skip
                return
        for each in together:
            log.error("a webhook's answer was lost: the message will be sent again", **_facts(each))


def _facts(answered: _Answered) -> dict[str, int]:
    message, _ = answered
    return {"delivery_id": message.delivery_id, "webhook_id": message.webhook.id, "attempt": message.attempt}


def _our_own(error: Exception) -> str:
    return f"An error of Tocsin's own ({type(error).__name__}); see the server's log"
