"""Tells subscribers: plans a message for each of them, sends what is due at a bounded rate, notes what came of it.

Nothing here stands in the way of a page to somebody on call: its rows are its own, its transactions are small, and it
has its own few connections to the mail server.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Unavailable
from tocsin.kernel.flight import Flight
from tocsin.kernel.net import Net
from tocsin.notify.channels import email, push
from tocsin.notify.model import Answer, GiveUp, Sent
from tocsin.status_pages.actions import notices as actions
from tocsin.status_pages.model import SubscriberKind
from tocsin.status_pages.model.notices import Kind, Notice, Outcome, State, Verdict
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.rules.subscribing import masked
from tocsin.status_pages.store.tables import NOTICES_TOPIC
from tocsin.status_pages.worker import mails, posts
from tocsin.storage import Database

log = structlog.get_logger()

MAIL_CONNECTIONS = 2
"""To the mail server, which has others for the pages of people on call."""
MAILS_PER_MINUTE = 1_200
UNLIMITED_PER_MINUTE = 600_000
"""What "no limit" is counted as: more than any mail server takes."""
_EMAIL, _CONFIRM = SubscriberKind.EMAIL.value, Kind.CONFIRM.value
PLACES = {_CONFIRM: 10, _EMAIL: 40, "webhook": 64, "slack": 16, "push": 32}
"""Messages that are claimed at once, by channel: as many may go out twice after a crash."""
PLACES_PER_HOST = {"webhook": 4, "slack": 8, "push": PLACES["push"]}
"""Of these, requests to one host: a silent one holds up nobody else. Push services are a few known ones."""
SLOW_SECONDS = 5.0
"""Nobody waits for a place at a host whose last answer took longer, or was none: their turn comes again later."""
MAX_SLOW_HOSTS = 1_000
"""That are remembered."""
EXPANSIONS = 10
"""Transactions of one look that plan messages; then sending comes first."""
EXPANSION_PAUSE_SECONDS = 0.02
"""Between two of them: a page takes a few transactions, and shall wait behind no row of ours."""
SEND_LIMIT_SECONDS = 60.0
"""The longest one attempt may take with everything."""
RECHECK_SECONDS = 1.0
"""A message that has waited this long since it was claimed is looked at once more: it may have been taken back."""
MAX_SETTLE_TRIES = 20
FIRST_SETTLE_WAIT_SECONDS = 0.1
LONGEST_SETTLE_WAIT_SECONDS = 5.0
"""A known answer is offered to an unavailable database for over a minute; after that the message is sent again."""
REFUSED_IN_A_ROW = 20
"""Recipients that the mail server refuses, and none that it takes: then it is the server that is set up wrong, not all
these people who are gone, and none of them shall lose their subscription over it."""
SETTLED_AT_ONCE = 50
CLOSE_SECONDS = 1.0
"""What a clean shutdown leaves for answers on their way; whatever is cut off goes out again after its lease."""

_Answered = tuple[Notice, Outcome]
_PUT_OFF = Outcome(verdict=Verdict.LATER, detail="its server is slow, and others wait for it already")


class _Rate:
    """So many a minute, and never more than a second's worth (but one) at once."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_second = (per_minute or UNLIMITED_PER_MINUTE) / 60
        self._most = max(1.0, self._per_second)
        self.batch = max(1, int(self._most / 2))
        """As many are worth a transaction."""
        self._clock = clock
        self._left = self._most
        self._seen = clock.monotonic()

    def left(self) -> int:
        """How many may go now."""
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        return int(self._left)

    def spend(self, number: int) -> None:
        self._left -= number

    def seconds_until(self, number: float) -> float:
        """When so many may go, at most as many as ever can at once."""
        return max(0.0, (min(number, self._most) - self._left) / self._per_second)


class _Lane:
    """One channel: what is on its way, and whether it is left alone for a while through our own fault."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.busy = 0
        self.trouble = 0
        self.refused = 0
        self.held_until = 0.0
        """By the monotonic clock."""
        self.hosts: Counter[str] = Counter()
        self.slow: set[str] = set()
        """Hosts, see SLOW_SECONDS."""
        self.freed = asyncio.Event()

    @property
    def room(self) -> int:
        """How many messages it may take: half of its places at once, so that few transactions carry many."""
        if self.trouble >= rules.TROUBLE_IN_A_ROW:
            return 0 if self.busy else 1
        free = PLACES[self.channel] - self.busy
        return free if free * 2 >= PLACES[self.channel] else 0

    def heard(self, outcome: Outcome, now: float) -> Outcome:
        """Learn from an outcome how we are doing, and whose fault it is."""
        verdict = outcome.verdict
        if verdict is Verdict.ACCEPTED:
            self.refused = 0
        elif self.channel in (_EMAIL, _CONFIRM) and verdict in (Verdict.GONE, Verdict.LATER):
            self.refused += 1
            if self.refused > REFUSED_IN_A_ROW:
                verdict = Verdict.OURS
        if verdict is Verdict.OURS:
            self.trouble += 1
            self.held_until = now + rules.pause_seconds(self.trouble)
        elif verdict is not Verdict.DROPPED:
            self.trouble = 0
        return outcome if verdict is outcome.verdict else msgspec.structs.replace(outcome, verdict=verdict)

    def met(self, host: str, *, slow: bool) -> None:
        """Remember how a host answers."""
        self.slow.discard(host)
        if slow and len(self.slow) < MAX_SLOW_HOSTS:
            self.slow.add(host)


class Notices:
    """A worker of the runtime. `run_once` starts what is due and returns; answers are settled by themselves."""

    name = "status_page_notices"
    topic = NOTICES_TOPIC

    def __init__(
        self,
        database: Database,
        clock: Clock,
        net: Net,
        *,
        base_url: str,
        email_settings: email.Settings,
        push_settings: push.Settings,
        mails_per_minute: int = MAILS_PER_MINUTE,
        mail_domain: str = "",
        alone: bool = False,
        public_only: bool = True,
    ) -> None:
        """`mail_domain`: where we receive mail, so that what cannot be delivered returns there; empty = we receive
        none. `alone`: no other process sends from this database, so the first look takes over whatever a predecessor
        left leased. `public_only`: whether webhooks at private addresses are refused."""
        self._database = database
        self._clock = clock
        self._net = net
        self._base_url = base_url
        self._email = email_settings
        self._push = push_settings
        self._mail_domain = mail_domain
        self._takes_over = alone
        self._public_only = public_only
        self._office = email.Session(email_settings)
        self._connections = asyncio.Semaphore(MAIL_CONNECTIONS)
        self._rate = _Rate(mails_per_minute, clock)
        self._lanes = {channel: _Lane(channel) for channel in actions.CHANNELS}
        self._flight = Flight()
        self._answered: list[_Answered] = []
        self._settling = asyncio.Lock()
        self._closing = False
        self.lag_seconds = 0.0

    async def run_once(self) -> datetime | None:
        """Plan and start what is due, as far as there is room. Returns when to look again."""
        if self._closing:
            return None
        if self._takes_over:
            await self._database.write(actions.take_over)
            self._takes_over = False
        wanted, waits = self._wanted()
        look = await self._database.read(actions.look, wanted)
        now = self._clock.now()
        self.lag_seconds = 0.0 if look.oldest_due_at is None else max(0.0, (now - look.oldest_due_at).total_seconds())
        dropped = 0
        for ids in look.due.values():
            if ids:
                dropped += len(ids) - await self._start(ids)
        if look.telling:
            await self._expand(look.telling)
        if look.telling or dropped:  # what waited behind a message that was dropped may go
            return now
        instants = [look.next_at] if look.next_at is not None else []
        if look.oldest_due_at is not None and look.oldest_due_at <= now and waits:
            instants.append(now + timedelta(seconds=min(waits)))
        return min(instants, default=None)

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
        await self._office.close()

    def _wanted(self) -> tuple[dict[str, int], list[float]]:
        """(how many messages could be sent now, by channel; in how many seconds more could)."""
        now = self._clock.monotonic()
        wanted: dict[str, int] = {}
        waits: list[float] = []
        mails = self._rate.left()
        for channel, lane in self._lanes.items():
            room = lane.room
            if room and lane.held_until > now:
                waits.append(lane.held_until - now)
                continue
            if channel in (_EMAIL, _CONFIRM):
                fewest = 1 if channel == _CONFIRM else min(room, self._rate.batch)
                if room:
                    waits.append(max(0.02, self._rate.seconds_until(fewest)))
                room = min(room, mails) if mails >= fewest else 0
            if room:
                wanted[channel] = room
        return wanted, waits

    async def _expand(self, telling: tuple[int, ...]) -> None:
        """Plan some more messages, each page in its turn."""
        for number in range(EXPANSIONS):
            try:
                await self._database.write(actions.expand, telling[number % len(telling)])
            except (Unavailable, DBAPIError):
                raise
            except Exception:  # a bug of ours about one update must not keep the others from being told
                log.exception("an update could not be planned", status_update_id=telling[number % len(telling)])
            await asyncio.sleep(EXPANSION_PAUSE_SECONDS)

    async def _start(self, ids: list[int]) -> int:
        """Claim these and begin to send them; returns how many are sent."""
        claimed_at = self._clock.monotonic()
        claimed = await self._claim(ids)
        for notice in claimed:
            lane = self._lanes[notice.channel]
            lane.busy += 1
            if notice.channel in (_EMAIL, _CONFIRM):
                self._rate.spend(1)
            self._flight.start(self._deliver(lane, notice, claimed_at), f"status notice {notice.id}")
        return len(claimed)

    async def _claim(self, ids: list[int]) -> list[Notice]:
        try:
            return await self._database.write(actions.claim, ids, self._base_url)
        except (Unavailable, DBAPIError):
            raise  # the database's own trouble concerns everybody
        except Exception as error:
            if len(ids) > 1:
                return [notice for id in ids for notice in await self._claim([id])]
            log.exception("a message to a subscriber could not be made", notice_id=ids[0])
            await self._database.write(actions.give_up, ids[0], f"an error of Tocsin's own ({type(error).__name__})")
            return []

    async def _deliver(self, lane: _Lane, notice: Notice, claimed_at: float) -> None:
        try:
            async with self._turn(lane, notice) as ours:
                outcome = await self._attempt(notice, claimed_at) if ours else _PUT_OFF
        finally:
            lane.busy -= 1
        if outcome is not None:
            await self._settle(notice, lane.heard(outcome, self._clock.monotonic()))

    async def _attempt(self, notice: Notice, claimed_at: float) -> Outcome | None:
        """What came of it; None = it has waited too long, and whoever finds its lease ended sends it."""
        waited = self._clock.monotonic() - claimed_at
        if waited > rules.LEASE_SECONDS - SEND_LIMIT_SECONDS:
            return None
        if waited > RECHECK_SECONDS:
            try:
                if not await self._database.read(actions.still_true, notice, self._base_url):
                    return Outcome(verdict=Verdict.DROPPED, detail="it was taken back before it left")
            except (Unavailable, DBAPIError):
                return None
        began = self._clock.monotonic()
        outcome = await self._send(notice)
        took = self._clock.monotonic() - began
        self._lanes[notice.channel].met(_host(notice), slow=took > SLOW_SECONDS or outcome.verdict is Verdict.LATER)
        return outcome

    @asynccontextmanager
    async def _turn(self, lane: _Lane, notice: Notice) -> AsyncIterator[bool]:
        """Wait for a connection to the mail server, or for a place among those who talk to the same host. False: that
        is not worth waiting for."""
        if lane.channel in (_EMAIL, _CONFIRM):
            async with self._connections:
                yield True
            return
        host, most = _host(notice), PLACES_PER_HOST[lane.channel]
        while lane.hosts[host] >= most:
            if host in lane.slow:
                yield False
                return
            lane.freed.clear()
            await lane.freed.wait()
        lane.hosts[host] += 1
        try:
            yield True
        finally:
            lane.hosts[host] -= 1
            if not lane.hosts[host]:
                del lane.hosts[host]
            lane.freed.set()

    async def _send(self, notice: Notice) -> Outcome:
        try:
            async with asyncio.timeout(SEND_LIMIT_SECONDS):
                return await self._hand_over(notice)
        except TimeoutError:
            return Outcome(verdict=Verdict.OURS, detail=f"no answer within {SEND_LIMIT_SECONDS:.0f} s")
        except Exception as error:  # a bug of ours must not cost the message: it is tried again and shown
            log.exception("a subscriber could not be told", notice_id=notice.id, channel=notice.channel)
            return Outcome(verdict=Verdict.OURS, detail=f"an error of Tocsin's own ({type(error).__name__})")

    async def _hand_over(self, notice: Notice) -> Outcome:
        news = notice.news
        if notice.channel in (_EMAIL, _CONFIRM) or news is None:
            sender = f"{notice.return_path}@{self._mail_domain}" if self._mail_domain else ""
            to = notice.subscriber.email or ""
            answer = await self._office.post(
                lambda: mails.compose(notice, self._email.from_address, self._mail_domain), to, sender=sender
            )
            return _of_mail(answer, to)
        if notice.channel == SubscriberKind.WEBHOOK:
            return await posts.webhook(notice, news, self._net, public_only=self._public_only)
        if notice.channel == SubscriberKind.SLACK:
            return await posts.slack(notice, news, self._net, public_only=self._public_only)
        return await posts.browser(notice, news, self._push, self._net, public_only=self._public_only)

    async def _settle(self, notice: Notice, outcome: Outcome) -> None:
        """Write down an answer, together with all that have come in while the last ones were written."""
        self._answered.append((notice, outcome))
        async with self._settling:
            together, self._answered = self._answered[:SETTLED_AT_ONCE], self._answered[SETTLED_AT_ONCE:]
            if together:  # else it went with those of somebody before us
                await self._write_down(together)

    async def _write_down(self, together: list[_Answered]) -> None:
        wait_seconds = FIRST_SETTLE_WAIT_SECONDS
        for _ in range(MAX_SETTLE_TRIES):
            try:
                states = await self._database.write(actions.settle, together)
            except (Unavailable, DBAPIError) as error:
                why = str(getattr(error, "orig", None) or error)  # without the statement: who is told stands in no log
                log.warning("answers of subscribers wait for the database", answers=len(together), why=why)
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, LONGEST_SETTLE_WAIT_SECONDS)
            except Exception:  # a bug of ours with one answer must not cost the others
                if len(together) > 1:
                    for each in together:
                        await self._write_down([each])
                    return
                log.exception("a subscriber's answer could not be written down", notice_id=together[0][0].id)
                return
            else:
                for (notice, outcome), state in zip(together, states, strict=True):
                    say = log.info if state in (State.SENT, State.DROPPED) else log.warning
                    say("status notice", notice_id=notice.id, channel=notice.channel, attempt=notice.attempt,
                        state=state or "unchanged", why=outcome.detail)  # fmt: skip
                return
        log.error("answers of subscribers were lost: they will be told again", answers=len(together))


def _of_mail(answer: Answer, address: str) -> Outcome:
    """An address of which the server says that it is none is dead; another refusal of it is the recipient's; anything
    else is our own mail server's."""
    said = answer.detail if isinstance(answer, Sent) else answer.why
    detail = said.replace(address, masked(address)) if address else said  # servers like to repeat it
    if isinstance(answer, Sent):
        return Outcome(verdict=Verdict.ACCEPTED, detail=detail)
    if isinstance(answer, GiveUp):
        verdict = Verdict.GONE if rules.no_such_mailbox(answer.why) else Verdict.LATER
        return Outcome(verdict=verdict, detail=detail)
    verdict = Verdict.LATER if answer.refused else Verdict.OURS
    return Outcome(verdict=verdict, detail=detail, after_seconds=answer.after_seconds)


def _host(notice: Notice) -> str:
    """Which server a message goes to."""
    address = notice.subscriber.address
    if notice.channel == SubscriberKind.PUSH:
        return ""
    try:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
