"""Keeps how people want to be told: their own rules by severity, and their quiet hours."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from tocsin.accounts.model import User
from tocsin.contacts import rules, store
from tocsin.contacts.model import QuietHours, Rule, RuleStep
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Tx

MAX_RULES = 50
"""Of one person: a team has a handful of severities, and people are in a handful of teams."""
MAX_QUIET_HOURS = 20
"""Of one person: a week has seven days, and each has a morning and a night."""


def list_rules(tx: Tx, user: User) -> list[Rule]:
    """A person's rules, the one for everything first."""
    return store.rules(tx, [user.id])


def find_rule(tx: Tx, user: User, id: int) -> Rule:
    """Raises NotFound."""
    for rule in store.rules(tx, [user.id]):
        if rule.id == id:
            return rule
    raise NotFound("notification_rule", id)


def create_rule(tx: Tx, user: User, urgency_id: int | None, steps: Sequence[RuleStep]) -> Rule:
    """A rule for one severity, or for all that have none (None). Raises Invalid (urgency_id, steps)."""
    standing = store.rules(tx, [user.id])
    _not_taken(standing, urgency_id)
    if len(standing) >= MAX_RULES:
        raise Invalid.fields(base=f"A person has at most {MAX_RULES} notification rules")
    checked = rules.checked_steps(steps, store.methods(tx, [user.id]))
    return find_rule(tx, user, store.add_rule(tx, user.id, urgency_id, checked))


def update_rule(
    tx: Tx, user: User, id: int, urgency_id: int | UnsetType | None, steps: Sequence[RuleStep] | UnsetType
) -> Rule:
    """Change a rule; what is not given stays. Raises NotFound and Invalid."""
    rule = find_rule(tx, user, id)
    wanted = rule.urgency_id if isinstance(urgency_id, UnsetType) else urgency_id
    if wanted != rule.urgency_id:
        _not_taken(store.rules(tx, [user.id]), wanted)
    checked = rule.steps
    if not isinstance(steps, UnsetType):
        checked = rules.checked_steps(steps, store.methods(tx, [user.id]))
    store.change_rule(tx, rule.id, wanted, checked)
    return find_rule(tx, user, id)


def remove_rule(tx: Tx, user: User, id: int) -> None:
    """Raises NotFound."""
    store.remove_rule(tx, find_rule(tx, user, id).id)


def list_quiet_hours(tx: Tx, user: User) -> list[QuietHours]:
    """A person's quiet hours, oldest first."""
    return store.quiet(tx, [user.id])


def find_quiet_hours(tx: Tx, user: User, id: int) -> QuietHours:
    """Raises NotFound."""
    for hours in list_quiet_hours(tx, user):
        if hours.id == id:
            return hours
    raise NotFound("quiet_hours", id)


def create_quiet_hours(
    tx: Tx, user: User, *, timezone: str, days: Sequence[str], time_from: str, time_to: str
) -> QuietHours:
    """Raises Invalid (timezone, days, time_from, time_to)."""
    if len(list_quiet_hours(tx, user)) >= MAX_QUIET_HOURS:
        raise Invalid.fields(base=f"A person has at most {MAX_QUIET_HOURS} quiet hours")
    id = store.add_quiet(
        tx,
        user.id,
        timezone=rules.checked_zone(timezone),
        days=rules.checked_days(days),
        time_from=rules.checked_time(time_from, "time_from"),
        time_to=rules.checked_time(time_to, "time_to"),
    )
    return find_quiet_hours(tx, user, id)


def update_quiet_hours(
    tx: Tx,
    user: User,
    id: int,
    *,
    timezone: str | UnsetType = UNSET,
    days: Sequence[str] | UnsetType = UNSET,
    time_from: str | UnsetType = UNSET,
    time_to: str | UnsetType = UNSET,
) -> QuietHours:
    """Change quiet hours; what is not given stays. Raises NotFound and Invalid."""
    standing = find_quiet_hours(tx, user, id)
    begin = standing.time_from if isinstance(time_from, UnsetType) else time_from
    end = standing.time_to if isinstance(time_to, UnsetType) else time_to
    store.change_quiet(
        tx,
        id,
        timezone=rules.checked_zone(standing.timezone if isinstance(timezone, UnsetType) else timezone),
        days=rules.checked_days(standing.days if isinstance(days, UnsetType) else days),
        time_from=rules.checked_time(begin, "time_from"),
        time_to=rules.checked_time(end, "time_to"),
    )
    return find_quiet_hours(tx, user, id)


def remove_quiet_hours(tx: Tx, user: User, id: int) -> None:
    """Raises NotFound."""
    store.remove_quiet(tx, find_quiet_hours(tx, user, id).id)


def _not_taken(standing: Sequence[Rule], urgency_id: int | None) -> None:
    if any(rule.urgency_id == urgency_id for rule in standing):
        raise Invalid.fields(urgency_id="has a rule already: change that one")
