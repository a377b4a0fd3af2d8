"""The pages of an escalation as a function of time: nothing here waits, it only says what would happen when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tocsin.escalation.model import CHANNELS, Page, Paging, Person, Plan, Step, Target

MAX_PAGES = 10_000
"""Pages of one plan that are ever looked at: a plan that repeats for ever must not hang a worker."""

MAX_WAIT_SECONDS = 30 * 86_400
"""The longest wait of one step: whoever has not answered in a month is not waited for, and sums stay in range."""

_FALLBACK = "email"
"""Everybody has an address: what is used when nothing that was wanted is available."""

Who = Callable[[Step], Sequence[Person]]


def plan_of(paging: Paging) -> Plan:
    """The plan that a monitor's own switches mean (contract part 2, section 10, "Simple escalation").

    Without `team_wait` the whole team is paged at once; with it the primary responder at once and everybody else
    after so many seconds. A policy that we do not know pages the whole team: better too many than nobody.
    """
    if paging.policy_id is not None:
        note = f"Escalation policy {paging.policy_id} is not known here, so the whole team is alerted by e-mail."
        return Plan(steps=(Step(0, Target.TEAM, (_FALLBACK,)),), note=note)
    wanted = wanted_channels(paging)
    if not wanted:
        return Plan(note="All of call, SMS, e-mail and push are switched off, so nobody is alerted.")
    if paging.team_wait is None:
        return Plan(steps=(Step(0, Target.TEAM, wanted),))
    wait = min(max(0, paging.team_wait), MAX_WAIT_SECONDS)
    return Plan(
        steps=(Step(0, Target.PRIMARY, wanted), Step(wait, Target.OTHERS, wanted)),
    )


def wanted_channels(paging: Paging) -> tuple[str, ...]:
    """The names of the switches that are on."""
    return tuple(channel for channel in CHANNELS if getattr(paging, channel))


def usable(wanted: Sequence[str], available: Iterable[str]) -> tuple[str, ...]:
    """The wanted channels that exist here; e-mail when none of them does, so that the page is not lost."""
    at_hand = set(available)
    return tuple(channel for channel in wanted if channel in at_hand) or ((_FALLBACK,) if wanted else ())


def falls_back(wanted: Sequence[str], available: Iterable[str]) -> str | None:
    """The sentence to tell people when none of the wanted channels exists here; None when at least one does."""
    if not wanted or set(wanted) & set(available):
        return None
    words = {"call": "phone calls", "sms": "SMS", "push": "push notifications"}
    missing = " and ".join(words.get(channel, channel) for channel in wanted)
    return f"This installation cannot send {missing}, so people are alerted by e-mail instead."


def recipients(target: Target, members: Sequence[Person], paged_user_ids: Iterable[int]) -> tuple[Person, ...]:
    """Who a target is right now, given the team's members in joining order and those paged already."""
    if target is Target.PRIMARY:
        return tuple(members[:1])
    if target is Target.OTHERS:
        paged = set(paged_user_ids)
        return tuple(person for person in members if person.user_id not in paged)
    return tuple(members)


def timeline(plan: Plan, opened_at: datetime, who: Who, available: Iterable[str] = ("email",)) -> Iterator[Page]:
    """Every page that would be sent if nobody ever answered, in order of time.

    A step for which there is nobody yields one page with `person=None`: silence is never left unsaid.
    """
    at_hand = tuple(available)
    at = opened_at
    produced = 0
    for number in range(plan.repeat_count + 1):
        if number:
            at += timedelta(seconds=plan.repeat_delay_seconds)
        for index, step in enumerate(plan.steps):
            at += timedelta(seconds=step.wait_seconds)
            people: Sequence[Person | None] = who(step) or (None,)
            for person in people:
                for channel in usable(step.channels, at_hand):
                    if produced >= MAX_PAGES:
                        return
                    produced += 1
                    yield Page(at, number, index, step.target, person, channel)


def due(pages: Iterable[Page], since: datetime, now: datetime) -> list[Page]:
    """The pages of the half-open window (since, now]: windows that touch never share a page nor leave one out."""
    window = []
    for page in pages:
        if page.at > now:
            break
        if page.at > since:
            window.append(page)
    return window


def next_instant(plan: Plan, opened_at: datetime, after: datetime) -> datetime | None:
    """When the plan has something to do next, whoever is there then; None when it has run out."""
    everybody = (Person(0, "", ""),)
    for page in timeline(plan, opened_at, lambda step: everybody):
        if page.at > after:
            return page.at
    return None


def caught_up(pages: Iterable[Page]) -> list[Page]:
    """One window's pages with each person named once per channel: a catch-up after our downtime is not a barrage."""
    seen: set[tuple[int | None, str]] = set()
    kept = []
    for page in pages:
        key = (page.person.user_id if page.person else None, page.channel)
        if key not in seen:
            seen.add(key)
            kept.append(page)
    return kept
