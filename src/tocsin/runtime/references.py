"""Finds what a fact refers to (a calendar, a policy, a chat), among what all the rooms of the house keep."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.escalation.actions import policies
from tocsin.metadata.actions import Resolver
from tocsin.metadata.model import Value
from tocsin.notify.actions import targets
from tocsin.oncall import actions as oncall
from tocsin.storage import Tx
from tocsin.webhooks import actions as webhooks

MAX_LOOKED_THROUGH = 1_000
"""Calendars or webhooks of one team: more than either may have."""


def calendar(tx: Tx, given: Value, team_id: int) -> Value | None:
    """An on-call calendar, by id or name."""
    found, _ = oncall.list_calendars(tx, (team_id,), page=1, per_page=MAX_LOOKED_THROUGH)
    return _named(given, {each.id: each.name for each in found})


def outgoing_webhook(tx: Tx, given: Value, team_id: int) -> Value | None:
    """An outgoing webhook, by id or name."""
    found, _ = webhooks.list_webhooks(tx, (team_id,), page=1, per_page=MAX_LOOKED_THROUGH)
    return _named(given, {each.id: each.name for each in found})


def _named(given: Value, known: Mapping[int, str | None]) -> Value | None:
    for id, name in known.items():
        if given.item_id in (None, id) and given.name in (None, name):
            return Value(type=given.type, item_id=id, name=name)
    return None


REFERENCES: Mapping[str, Resolver] = {
    "Policy": policies.reference,
    "Schedule": calendar,
    "NativeWebhook": outgoing_webhook,
    "SlackIntegration": targets.reference("slack"),
    "LinearIntegration": targets.reference("linear"),
    "JiraIntegration": targets.reference("jira"),
    "MicrosoftTeamsWebhook": targets.reference("microsoft_teams"),
    "ZapierWebhook": targets.reference("zapier"),
    "PagerDutyWebhook": targets.reference("pagerduty"),
}
"""The types of contract part 2, 7.1, that are kept above the room of facts."""
