"""A fact about something (its team, its runbook, its customer), and the catalog that knows what follows from one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class OwnerType(StrEnum):
    """What facts can be attached to; the wire's words (contract part 2, 7.1)."""

    MONITOR = "Monitor"
    HEARTBEAT = "Heartbeat"
    INCIDENT = "Incident"
    WEBHOOK_INTEGRATION = "WebhookIntegration"
    EMAIL_INTEGRATION = "EmailIntegration"
    INCOMING_WEBHOOK = "IncomingWebhook"
    CALL_ROUTING = "CallRouting"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One typed fact (contract part 2, 7.1): a `String` with `value`, or a reference by id, name or e-mail."""

    type: str = "String"
    value: str | None = None
    item_id: int | None = None
    name: str | None = None
    email: str | None = None


Metadata = dict[str, list[Value]]
"""The values by key, in the order in which the keys were attached."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """All values under one key of one owner, as stored: there is one row for each."""

    id: int
    team_id: int
    owner_type: str
    owner_id: int
    key: str
    values: list[Value]
    created_at: datetime
    updated_at: datetime
    team_name: str = ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts a list shows; None = whatever it is."""

    team_ids: tuple[int, ...] | None = None
    owner_type: str | None = None
    owner_id: int | None = None
