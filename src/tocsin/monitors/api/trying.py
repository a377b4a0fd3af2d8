"""Trying a monitor's settings out before they are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import from_milliseconds, to_wire
from tocsin.kernel.errors import Unavailable
from tocsin.monitors import actions
from tocsin.monitors.actions.trying import Trial
from tocsin.monitors.api.monitors import SECRETS, CreateMonitor, given
from tocsin.monitors.model import Tried
from tocsin.monitors.rules.settings import Limits
from tocsin.registry import Call, Operation, Route, Scope
from tocsin.storage import Tx

Try = Callable[[Trial], Awaitable[Tried]]


class TestMonitor(CreateMonitor, kw_only=True):
    """What a monitor would be created with; only what says how to check matters."""

    __test__ = False

    monitor_id: int | UnsetType | None = UNSET
    """Begin with the settings of this monitor, secrets included, and lay what is sent over them."""


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. Times in seconds; a phase that was not reached is null."""

    __test__ = False

    outcome: str
    """`up`, `degraded`, `down`, or `unknown` when the failure was ours."""
    cause: str | None
    status_code: int | None
    response_time: float
    name_lookup_time: float | None
    connection_time: float | None
    tls_handshake_time: float | None
    data_transfer_time: float | None
    region: str
    url: str | None
    """The last address asked, after redirects."""
    remote_ip: str | None
    headers: list[list[str]]
    """Names and values, as they came."""
    body: str
    """The beginning of the answer, at most 8 KiB."""
    body_truncated: bool
    certificate_expires_at: str | None
    certificate_subject: str | None
    certificate_issuer: str | None


async def nobody(trial: Trial) -> Tried:
    """In a process in which nothing is checked."""
    raise Unavailable("Nothing is checked in this process")


def trying_operations(limits: Limits, run: Try) -> tuple[Operation, ...]:
    """`run`: who runs a check at once."""

    def prepare(tx: Tx, call: Call, input: TestMonitor) -> Trial:
        assert call.team_id is not None
        monitor_id = None if isinstance(input.monitor_id, UnsetType) else input.monitor_id
        return actions.prepare_trial(tx, call.team_id, monitor_id, given(input), limits)

    async def errand(trial: Any) -> TestResult:
        tried = await run(trial)
        values = msgspec.structs.asdict(tried)
        expires_ms = values.pop("certificate_expires_ms")
        expires_at = None if expires_ms is None else to_wire(from_milliseconds(expires_ms))
        return TestResult(**values, certificate_expires_at=expires_at)

    return (
        Operation(
            name="monitors.test", routes=(Route("POST", "/api/v2/monitors/test"),), area="monitors", level="write",
            input=TestMonitor, handler=prepare, errand=errand, answer="flat", flat=TestResult, scope=Scope.CREATE,
            statuses=(200,), upstream="not_there", secrets=SECRETS,
            doc="Run one check with these settings at once and show everything that it found; nothing is kept.",
            deed="tried a monitor's settings out",
        ),
    )  # fmt: skip
