"""The nouns of reaching a person: an address that is theirs, how they want to be told, and when they want to sleep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One message that is to go to one person: by which channel, where to, and how long after the page is due."""

    channel: str
    """The channel's kind: `email`, `sms`, `call`, `push`, `telegram` …"""
    address: str
    """How the address is shown, e.g. `+420777123456` or `Pixel 9 (push)`."""
    endpoint: str | None = None
    """What the channel really needs, when that is a secret or is not for reading; None = `address` itself."""
    after_seconds: int = 0


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """How a person is reached about one thing: never empty, because everybody has an e-mail address."""

    messages: tuple[Reach, ...]
    remarks: tuple[str, ...] = ()
    """What people should know, e.g. that somebody has no verified phone and gets an e-mail instead."""


class Kind(StrEnum):
    """What sort of address a contact method is."""

    EMAIL = "email"
    PHONE = "phone"
    """One number, for calls and for text messages."""
    PUSH = "push"
    """A browser or phone that has subscribed to Web Push (RFC 8030)."""
    TELEGRAM = "telegram"
    NTFY = "ntfy"
    PUSHOVER = "pushover"
    APPRISE = "apprise"


CHANNELS: Mapping[Kind, tuple[str, ...]] = {
    Kind.EMAIL: ("email",),
    Kind.PHONE: ("call", "sms"),
    Kind.PUSH: ("push",),
    Kind.TELEGRAM: ("telegram",),
    Kind.NTFY: ("ntfy",),
    Kind.PUSHOVER: ("pushover",),
    Kind.APPRISE: ("apprise",),
}
"""By which channels an address of a kind can be used, the most telling first."""

SWITCHES: Mapping[str, tuple[str, ...]] = {
    "call": ("call",),
    "sms": ("sms",),
    "email": ("email",),
    "push": ("push", "telegram", "ntfy", "pushover", "apprise"),
}
"""Which channels one of the wire's four switches means (contract part 2, 1.3): a push is whatever makes a phone hum."""

ACCOUNT_METHOD_ID = 0
"""Names the address with which a person's account was made: always there, always verified, never deleted."""


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One address of one person."""

    id: int
    user_id: int
    kind: Kind
    label: str
    address: str
    """As it is shown: shortened when it is a secret."""
    endpoint: str | None = None
    """The secret itself; None when there is none, or when it need not be known here."""
    verified_at: datetime | None
    """Since when it is known to be theirs; None: nothing is sent there but a code."""
    retired_at: datetime | None = None
    """Since when the provider says that it is gone for ever."""
    retired_why: str = ""
    created_at: datetime
    updated_at: datetime

    @property
    def works(self) -> bool:
        """Whether pages may go there."""
        return self.verified_at is not None and self.retired_at is None


class RuleStep(msgspec.Struct, frozen=True, kw_only=True):
    """So many seconds after a page is due, by this channel: to this address, or to all of theirs."""

    channel: str
    contact_method_id: int | None = None
    after_seconds: int = 0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How a person wants to be told about things of one severity."""

    id: int
    user_id: int
    urgency_id: int | None
    """None: every severity that has no rule of its own, and pages without one."""
    steps: tuple[RuleStep, ...]
    created_at: datetime
    updated_at: datetime


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of the week in which a person gets an e-mail alone, unless the alert is critical."""

    id: int
    user_id: int
    timezone: str
    """A Rails name (`Prague`) or an IANA one (`Europe/Prague`)."""
    days: tuple[str, ...]
    """`mon` to `sun`: the days on which the hours begin; what goes past midnight ends on the day after."""
    time_from: str
    """`HH:MM` on that zone's wall clock."""
    time_to: str
    """Equal to `time_from`: a whole day."""
    created_at: datetime
    updated_at: datetime


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides how somebody is reached."""

    user_id: int
    name: str
    email: str
    """The account's own address; empty only when the person does not exist any more."""
    methods: tuple[Method, ...] = ()
    rules: tuple[Rule, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()


class Shortcoming(NamedTuple):
    """Something that will cost somebody a page one day, for the list of what should be mended."""

    code: str
    sentence: str
    resource_type: str
    resource_id: int
