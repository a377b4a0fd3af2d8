"""The nouns of being on call: a calendar, and a stretch of time for which somebody answers."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule of a team (contract part 2, 4.1). Every team has one that is meant when none is named."""

    id: int
    team_id: int
    name: str | None
    """None is the name of the default calendar, as on the wire."""
    default_calendar: bool
    created_at: datetime
