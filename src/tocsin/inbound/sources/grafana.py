"""Grafana: the webhook contact point of its unified alerting, and the notification channel of versions before it."""

from __future__ import annotations

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import Fields, facts, identity, read_object
from tocsin.inbound.sources.prometheus import read_group

KIND = "grafana"
NAME = "Grafana"

_EXPECTED = "Grafana's webhook JSON"
_LINKS = ("panelURL", "dashboardURL", "generatorURL")
_LEGACY_ACTIONS: dict[str, Action | None] = {
    "alerting": "started",
    "no_data": "started",
    "ok": "resolved",
    "pending": None,
    "paused": None,
    "unknown": None,
}
MAX_MATCHES = 20
"""Series named in the cause of a legacy alert."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One alert for each in the group; its `fingerprint` is its id. A legacy rule is one alert, `ruleId` its id."""
    message = read_object(received, _EXPECTED)
    if message.raw("alerts") is None and message.whole("ruleId", "ruleName"):
        return _legacy(message)
    if message.raw("alerts") is None:
        raise Unreadable(
            f"Expected {_EXPECTED}: neither `alerts` nor `ruleName` is there. "
            "A custom payload cannot be read: remove it from the contact point"
        )
    return read_group(message, _EXPECTED, _LINKS, _more)


def _more(alert: Fields) -> dict[str, str | None]:
    values = ", ".join(f"{name} = {value}" for name, value in alert.flat("values").items())
    return {
        "values": values or alert.line("valueString"),
        "dashboard_url": alert.link("dashboardURL"),
        "panel_url": alert.link("panelURL"),
        "silence_url": alert.link("silenceURL"),
        "image_url": alert.link("imageURL"),
    }


def _legacy(message: Fields) -> list[Alert]:
    state = message.whole("state").lower()
    if state not in _LEGACY_ACTIONS:
        raise Unreadable(f"Expected {_EXPECTED}: `state` must be alerting, no_data or ok, not {state[:50]!r}")
    action = _LEGACY_ACTIONS[state]
    if action is None:
        return []
    matches = [match for match in message.objects("evalMatches")[:MAX_MATCHES] if match.line("metric")]
    values = ", ".join(f"{match.line('metric')} = {match.line('value')}" for match in matches)
    title = message.line("ruleName", "title") or "Grafana rule"
    alert = Alert(
        action=action,
        alert_id=identity("rule", message.whole("orgId"), message.whole("ruleId") or message.whole("ruleName")),
        title=title,
        cause=message.text("message") or values or message.text("title") or title,
        url=message.link("ruleUrl"),
        facts=facts(
            action,
            message.flat("tags"),
            {
                "values": values,
                "dashboard_id": message.line("dashboardId"),
                "panel_id": message.line("panelId"),
                "image_url": message.link("imageUrl"),
                "state": state,
            },
        ),
    )
    return [alert]
