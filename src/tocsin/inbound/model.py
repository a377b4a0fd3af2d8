"""Alerts that other systems send us, by web request or by e-mail, and what we keep of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Action = Literal["started", "acknowledged", "resolved"]
"""What an alert says about the trouble it names."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One web request to a receiving address, as it came; bounded in size before it gets here."""

    method: str
    """In upper case."""
    path: str = ""
    """What follows the integration's own address, without the slash between, e.g. `v2/alerts/disk-7/close`."""
    query: tuple[tuple[str, str], ...] = ()
    """Decoded, in order; a name may come more than once."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case."""
    body: bytes = b""
    content_type: str = ""
    """The media type alone, in lower case, e.g. `application/json`; empty when none was sent."""
    at: datetime

    def header(self, name: str) -> str:
        """The first header of that name (in lower case), or the empty text."""
        return next((value for known, value in self.headers if known == name), "")

    def parameter(self, name: str) -> str:
        """The last query parameter of that name, or the empty text."""
        return next((value for known, value in reversed(self.query) if known == name), "")


class ReceivedMail(msgspec.Struct, frozen=True, kw_only=True):
    """One e-mail to a receiving address, taken apart; texts are bounded and free of broken characters."""

    sender: str
    """The address in `From`, in lower case; the envelope's sender when there is none."""
    recipient: str
    """The whole address that it was sent to, as in the envelope."""
    subject: str
    text: str
    """The readable body: the plain part, or the HTML one without its markup."""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, values decoded."""
    at: datetime
    message_id: str = ""
    report: str = ""
    """What a mail server says for programs of a mail that it could not deliver (RFC 3464)."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What one message says about one trouble."""

    action: Action
    alert_id: str | None
    """The sender's own name for this trouble, the same in the message that ends it. None: it gave none."""
    title: str
    cause: str
    severity: str | None = None
    """The sender's word, e.g. `critical`."""
    url: str | None = None
    """Where a person sees it in the sending system."""
    facts: dict[str, str] = {}
    """What else is worth knowing, by name: becomes metadata of the incident."""
    group_key: str | None = None
    """Alerts with the same one have one cause, says the sender (Alertmanager's `groupKey`)."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an integration's owner has set that changes how its messages are read."""

    alerting_rule: Literal["alert", "alert_and_warn"] = "alert"
    """Whether warnings open incidents too (Datadog, New Relic)."""


# --- What people set up ----------------------------------------------------------------------------------------------


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of integration: where it is managed, where it receives, what incidents call it."""

    name: str
    """The word in the column, and the source module's KIND."""
    type: str
    """The JSON:API type, and the `owner_type` of its incidents."""
    path: str
    """Under `/api/v2/`."""
    address: str = ""
    """Under `/api/v1/`, before the token; empty for what comes by e-mail."""
    title: str
    """What people call it; the name of an integration that nobody named."""
    metadata_owner: str = "WebhookIntegration"
    """The owner_type of its metadata (contract part 2, 7.1)."""
    warns: bool = False
    """Whether it has an `alerting_rule`."""


INCOMING_WEBHOOK = Kind(
    name="incoming_webhook", type="incoming_webhook", path="incoming-webhooks", address="incoming-webhook",
    title="Incoming webhook", metadata_owner="IncomingWebhook",
)  # fmt: skip
EMAIL = Kind(
    name="email", type="email_integration", path="email-integrations", title="E-mail integration",
    metadata_owner="EmailIntegration",
)  # fmt: skip


def _source(name: str, title: str, *, path: str | None = None, warns: bool = False) -> Kind:
    word = path or name.replace("_", "-")
    return Kind(
        name=name, type=f"{word.replace('-', '_')}_integration", path=f"{word}-integrations",
        address=name.replace("_", "-"), title=title, warns=warns,
    )  # fmt: skip


SOURCES: tuple[Kind, ...] = (
    _source("aws_cloudwatch", "AWS CloudWatch"),
    _source("azure", "Azure Monitor"),
    _source("datadog", "Datadog", warns=True),
    _source("elastic", "Elastic"),
    _source("google_monitoring", "Google Cloud Monitoring"),
    _source("grafana", "Grafana"),
    _source("new_relic", "New Relic", warns=True),
    _source("prometheus", "Prometheus Alertmanager"),
    _source("sentry", "Sentry"),
    _source("pagerduty", "PagerDuty Events", path="pagerduty-events"),
    _source("opsgenie", "Opsgenie"),
)
"""The contract's eight (part 2, 9.2) and ours: what pages through Sentry, PagerDuty or Opsgenie can page through us."""

KINDS: dict[str, Kind] = {kind.name: kind for kind in (INCOMING_WEBHOOK, EMAIL, *SOURCES)}

RuleType = Literal["unused", "all", "any"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a message (contract part 2, 9.1)."""

    rule_target: str
    target_field: str | None = None
    match_type: str
    content: str | None = None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """How to take a piece out of a message (contract part 2, 9.1)."""

    name: str | None = None
    special_type: str | None = None
    field_target: str
    target_field: str | None = None
    match_type: str
    content: str | None = None
    content_before: str | None = None
    content_after: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set on an integration beside its name; names are the wire's."""

    policy_id: int | None = None
    call: bool = False
    sms: bool = False
    email: bool = True
    push: bool = True
    critical_alert: bool = False
    team_wait: int | None = None
    recovery_period: int | None = None
    """Seconds for which an alert must stay resolved; None and 0: it is over at once."""
    alerting_rule: Literal["alert", "alert_and_warn"] = "alert"
    started_rule_type: RuleType = "unused"
    acknowledged_rule_type: RuleType = "unused"
    resolved_rule_type: RuleType = "unused"
    started_rules: tuple[Rule, ...] = ()
    acknowledged_rules: tuple[Rule, ...] = ()
    resolved_rules: tuple[Rule, ...] = ()
    cause_field: Field | None = None
    title_field: Field | None = None
    started_alert_id_field: Field | None = None
    acknowledged_alert_id_field: Field | None = None
    resolved_alert_id_field: Field | None = None
    other_started_fields: tuple[Field, ...] = ()
    other_acknowledged_fields: tuple[Field, ...] = ()
    other_resolved_fields: tuple[Field, ...] = ()


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """A place where alerts of one system arrive, and what is to be done with them."""

    id: int
    team_id: int
    team_name: str = ""
    kind: Kind
    name: str
    token: str
    """The secret part of its address; empty when the key that opens it is lost."""
    paused: bool
    settings: Settings
    revision: int
    """Grows with every change."""
    created_at: datetime
    updated_at: datetime
    sample: Payload | None = None
    """The newest message, for the `sample_*` attributes."""


class Outline(msgspec.Struct, frozen=True):
    """An integration without what is set on it."""

    id: int
    team_id: int
    kind: Kind
    paused: bool
    created_at: datetime


# --- What we keep of messages and alerts -----------------------------------------------------------------------------


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """One message as we keep it: whole up to a limit, without secrets."""

    id: int
    integration_id: int
    at: datetime
    method: str
    """Of a web request; `MAIL` for an e-mail."""
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    truncated: bool
    outcome: str
    """What became of it, in words."""
    alerts: int
    """How many alerts it held."""


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble at one integration, from its first message to its end."""

    id: int
    team_id: int
    integration_id: int
    key: str
    alert_id: str | None
    incident_id: int | None
    joined: str
    """`own`: it opened its incident; `group`, `storm`: it joined one; `storm_opener`: it opened one for a storm."""
    ordinal: int
    """Which of its incident's alerts it is, counted from 1."""
    group_key: str | None
    title: str
    cause: str
    severity: str | None
    url: str | None
    facts: dict[str, str]
    count: int
    """How often it was said."""
    started_at: datetime
    last_at: datetime
    acknowledged_at: datetime | None
    recover_at: datetime | None
    """When it is over unless it starts again; None: nothing is pending."""
    resolved_at: datetime | None


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that has to be confirmed by fetching a URL, as Amazon SNS demands."""

    id: int
    integration_id: int
    payload_id: int
    url: str
    due_at: datetime
    attempts: int
