"""The nouns of heartbeats: a job that must call us, the calls it makes, and where it stands between them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tocsin.kernel.maintenance import DAYS


class HeartbeatStatus(StrEnum):
    """What a heartbeat shows (contract part 1, 5)."""

    PENDING = "pending"
    """No beat yet, or none since it was resumed."""
    UP = "up"
    DOWN = "down"
    PAUSED = "paused"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which heartbeats of a list are meant, and in which order; empty = whichever, by id."""

    search: str = ""
    """Stands in the name or the slug, in capitals or not."""
    status: HeartbeatStatus | None = None
    group_id: int | None = None
    """0: those that are in no group."""
    sort: str = ""
    """`name`, `status` (the worst first), `last_beat_at` or `created_at`; with a `-` before it backwards."""


WHICHEVER = Wanted()


class Kind(StrEnum):
    """What a ping says."""

    SUCCESS = "success"
    FAIL = "fail"
    START = "start"
    LOG = "log"
    """Kept, and nothing follows from it."""


class Ping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call of a job, as it came."""

    heartbeat_id: int
    kind: Kind = Kind.SUCCESS
    exit_code: int | None = None
    run_id: str | None = None
    """A UUID that the job made up: which of several runs this is about."""
    method: str = "GET"
    """GET, HEAD, POST, PUT, EMAIL or API."""
    remote_ip: str | None = None
    user_agent: str | None = None
    body: bytes = b""
    """The beginning of what was sent with it."""


class KeptPing(msgspec.Struct, frozen=True, kw_only=True):
    """One ping as stored."""

    id: int
    heartbeat_id: int
    at: datetime
    kind: Kind
    exit_code: int | None
    run_id: str | None
    duration_ms: int | None
    """From the start of its run; None when no start was seen."""
    overlapping: int
    """Other runs that were going on when this one started."""
    method: str
    remote_ip: str | None
    user_agent: str | None
    body_size: int
    """Bytes that came, as far as they were read."""
    body: bytes | None
    """None when there was none, or when it was forgotten to make room for newer ones."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a heartbeat that people set and no query asks for: kept as one document (contract part 1, 5)."""

    period: int = 86_400
    """Seconds. With a schedule: its usual interval, for clients that know of no schedules."""
    grace: int = 0
    schedule: str | None = None
    """A cron expression of five fields, or a calendar event of systemd; then `period` follows from it."""
    schedule_timezone: str = "UTC"
    server_timezone: str | None = None
    call: bool = False
    sms: bool = False
    email: bool = True
    push: bool = True
    critical_alert: bool = False
    team_wait: int | None = None
    policy_id: int | None = None
    sort_index: int | None = None
    maintenance_from: str | None = None
    maintenance_to: str | None = None
    maintenance_timezone: str | None = "UTC"
    maintenance_days: tuple[str, ...] | None = DAYS
    success_keyword: str | None = None
    failure_keyword: str | None = None


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A run that has started and not ended."""

    id: str
    """The run id, or empty for a job that gives none."""
    started_ms: int
    told: bool = False
    """That it takes too long has been said already."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a heartbeat stands between two pings. Instants: milliseconds since 1970 UTC."""

    status: HeartbeatStatus = HeartbeatStatus.PENDING
    """pending, up or down; `paused` is seen from the heartbeat."""
    last_beat_ms: int | None = None
    """The latest good beat."""
    since_ms: int | None = None
    """The schedule was changed then: the time before does not count against the job."""
    due_ms: int | None = None
    """When somebody must look; never later than the deadline."""
    runs: tuple[Run, ...] = ()

    @property
    def plain(self) -> bool:
        """One more good beat without a run id changes nothing but `last_beat_ms`."""
        return self.status is HeartbeatStatus.UP and not self.runs


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """A job that must call us."""

    id: int
    team_id: int
    team_name: str
    name: str
    heartbeat_group_id: int | None
    slug: str | None
    token: str
    """The secret in its URL; empty when it cannot be opened with this key."""
    paused_at: datetime | None
    created_at: datetime
    updated_at: datetime
    settings: Settings
    standing: Standing

    @property
    def status(self) -> HeartbeatStatus:
        return HeartbeatStatus.PAUSED if self.paused_at is not None else self.standing.status


class HeartbeatGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of heartbeats; pausing it pauses the heartbeats that are in it then (contract part 1, 6)."""

    id: int
    team_id: int
    team_name: str
    name: str
    sort_index: int | None
    paused: bool
    created_at: datetime
    updated_at: datetime


class Shown(msgspec.Struct, frozen=True):
    """A heartbeat as it stands in an answer: its URL needs to know where we are."""

    heartbeat: Heartbeat
    base_url: str
    expected_at: datetime | None = None
    """When the next beat is expected, without the grace period."""

    @property
    def id(self) -> int:
        return self.heartbeat.id

    @property
    def team_id(self) -> int:
        return self.heartbeat.team_id


class PingKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key with which the jobs of a team ping by name."""

    team_id: int
    team_name: str
    key: str
    base_url: str


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """How a job fared on one day."""

    date: str
    status: str
    """operational, downtime, maintenance or not_monitored: the worst of the day."""
    downtime: int
    """Seconds."""
    maintenance: int
    incidents: int
    availability: float | None
    """Percent; None: nobody watched."""


class Absence(msgspec.Struct, frozen=True):
    """A stretch of time in which no ping could be taken through our own fault, milliseconds since 1970 UTC."""

    from_ms: int
    to_ms: int
