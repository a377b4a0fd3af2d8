"""The time machine: who would be paged, how and at what minute, if this failed then (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.escalation.actions import policies, simulating
from tocsin.escalation.api.policies import PolicyFields
from tocsin.escalation.model import Paging
from tocsin.escalation.model.forecast import Forecast, Simulation, Subject
from tocsin.escalation.model.policies import Policy
from tocsin.escalation.rules.policies import MAX_NAME
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Route, Scope
from tocsin.registry.input import given
from tocsin.storage import Tx

FARTHEST = timedelta(days=5 * 365)
"""Beyond this no calendar says anything."""
TeamIds = tuple[int, ...] | None
Subjects = Mapping[str, Callable[[Tx, int, TeamIds], Subject]]
"""By the name of a query parameter (`monitor_id`): (tx, id, the caller's teams) to what fails. Raises NotFound."""


class Simulate(msgspec.Struct, kw_only=True):
    """What fails (one of the ids), when, and what else goes wrong."""

    monitor_id: int | UnsetType = UNSET
    heartbeat_id: int | UnsetType = UNSET
    policy_id: int | UnsetType = UNSET
    at: str | UnsetType = UNSET
    """An instant, e.g. `2026-12-24T03:00:00Z`; now when it is not said."""
    away: str | UnsetType = UNSET
    """E-mail addresses of people who could not answer, by commas."""
    down: str | UnsetType = UNSET
    """Channels whose messages would all fail, by commas, e.g. `sms,call`."""


class PreviewPolicy(PolicyFields, kw_only=True):
    """A policy as it would be saved, and what fails under it."""

    id: int | UnsetType | None = UNSET
    """Of the policy that it would change; none for a new one. What is not sent stays as it is there."""
    monitor_id: int | UnsetType | None = UNSET
    """Whose metadata the steps ask about, and how long it must fail first; a reported incident when it is not said."""
    heartbeat_id: int | UnsetType | None = UNSET
    at: str | UnsetType | None = UNSET
    """As for a simulation, like the next two."""
    away: str | UnsetType | None = UNSET
    down: str | UnsetType | None = UNSET


class SimulatedPage(msgspec.Struct, kw_only=True):
    """One page."""

    at: str
    minute: float
    """Minutes after the failure."""
    recipient: str
    channel: str
    address: str
    policy_name: str | None
    step: int
    """1 for the first of its policy."""
    round: int
    """1 for the first time through the policy."""
    outcome: str
    """`delivered`, `away` (delivered to somebody who cannot answer) or `failed`."""
    reason: str | None
    """Why it failed, or why it is sent although the plan alone would not have."""


class SimulatedRemark(msgspec.Struct, kw_only=True):
    """What would stand on the timeline besides."""

    at: str
    minute: float
    content: str


class SimulationShown(msgspec.Struct, kw_only=True):
    """Everything that would happen if nobody ever answered."""

    subject: str
    fails_at: str
    first_answer: SimulatedPage | None
    """The first page that would reach somebody who could answer; null = NOBODY would hear of it."""
    pages: list[SimulatedPage]
    remarks: list[SimulatedRemark]
    more: bool
    """Whether it would go on beyond what is shown."""


def operations(subjects: Subjects) -> tuple[Operation, ...]:
    """`subjects`: how to find what can fail; from runtime.wiring."""

    def handler(tx: Tx, call: Call, input: Simulate) -> SimulationShown:
        return simulated(tx, input, call.team_ids, subjects)

    def preview(tx: Tx, call: Call, input: PreviewPolicy) -> SimulationShown:
        return previewed(tx, call, input, subjects)

    return (
        Operation(
            name="policies.preview", upstream="not_there", tool_name="preview_escalation_policy",
            routes=(Route("POST", "/api/v3/policies/preview"),), area="on_call", level="read",
            input=PreviewPolicy, handler=preview, answer="flat", flat=SimulationShown, scope=Scope.CREATE,
            statuses=(200,), not_found=True,
            doc="Say who would be paged by a policy that is not saved yet, how and at what minute.",
            deed="looked at what an escalation policy would do",
        ),
        Operation(
            name="on_calls.simulate", upstream="not_there", tool_name="simulate_on_call",
            routes=(Route("GET", "/api/v2/on-calls/simulate"),), area="on_call", level="read",
            input=Simulate, handler=handler, answer="flat", flat=SimulationShown, scope=Scope.LIST,
            doc="Say who would be paged, how and at what minute, if something failed at an instant.", not_found=True,
            deed="played an outage through",
        ),
    )  # fmt: skip


def simulated(tx: Tx, input: Simulate, team_ids: TeamIds, subjects: Subjects) -> SimulationShown:
    """Play it through. Raises Invalid, and NotFound when what is to fail is not there."""
    subject = _subject(tx, input, team_ids, subjects)
    return _played(tx, subject, input)


def previewed(tx: Tx, call: Call, input: PreviewPolicy, subjects: Subjects) -> SimulationShown:
    """Play a policy through as if it were saved. Raises Invalid, and NotFound for what it names by an id."""
    assert call.team_id is not None
    sent = given(input, PolicyFields)
    policy = policies.draft(tx, call.team_id, call.team_ids, input.id or None, sent)
    named = {name: id for name in subjects if (id := getattr(input, name) or None) is not None}
    if len(named) > 1:
        raise Invalid.fields(base="say what fails: at most one of monitor_id and heartbeat_id")
    paging = Paging(policy_id=policy.id)
    subject = Subject(team_id=policy.team_id, name=policy.name, paging=paging)
    for name, id in named.items():
        watched = subjects[name](tx, id, (policy.team_id,))
        subject = msgspec.structs.replace(watched, paging=msgspec.structs.replace(watched.paging, policy_id=policy.id))
    return _played(tx, subject, input, policy)


def _played(
    tx: Tx, subject: Subject, input: Simulate | PreviewPolicy, draft: Policy | None = None
) -> SimulationShown:  # fmt: skip
    at = _instant(tx, input.at)
    away, strangers = simulating.people_away(tx, subject.team_id, _list(input.away))
    if strangers:
        raise Invalid.fields(away=f"names people who are not in the team: {', '.join(strangers)[:MAX_NAME]}")
    down = frozenset(channel.lower() for channel in _list(input.down))
    return shown(simulating.simulate(tx, subject, at=at, away=away, down=down, draft=draft))


def shown(simulation: Simulation) -> SimulationShown:
    """The wire's form."""
    first = simulation.first_answer
    return SimulationShown(
        subject=simulation.subject.name,
        fails_at=to_wire(simulation.at),
        first_answer=None if first is None else _page(first, simulation.at),
        pages=[_page(forecast, simulation.at) for forecast in simulation.forecasts],
        remarks=[
            SimulatedRemark(at=to_wire(at), minute=_minute(at, simulation.at), content=content)
            for at, content in simulation.remarks
        ],
        more=simulation.cut,
    )


def _page(forecast: Forecast, since: datetime) -> SimulatedPage:
    page = forecast.page
    outcome = "failed" if forecast.fails else "delivered" if forecast.answers or not page.user_id else "away"
    return SimulatedPage(
        at=to_wire(page.at),
        minute=_minute(page.at, since),
        recipient=page.recipient,
        channel=page.channel,
        address=page.address,
        policy_name=page.policy_name,
        step=page.step + 1,
        round=page.round + 1,
        outcome=outcome,
        reason=forecast.fails or forecast.because,
    )


def _minute(at: datetime, since: datetime) -> float:
    return round((at - since).total_seconds() / 60, 2)


def _subject(tx: Tx, input: Simulate, team_ids: TeamIds, subjects: Subjects) -> Subject:
    names = ("monitor_id", "heartbeat_id", "policy_id")
    given = {name: id for name in names if (id := getattr(input, name)) is not UNSET}
    if len(given) != 1:
        raise Invalid.fields(base="say what fails: exactly one of monitor_id, heartbeat_id and policy_id")
    ((name, id),) = given.items()
    if name != "policy_id":
        return subjects[name](tx, id, team_ids)
    policy = policies.get_policy(tx, id, team_ids)
    return Subject(team_id=policy.team_id, name=policy.name, paging=Paging(policy_id=policy.id))


def _instant(tx: Tx, text: str | UnsetType | None) -> datetime:
    if not text:
        return tx.now
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+"))  # a plus that was not encoded is a blank
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.fields(at="is not an instant, e.g. 2026-12-24T03:00:00Z") from None
    if abs(at - tx.now) > FARTHEST:
        raise Invalid.fields(at=f"must be within {FARTHEST.days // 365} years of now")
    return at


def _list(text: str | UnsetType | None) -> list[str]:
    return [] if not text else [part.strip() for part in text.split(",") if part.strip()]
