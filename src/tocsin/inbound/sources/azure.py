"""Azure Monitor: the webhook of an action group, in the common alert schema."""

from __future__ import annotations

from urllib.parse import quote

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, read_object, web_link

KIND = "azure"
NAME = "Azure Monitor"

_EXPECTED = "Azure Monitor's common alert schema"
_SCHEMA = "azureMonitorCommonAlertSchema"
_ACTIONS: dict[str, Action] = {"fired": "started", "resolved": "resolved"}
_PORTAL = "https://portal.azure.com/#blade/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One alert that has fired or is resolved; Azure's `alertId` is its id."""
    message = read_object(received, _EXPECTED)
    if message.whole("schemaId") != _SCHEMA:
        raise Unreadable(
            f"Expected {_EXPECTED}: `schemaId` must be {_SCHEMA}. Enable the common alert schema in the action group"
        )
    essentials = message.object("data.essentials")
    condition = essentials.whole("monitorCondition").lower()
    if condition not in _ACTIONS:
        raise Unreadable(f"Expected {_EXPECTED}: `monitorCondition` must be Fired or Resolved, not {condition[:50]!r}")
    alert_id = identity(essentials.whole("alertId", "originAlertId"))
    if alert_id is None:
        raise Unreadable(f"Expected {_EXPECTED}: `data.essentials.alertId` is missing")
    return [_alert(message, essentials, _ACTIONS[condition], alert_id)]


def _alert(message: Fields, essentials: Fields, action: Action, alert_id: str) -> Alert:
    title = essentials.line("alertRule") or "Azure alert"
    context = message.object("data.alertContext")
    whole_id = essentials.whole("alertId")
    return Alert(
        action=action,
        alert_id=alert_id,
        title=title,
        cause=essentials.text("description") or _conditions(context) or context.text("properties.title") or title,
        severity=essentials.line("severity", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=essentials.link("investigationLink") or web_link(_PORTAL + quote(whole_id, safe="") if whole_id else ""),
        facts=facts(
            action,
            {
                "signal": essentials.line("signalType"),
                "service": essentials.line("monitoringService"),
                "targets": essentials.listed("alertTargetIDs"),
                "items": essentials.listed("configurationItems"),
                "condition": _conditions(context),
                "fired_at": essentials.line("firedDateTime"),
            },
            message.flat("data.customProperties"),
        ),
    )


def _conditions(context: Fields) -> str:
    """What was measured, in one line: `Percentage CPU GreaterThan 25 (31.8)`."""
    measured = []
    for one in context.objects("condition.allOf")[:5]:
        words = [one.line("metricName", "metricMeasureColumn"), one.line("operator"), one.line("threshold")]
        value = one.line("metricValue")
        measured.append(" ".join(word for word in words if word) + (f" ({value})" if value else ""))
    return "; ".join(text for text in measured if text)
