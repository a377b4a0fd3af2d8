"""The nouns of status pages: a page, its sections and resources, what is reported on it, and who subscribes to it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tocsin.metadata.model import Value


class State(StrEnum):
    """How a resource, a report or a whole page stands; the wire's words (contract part 2, 5.2 and 5.4)."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    DOWNTIME = "downtime"
    MAINTENANCE = "maintenance"
    NOT_MONITORED = "not_monitored"
    """Only of resources: paused, gone, or of a kind that nobody watches here."""


RESOLVED = "resolved"
"""What a report says of a resource that is well again (contract part 2, 5.5)."""


class Widget(StrEnum):
    """What is shown beside a resource (contract part 2, 5.4)."""

    PLAIN = "plain"
    HISTORY = "history"
    INTRADAY_HISTORY = "intraday_history"
    RESPONSE_TIMES = "response_times"
    CHART_ONLY = "chart_only"


class ResourceType(StrEnum):
    """What a resource can be about (contract part 2, 5.4)."""

    MANUALLY_TRACKED_ITEM = "ManuallyTrackedItem"
    MONITOR = "Monitor"
    MONITOR_GROUP = "MonitorGroup"
    HEARTBEAT = "Heartbeat"
    HEARTBEAT_GROUP = "HeartbeatGroup"
    WEBHOOK_INTEGRATION = "WebhookIntegration"
    EMAIL_INTEGRATION = "EmailIntegration"
    INCOMING_WEBHOOK = "IncomingWebhook"
    RESOURCE_GROUP = "ResourceGroup"
    LOGS_CHART = "LogsChart"
    CATALOG_REFERENCE = "CatalogReference"


class MarkFor(StrEnum):
    """Which incidents of its subject mark a resource (contract part 2, 5.4)."""

    NO_INCIDENT = "no_incident"
    ANY_INCIDENT = "any_incident"
    INCIDENT_MATCHING_METADATA = "incident_matching_metadata"


class ReportType(StrEnum):
    """Who writes a report (contract part 2, 5.5)."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"
    MAINTENANCE = "maintenance"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a page's navigation: `href` is `/`, `/maintenance`, `/incidents` or a whole URL."""

    text: str
    href: str


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a page that people set and no query asks for: kept as one document (contract part 2, 5.2)."""

    company_name: str = ""
    company_url: str = ""
    contact_url: str | None = None
    logo_url: str | None = None
    dark_logo_url: str | None = None
    whitelabeled: bool = False
    timezone: str = "UTC"
    """As it was given: the name of a Rails or an IANA zone; `kernel.zones.zone` reads both."""
    history: int = 90
    """Days."""
    min_incident_length: int | None = None
    """Seconds: shorter incidents are not shown."""
    subscribable: bool = False
    hide_from_search_engines: bool = False
    automatic_reports: bool = False
    custom_css: str | None = None
    custom_javascript: str | None = None
    """Only with a custom domain."""
    google_analytics_id: str | None = None
    announcement: str | None = None
    announcement_embed_visible: bool = False
    announcement_embed_link: str | None = None
    announcement_embed_css: str | None = None
    password_enabled: bool = False
    require_sso: bool = False
    ip_allowlist: tuple[str, ...] = ()
    """As given: addresses, networks, and lines that begin with `#`."""
    design: str = "v2"
    theme: str = "light"
    layout: str = "vertical"
    navigation_links: tuple[Link, ...] = ()


class StatusPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page for the public."""

    id: int
    team_id: int
    team_name: str = ""
    subdomain: str
    custom_domain: str | None
    published: bool
    status_page_group_id: int | None
    settings: Settings
    password_hash: str | None
    """Argon2; None = no password was ever set."""
    created_at: datetime
    updated_at: datetime
    aggregate_state: State = State.OPERATIONAL


class PageGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of pages."""

    id: int
    team_id: int
    team_name: str = ""
    name: str
    sort_index: int | None
    created_at: datetime
    updated_at: datetime


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a page with a heading."""

    id: int
    status_page_id: int
    team_id: int
    name: str | None
    position: int
    """From 0."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents with one of these values under this key of their metadata."""

    key: str
    values: tuple[Value, ...]


class DayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a resource, by the page's own calendar. Durations: whole seconds (contract part 2, 5.4)."""

    day: str
    """`YYYY-MM-DD`."""
    status: State
    downtime_duration: int = 0
    maintenance_duration: int = 0
    degraded_duration: int = 0


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a page: something whose state the public may know."""

    id: int
    status_page_id: int
    team_id: int
    status_page_section_id: int
    resource_type: ResourceType
    resource_id: int | None
    public_name: str
    explanation: str | None
    widget_type: Widget
    position: int
    mark_as_down_for: MarkFor = MarkFor.ANY_INCIDENT
    mark_as_degraded_for: MarkFor = MarkFor.NO_INCIDENT
    mark_as_down_metadata_rule: Rule | None = None
    mark_as_degraded_metadata_rule: Rule | None = None
    status: State = State.OPERATIONAL
    availability: float = 1.0
    """0 to 1, over the days that the page shows."""
    status_history: tuple[DayStatus, ...] = ()
    """The oldest day first."""


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """What a report or an update says of one resource: `maintenance`, `downtime`, `degraded` or `resolved`."""

    status_page_resource_id: str
    """Digits, as on the wire."""
    status: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the public is told of, from its beginning to its end."""

    id: int
    status_page_id: int
    team_id: int
    title: str
    report_type: ReportType
    starts_at: datetime
    ends_at: datetime | None
    affected_resources: tuple[Affected, ...]
    """As they stand now."""
    draft: bool
    """Written but not shown to anybody yet (ours)."""
    created_at: datetime
    updated_at: datetime
    updates: tuple[Update, ...] = ()
    """The oldest first."""
    aggregate_state: State = State.OPERATIONAL


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a report."""

    id: int
    status_page_id: int
    team_id: int
    status_report_id: int
    message: str
    """Markdown."""
    published_at: datetime
    """When it is shown; a future one waits for its time (ours)."""
    affected_resources: tuple[Affected, ...]
    notify_subscribers: bool
    draft: bool
    applied_at: datetime | None
    """Since when the public sees it; None = it is a draft or waits for its time."""
    created_at: datetime


class SubscriberKind(StrEnum):
    """How somebody outside hears of updates."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"
    PUSH = "push"


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody outside who wants to hear of a page's updates."""

    id: int
    status_page_id: int
    team_id: int
    kind: SubscriberKind
    email: str | None
    """Where it is confirmed; for `email` also where updates go. None: a browser, which needs no confirmation."""
    address: str
    """Of a webhook, a chat or a browser (its subscription, JSON); empty for `email`."""
    status_page_resource_ids: tuple[int, ...]
    """Empty = all."""
    language: str
    """In which the page was read when they subscribed, e.g. `de`."""
    confirmed_at: datetime | None
    unsubscribed_at: datetime | None
    failures: int
    """Messages in a row that could not be delivered."""
    created_at: datetime
    updated_at: datetime
