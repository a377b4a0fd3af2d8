"""What a monitor wants to happen when it fails, and the plan of pages that follows from it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

CHANNELS = ("call", "sms", "email", "push")
"""The channel switches of the wire, in the order of urgency (contract part 2, 1.3)."""


class Paging(msgspec.Struct, frozen=True):
    """How people are to be alerted: the wire's channel switches (contract part 2, sections 1.3 and 10)."""

    call: bool = False
    sms: bool = False
    email: bool = True
    push: bool = True
    critical_alert: bool = False
    """A push that may break through a muted phone."""
    team_wait: int | None = None
    """Seconds after which the whole team is alerted; None alerts it at once."""
    policy_id: int | None = None
    """When set, it replaces the switches and `team_wait`."""


class Target(StrEnum):
    """Whom a step of a plan means; who that is, is asked when the page is due, not when the plan is made."""

    PRIMARY = "primary"
    """The person who answers first."""
    OTHERS = "others"
    """Everybody in the team whom this escalation has not paged yet."""
    TEAM = "team"
    """Everybody in the team."""


class Step(msgspec.Struct, frozen=True):
    """One step of a plan: so many seconds after the step before it, these people, by these channels."""

    wait_seconds: int
    target: Target
    channels: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """What happens if nobody answers. Stamped on the incident: a later edit never changes a page in flight."""

    steps: tuple[Step, ...] = ()
    repeat_count: int = 0
    """How often all steps are gone through again."""
    repeat_delay_seconds: int = 0
    """The wait before each repetition."""
    note: str | None = None
    """What people should know about the plan, e.g. that it pages nobody; shown on the timeline."""


class Person(msgspec.Struct, frozen=True):
    """Somebody who can be paged."""

    user_id: int
    name: str
    email: str


class Page(msgspec.Struct, frozen=True):
    """One alert to one person by one channel at one instant, as planned."""

    at: datetime
    round: int
    step: int
    target: Target
    person: Person | None
    """None: when this step comes, there is nobody to page, which must be said aloud."""
    channel: str


class Note(msgspec.Struct, frozen=True):
    """A remark about an escalation, for the incident's timeline."""

    id: int
    at: datetime
    title: str
    content: str


class Standing(msgspec.Struct, frozen=True):
    """How far the paging about an incident has come."""

    running: bool
    """Whether it was begun and not stopped; it may have run out of people."""
    next_page_at: datetime | None
    paged_user_ids: tuple[int, ...]

    @property
    def paged(self) -> bool:
        """Whether anybody was paged."""
        return bool(self.paged_user_ids)

    @property
    def silent(self) -> bool:
        """Nobody is being alerted: it never began, or it was stopped, whomever it had reached by then."""
        return not self.running


class Escalation(msgspec.Struct, frozen=True):
    """An escalation under way or stopped, as stored."""

    id: int
    incident_id: int
    team_id: int
    plan: Plan
    opened_at: datetime
    since: datetime
    """Every page up to and including this instant has been queued."""
    next_page_at: datetime | None
    paged_user_ids: tuple[int, ...]
