"""What the public sees of a page, put together once and drawn in many forms: HTML, JSON, feeds, badges, snapshots."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from tocsin.status_pages.model import DayStatus, ReportType, ResourceType, Settings, State, Widget


class Addressed(Protocol):
    """What has an address: a page, or what the public sees of one."""

    @property
    def subdomain(self) -> str: ...
    @property
    def custom_domain(self) -> str | None: ...


def root_of(page: Addressed, base_url: str) -> str:
    """The page's one canonical address, without a slash at its end: its own domain if it has one.

    Scheme and port are those of the base URL: whoever proxies one proxies the other.
    """
    if not page.custom_domain:
        return f"{base_url.rstrip('/')}/status/{page.subdomain}"
    ours = urlsplit(base_url)
    return f"{ours.scheme}://{page.custom_domain}{f':{ours.port}' if ours.port else ''}"


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Who may read a page."""

    password_hash: str | None = None
    """None = no password is asked for."""
    require_sso: bool = False
    ip_allowlist: tuple[str, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether anything at all is asked of a reader."""
        return self.password_hash is not None or self.require_sso or bool(self.ip_allowlist)


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page is found and who may read it: all that is known of it before it is drawn."""

    id: int
    team_id: int
    subdomain: str
    custom_domain: str | None
    published: bool
    gate: Gate
    hide_from_search_engines: bool = False


class Point(msgspec.Struct, frozen=True):
    """One place of a response-time chart: the beginning of its slice of time, and the average in it (None = none)."""

    at: datetime
    seconds: float | None


class Slot(msgspec.Struct, frozen=True):
    """One slice of the last 24 hours."""

    at: datetime
    """Its beginning."""
    status: State


class ResourceView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a page."""

    id: int
    section_id: int
    resource_type: ResourceType
    resource_id: int | None
    public_name: str
    explanation: str | None
    widget_type: Widget
    position: int
    status: State
    availability: float
    """0 to 1."""
    days: tuple[DayStatus, ...]
    """The oldest first, as many as the page's `history`."""
    watched_a_day: bool = True
    """Whether it was watched for 24 hours of these days: the availability of less misleads."""
    intraday: tuple[Slot, ...] = ()
    """For `intraday_history`: 48 half hours, the oldest first."""
    intraday_availability: float = 1.0
    """0 to 1, in these half hours."""
    response_times: tuple[Point, ...] = ()
    """For `response_times` and `chart_only`: 96 quarters of an hour, the oldest first."""


class SectionView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a page with a heading."""

    id: int
    name: str | None
    position: int
    resources: tuple[ResourceView, ...]


class AffectedView(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one resource, with its name."""

    resource_id: int
    public_name: str
    status: str
    """A `State`, or `resolved`."""


class UpdateView(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a report that the public sees."""

    id: int
    message: str
    """Markdown, as it was written: never to be shown without being sanitised."""
    published_at: datetime
    affected: tuple[AffectedView, ...]


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """A report that the public sees."""

    id: int
    title: str
    report_type: ReportType
    starts_at: datetime
    ends_at: datetime | None
    state: State
    """`operational` once it has ended, `maintenance` while and before it is done."""
    affected: tuple[AffectedView, ...]
    updates: tuple[UpdateView, ...]
    """The newest first."""
    created_at: datetime
    updated_at: datetime

    @property
    def maintenance(self) -> bool:
        return self.report_type is ReportType.MAINTENANCE

    def over(self, now: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= now


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """A page as the public sees it at `made_at`."""

    id: int
    team_id: int
    subdomain: str
    custom_domain: str | None
    published: bool
    settings: Settings
    state: State
    sections: tuple[SectionView, ...]
    current: tuple[ReportView, ...]
    """What is going on now and is no maintenance, the newest first."""
    maintenance: tuple[ReportView, ...]
    """What is under way now, then what is to come within the next 90 days, in the order of time."""
    recent: tuple[ReportView, ...]
    """What ended within the last 15 days, maintenance too, the newest first."""
    latest: tuple[ReportView, ...] = ()
    """The 50 newest incidents and the 50 newest maintenances that have begun, however long ago, the newest first: for
    feeds and programs."""
    made_at: datetime
    created_at: datetime
    updated_at: datetime


class MonthView(msgspec.Struct, frozen=True, kw_only=True):
    """What was reported in one month of the page's calendar."""

    month: str
    """`YYYY-MM`."""
    reports: tuple[ReportView, ...]
    """The newest first, maintenance too."""
    previous: str | None
    """The month before, if an incident was reported then or earlier; else None."""
    previous_maintenance: str | None
    """The same of maintenance."""
    following: str | None
    """The month after; None when that has not begun."""
