"""The addresses of incidents, in version 3 and in version 2 (contract part 2, 1.1)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import msgspec

from tocsin.incidents import actions
from tocsin.incidents.api import inputs, reading
from tocsin.incidents.api.resources import COMING_PAGE, INCIDENT, INCIDENT_V2, TIMELINE_ITEM, Coming
from tocsin.incidents.model import Author, Incident, Shown, TimelineItem
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.metadata.actions import Resolver, read_facts
from tocsin.registry import Call, Operation, Page, PageSize, Route, Scope
from tocsin.storage import Tx

MAX_NAME_CHARACTERS = 255
"""Of the free names of people in acknowledged_by and its like."""


class StoredResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the failing server answered, whole: `body` is text, or Base64 when it is not UTF-8."""

    url: str
    status_code: int | None
    headers: list[tuple[str, str]]
    body: str
    body_encoding: Literal["text", "base64"]
    body_truncated: bool
    remote_ip: str | None


def _list(tx: Tx, call: Call, input: inputs.ListIncidents) -> Page[Shown]:
    wanted = msgspec.structs.replace(reading.wanted(input, call.team_ids, _caller(call)), reach=call.reach)
    found, total = actions.page(tx, wanted, page=input.page, per_page=input.per_page)
    shown = actions.show_all(tx, found, call.base_url)
    return Page(items=shown, total=total, page=input.page, per_page=input.per_page)


def _get(tx: Tx, call: Call, input: inputs.ById) -> Shown:
    return actions.show(tx, actions.find(tx, input.id, call.team_ids), call.base_url)


def _create(
    tx: Tx, call: Call, input: inputs.CreateIncident, references: Mapping[str, Resolver] | None = None
) -> Shown:
    assert call.team_id is not None
    opening = reading.opening(input, call.team_id, call.actor.name)
    facts = read_facts(tx, input.metadata or {}, call.team_id, references)
    author = _caller(call)
    if opening.requester_email is not None and call.actor.kind != "agent":
        author = actions.author_of(tx, call.team_id, opening.requester_email)
    incident = actions.report(
        tx,
        opening,
        description=input.description or None,
        facts=facts,
        author=author,
        base_url=call.base_url,
    )
    return actions.show(tx, incident, call.base_url)


def _acknowledge(tx: Tx, call: Call, input: inputs.Acknowledge) -> Shown:
    incident = actions.find(tx, input.id, call.team_ids)
    author = _author(tx, call, incident, "acknowledged_by", input.acknowledged_by)
    return actions.show(tx, actions.acknowledge(tx, incident.id, author, base_url=call.base_url), call.base_url)


def _resolve(tx: Tx, call: Call, input: inputs.Resolve) -> Shown:
    incident = actions.find(tx, input.id, call.team_ids)
    author = _author(tx, call, incident, "resolved_by", input.resolved_by)
    return actions.show(tx, actions.resolve(tx, incident.id, author, base_url=call.base_url), call.base_url)


def _reopen(tx: Tx, call: Call, input: inputs.Reopen) -> Shown:
    incident = actions.find(tx, input.id, call.team_ids)
    author = _author(tx, call, incident, "reopened_by", input.reopened_by)
    return actions.show(tx, actions.reopen(tx, incident.id, author, base_url=call.base_url), call.base_url)


def _escalate(tx: Tx, call: Call, input: inputs.Escalate) -> Shown:
    incident = actions.find(tx, input.id, call.team_ids)
    switches = {name: getattr(input, name) for name in ("call", "sms", "email", "push")}
    overrides = {name: on for name, on in switches.items() if isinstance(on, bool)}
    channels = actions.escalation_channels(incident.paging, **overrides)
    kind, id = reading.escalation_target(tx, input, incident, call.team_ids)
    more: dict[str, Any] = {"base_url": call.base_url, "critical": None}
    if isinstance(input.critical_alert, bool):
        more["critical"] = input.critical_alert
    caller = _caller(call)
    if kind == "Policy":
        incident = actions.escalate_to_policy(tx, incident.id, id, caller, **more)
    elif kind == "Organization":
        incident = actions.escalate_to_everybody(tx, incident.id, channels, caller, **more)
    else:
        escalate = {
            "User": actions.escalate_to_user,
            "Team": actions.escalate_to_team,
            "Schedule": actions.escalate_to_schedule,
        }[kind]
        incident = escalate(tx, incident.id, id, channels, caller, **more)
    return actions.show(tx, incident, call.base_url)


def _coming(tx: Tx, call: Call, input: inputs.ById) -> list[Coming]:
    incident = actions.find(tx, input.id, call.team_ids)
    return [
        Coming(incident_id=incident.id, number=number, page=page, now=tx.now)
        for number, page in enumerate(actions.coming(tx, incident), start=1)
    ]


def _alert_next(tx: Tx, call: Call, input: inputs.ById) -> Shown:
    incident = actions.find(tx, input.id, call.team_ids)
    return actions.show(tx, actions.alert_next(tx, incident.id, _caller(call)), call.base_url)


def _delete(tx: Tx, call: Call, input: inputs.ById) -> None:
    actions.delete(tx, actions.find(tx, input.id, call.team_ids).id)


def _timeline(tx: Tx, call: Call, input: inputs.ById) -> list[TimelineItem]:
    return actions.timeline(tx, actions.find(tx, input.id, call.team_ids), call.base_url)


def _screenshot(tx: Tx, call: Call, input: inputs.ById) -> bytes:
    found = actions.screenshot(tx, actions.find(tx, input.id, call.team_ids).id)
    if found is None:
        raise NotFound("incident_screenshot", input.id, f"No screenshot was stored for incident {input.id}")
    return found


def _trace(tx: Tx, call: Call, input: inputs.ById) -> bytes:
    found = actions.trace(tx, actions.find(tx, input.id, call.team_ids).id)
    if found is None:
        raise NotFound("incident_trace", input.id, f"No trace was stored for incident {input.id}")
    return found


def _response(tx: Tx, call: Call, input: inputs.ById) -> StoredResponse:
    found = actions.response(tx, actions.find(tx, input.id, call.team_ids).id)
    if found is None:
        raise NotFound("incident_response", input.id, f"No response was stored for incident {input.id}")
    try:
        body, encoding = found.body.decode(), "text"
    except UnicodeDecodeError:
        body, encoding = base64.b64encode(found.body).decode(), "base64"
    return StoredResponse(
        url=found.url,
        status_code=found.status_code,
        headers=found.headers,
        body=body,
        body_encoding="text" if encoding == "text" else "base64",
        body_truncated=found.body_truncated,
        remote_ip=found.remote_ip,
    )


def _caller(call: Call) -> Author:
    agent_id = call.actor.id if call.actor.kind == "agent" else None
    return Author(name=call.actor.name, user_id=call.actor.user_id, agent_id=agent_id)


def _author(tx: Tx, call: Call, incident: Incident, field: str, sent: str | msgspec.UnsetType | None) -> Author:
    """Who is said to have done it; the caller when nobody is named. An agent answers in nobody's name but its own."""
    if not sent or not sent.strip() or call.actor.kind == "agent":
        return _caller(call)
    if len(sent) > MAX_NAME_CHARACTERS:
        raise Invalid.of({field: [f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)"]})
    return actions.author_of(tx, incident.team_id, " ".join(sent.split()))


def _both(method: Literal["GET", "POST", "DELETE"], path: str = "") -> tuple[Route, ...]:
    """The same address in version 3 and in version 2, where metadata is flat."""
    return (
        Route(method, f"/api/v3/incidents{path}"),
        Route(method, f"/api/v2/incidents{path}", resource=INCIDENT_V2),
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="incidents.list",
        routes=_both("GET"),
        area="incidents",
        level="read",
        input=inputs.ListIncidents,
        handler=_list,
        doc="List incidents, the newest first.",
        deed="listed incidents",
        resource=INCIDENT,
        answer="list",
        scope=Scope.LIST,
        page_size=PageSize(default=10, maximum=50),
    ),
    Operation(
        name="incidents.create",
        routes=_both("POST"),
        area="incidents",
        level="write",
        input=inputs.CreateIncident,
        handler=_create,
        doc="Report an incident by hand and page the team.",
        deed="reported an incident",
        resource=INCIDENT,
        scope=Scope.CREATE,
        switch="page",
        event="incident.started",
    ),
    Operation(
        name="incidents.get",
        routes=_both("GET", "/{id}"),
        area="incidents",
        level="read",
        input=inputs.ById,
        handler=_get,
        doc="Get one incident, with what it is about.",
        deed="read an incident",
        resource=INCIDENT,
    ),
    Operation(
        name="incidents.acknowledge",
        routes=_both("POST", "/{id}/acknowledge"),
        area="incidents",
        level="write",
        input=inputs.Acknowledge,
        handler=_acknowledge,
        doc="Take an incident on, so that nobody else is paged.",
        deed="acknowledged an incident",
        resource=INCIDENT,
        switch="acknowledge",
        event="incident.acknowledged",
        conflicts=True,
    ),
    Operation(
        name="incidents.resolve",
        routes=_both("POST", "/{id}/resolve"),
        area="incidents",
        level="write",
        input=inputs.Resolve,
        handler=_resolve,
        doc="End an incident.",
        deed="resolved an incident",
        resource=INCIDENT,
        switch="resolve",
        event="incident.resolved",
        conflicts=True,
    ),
    Operation(
        name="incidents.reopen",
        routes=_both("POST", "/{id}/reopen"),
        area="incidents",
        level="write",
        input=inputs.Reopen,
        handler=_reopen,
        doc="Reopen an incident within 24 hours of its end and page people again.",
        deed="reopened an incident",
        resource=INCIDENT,
        switch="page",
        event="incident.reopened",
        conflicts=True,
    ),
    Operation(
        name="incidents.escalate",
        routes=_both("POST", "/{id}/escalate"),
        area="incidents",
        level="write",
        input=inputs.Escalate,
        handler=_escalate,
        doc="Page somebody else about an incident, now.",
        deed="escalated an incident",
        resource=INCIDENT,
        switch="page",
        event="incident.escalated",
        conflicts=True,
    ),
    Operation(
        name="incidents.coming_pages",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/coming-pages"),),
        area="incidents",
        level="read",
        input=inputs.ById,
        handler=_coming,
        doc="See who will be paged next, how and when, if nobody answers.",
        deed="looked at the coming pages of an incident",
        resource=COMING_PAGE,
        answer="all",
    ),
    Operation(
        name="incidents.alert_next",
        upstream="not_there",
        routes=(Route("POST", "/api/v3/incidents/{id}/alert-next"),),
        area="incidents",
        level="write",
        input=inputs.ById,
        handler=_alert_next,
        doc="Pass an incident on: whoever comes next in its escalation policy is alerted now.",
        deed="passed an incident on to whoever comes next",
        resource=INCIDENT,
        switch="page",
        event="incident.escalated",
        conflicts=True,
    ),
    Operation(
        name="incidents.delete",
        routes=_both("DELETE", "/{id}"),
        area="incidents",
        level="full",
        input=inputs.ById,
        handler=_delete,
        doc="Delete an incident for good.",
        deed="deleted an incident",
        resource=INCIDENT,
        answer="none",
        switch="delete",
        event="incident.deleted",
    ),
    Operation(
        name="incidents.timeline",
        routes=(
            Route("GET", "/api/v3/incidents/{id}/timeline"),
            Route("GET", "/api/v2/incidents/{id}/timeline"),
        ),
        area="incidents",
        level="read",
        input=inputs.ById,
        handler=_timeline,
        doc="Read an incident's story, the newest line first.",
        deed="read the timeline of an incident",
        resource=TIMELINE_ITEM,
        answer="all",
    ),
    Operation(
        name="incidents.response",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/response"),),
        area="incidents",
        level="read",
        input=inputs.ById,
        handler=_response,
        doc="Get what the failing server answered, whole.",
        deed="read the stored response of an incident",
        resource=INCIDENT,
        answer="flat",
        flat=StoredResponse,
    ),
    Operation(
        name="incidents.screenshot",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/screenshot"),),
        area="incidents",
        level="read",
        input=inputs.ById,
        handler=_screenshot,
        doc="Get the picture of what a failed browser check saw at its end.",
        deed="looked at the screenshot of an incident",
        resource=INCIDENT,
        answer="flat",
        media="image/png",
    ),
    Operation(
        name="incidents.trace",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/trace"),),
        area="incidents",
        level="read",
        input=inputs.ById,
        handler=_trace,
        doc="Get everything that a failed browser check did, for `playwright show-trace`.",
        deed="downloaded the trace of an incident",
        resource=INCIDENT,
        answer="flat",
        media="application/zip",
        filename="trace.zip",
    ),
)


def operations(references: Mapping[str, Resolver]) -> tuple[Operation, ...]:
    """The same, for who can look up what the facts of a new incident refer to (contract part 2, 7.1)."""
    create = partial(_create, references=references)
    return tuple(
        msgspec.structs.replace(each, handler=create) if each.handler is _create else each for each in OPERATIONS
    )
