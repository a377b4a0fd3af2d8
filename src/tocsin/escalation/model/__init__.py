"""What a monitor wants to happen when it fails, the plan of pages that follows from it, and how far that has come."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.escalation.model.policies import StepType
from tocsin.metadata.model import Value

CHANNELS = ("call", "sms", "email", "push")
"""The channel switches of the wire, in the order of urgency (contract part 2, 1.3)."""

SWITCHES = 0
"""In place of a policy's id: the plan that the channel switches mean when there is no policy."""
OTHERS = "others"
"""Ours, beside the wire's types of members: everybody in the team whom this escalation has not paged yet."""
ALONGSIDE = "alongside"
"""Ours: the team's targets that are told together with the first responder."""


class Paging(msgspec.Struct, frozen=True):
    """How people are to be alerted: the wire's channel switches (contract part 2, sections 1.3 and 10)."""

    call: bool = False
    sms: bool = False
    email: bool = True
    push: bool = True
    critical_alert: bool = False
    """A push that may break through a muted phone."""
    team_wait: int | None = None
    """Seconds after which the whole team is alerted; None never alerts it, as long as somebody is on call."""
    policy_id: int | None = None
    """When set, it replaces the switches and `team_wait`."""

    @classmethod
    def of(cls, settings: object) -> Paging:
        """As the settings of whatever is watched say, which have the same names."""
        return cls(**{name: getattr(settings, name) for name in cls.__struct_fields__})


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of those whom a step calls; who that is, is asked when the page is due, not when the plan is made."""

    type: str
    """A `MemberType`, `OTHERS` or `ALONGSIDE`."""
    id: int | None = None
    metadata_key: str | None = None


class Hours(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of certain days on the wall clock of a zone; equal ends = all day, `until` first = over midnight."""

    timezone: str | None
    days: tuple[str, ...]
    """`mon` … `sun`; empty = every day."""
    since: str
    """`HH:MM`."""
    until: str


class Branch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another way to go on, taken within `hours` or when one of `values` stands under `key`; no policy = nowhere."""

    hours: Hours | None = None
    key: str | None = None
    values: tuple[Value, ...] = ()
    policy_id: int | None = None
    policy_metadata_key: str | None = None


class Instructions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be done, in Markdown with `{metadata_key}` to be filled in."""

    comment: str
    reminder_hours: int | None = None
    """How often people are reminded of unfinished checkboxes; None = never."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a plan: so long after the step before it, this happens."""

    type: StepType = StepType.ESCALATION
    wait_seconds: int = 0
    until: str | None = None
    """`HH:MM`: instead of `wait_seconds`, when the clock in `until_timezone` shows it next."""
    until_timezone: str | None = None
    members: tuple[Member, ...] = ()
    channels: tuple[str, ...] = ()
    critical: bool = False
    urgency_id: int | None = None
    urgency: str = ""
    """The severity's name, for people."""
    branch: Branch | None = None
    instructions: Instructions | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A policy as it was when the incident opened. Without steps it is silent."""

    name: str = ""
    team_id: int = 0
    """Whose policy it is."""
    steps: tuple[Step, ...] = ()
    repeat_count: int = 0
    """How often all steps are gone through again."""
    repeat_delay_seconds: int = 0
    """The wait before each repetition, and before the fallback."""
    fallback_policy_id: int | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What happens if nobody answers. Stamped on the incident: a later edit never changes a page in flight."""

    scripts: dict[int, Script]
    """By policy id, every policy to which it can lead; `SWITCHES` for the incident's own switches."""
    root: int = SWITCHES
    otherwise: tuple[str, ...] = ("email",)
    """The channels of a step that has no severity."""
    note: str | None = None
    """What people should know about the plan, e.g. that it pages nobody; shown on the timeline."""


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One policy being gone through. A chained policy is a run of its own, beside the one that called it."""

    policy_id: int
    due_at: datetime
    """When the next step happens."""
    step: int = 0
    round: int = 0
    path: tuple[int, ...] = ()
    """The policies that led here, this one last: none of them is entered again."""
    hasty: bool = False
    """A page was lost: until the next one is made, nothing is waited for."""


class Course(msgspec.Struct, frozen=True):
    """How far a plan has come: what was decided on the way is behind it, and no later edit changes that."""

    runs: tuple[Run, ...] = ()
    turns: int = 0
    """Steps taken so far, of all runs together."""


class Remark(msgspec.Struct, frozen=True):
    """A sentence for the incident's timeline."""

    title: str
    content: str


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a plan at its instant: what is to be done then, and what is to be said about it."""

    at: datetime
    policy_id: int
    round: int
    index: int
    step: Step
    pages: bool = False
    """Whether it alerts people or targets by itself."""
    chained: bool = False
    """Whether it started other policies."""
    remarks: tuple[Remark, ...] = ()


class Person(msgspec.Struct, frozen=True):
    """Somebody who can be paged."""

    user_id: int
    name: str
    email: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One alert to one person or target by one channel, as it would be sent if nobody answered."""

    at: datetime
    channel: str
    recipient: str
    """The person's or the target's name."""
    address: str
    user_id: int = 0
    target_id: int = 0
    policy_id: int | None = None
    policy_name: str | None = None
    round: int = 0
    step: int = 0


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
    told_target_ids: tuple[int, ...] = ()

    @property
    def paged(self) -> bool:
        """Whether anybody was paged, or any target told."""
        return bool(self.paged_user_ids or self.told_target_ids)

    @property
    def silent(self) -> bool:
        """Nobody is being alerted: it never began, or it was stopped, whomever it had reached by then."""
        return not self.running


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """An escalation under way or stopped, as stored."""

    id: int
    incident_id: int
    team_id: int
    plan: Plan
    course: Course
    owed: tuple[Moment, ...]
    """Steps that found nobody at all: somebody may still join."""
    opened_at: datetime
    since: datetime
    """Everything up to and including this instant has been done."""
    next_page_at: datetime | None
    paged_user_ids: tuple[int, ...]
    told_target_ids: tuple[int, ...]


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions that a plan has come to: to be written into the incident, and reminded of."""

    id: int
    incident_id: int
    instructions: Instructions
    comment_id: int | None
    """Where they were written; None = they are still to be."""
    due_at: datetime | None
    """When they are to be written, or looked at again; None = never any more."""
