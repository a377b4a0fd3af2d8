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


class MatchMode(StrEnum):
    """When a record of the catalog speaks about something (contract part 2, 7.2)."""

    ANY = "any"
    """One of its primary attributes has a value that the facts have."""
    ALL = "all"
    """All of them have; one without a value matches whatever the facts say."""


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the catalog, e.g. the services with their teams."""

    id: int
    team_id: int
    name: str
    description: str | None
    match_mode: MatchMode


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a relation. By the primary ones its records are recognised; the others are what they add."""

    id: int
    relation_id: int
    name: str
    primary: bool
    position: int
    """From 0, without gaps."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What a record says under one attribute. A `String` with the empty text is a blank."""

    attribute_id: int
    values: list[Value]
    attribute_name: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a relation, its attributes in the order in which they were first sent."""

    id: int
    relation_id: int
    entries: list[Entry]


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """Some records of one relation, with what is needed to read them."""

    relation: Relation
    attributes: list[Attribute]
    records: list[Record]
