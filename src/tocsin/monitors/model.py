"""The nouns of watching: a monitor, the group it belongs to, what a probe is asked to do and what it saw."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

# --- What probe and engine say to each other (the same two messages in-process and over a network) -----------------


class Verdict(StrEnum):
    """What one check found. `unknown` means that the failure was ours: it is counted nowhere."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class CheckSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor as a probe sees it. A probe holds these in memory and never reads the database."""

    monitor_id: int
    revision: int
    """Grows with every change of the monitor: an observation made under an older revision is dropped."""
    kind: str
    """The `monitor_type` of the contract, e.g. `status`, `keyword`."""
    frequency_seconds: int
    settings: dict[str, Any]
    """The wire attributes that this kind's `Settings` struct declares, e.g. url, request_timeout, request_headers."""
    last_checked_ms: int | None = None
    """When it was last checked, so that a restart keeps the rhythm instead of checking everything at once."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a failing server answered, kept for the people who have to find out why."""

    url: str
    """The last URL asked, after redirects."""
    status_code: int | None = None
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    """At most `MAX_EVIDENCE_BYTES` of the answer."""
    body_truncated: bool = False
    remote_ip: str | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one check saw. Times are seconds as floats; a phase that was not reached is None."""

    monitor_id: int
    revision: int
    region: str
    started_ms: int
    """When the check began, milliseconds since 1970 UTC."""
    ended_ms: int
    verdict: Verdict
    cause: str | None = None
    """In words, for people: `Status 503`, `Keyword missing`, `TLS certificate expired 3 days ago`. None when up."""
    response_time: float = 0.0
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None
    status_code: int | None = None
    evidence: Evidence | None = None
    """Only with a failure."""
    certificate_expires_ms: int | None = None
    """When asked for (now and then): the leaf certificate's notAfter."""
