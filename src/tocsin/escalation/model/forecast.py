"""What would happen if something failed at a certain instant: nothing here has happened."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.escalation.model import Page, Paging


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is imagined to fail."""

    team_id: int
    name: str
    paging: Paging
    owner_kind: str | None = None
    """As incidents name it, e.g. `monitor`; None = an incident that somebody reports."""
    owner_id: int | None = None
    confirmation_seconds: int = 0
    """How long it must have failed before anybody is told."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """One page that would be sent, and what would become of it."""

    page: Page
    fails: str | None = None
    """Why it would not arrive; None = it would."""
    because: str | None = None
    """Why it would be sent when the plan alone would not: another page had failed."""
    answers: bool = True
    """Whether its person could answer: not one who is away, nor a place that nobody watches."""


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that would happen if nobody ever answered."""

    subject: Subject
    at: datetime
    """When it fails."""
    forecasts: tuple[Forecast, ...]
    remarks: tuple[tuple[datetime, str], ...]
    """What would stand on the timeline besides."""
    cut: bool
    """Whether there would be more than is shown."""

    @property
    def first_answer(self) -> Forecast | None:
        """The first page that would reach a person who could answer."""
        able = (each for each in self.forecasts if each.fails is None and each.answers and each.page.user_id)
        return next(able, None)


class Use(msgspec.Struct, frozen=True):
    """One thing that names a policy."""

    resource_type: str
    """`monitor`, `heartbeat`, `integration` or `policy`."""
    resource_id: int
    name: str
