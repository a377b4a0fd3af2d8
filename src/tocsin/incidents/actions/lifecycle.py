"""What checks do to incidents: open them, become sure of them, take them back, and end them when all is well."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.escalation import actions as escalation
from tocsin.incidents import rules, store
from tocsin.incidents.actions import facts, grouping
from tocsin.incidents.actions.reading import find
from tocsin.incidents.actions.recording import record
from tocsin.incidents.actions.telling import tell_resolved
from tocsin.incidents.model import Act, Evidence, Incident, IncidentStatus, Kind, Opening, Response
from tocsin.incidents.store import groups
from tocsin.kernel.clock import EPOCH
from tocsin.kernel.errors import Conflict
from tocsin.metadata.model import Metadata, Value
from tocsin.storage import Tx

MAX_HEADERS = 100
"""Response headers kept per incident: a hostile server may send thousands."""
MAX_HEADER_CHARACTERS = 2_000
"""Of one header's value."""
MAX_DEPENDENCIES = 200
"""Things that one owner leans on, with all that those lean on."""
MAX_DESCRIPTION_CHARACTERS = 10_000
"""Of what another system says about its alert."""
UNANSWERED: dict[str, Any] = {
    "acknowledged_at": None,
    "acknowledged_by": None,
    "acknowledged_by_agent_id": None,
    "confirm_by": None,
}
"""What is set when an answer does not count any more."""
_CHANGED = "Incident was changed by somebody else just now, look again"


def open(tx: Tx, opening: Opening, base_url: str) -> Incident:
    """Open an incident; a confirmed one begins to page in this transaction, an unconfirmed one tells nobody.

    When the owner has an open incident of this kind already (an alert: with this alert id), that one is returned (and
    confirmed, if this is sure). One that was reopened or acknowledged before it failed anew pages again: an old answer
    never silences a new outage. Only a repeated alert does not: its sender says the same thing again and again.
    """
    if opening.owner_type is not None and opening.owner_id is not None:
        existing = store.current(tx, opening.owner_type, opening.owner_id, opening.kind, opening.alert_id)
        if existing is not None:
            if opening.confirmed and existing.status is IncidentStatus.UNCONFIRMED:
                return confirm(
                    tx,
                    existing.id,
                    cause=opening.cause,
                    evidence=opening.evidence,
                    base_url=base_url,
                    timings=opening.timings,
                )
            if opening.confirmed and opening.kind == Kind.ALERT and existing.lapses_at is not None:
                store.change(tx, existing, lapses_at=None)  # it goes on after all
            fails_anew = opening.confirmed and opening.kind != Kind.ALERT
            return _relapse(tx, existing, opening.cause, base_url) if fails_anew else existing
    response = _response(opening.evidence, opening.timings)
    id = _insert(tx, opening, _short_evidence(response, opening.timings, opening.owner_type is not None))
    _keep(tx, id, response)
    groups.add_dependencies(tx, id, opening.depends_on[:MAX_DEPENDENCIES])
    given = {_text(key): [Value(value=_text(value))] for key, value in opening.metadata.items()}
    facts.attach(tx, id, opening, _automatic_facts(response, opening.timings) | given)
    if opening.description:
        store.tell(tx, id, "describe", "Description", _text(opening.description)[:MAX_DESCRIPTION_CHARACTERS])
    if opening.confirmed:
        store.tell(tx, id, "open", "Incident started", f"{_text(opening.name)}: {_text(opening.cause)}.")
        return _begin(tx, id, base_url)
    store.tell(tx, id, "open", "Failure noticed", f"{_text(opening.cause)}. Waiting to be sure before anybody is told.")
    return find(tx, id)


def confirm(
    tx: Tx,
    incident_id: int,
    *,
    cause: str | None,
    evidence: Any,
    base_url: str,
    timings: dict[str, float | None] | None = None,
) -> Incident:
    """The failure has lasted: an unconfirmed incident becomes Started and paging begins.

    One that was reopened or acknowledged before it failed anew pages again; any other stays as it is.
    """
    incident = find(tx, incident_id)
    if not _apply(tx, incident, Act.CONFIRM, confirmed_at=tx.now, **({"cause": _text(cause)} if cause else {})):
        return _relapse(tx, incident, cause, base_url)
    if evidence is not None:
        response = _response(evidence, timings or {})
        store.change(tx, find(tx, incident_id), **_short_evidence(response, timings or {}, True))
        store.drop_response(tx, incident_id)
        _keep(tx, incident_id, response)
        facts.replace(tx, incident_id, incident.team_id, _automatic_facts(response, timings or {}))
    store.tell(tx, incident_id, Act.CONFIRM, "Incident started", f"{_text(cause or incident.cause)}, confirmed.")
    return _begin(tx, incident_id, base_url)


def withdraw(tx: Tx, incident_id: int) -> Incident:
    """It was nothing: an unconfirmed incident ends silently, is in no list and counts as no downtime."""
    incident = find(tx, incident_id)
    if _apply(tx, incident, Act.WITHDRAW, resolved_at=tx.now, withdrawn=True):
        store.tell(tx, incident_id, Act.WITHDRAW, "Withdrawn", "It recovered before it was confirmed; nobody was told.")
        grouping.relieved(tx, incident)
    return find(tx, incident_id)


def validating(tx: Tx, incident_id: int, *, base_url: str = "") -> Incident:
    """It looks well again, and must stay so for a while."""
    incident = find(tx, incident_id)
    if _apply(tx, incident, Act.VALIDATE):
        store.tell(
            tx, incident_id, Act.VALIDATE, "Validating", "It looks well again; waiting to be sure that it stays so."
        )
        grouping.well_for_now(tx, incident, base_url)
    return find(tx, incident_id)


def failing_again(tx: Tx, incident_id: int, *, base_url: str = "") -> Incident:
    """It did not stay well: back to where it was before."""
    incident = find(tx, incident_id)
    if _apply(tx, incident, Act.FAIL_AGAIN):
        store.tell(tx, incident_id, Act.FAIL_AGAIN, "Failing again", "It failed again before it had recovered.")
        grouping.failing_again(tx, find(tx, incident_id), base_url)
    return find(tx, incident_id)


def goes_on(tx: Tx, incident: Incident) -> None:
    """It still fails: one that somebody reopened meanwhile is no longer waited for to end by itself."""
    if incident.lapses_at is not None:
        store.change(tx, incident, lapses_at=None)


def seen_to_fail(tx: Tx, incident: Incident, cause: str, base_url: str) -> None:
    """It was opened because nobody could see anything (`UNSEEN`); now it can be seen, and it does fail.

    Whoever has acknowledged that has answered something else: people are alerted of the outage.
    """
    if not store.change(tx, incident, cause=_text(cause)):
        return
    store.tell(tx, incident.id, "see", "Seen to fail", f"It can be checked again: {_text(cause)}.")
    if incident.acknowledged and _apply(tx, find(tx, incident.id), Act.RELAPSE, **UNANSWERED, lapses_at=None):
        _alert_anew(tx, incident.id, "it is seen to fail, so everybody is alerted from the start", base_url)


def recover(tx: Tx, incident_id: int, *, why: str, base_url: str) -> Incident:
    """It is well again: ends the incident by itself (`resolved_by` stays null) and tells those who were paged."""
    incident = find(tx, incident_id)
    withdrawn = incident.status is IncidentStatus.UNCONFIRMED
    if withdrawn:
        return withdraw(tx, incident_id)
    if not _apply(tx, incident, Act.RECOVER, resolved_at=tx.now):
        return incident
    return end(tx, incident_id, why=why, author=None, base_url=base_url)


def end(tx: Tx, incident_id: int, *, why: str, author: str | None, base_url: str) -> Incident:
    """What follows from an end, whoever brought it about: paging stops, those who were paged are told."""
    incident = find(tx, incident_id)
    escalation.stop(tx, incident_id, f"{author} resolved the incident" if author else "the incident was resolved")
    store.tell(tx, incident_id, Act.RESOLVE, "Incident resolved", why, author)
    tell_resolved(tx, incident, why, base_url)
    record(tx, "incident.resolved", incident)
    if incident.lapses_at is not None or incident.confirm_by is not None:
        store.change(tx, incident, lapses_at=None, confirm_by=None)
    grouping.relieved(tx, incident)
    grouping.pass_on(tx, incident, base_url)
    return find(tx, incident_id)


def change(tx: Tx, incident: Incident, outcome: rules.Outcome, **values: Any) -> bool:
    """Carry out what the rules decided: True when the incident changed, False when there was nothing to do.

    Raises Conflict when the rules refuse, and when somebody else was faster.
    """
    if isinstance(outcome, rules.Refusal):
        raise Conflict(outcome.message)
    if isinstance(outcome, rules.Ignored):
        return False
    if not store.change(tx, incident, status=outcome.status, **values):
        raise Conflict(_CHANGED)
    return True


def _apply(tx: Tx, incident: Incident, act: Act, **values: Any) -> bool:
    return change(tx, incident, rules.decide(incident.status, incident.acknowledged, act), **values)


def _begin(tx: Tx, incident_id: int, base_url: str) -> Incident:
    incident = grouping.begin(tx, find(tx, incident_id), base_url)
    record(tx, "incident.started", incident, policy_id=incident.paging.policy_id)
    return incident


def _relapse(tx: Tx, incident: Incident, cause: str | None, base_url: str) -> Incident:
    """A new outage meets an incident that somebody kept open: whoever had answered answered the old one."""
    if not incident.acknowledged and incident.reopened_at is None:
        return incident  # said twice: people are being paged about this very outage
    news = _text(cause or incident.cause)
    if not _apply(tx, incident, Act.RELAPSE, cause=news, **UNANSWERED, lapses_at=None):
        return incident
    store.tell(tx, incident.id, Act.RELAPSE, "Failing anew", f"{news}. It had been well; people are alerted again.")
    return _alert_anew(tx, incident.id, "it failed anew, so everybody is alerted from the start", base_url)


def _alert_anew(tx: Tx, incident_id: int, reason: str, base_url: str) -> Incident:
    escalation.stop(tx, incident_id, reason)
    incident = grouping.begin(tx, find(tx, incident_id), base_url, reopened=True)
    record(tx, "incident.started", incident, policy_id=incident.paging.policy_id)
    return incident


def _insert(tx: Tx, opening: Opening, evidence: dict[str, Any]) -> int:
    return store.add(
        tx,
        team_id=opening.team_id,
        owner_type=opening.owner_type,
        owner_id=opening.owner_id,
        kind=opening.kind,
        alert_id=None if opening.alert_id is None else _text(opening.alert_id),
        name=_text(opening.name),
        url=None if opening.url is None else _text(opening.url),
        http_method=opening.http_method.lower() if opening.http_method else None,
        cause=_text(opening.cause),
        status=IncidentStatus.STARTED if opening.confirmed else IncidentStatus.UNCONFIRMED,
        started_at=opening.started_at or tx.now,
        confirmed_at=tx.now if opening.confirmed else None,
        regions=opening.regions,
        origin_url=opening.origin_url,
        requester_email=opening.requester_email,
        paging=opening.paging,
        ssl_certificate_expires_at=opening.ssl_certificate_expires_at,
        domain_expires_at=opening.domain_expires_at,
        **evidence,
    )


def _response(evidence: Evidence | None, timings: dict[str, float | None]) -> Response | None:
    """The failing answer as it is stored, the incident's id and the instant still to come; None without an answer."""
    if evidence is None:
        return None
    seen = evidence.screenshot or evidence.trace
    if not (evidence.body or evidence.headers or evidence.status_code is not None or seen):
        return None
    return Response(
        incident_id=0,
        url=_text(evidence.url),
        status_code=evidence.status_code,
        headers=[(_text(name), _text(value)[:MAX_HEADER_CHARACTERS]) for name, value in evidence.headers[:MAX_HEADERS]],
        body=evidence.body,
        body_truncated=evidence.body_truncated,
        remote_ip=evidence.remote_ip,
        timings=timings,
        at=EPOCH,
        screenshot=evidence.screenshot,
        trace=evidence.trace,
    )


def _short_evidence(response: Response | None, timings: dict[str, float | None], watched: bool) -> dict[str, Any]:
    """The columns of the incident itself that show the answer; `watched`: a check, not a person, found the failure."""
    options: dict[str, Any] = {}
    if response is not None:
        options = {"status_code": response.status_code, "headers": dict(response.headers)}
        options["remote_ip"] = response.remote_ip
    options["timings"] = {phase: seconds for phase, seconds in timings.items() if seconds is not None}
    known = {name: value for name, value in options.items() if value}
    return {
        "has_response": response is not None,
        "has_screenshot": response is not None and response.screenshot is not None,
        "has_trace": response is not None and response.trace is not None,
        "response_content": None if response is None else rules.short_text(response.body),
        "response_options": msgspec.json.encode(known).decode() if watched else None,
    }


def _keep(tx: Tx, incident_id: int, response: Response | None) -> None:
    if response is not None:
        store.add_response(tx, msgspec.structs.replace(response, incident_id=incident_id, at=tx.now))


def _automatic_facts(response: Response | None, timings: dict[str, float | None]) -> Metadata:
    """What everybody asks first, as metadata (contract part 2, 1.3)."""
    found: Metadata = {}
    if response is not None and response.status_code is not None:
        found["Response code"] = [Value(value=str(response.status_code))]
    total = timings.get("total")
    if total is not None:
        found["Request duration"] = [Value(value=f"{total:.6f}")]
    return found


def _text(text: str) -> str:
    """Text that both databases can hold: a server may send NUL, and broken bytes that no encoder takes."""
    return text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()
