"""The pager is tried out on a schedule: where a test page goes, and what came of the latest one."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Sink(msgspec.Struct, frozen=True):
    """Where a test page goes: a person's address or one that nobody reads."""

    channel: str
    """A channel's KIND, e.g. `sms`."""
    address: str


class SelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """One sink and its latest test."""

    id: int
    sink: Sink
    due_at: datetime
    """When the next step is due: the next test, or the next look at the one under way."""
    delivery_id: int | None
    """The test page under way; None = none is."""
    started_at: datetime | None
    ended_at: datetime | None
    """Of the latest test that ended."""
    passed: bool | None
    """What came of that; None = there was none yet."""
    why: str
    alarmed_at: datetime | None
    """When people were told last that it fails; None = it does not."""
