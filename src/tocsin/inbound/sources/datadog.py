"""Datadog: its webhooks integration, best with the payload that we document; its default one is read too."""

from __future__ import annotations

import re

from tocsin.inbound.model import Action, Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources.payload import MAX_SEVERITY_CHARACTERS, Fields, facts, identity, one_line, read_object

KIND = "datadog"
NAME = "Datadog"

_EXPECTED = "the JSON of Datadog's webhooks integration (without `Encode as form`)"
_STARTED = {"triggered", "re-triggered", "no data", "re-no data"}
_WARNED = {"warn", "re-warn"}
_AGAIN = {"renotify", "re-notify"}
"""Still so: as bad as `alert_type` says."""
_RESOLVED = {"recovered"}
_TITLE = re.compile(
    r"(\[P\d\]\s*)?"
    r"\[(?P<transition>(re-)?(triggered|warn|no data|notify)|renotify|recovered)\b(?P<scope>[^\]]*)\]\s*"
    r"(?P<name>.*)",
    re.IGNORECASE | re.DOTALL,
)
_UNFILLED = re.compile(r"\$[A-Z_]+|null|none|n/a", re.IGNORECASE)
"""What Datadog leaves in place of a variable that has no value."""


def read(received: Received, settings: SourceSettings) -> list[Alert]:
    """One message is one alert. Its id is `$ALERT_CYCLE_KEY`, which is the same from trigger to recovery; with the
    default payload it is the title without its transition."""
    message = _filled(read_object(received, _EXPECTED))
    title = _TITLE.match(message.text("event_title", "alert_title", "title"))
    transition = message.line("alert_transition") or (title["transition"] if title else "")
    if not transition:
        raise Unreadable(
            f"Expected {_EXPECTED} with `alert_transition`, or a `title` that begins with it, e.g. [Triggered]. "
            "Paste the payload of docs/inbound/datadog.md into the webhook"
        )
    action = _action(transition.lower(), message.whole("alert_type").lower(), settings)
    return [_alert(message, title, transition, action)] if action else []


def _filled(message: Fields) -> Fields:
    """Without the variables that Datadog had no value for."""
    return Fields({name: text for name, text in message.texts().items() if not _UNFILLED.fullmatch(text.strip())})


def _action(transition: str, alert_type: str, settings: SourceSettings) -> Action | None:
    """What a transition means; None for what opens nothing and ends nothing."""
    if transition in _RESOLVED:
        return "resolved"
    warning = transition in _WARNED or (transition in _AGAIN and alert_type == "warning")
    if warning:  # an incident that is open stays so until Datadog says that all is well: a warning is not that
        return "started" if settings.alerting_rule == "alert_and_warn" else None
    if transition in _STARTED or transition in _AGAIN:
        return "started"
    raise Unreadable(
        f"Expected {_EXPECTED}: `alert_transition` must be Triggered, Re-Triggered, No Data, Re-No Data, Warn, "
        f"Re-Warn, Renotify or Recovered, not {transition[:50]!r}"
    )


def _alert(message: Fields, title: re.Match[str] | None, transition: str, action: Action) -> Alert:
    whole_name = title["name"] if title else message.text("alert_title", "event_title", "title")
    name = one_line(whole_name) or "Datadog monitor"
    monitor = message.whole("alert_id")
    scope = message.line("alert_scope") or (title["scope"].strip().removeprefix("on ") if title else "")
    return Alert(
        action=action,
        alert_id=identity(message.whole("alert_cycle_key"))
        or identity(message.whole("aggreg_key"))
        or (identity(monitor, scope) if monitor else None)
        or identity("title", whole_name, scope),
        title=name,
        cause=message.text("alert_status", "text", "body", "event_msg") or name,
        severity=message.line("alert_priority", "alert_type", limit=MAX_SEVERITY_CHARACTERS) or None,
        url=message.link("link", "alert_url", "url"),
        facts=facts(
            action,
            {
                "transition": transition,
                "monitor_id": message.line("alert_id"),
                "scope": scope,
                "metric": message.line("alert_metric"),
                "query": message.text("alert_query"),
                "host": message.line("hostname", "host"),
                "tags": message.text("tags"),
                "organisation": message.line("org_name"),
                "event_type": message.line("event_type"),
                "snapshot_url": message.link("snapshot"),
            },
        ),
    )
