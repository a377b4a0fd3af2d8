"""Months of a team on call, each repeatable by its seed: providers fail, people sleep, workers die, plans are edited.

There are no monitors and no seconds in these months: time jumps from one instant at which something is due to the next.
Two of each worker share the work, and either may die between the provider's answer and its being written down.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.contacts import actions as contacts
from tocsin.contacts.model import Kind
from tocsin.escalation.actions import bring_forward, simulating
from tocsin.escalation.actions import policies as policy_actions
from tocsin.escalation.model import Paging
from tocsin.escalation.model.forecast import Subject
from tocsin.escalation.worker import Escalations
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author, Opening
from tocsin.kernel.clock import from_milliseconds
from tocsin.kernel.errors import Conflict
from tocsin.notify import actions as notify
from tocsin.notify.channels import call
from tocsin.notify.model import Answer, GiveUp, Message, Receipt, Retry, Sent
from tocsin.notify.worker import Deliveries
from tocsin.oncall import actions as oncall
from tocsin.storage import Database, Tx

MONTHS = int(os.environ.get("TOCSIN_SIMULATED_MONTHS", "20"))
"""More of them find more: `make test-long` lives through a thousand."""
OUTAGES = 15
"""In one month; most of them overlap with nothing, some with each other."""
BASE = "https://tocsin.test"
PEOPLE = ("ann", "bob", "cem")
ON_TIME = timedelta(minutes=5)
"""Within which a provider has taken the first page, unless all of them were down."""
TICK = timedelta(seconds=1)
SILENT_WITHIN = timedelta(seconds=call.CALL_OFF_SECONDS)
"""After an answer by whomever, unless the provider of calls is failing."""


class Nothing(msgspec.Struct):
    """A channel here has no settings."""


class Provider:
    """One channel's provider, with moods. It forgets nothing that it has taken."""

    Settings = Nothing
    CONNECTIONS = 20
    TELLS = frozenset({"acknowledged", "resolved"})

    def __init__(self, kind: str, month: Month) -> None:
        self.KIND = kind
        self.month = month
        self.taken: list[tuple[str, datetime, Message]] = []
        self.down_until: datetime | None = None
        self.blackouts: list[tuple[datetime, datetime]] = []
        if kind != "email":
            self.RECEIVED_WITHIN_SECONDS = 90.0

    async def send(self, message: Message, settings: Any, net: object) -> Answer:
        now = self.month.clock.now()
        self.month.keys.setdefault(message.delivery_id, set()).add(message.key)
        mood = 1.0 if self.month.calm or self.month.smooth else self.month.dice.random()
        answer: Answer | None = None
        if self.down_until is not None and now < self.down_until:
            answer = Retry("503 from the provider") if self.month.dice.random() < 0.5 else GiveUp("21610 blocked")
        elif mood < 0.04:
            answer = Retry("429, too many")
        elif mood < 0.06:
            answer = GiveUp("no such number")
            self.month._disturb(every=True)  # whoever comes next is alerted at once, and all that follows comes sooner
        if answer is not None:
            self.month.trouble.append(now)
            self.refused(message, answer)
            return answer
        arrives = mood < 0.85 or self.month.smooth
        return self.take(message, now, arrives)

    def take(self, message: Message, now: datetime, arrives: bool) -> Sent:
        """It is ours now; whether it arrives is told later."""
        self.taken.append((message.key, now, message))
        if self.KIND != "email" and not self.month.calm:
            self.month.receipts.append((message.delivery_id, arrives))
        return Sent(f"accepted by {self.KIND}", provider_id=f"{self.KIND}-{len(self.taken)}")

    def refused(self, message: Message, answer: Answer) -> None:
        """It was not taken."""


class Call:
    """One call, as long as somebody could hear it."""

    def __init__(self, page: Message, at: datetime, over_at: datetime) -> None:
        self.page, self.at, self.over_at = page, at, over_at
        self.asked_at: list[datetime] = []
        """When we asked for its end and were heard."""
        self.refused = False
        """Whether its provider would not hear of that, for good."""


class Telephone(Provider):
    """The provider of calls: they ring or are listened to for a while, wait in a queue, or end at once."""

    def __init__(self, kind: str, month: Month) -> None:
        super().__init__(kind, month)
        self.calls: dict[str, Call] = {}

    def take(self, message: Message, now: datetime, arrives: bool) -> Sent:
        if message.notice.kind == "call_off":
            ended = self.calls[str(message.parent)]
            ended.asked_at.append(now)
            ended.over_at = min(ended.over_at, now)
            return Sent("hung up")
        sent = super().take(message, now, arrives)
        lasts = timedelta(seconds=self.month.dice.choice([25, 150, 850]) if arrives else 0)
        self.calls[str(sent.provider_id)] = Call(message, now, now + lasts)
        return sent

    def refused(self, message: Message, answer: Answer) -> None:
        if message.notice.kind == "call_off":
            self.calls[str(message.parent)].refused |= isinstance(answer, GiveUp)


class Outage:
    """What is known of one incident from the outside."""

    def __init__(self, id: int, at: datetime, policy_id: int | None) -> None:
        self.id, self.at, self.policy_id = id, at, policy_id
        self.answered_at: datetime | None = None
        self.answered_through: int | None = None
        """The page through which the answer came, if it was a call."""
        self.resolved_at: datetime | None = None
        self.disturbed = False
        """Whether anything was edited or failed while it was open: then no forecast binds."""
        self.foreseen: list[tuple[str, str, int]] = []


class Month:
    """One random month."""

    def __init__(self, database: Database, clock: FakeClock, seed: int) -> None:
        self.database, self.clock, self.dice = database, clock, random.Random(seed)
        self.telephone = Telephone("call", self)
        self.providers = {"email": Provider("email", self), "sms": Provider("sms", self), "call": self.telephone}
        self.keys: dict[int, set[str]] = {}
        self.receipts: list[tuple[int, bool]] = []
        self.outages: list[Outage] = []
        self.blackouts: list[tuple[datetime, datetime]] = []
        self.trouble: list[datetime] = []
        """When a worker died, or a provider did not take something."""
        self.deaths = 0
        self.compared = 0
        self.calm = True
        self.smooth = seed % 2 == 0
        """Every other month no provider fails: then all that was foreseen must come, whatever dies and is edited."""
        self.users: dict[str, int] = {}
        self.pairs = [self._workers(), self._workers()]

    def _workers(self) -> tuple[Escalations, Deliveries]:
        return Escalations(self.database, self.clock), Deliveries(
            self.database, self.clock, base_url=BASE, channels=self.providers, given_up=bring_forward  # type: ignore[arg-type]
        )  # fmt: skip

    async def begin(self) -> None:
        """A team of three, a number each, a rotation that changes every day, and a policy with everything in it."""

        def people(tx: Tx) -> None:
            self.team_id = accounts.ensure_team(tx, "Ops").id
            for name in PEOPLE:
                user = accounts.create_user(tx, email=f"{name}@example.com", name=name.title(), password=None)
                accounts.join(tx, self.team_id, user.id)
                self.users[name] = user.id
            notify.configured(tx, set(self.providers))

        await self.database.write(people)
        for number, name in enumerate(PEOPLE):
            user = await self.database.read(accounts.user, self.users[name])
            method = await self.database.write(
                contacts.create_method,
                user,
                kind=Kind.PHONE,
                address=f"+42077712345{number}",
                label="",
                team_id=self.team_id,
            )
            await self.work()
            code = re.search(r"\b(\d{6})\b", " ".join(_words(self.providers["sms"].taken[-1][2])))
            assert code
            await self.database.write(contacts.verify, user, method, code[1])
        for provider in self.providers.values():
            provider.taken.clear()

        def plan(tx: Tx) -> None:
            calendar = oncall.ensure_default(tx, self.team_id)
            oncall.set_rotation(tx, calendar, {
                "users": [f"{name}@example.com" for name in PEOPLE], "rotation_length": 1, "rotation_interval": "day",
                "start_rotations_at": tx.now.isoformat(),
                "end_rotations_at": (tx.now + timedelta(days=45)).isoformat(),
            })  # fmt: skip
            high = policy_actions.create_urgency(
                tx, self.team_id, {"name": "High", "email": True, "sms": True, "call": True}
            )
            self.rest = policy_actions.create_policy(tx, self.team_id, None, {
                "name": "Everybody", "steps": [
                    {"type": "escalation", "urgency_id": high.id, "step_members": [{"type": "entire_team"}]}
                ],
            }).id  # fmt: skip
            self.policy = policy_actions.create_policy(tx, self.team_id, None, {
                "name": "Standard", "repeat_count": 1, "repeat_delay": 900, "fallback_policy_id": self.rest,
                "steps": [
                    {"type": "escalation", "urgency_id": high.id, "step_members": [{"type": "current_on_call"}]},
                    {"type": "time_branching", "wait_before": 60, "days": ["sat", "sun"], "timezone": "Prague",
                     "policy_id": self.rest},
                    {"type": "escalation", "wait_before": 300, "step_members": [
                        {"type": "user", "email": "bob@example.com"}]},
                ],
            }).id  # fmt: skip

        await self.database.write(plan)
        self.calm = False

    # --- what happens -------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Outages now and then; between them, whatever is due."""
        end = self.clock.now() + timedelta(days=30)
        starts = sorted(self.clock.now() + timedelta(days=30 * self.dice.random()) for _ in range(OUTAGES))
        for start in starts:
            await self.until(start)
            await self.open()
            for _ in range(self.dice.choice([0, 1, 1, 2])):
                await self.until(self.clock.now() + timedelta(seconds=self.dice.choice([1, 40, 130, 400, 1300])))
                await self.dice.choice([self.answer, self.answer, self.resolve, self.fail, self.edit, self.swap])()
            if self.dice.random() < 0.5:
                await self.resolve()
        await self.until(end)
        for outage in self.outages:
            if outage.resolved_at is None:
                await self.resolve(outage)
        await self.until(self.clock.now() + timedelta(hours=1))

    async def until(self, end: datetime) -> None:
        """Jump from one due instant to the next; at each, either pair of workers may be the one that looks."""
        for _ in range(5_000):
            due = await self.work()
            await self.hear()
            if due is None or due > end:
                break
            self.clock.wind(max(due - self.clock.now(), TICK))
        if end > self.clock.now():
            self.clock.wind(end - self.clock.now())
        await self.work()

    async def work(self) -> datetime | None:
        """Let both pairs do what is due. Returns when there is more."""
        for _ in range(50):
            order = self.dice.sample(self.pairs, len(self.pairs))
            looks = [await asyncio.gather(pages.run_once(), sends.run_once()) for pages, sends in order]
            if not self.calm and self.dice.random() < 0.02:
                await self.die()
            await asyncio.gather(*(sends.drain() for _, sends in self.pairs))
            due = min((at for look in looks for at in look if at is not None), default=None)
            if due is None or due > self.clock.now():
                return due
        return self.clock.now() + TICK

    async def die(self) -> None:
        """One pair dies in the middle of what it sends, and another takes its place."""
        number = self.dice.randrange(2)
        tasks = list(self.pairs[number][1]._flight.tasks)
        for _ in range(self.dice.choice([0, 1, 3])):  # some get as far as the provider, some do not
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.deaths += len(tasks)
        self.trouble.append(self.clock.now())
        self.pairs[number] = self._workers()

    async def hear(self) -> None:
        """The providers say what became of what they took."""
        receipts, self.receipts = self.receipts, []
        for id, delivered in receipts:
            receipt = Receipt.DELIVERED if delivered else Receipt.UNDELIVERED
            if self.smooth or self.dice.random() < 0.9:
                await self.database.write(notify.receipt, id, receipt, "by the provider's word")
            self._disturb(every=not delivered)

    async def open(self) -> None:
        """Something breaks. What will happen if nobody answers is foreseen first."""
        paging = Paging(policy_id=self.policy) if self.dice.random() < 0.8 else Paging(call=True, team_wait=240)
        subject = Subject(team_id=self.team_id, name="Shop", paging=paging)
        seen = await self.database.read(lambda tx: simulating.simulate(tx, subject, at=tx.now))
        opening = Opening(
            team_id=self.team_id, owner_type=None, owner_id=None, kind="manual", name="Shop", cause="It is closed",
            paging=paging, confirmed=True,
        )  # fmt: skip
        incident = await self.database.write(incidents.open, opening, BASE)
        outage = Outage(incident.id, self.clock.now(), paging.policy_id)
        outage.foreseen = [
            (each.page.recipient, each.page.channel, round((each.page.at - seen.at).total_seconds()))
            for each in seen.forecasts
        ]
        self.outages.append(outage)
        self._disturb(every=any(not self._up(kind) for kind in self.providers))

    async def answer(self) -> None:
        """Somebody takes an outage on: through a call that they listen to, or by whatever other way."""
        listening = [each for each in self.telephone.calls.values() if each.over_at > self.clock.now()]
        pressed = self.dice.choice(listening).page if listening and self.dice.random() < 0.5 else None
        mine = [each for each in self.outages if pressed is None or each.id == pressed.notice.incident_id]
        outage = self.dice.choice(mine)

        def acknowledge(tx: Tx) -> None:
            incidents.acknowledge(tx, outage.id, Author(name="Ann"), base_url=BASE)
            if pressed is not None:
                notify.receipt(tx, pressed.delivery_id, Receipt.ANSWERED, "Ann acknowledged through this phone call")

        with suppress(Conflict):
            await self.database.write(acknowledge)
            outage.answered_at = self.clock.now()
            outage.answered_through = None if pressed is None else pressed.delivery_id

    async def resolve(self, outage: Outage | None = None) -> None:
        outage = outage or self.dice.choice(self.outages)
        with suppress(Conflict):
            await self.database.write(incidents.resolve, outage.id, Author(name="Ann"), base_url=BASE)
            outage.resolved_at = self.clock.now()
            outage.answered_at = outage.answered_at or self.clock.now()

    async def fail(self) -> None:
        """A provider, or seldom all of them, takes nothing for a while."""
        if self.smooth:
            return
        kinds = list(self.providers) if self.dice.random() < 0.15 else [self.dice.choice(list(self.providers))]
        until = self.clock.now() + timedelta(seconds=self.dice.choice([60, 600, 5_000]))
        for kind in kinds:
            self.providers[kind].down_until = until
            self.providers[kind].blackouts.append((self.clock.now(), until))
        self.blackouts.append((self.clock.now(), until))
        self._disturb(every=True)

    async def edit(self) -> None:
        """Somebody edits the policy in the middle of it all: what is in flight must not care."""
        delay = self.dice.choice([600, 900, 1_200])
        await self.database.write(policy_actions.update_policy, self.policy, None, {"repeat_delay": delay})

    async def swap(self) -> None:
        """Somebody else takes over for a day."""

        def override(tx: Tx) -> None:
            stretch = {"starts_at": tx.now.isoformat(), "ends_at": (tx.now + timedelta(days=1)).isoformat()}
            name = self.dice.choice(PEOPLE)
            calendar = oncall.ensure_default(tx, self.team_id)
            oncall.create_event(tx, calendar, {**stretch, "users": [f"{name}@example.com"], "override": True})

        await self.database.write(override)
        self._disturb(every=True)

    def _up(self, kind: str) -> bool:
        until = self.providers[kind].down_until
        return until is None or until <= self.clock.now()

    def _disturb(self, *, every: bool) -> None:
        if every:
            for outage in self.outages:
                outage.disturbed = outage.disturbed or outage.resolved_at is None


def _words(message: Message) -> list[str]:
    notice = message.notice
    return [notice.subject, notice.headline, notice.cause, *(value for _, value in notice.facts)]


@pytest.fixture
async def month(sqlite_database: Database, clock: FakeClock, request: pytest.FixtureRequest) -> Month:
    month = Month(sqlite_database, clock, request.param)
    await month.begin()
    return month


@pytest.mark.slow
@pytest.mark.parametrize("month", range(1, MONTHS + 1), indirect=True)
async def test_a_random_month(month: Month) -> None:
    await month.live()
    rows = await month.database.read(lambda tx: tx.rows(PAGES, ()))
    taken = [each for provider in month.providers.values() for each in provider.taken]
    times = Counter(key for key, _, _ in taken)

    assert all(len(keys) == 1 for keys in month.keys.values()), "a message always goes by the same key"
    assert sum(count - 1 for count in times.values()) <= month.deaths, "only what was on its way comes again"
    planned = Counter((row[1], row[2], row[3], row[4], row[5]) for row in rows)
    assert set(planned.values()) <= {1}, "no page was planned twice"
    await _telephones_are_in_order(month)

    for outage in month.outages:
        pages = [row for row in rows if row[1] == outage.id]
        first = min((at for _, at, message in taken if _page_of(message, outage)), default=None)
        answered = outage.answered_at is not None and outage.answered_at - outage.at < ON_TIME
        dark = any(since <= outage.at + ON_TIME and outage.at <= until for since, until in month.blackouts)
        if not answered and not dark:
            assert first is not None, f"incident {outage.id}: nobody was ever paged"
            assert first - outage.at <= ON_TIME, f"incident {outage.id}: the first page took {first - outage.at}"
        if outage.answered_at is not None:
            late = [at for _, at, message in taken if _page_of(message, outage) and at > outage.answered_at]
            assert not late, f"incident {outage.id}: paged after it was answered"
        if not outage.disturbed:
            seen = [(row[6], row[4], round((from_milliseconds(row[3]) - outage.at).total_seconds())) for row in pages]
            until = ((outage.answered_at or month.clock.now()) - outage.at).total_seconds()
            certain = Counter(each for each in outage.foreseen if each[2] < until)
            at_most = Counter(each for each in outage.foreseen if each[2] <= until)
            assert certain <= Counter(seen) <= at_most, f"incident {outage.id}: not what the time machine had said"
            month.compared += len(seen)
    quiet = [outage for outage in month.outages if not outage.disturbed]
    assert month.compared or not quiet, "what was foreseen was held against what came"


async def _telephones_are_in_order(month: Month) -> None:
    known = {row[0] for row in await month.database.read(lambda tx: tx.rows(NAMES, ()))}
    for outage in month.outages:
        for sid, each in month.telephone.calls.items():
            if each.page.notice.incident_id == outage.id:
                _falls_silent(month, outage, each, known=sid in known)
    _nothing_ends_early(month)


def _falls_silent(month: Month, outage: Outage, each: Call, *, known: bool) -> None:
    """Once somebody else has answered, nobody hears of it by this call any longer.

    `known`: whether our ledger has its name. A worker that dies before it writes that down makes the call anew.
    """
    if outage.answered_through == each.page.delivery_id:
        assert not each.asked_at, f"incident {outage.id}: hung up on who has it"
        return
    if outage.answered_at is None or not known or each.refused:
        return
    since = max(outage.answered_at, each.at)
    if any(begun <= since + SILENT_WITHIN and since <= end for begun, end in month.telephone.blackouts):
        return
    smooth = not any(since <= at <= since + SILENT_WITHIN for at in month.trouble)
    late = each.over_at - since
    assert late <= (TICK if smooth else SILENT_WITHIN), (
        f"incident {outage.id}: its call was live {late} after the answer"
    )


def _nothing_ends_early(month: Month) -> None:
    """No call is ended about which somebody is still to decide."""
    answered = {outage.id: outage.answered_at for outage in month.outages}
    for each in month.telephone.calls.values():
        at = answered[each.page.notice.incident_id]
        assert not each.asked_at or (at is not None and at <= min(each.asked_at)), "hung up, and nobody has answered"


def _page_of(message: Message, outage: Outage) -> bool:
    return message.notice.kind == "page" and message.notice.incident_id == outage.id


PAGES = """
select id, incident_id, user_id, planned_at, channel, address, recipient, state from deliveries where kind = 'page'
order by id
"""
NAMES = "select provider_id from deliveries where kind = 'page' and channel = 'call'"
