"""The addresses of people's own rules and quiet hours, and of the question what would come of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.contacts import actions
from tocsin.contacts.api.methods import AREA, PERSON, OfPerson, OneOfPerson, person
from tocsin.contacts.model import QuietHours, Rule, RuleStep
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import BadRequest, Invalid
from tocsin.registry import Call, Operation, Resource, Route
from tocsin.storage import Tx

UrgencyTeam = Callable[[Tx, int], int | None]
"""Whose severity (id) it is; None when there is no such severity."""

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""Of the instants that can be asked about: beyond them time zones and whole calendars end."""

_RULES = f"{PERSON}/notification-rules"
_RULE = f"{_RULES}/{{id}}"
_QUIETS = f"{PERSON}/quiet-hours"
_QUIET = f"{_QUIETS}/{{id}}"


# --- As they are shown ------------------------------------------------------------------------------------------------


class NotificationRuleAttributes(msgspec.Struct, kw_only=True):
    """How a person wants to be told about things of one severity."""

    user_id: int
    urgency_id: int | None
    """null: every severity without a rule of its own, and pages without one."""
    steps: tuple[RuleStep, ...]
    created_at: str
    updated_at: str


class QuietHoursAttributes(msgspec.Struct, kw_only=True):
    """When a person gets an e-mail alone, unless the alert is critical."""

    user_id: int
    timezone: str
    days: tuple[str, ...]
    time_from: str
    time_to: str
    created_at: str
    updated_at: str


class PreviewMessage(msgspec.Struct, kw_only=True):
    """One message of the preview."""

    channel: str
    address: str
    after_seconds: int


class Preview(msgspec.Struct, kw_only=True):
    """How a person would be reached."""

    user_id: int
    at: str
    messages: list[PreviewMessage]
    remarks: list[str]


NOTIFICATION_RULE = Resource(
    type="notification_rule",
    attributes=NotificationRuleAttributes,
    render=lambda rule: NotificationRuleAttributes(
        user_id=rule.user_id,
        urgency_id=rule.urgency_id,
        steps=rule.steps,
        created_at=to_wire(rule.created_at),
        updated_at=to_wire(rule.updated_at),
    ),
    doc="A person's own rule: it replaces the channels of the severity.",
)
QUIET_HOURS = Resource(
    type="quiet_hours",
    attributes=QuietHoursAttributes,
    render=lambda hours: QuietHoursAttributes(
        user_id=hours.user_id,
        timezone=hours.timezone,
        days=hours.days,
        time_from=hours.time_from,
        time_to=hours.time_to,
        created_at=to_wire(hours.created_at),
        updated_at=to_wire(hours.updated_at),
    ),
    doc="Hours of the week in which a person is not woken for what is not critical.",
)


# --- As they are sent -------------------------------------------------------------------------------------------------


class StepInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A channel (all addresses of it), or one contact method; a phone needs `call` or `sms` besides."""

    channel: str | None = None
    contact_method_id: int | None = None
    after_seconds: int = 0


class CreateRule(msgspec.Struct, kw_only=True):
    """A rule for one severity; without `urgency_id`, for all that have none."""

    user: str
    steps: list[StepInput]
    urgency_id: int | None = None


class UpdateRule(msgspec.Struct, kw_only=True):
    """What changes; what is not sent stays."""

    user: str
    id: int
    steps: list[StepInput] | UnsetType = UNSET
    urgency_id: int | UnsetType | None = UNSET


class CreateQuietHours(msgspec.Struct, kw_only=True):
    """From `time_from` of each of the days to `time_to`, on the next day when that is earlier."""

    user: str
    timezone: str
    time_from: str
    time_to: str
    days: list[str] = msgspec.field(default_factory=lambda: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"])


class UpdateQuietHours(msgspec.Struct, kw_only=True):
    """What changes; what is not sent stays."""

    user: str
    id: int
    timezone: str | UnsetType = UNSET
    time_from: str | UnsetType = UNSET
    time_to: str | UnsetType = UNSET
    days: list[str] | UnsetType = UNSET


class AskPreview(msgspec.Struct, kw_only=True):
    """What would be sent: by a severity or by switches, at an instant (RFC 3339; now when it is not given)."""

    user: str
    urgency_id: int | None = None
    call: bool = False
    sms: bool = False
    email: bool = True
    push: bool = True
    critical: bool = False
    at: str | None = None


def rule_operations(urgency_team: UrgencyTeam) -> tuple[Operation, ...]:
    """What can be done with people's own rules."""

    def list_all(tx: Tx, call: Call, input: OfPerson) -> list[Rule]:
        return actions.list_rules(tx, person(tx, call, input.user))

    def get(tx: Tx, call: Call, input: OneOfPerson) -> Rule:
        return actions.find_rule(tx, person(tx, call, input.user), input.id)

    def create(tx: Tx, call: Call, input: CreateRule) -> Rule:
        user = person(tx, call, input.user)
        _must_be_theirs(tx, user, input.urgency_id, urgency_team)
        return actions.create_rule(tx, user, input.urgency_id, _steps(input.steps))

    def update(tx: Tx, call: Call, input: UpdateRule) -> Rule:
        user = person(tx, call, input.user)
        if not isinstance(input.urgency_id, UnsetType):
            _must_be_theirs(tx, user, input.urgency_id, urgency_team)
        steps = UNSET if isinstance(input.steps, UnsetType) else _steps(input.steps)
        return actions.update_rule(tx, user, input.id, input.urgency_id, steps)

    def delete(tx: Tx, call: Call, input: OneOfPerson) -> None:
        actions.remove_rule(tx, person(tx, call, input.user), input.id)

    return (
        Operation(
            name="notification_rules.list", routes=(Route("GET", _RULES),), area=AREA, level="read", input=OfPerson,
            upstream="not_there",
            handler=list_all, resource=NOTIFICATION_RULE, answer="all", doc="List the notification rules of a person.",
            deed="listed somebody's notification rules",
        ),
        Operation(
            name="notification_rules.create", routes=(Route("POST", _RULES),), area=AREA, level="write",
            upstream="not_there",
            people_only=True,
            input=CreateRule, handler=create, resource=NOTIFICATION_RULE,
            doc="Say how a person is to be told about things of a severity.", deed="created a notification rule",
        ),
        Operation(
            name="notification_rules.get", routes=(Route("GET", _RULE),), area=AREA, level="read", input=OneOfPerson,
            upstream="not_there",
            handler=get, resource=NOTIFICATION_RULE, doc="Show a notification rule of a person.",
            deed="looked at a notification rule",
        ),
        Operation(
            name="notification_rules.update", routes=(Route("PATCH", _RULE),), area=AREA, level="write",
            upstream="not_there",
            people_only=True,
            input=UpdateRule, handler=update, resource=NOTIFICATION_RULE,
            doc="Change a notification rule of a person.", deed="changed a notification rule",
        ),
        Operation(
            name="notification_rules.delete", routes=(Route("DELETE", _RULE),), area=AREA, level="full",
            upstream="not_there",
            people_only=True,
            input=OneOfPerson, handler=delete, resource=NOTIFICATION_RULE, answer="none", switch="delete",
            doc="Delete a notification rule of a person: the severity decides again.",
            deed="deleted a notification rule",
        ),
    )  # fmt: skip


def _list_quiet(tx: Tx, call: Call, input: OfPerson) -> list[QuietHours]:
    return actions.list_quiet_hours(tx, person(tx, call, input.user))


def _get_quiet(tx: Tx, call: Call, input: OneOfPerson) -> QuietHours:
    return actions.find_quiet_hours(tx, person(tx, call, input.user), input.id)


def _create_quiet(tx: Tx, call: Call, input: CreateQuietHours) -> QuietHours:
    return actions.create_quiet_hours(
        tx, person(tx, call, input.user), timezone=input.timezone, days=input.days, time_from=input.time_from,
        time_to=input.time_to,
    )  # fmt: skip


def _update_quiet(tx: Tx, call: Call, input: UpdateQuietHours) -> QuietHours:
    return actions.update_quiet_hours(
        tx, person(tx, call, input.user), input.id, timezone=input.timezone, days=input.days,
        time_from=input.time_from, time_to=input.time_to,
    )  # fmt: skip


def _delete_quiet(tx: Tx, call: Call, input: OneOfPerson) -> None:
    actions.remove_quiet_hours(tx, person(tx, call, input.user), input.id)


def quiet_operations() -> tuple[Operation, ...]:
    """What can be done with quiet hours."""
    return (
        Operation(
            name="quiet_hours.list", routes=(Route("GET", _QUIETS),), area=AREA, level="read", input=OfPerson,
            upstream="not_there",
            handler=_list_quiet, resource=QUIET_HOURS, answer="all", doc="List the quiet hours of a person.",
            deed="listed somebody's quiet hours",
        ),
        Operation(
            name="quiet_hours.create", routes=(Route("POST", _QUIETS),), area=AREA, level="write", people_only=True,
            upstream="not_there",
            input=CreateQuietHours, handler=_create_quiet, resource=QUIET_HOURS,
            doc="Say when a person gets an e-mail alone, unless the alert is critical.", deed="created quiet hours",
        ),
        Operation(
            name="quiet_hours.get", routes=(Route("GET", _QUIET),), area=AREA, level="read", input=OneOfPerson,
            upstream="not_there",
            handler=_get_quiet, resource=QUIET_HOURS, doc="Show quiet hours of a person.",
            deed="looked at quiet hours",
        ),
        Operation(
            name="quiet_hours.update", routes=(Route("PATCH", _QUIET),), area=AREA, level="write", people_only=True,
            upstream="not_there",
            input=UpdateQuietHours, handler=_update_quiet, resource=QUIET_HOURS,
            doc="Change quiet hours of a person.", deed="changed quiet hours",
        ),
        Operation(
            name="quiet_hours.delete", routes=(Route("DELETE", _QUIET),), area=AREA, level="full", people_only=True,
            upstream="not_there",
            input=OneOfPerson, handler=_delete_quiet, resource=QUIET_HOURS, answer="none", switch="delete",
            doc="Delete quiet hours of a person.", deed="deleted quiet hours",
        ),
    )  # fmt: skip


def preview_operation(urgency_team: UrgencyTeam) -> Operation:
    """The question how somebody would be reached; nothing is sent."""

    def preview(tx: Tx, call: Call, input: AskPreview) -> Preview:
        user = person(tx, call, input.user)
        _must_be_theirs(tx, user, input.urgency_id, urgency_team)
        at = _instant(input.at, tx.now)
        wanted = [name for name in ("call", "sms", "email", "push") if getattr(input, name)]
        reached = actions.reach_now(
            tx, user.id, wanted, urgency_id=input.urgency_id, critical=input.critical, at=at
        )  # fmt: skip
        messages = [
            PreviewMessage(channel=each.channel, address=each.address, after_seconds=each.after_seconds)
            for each in reached.messages
        ]
        return Preview(user_id=user.id, at=to_wire(at), messages=messages, remarks=list(reached.remarks))

    return Operation(
        name="users.reach",
        upstream="not_there",
        routes=(Route("GET", f"{PERSON}/reach"),),
        area=AREA,
        level="read",
        input=AskPreview,
        handler=preview,
        answer="flat",
        flat=Preview,
        bad_request=True,
        doc="Show how a page would reach a person, without sending any.",
        deed="asked how somebody is reached",
    )


def _steps(sent: list[StepInput]) -> list[RuleStep]:
    return [
        RuleStep(channel=step.channel or "", contact_method_id=step.contact_method_id, after_seconds=step.after_seconds)
        for step in sent
    ]


def _must_be_theirs(tx: Tx, user: User, urgency_id: int | None, urgency_team: UrgencyTeam) -> None:
    """A severity of a team that the person is not in does not exist for them."""
    if urgency_id is not None and urgency_team(tx, urgency_id) not in accounts.team_ids_of(tx, user.id):
        raise Invalid.fields(urgency_id="doesn't exist")


def _instant(text: str | None, now: datetime) -> datetime:
    if not text:
        return now
    found: datetime | None = None
    with suppress(ValueError):
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus that was not encoded arrives as a blank
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise BadRequest(f"`at` must be an instant between {FIRST_YEAR} and {LAST_YEAR}, e.g. 2026-01-15T10:30:00Z")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
