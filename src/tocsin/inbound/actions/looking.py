"""What came lately and what would be done about it: the samples from which people build their rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tocsin.inbound.actions.integrations import find
from tocsin.inbound.actions.receiving import DEFAULT_CAUSE
from tocsin.inbound.model import (
    EMAIL,
    INCOMING_WEBHOOK,
    Alert,
    AlertState,
    Integration,
    Payload,
    Received,
    ReceivedMail,
    SourceSettings,
)
from tocsin.inbound.rules import joining
from tocsin.inbound.rules.matching import Judgement, judge
from tocsin.inbound.rules.reading import MailMessage, WebhookMessage
from tocsin.inbound.rules.settings import apply
from tocsin.inbound.sources import Unreadable, sources
from tocsin.inbound.store import alerts as alert_shelf
from tocsin.inbound.store import payloads as shelf
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Tx

ALERTS_KEPT = timedelta(days=90)
"""How long an alert that is over is kept, as the evidence of incidents is."""
MAX_ALERTS_KEPT = 200_000
"""Alerts in all: beyond the newest of them, those that are over are forgotten earlier."""
MAX_SHOWN = 100
"""Alerts of one message whose fate a dry run tells."""
MAX_PARAMETERS = 200


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A message to try: one that came (`payload_id`), or one written down by hand."""

    payload_id: int | None = None
    method: str = "POST"
    query_string: str = ""
    headers: dict[str, str] = {}
    body: str = ""
    from_email: str = ""
    subject: str = ""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of one alert."""

    action: str
    alert_id: str | None
    title: str
    cause: str
    severity: str | None
    url: str | None
    metadata: dict[str, str]
    group_key: str | None
    consequence: str
    """E.g. `would open an incident`."""
    incident_id: int | None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done about a message."""

    action: str | None
    matched_rules: tuple[str, ...]
    extracted_fields: dict[str, str | None]
    alerts: list[Fate]
    explanation: str


def payloads(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[Payload], int]:
    """One page of the newest messages of an integration, the newest first. Raises NotFound."""
    return shelf.page(tx, find(tx, id, team_ids).id, page=page, per_page=per_page)


def alerts_of(
    tx: Tx, incident_id: int, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[AlertState], int]:
    """One page of the alerts for which an incident stands, the oldest first. Raises NotFound."""
    incident = incidents.find(tx, incident_id, team_ids)
    return alert_shelf.page_of(tx, incident.id, page=page, per_page=per_page)


def dry_run(
    tx: Tx, id: int, team_ids: tuple[int, ...] | None, sample: Sample, rules: Mapping[str, Any] | None = None
) -> Trial:
    """What would be done about a message now. Writes nothing. Raises NotFound, Invalid.

    `rules`: wire names and values of rules and fields to try in the place of those that are set.
    """
    integration = find(tx, id, team_ids)
    if rules:
        settings, errors = apply(integration.settings, rules, integration.kind)
        if errors:
            raise Invalid.of(errors)
        integration = msgspec.structs.replace(integration, settings=settings)
    payload = None
    if sample.payload_id is not None:
        payload = shelf.find(tx, integration.id, sample.payload_id)
        if payload is None:
            raise Invalid.fields(payload_id="is not one of the kept messages: see its payloads")
    cut = (
        " Only its beginning was kept, so this may differ from what happened." if payload and payload.truncated else ""
    )
    if integration.kind is EMAIL or integration.kind is INCOMING_WEBHOOK:
        judgement = _judged(tx, integration, sample, payload)
        found = [] if judgement.alert is None else [judgement.alert]
        words, action = judgement.words, judgement.action
        matched, fields = judgement.matched, judgement.fields
    else:
        found, words = _read(integration, _received(tx, sample, payload))
        action, matched, fields = None, (), {}
    bounded = [joining.bounded(alert) for alert in found]
    return Trial(
        action=action,
        matched_rules=matched,
        extracted_fields=fields,
        alerts=[_fate(tx, integration, alert) for alert in bounded[:MAX_SHOWN]],
        explanation=(words or f"It holds {joining.say_count(len(found))}.") + cut,
    )


def prune(tx: Tx, *, at_most: int, at_most_kept: int = MAX_ALERTS_KEPT) -> int:
    """Forget a bounded number of alerts that were over long ago; returns how many.

    An alert whose sender fell silent long ago, or that is beyond the newest, is over as well when its incident is: a
    person ended it. Many senders never say that anything is over.
    """
    before = tx.now - ALERTS_KEPT
    silent = alert_shelf.silent_incident_ids(tx, before, at_most)
    for incident_id in {*silent, *alert_shelf.surplus_incident_ids(tx, at_most_kept, at_most)}:
        if not _open(tx, incident_id):
            alert_shelf.resolve_of(tx, incident_id)
    shelf.forget_confirmations(tx, at_most)
    return alert_shelf.prune(tx, before, at_most_kept, at_most)


def _judged(tx: Tx, integration: Integration, sample: Sample, payload: Payload | None) -> Judgement:
    if integration.kind is INCOMING_WEBHOOK:
        message = WebhookMessage(_received(tx, sample, payload))
        return judge(integration.settings, message, name=integration.name, default_cause=DEFAULT_CAUSE)
    mail = _mail(tx, sample, payload)
    cause = mail.subject or "An e-mail arrived"
    return judge(integration.settings, MailMessage(mail), name=integration.name, default_cause=cause)


def _read(integration: Integration, received: Received) -> tuple[list[Alert], str]:
    source = sources().get(integration.kind.name)
    if source is None:
        return [], f"{integration.kind.title} cannot be read here yet."
    try:
        return source.read(received, SourceSettings(alerting_rule=integration.settings.alerting_rule)), ""
    except Unreadable as error:
        return [], f"It would not be understood: {error.words}"


def _received(tx: Tx, sample: Sample, payload: Payload | None) -> Received:
    if payload is not None:
        headers = payload.headers
        return Received(
            method=payload.method, path=payload.path, query=payload.query, headers=headers, body=payload.body,
            content_type=media_type(headers), at=payload.at,
        )  # fmt: skip
    try:
        query = parse_qsl(sample.query_string.lstrip("?"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise Invalid.fields(query_string=f"has more than {MAX_PARAMETERS} parameters") from None
    headers = tuple((name.lower(), value) for name, value in sample.headers.items())
    return Received(
        method=sample.method.upper(), query=tuple(query), headers=headers, body=sample.body.encode("utf-8", "replace"),
        content_type=media_type(headers), at=tx.now,
    )  # fmt: skip


def _mail(tx: Tx, sample: Sample, payload: Payload | None) -> ReceivedMail:
    if payload is None:
        return ReceivedMail(
            sender=sample.from_email.lower(), recipient="", subject=sample.subject, text=sample.body, at=tx.now
        )
    envelope: dict[str, Any] = dict(payload.query)
    return ReceivedMail(
        sender=envelope.get("from", ""), recipient=envelope.get("to", ""), subject=envelope.get("subject", ""),
        text=payload.body.decode("utf-8", "replace"), headers=payload.headers, at=payload.at,
    )  # fmt: skip


def media_type(headers: tuple[tuple[str, str], ...]) -> str:
    """The media type alone, e.g. `application/json`."""
    sent = next((value for name, value in headers if name == "content-type"), "")
    return sent.partition(";")[0].strip().lower()


def _fate(tx: Tx, integration: Integration, alert: Alert) -> Fate:
    consequence, incident_id = _consequence(tx, integration, alert)
    return Fate(
        action=alert.action, alert_id=alert.alert_id, title=alert.title, cause=alert.cause, severity=alert.severity,
        url=alert.url, metadata=alert.facts, group_key=alert.group_key, consequence=consequence,
        incident_id=incident_id,
    )  # fmt: skip


def _consequence(tx: Tx, integration: Integration, alert: Alert) -> tuple[str, int | None]:
    """In words, as if it came now and alone; and the incident concerned, if it is open already."""
    known = alert_shelf.open_by_keys(tx, integration.id, [joining.key_of(alert)]).get(joining.key_of(alert))
    standing = None if known is None or not _open(tx, known.incident_id) else known
    if alert.action != "started":
        several = alert_shelf.open_anonymous(tx, integration.id, 1) if alert.alert_id is None else []
        concerned = standing or (several[0] if several else None)
        if concerned is None:
            return "would do nothing: no such alert is open", None
        return f"would count as {alert.action}", concerned.incident_id
    if standing is not None:
        return "would be counted as said again", standing.incident_id
    if integration.paused:
        return "would open nothing: the integration is paused", None
    group = alert_shelf.newest_in_group(tx, integration.id, alert.group_key) if alert.group_key else None
    if group is not None and group.incident_id is not None and _open(tx, group.incident_id):
        began = incidents.find(tx, group.incident_id).started_at
        if joining.joinable(joining.Candidate(group.incident_id, began, True), tx.now):
            return "would join the open incident of its group", group.incident_id
    since = tx.now - joining.STORM_WINDOW
    if alert_shelf.count_ungrouped(tx, integration.id, since, joining.STORM_AFTER) >= joining.STORM_AFTER:
        return "would be listed in the incident of the present storm of alerts", None
    return "would open an incident", None


def _open(tx: Tx, incident_id: int | None) -> bool:
    if incident_id is None:
        return False
    try:
        return incidents.find(tx, incident_id).open
    except NotFound:
        return False
