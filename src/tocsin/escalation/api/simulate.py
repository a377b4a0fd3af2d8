"""The time machine: who would be paged, how and at what minute, if this failed then (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.escalation.actions import policies, simulating
from tocsin.escalation.model import Paging
from tocsin.escalation.model.forecast import Forecast, Simulation, Subject
from tocsin.escalation.rules.policies import MAX_NAME
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Route, Scope
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

    return (
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
    at = _instant(tx, input)
    away, strangers = simulating.people_away(tx, subject.team_id, _list(input.away))
    if strangers:
        raise Invalid.fields(away=f"names people who are not in the team: {', '.join(strangers)[:MAX_NAME]}")
    down = frozenset(channel.lower() for channel in _list(input.down))
    return shown(simulating.simulate(tx, subject, at=at, away=away, down=down))


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


def _instant(tx: Tx, input: Simulate) -> datetime:
    if isinstance(input.at, UnsetType):
        return tx.now
    try:
        at = datetime.fromisoformat(input.at.strip().replace(" ", "+"))  # a plus that was not encoded is a blank
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid.fields(at="is not an instant, e.g. 2026-12-24T03:00:00Z") from None
    if abs(at - tx.now) > FARTHEST:
        raise Invalid.fields(at=f"must be within {FARTHEST.days // 365} years of now")
    return at


def _list(text: str | UnsetType) -> list[str]:
    return [] if isinstance(text, UnsetType) else [part.strip() for part in text.split(",") if part.strip()]
