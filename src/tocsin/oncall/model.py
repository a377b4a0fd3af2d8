"""The nouns of being on call: a calendar, what is planned in it, and a stretch of time for which somebody answers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

Interval = Literal["hour", "day", "week"]


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule of a team (contract part 2, 4.1). Every team has one that is meant when none is named."""

    id: int
    team_id: int
    name: str | None
    """None is the name of the default calendar, as on the wire."""
    default_calendar: bool
    created_at: datetime
    handoff_notices: bool = True
    """Whether people are told by e-mail when they go on and off call."""
    handoff_notice_minutes: int | None = None
    """How long before a change those who come next are told as well; None: only at the change."""

    @property
    def title(self) -> str:
        """How people are told of it."""
        return self.name or ("Primary schedule" if self.default_calendar else f"Schedule {self.id}")


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Some people from one instant (included) to another (excluded)."""

    id: int = 0
    starts_at: datetime
    ends_at: datetime
    user_ids: tuple[int, ...]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a calendar (contract part 2, 4.3)."""

    id: int
    calendar_id: int
    team_id: int = 0
    starts_at: datetime
    ends_at: datetime
    user_ids: tuple[int, ...]
    override: bool
    emails: tuple[str, ...] = ()
    """Of the people, in their order; those who are gone are left out."""


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """The rotation that a calendar's events were last made from (contract part 2, 4.2)."""

    calendar_id: int
    user_ids: tuple[int, ...]
    rotation_length: int
    rotation_interval: Interval
    start_rotations_at: datetime
    end_rotations_at: datetime
    emails: tuple[str, ...] = ()


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """A weekly window of the wall clock in which a layer counts, e.g. work hours."""

    days: tuple[str, ...]
    """`mon` … `sun`: the days on which the window begins."""
    time_from: str
    """`HH:MM`."""
    time_to: str
    """`HH:MM`; not later than `time_from`: on the next day."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A rotation that is computed and never runs out; of several the highest that has somebody counts."""

    id: int = 0
    calendar_id: int = 0
    team_id: int = 0
    name: str = ""
    position: int = 1
    """1 is the lowest layer."""
    user_ids: tuple[int, ...]
    rotation_length: int = 1
    rotation_interval: Interval = "week"
    handoff_time: str = "09:00"
    """`HH:MM` on the wall clock in `timezone`."""
    timezone: str = "UTC"
    """An IANA or a Rails name."""
    starts_at: datetime
    ends_at: datetime | None = None
    restrictions: tuple[Restriction, ...] = ()
    """None: around the clock."""
    emails: tuple[str, ...] = ()


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides who is on call in one calendar within some window of time, from the strongest to the weakest."""

    overrides: tuple[Stretch, ...] = ()
    """Of several at one instant the newest (with the highest id) counts."""
    events: tuple[Stretch, ...] = ()
    """All people of all events at one instant are on call."""
    imported: tuple[Stretch, ...] = ()
    """From other calendars, as `events`."""
    layers: tuple[Layer, ...] = ()
    """From the lowest to the highest."""
    present: frozenset[int] | None = None
    """Who is in the team: nobody else is ever on call. None = whoever is named."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a plan: the same people from its beginning to its end, nobody when there is a gap."""

    starts_at: datetime
    ends_at: datetime
    user_ids: tuple[int, ...]


class Cover(StrEnum):
    """Where a request for cover stands; `rules.covering.TABLE` says how it moves."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class CoverRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks for a stretch of theirs to be taken over, perhaps in exchange for one of the other's."""

    id: int
    calendar_id: int
    team_id: int
    user_id: int
    """Who asks."""
    asked_user_id: int | None
    """Who is asked; None = anybody in the team."""
    starts_at: datetime
    ends_at: datetime
    swap_starts_at: datetime | None
    swap_ends_at: datetime | None
    """What whoever asks takes over in exchange; None = nothing."""
    message: str
    state: Cover
    decided_by_user_id: int | None
    decided_at: datetime | None
    created_at: datetime
    emails: dict[int, str] = {}
    """Addresses of the people named above."""


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar kept elsewhere, read from an iCal address now and then."""

    id: int
    calendar_id: int
    team_id: int
    name: str
    url: str
    """Empty when the key that opens it is lost."""
    timezone: str
    """For events that do not say theirs."""
    read_at: datetime | None
    """When it was last read with success."""
    tried_at: datetime | None
    events_count: int
    warning: str | None
    """What is wrong with it, in words; what was read before stays in force."""
    created_at: datetime


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A secret address at which a schedule, or one person's shifts, can be read as iCal."""

    id: int
    team_id: int
    calendar_id: int | None
    """None: one person's shifts in all calendars of the team."""
    user_id: int | None
    token: str
    """The secret part of the address; empty when the key that opens it is lost."""
    created_at: datetime
    email: str | None = None


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    """A person as an answer names them."""

    id: int
    email: str
    first_name: str
    last_name: str
    phone_numbers: tuple[str, ...] = ()
