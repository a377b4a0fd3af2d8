"""What an incident, a comment and a line of the timeline look like in an answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from tocsin.escalation.model import Page
from tocsin.incidents.model import Comment, Shown, TimelineItem
from tocsin.incidents.rules import say_duration
from tocsin.kernel.clock import to_wire
from tocsin.metadata.rules import plain, typed
from tocsin.registry import Resource

_BY = {"email": "e-mail", "sms": "text message", "call": "phone call", "push": "push notification"}


class IncidentAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as version 3 shows it (contract part 2, 1.3)."""

    name: str
    url: str | None
    http_method: str | None
    cause: str
    incident_group_id: int | None
    started_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    acknowledged_by_agent_id: int | msgspec.UnsetType = msgspec.UNSET
    """Ours, and there only while an agent has it and no person."""
    confirm_by: str | msgspec.UnsetType = msgspec.UNSET
    """Ours: until when a person must confirm what the agent said; there only while somebody must."""
    resolved_at: str | None
    resolved_by: str | None
    reopened_at: str | None
    reopened_by: str | None
    status: str
    team_name: str
    response_content: str | None
    response_options: str | None
    regions: list[str] | None
    response_url: str | None
    screenshot_url: str | None
    trace_url: str | msgspec.UnsetType = msgspec.UNSET
    """Ours, and there only when there is a trace."""
    origin_url: str | None
    escalation_policy_id: str | None
    ssl_certificate_expires_at: str | None
    domain_expires_at: str | None
    call: bool
    sms: bool
    email: bool
    push: bool
    critical_alert: bool
    metadata: dict[str, list[dict[str, Any]]]


class IncidentAttributesV2(IncidentAttributes, frozen=True, kw_only=True):
    """An incident as version 2 shows it: metadata as plain texts."""

    metadata: dict[str, str]  # type: ignore[assignment]


class CommentAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A comment (contract part 2, 1.8): the author's keys are there only when a person wrote it."""

    id: int
    content: str
    user_id: int | msgspec.UnsetType = msgspec.UNSET
    user_email: str | msgspec.UnsetType = msgspec.UNSET
    created_at: str
    updated_at: str


class TimelineAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the timeline (contract part 2, 1.9)."""

    item_type: str
    at: str
    data: dict[str, Any]


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A page to come, as seen at an instant."""

    incident_id: int
    number: int
    page: Page
    now: datetime


class ComingPageAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A page that will be sent if nobody answers, to whomever it would go as things stand."""

    at: str
    seconds_left: int
    channel: str
    recipient: str
    address: str
    user_id: int | None
    target_id: int | None
    policy_id: int | None
    policy_name: str | None
    repetition: int
    step: int
    summary: str
    """E.g. `Bob Builder by phone call in 4 min`."""


def _name(shown: Shown) -> str:
    return shown.incident.name or shown.incident.cause


def _render(shown: Shown) -> IncidentAttributes:
    facts = {key: [typed(value) for value in values] for key, values in shown.metadata.items()}
    return IncidentAttributes(**_shared(shown), metadata=facts)


def _render_v2(shown: Shown) -> IncidentAttributesV2:
    flat = {key: plain(values) for key, values in shown.metadata.items()}
    return IncidentAttributesV2(**_shared(shown), metadata=flat)


def _shared(shown: Shown) -> dict[str, Any]:
    incident = shown.incident
    paging = incident.paging
    response_url = f"{shown.base_url}/api/v3/incidents/{incident.id}/response" if incident.has_response else None
    return {
        "name": incident.name,
        "url": incident.url,
        "http_method": incident.http_method,
        "cause": incident.cause,
        "incident_group_id": incident.incident_group_id,
        "started_at": to_wire(incident.started_at),
        "acknowledged_at": _when(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by,
        "acknowledged_by_agent_id": msgspec.UNSET
        if incident.acknowledged_by_agent_id is None
        else incident.acknowledged_by_agent_id,
        "confirm_by": msgspec.UNSET if incident.confirm_by is None else to_wire(incident.confirm_by),
        "resolved_at": _when(incident.resolved_at),
        "resolved_by": incident.resolved_by,
        "reopened_at": _when(incident.reopened_at),
        "reopened_by": incident.reopened_by,
        "status": str(incident.status),
        "team_name": shown.team_name,
        "response_content": incident.response_content,
        "response_options": incident.response_options,
        "regions": incident.regions,
        "response_url": response_url,
        "screenshot_url": f"{shown.base_url}/api/v3/incidents/{incident.id}/screenshot"
        if incident.has_screenshot
        else None,
        "trace_url": f"{shown.base_url}/api/v3/incidents/{incident.id}/trace" if incident.has_trace else msgspec.UNSET,
        "origin_url": incident.origin_url,
        "escalation_policy_id": None if paging.policy_id is None else str(paging.policy_id),
        "ssl_certificate_expires_at": _when(incident.ssl_certificate_expires_at),
        "domain_expires_at": _when(incident.domain_expires_at),
        "call": paging.call,
        "sms": paging.sms,
        "email": paging.email,
        "push": paging.push,
        "critical_alert": paging.critical_alert,
    }


def _relationships(shown: Shown) -> dict[str, Any]:
    incident = shown.incident
    related: dict[str, Any] = {}
    if incident.owner_type is not None and incident.owner_id is not None:
        related[incident.owner_type] = {"data": {"id": str(incident.owner_id), "type": incident.owner_type}}
    if shown.cause_id is not None:
        related["cause"] = {"data": {"id": str(shown.cause_id), "type": "incident"}}
    return related


def _included(shown: Shown) -> list[tuple[str, int]]:
    incident = shown.incident
    if incident.owner_type is None or incident.owner_id is None:
        return []
    return [(f"{incident.owner_type}s.get", incident.owner_id)]


def _render_comment(comment: Comment) -> CommentAttributes:
    return CommentAttributes(
        id=comment.id,
        content=comment.content,
        user_id=msgspec.UNSET if comment.user_id is None else comment.user_id,
        user_email=msgspec.UNSET if comment.user_email is None else comment.user_email,
        created_at=to_wire(comment.created_at),
        updated_at=to_wire(comment.updated_at),
    )


def _render_item(item: TimelineItem) -> TimelineAttributes:
    return TimelineAttributes(item_type=item.item_type, at=to_wire(item.at), data=item.data)


def _render_coming(coming: Coming) -> ComingPageAttributes:
    page = coming.page
    left = max(0, round((page.at - coming.now).total_seconds()))
    return ComingPageAttributes(
        at=to_wire(page.at),
        seconds_left=left,
        channel=page.channel,
        recipient=page.recipient,
        address=page.address,
        user_id=page.user_id or None,
        target_id=page.target_id or None,
        policy_id=page.policy_id,
        policy_name=page.policy_name,
        repetition=page.round,
        step=page.step + 1,
        summary=f"{page.recipient or page.address} by {_BY.get(page.channel, page.channel)} {_say_left(left)}",
    )


def _say_left(seconds: int) -> str:
    if seconds < 1:
        return "now"
    return f"in {seconds} s" if seconds < 90 else f"in {say_duration(timedelta(seconds=seconds))}"


def _when(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)


INCIDENT = Resource(
    type="incident",
    attributes=IncidentAttributes,
    render=_render,
    name_of=_name,
    relationships=_relationships,
    included=_included,
    doc="An outage or another thing that needs somebody: what, since when, who has taken it on, and how it ended.",
)
INCIDENT_V2 = Resource(
    type="incident",
    attributes=IncidentAttributesV2,
    render=_render_v2,
    name_of=_name,
    relationships=_relationships,
    included=_included,
    doc="An incident as version 2 of the API shows it: metadata as plain texts.",
)
COMING_PAGE = Resource(
    type="coming_page",
    reaches=("address",),
    attributes=ComingPageAttributes,
    render=_render_coming,
    id_of=lambda coming: f"{coming.incident_id}-{coming.number}",
    doc="A page that will be sent if nobody answers: who, how and when.",
)
COMMENT = Resource(
    type="incident_comment",
    attributes=CommentAttributes,
    render=_render_comment,
    doc="What somebody wrote about an incident, in Markdown.",
)
TIMELINE_ITEM = Resource(
    type="timeline_item",
    attributes=TimelineAttributes,
    render=_render_item,
    doc="One line of an incident's story: a change, a message that was sent, a comment, the failing answer.",
)
