"""Prometheus: Alertmanager's webhook, version 4, a group of alerts in each message."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import (
    MAX_SEVERITY_CHARACTERS,
    Fields,
    counted,
    facts,
    first,
    identity,
    kept,
    one_line,
    read_object,
)

KIND = "prometheus"
NAME = "Prometheus Alertmanager"

ACTIONS: dict[str, Action] = {"firing": "started", "resolved": "resolved"}
More = Callable[[Fields], Mapping[str, str | None]]
_EXPECTED = "Alertmanager's webhook JSON (version 4)"


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One alert for each in the group; Alertmanager's `fingerprint` is its id, its `groupKey` the common cause."""
    return read_group(read_object(received, _EXPECTED), _EXPECTED)


def read_group(
    message: Fields, expected: str, links: tuple[str, ...] = ("generatorURL",), more: More = lambda alert: {}
) -> list[Alert]:
    """The alerts of one group, as Alertmanager and those who took over its format send it. `links` are the fields of
    an alert that lead to it, the best first; `more` gives facts beyond labels and annotations."""
    if not isinstance(message.raw("alerts"), list):
        raise Unreadable(f"Expected {expected}: `alerts`, a list, is missing")
    given = message.objects("alerts")
    if message.raw("alerts") and not given:
        raise Unreadable(f"Expected {expected}: `alerts` must hold objects")
    told = [(_action(message, alert, expected), _alert_id(alert)) for alert in given]
    chosen = kept(told)
    alerts = [_alert(message, given[index], *told[index], links, more) for index in chosen]
    truncated = message.raw("truncatedAlerts")
    return counted(alerts, len(given) - len(chosen) + (max(truncated, 0) if isinstance(truncated, int) else 0))


def _action(message: Fields, alert: Fields, expected: str) -> Action:
    status = (alert.whole("status") or message.whole("status")).lower()
    if status not in ACTIONS:
        raise Unreadable(f"Expected {expected}: `status` of an alert must be firing or resolved, not {status[:50]!r}")
    return ACTIONS[status]


def _alert_id(alert: Fields) -> str | None:
    """Alertmanager before 0.19 sent no fingerprint: an alert is its labels then, and the same ones end it."""
    labels = alert.object("labels").texts()
    return identity(alert.whole("fingerprint") or ",".join(f"{name}={value}" for name, value in sorted(labels.items())))


def _alert(
    message: Fields, alert: Fields, action: Action, alert_id: str | None, links: tuple[str, ...], more: More
) -> Alert:
    labels = message.flat("commonLabels") | alert.flat("labels")
    annotations = message.flat("commonAnnotations") | alert.flat("annotations")
    name = alert.line("labels.alertname") or message.line("commonLabels.alertname", "groupLabels.alertname")
    instance = alert.line("labels.instance")
    title = one_line(f"{name or 'Alert'} on {instance}" if instance else name or "Alert")
    return Alert(
        action=action,
        alert_id=alert_id,
        title=title,
        cause=Fields(annotations).text("summary", "description", "message") or title,
        severity=Fields(labels).line("severity", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=first([alert.link(path) or "" for path in links]) or message.link("externalURL"),
        facts=facts(action, _public(labels), _public(annotations), more(alert)),
        group_key=identity(message.whole("groupKey")),
    )


def _public(named: dict[str, str]) -> dict[str, str]:
    """Without what the sender keeps for itself (`__alert_rule_uid__` and its kin)."""
    return {name: value for name, value in named.items() if not name.startswith("__")}
