"""Tells an incident's story from all its sources: what changed, who was told, what was written and what was seen."""

from __future__ import annotations

from typing import Any

from tocsin.escalation import actions as escalation
from tocsin.incidents import store
from tocsin.incidents.actions.telling import incident_url
from tocsin.incidents.model import Change, Comment, Incident, Response, TimelineItem
from tocsin.incidents.rules import readable, say_duration
from tocsin.notify import actions as notify
from tocsin.notify.channels import keeps_ringing
from tocsin.notify.model import Breach, DeliveryEvent, Kind
from tocsin.notify.rules import ACCEPTED_WITHIN, sentence
from tocsin.storage import Tx

MAX_ITEMS = 500
"""Lines shown; the older ones are counted in one line, as the contract does (part 2, 1.9)."""
MAX_RESPONSE_CHARACTERS = 5_000
"""Of the page response shown in the story; the whole of it is at `response_url`."""

PAYLOAD = "payload"
"""The act, and the wire's type, of a line that shows a message as it came."""
_BY = {
    "email": "E-mail",
    "call": "Call",
    "sms": "SMS",
    "push": "Push notification",
    "microsoft_teams": "Microsoft Teams",
    "pagerduty": "PagerDuty",
    "splunk_on_call": "Splunk On-Call",
}
_STATE = {"acknowledged": "answered", "undelivered": "did not arrive"}
"""States whose word would say something else beside the name of a channel."""
_UNTOLD_STATES = frozenset({"sending"})
"""Steps of a delivery that say nothing to people."""
_CALLED_OFF = {"sent": "ended", "failed": "not ended yet", "given_up": "not ended"}
"""The same of what was to end; before something has become of that, there is nothing to say."""


def timeline(tx: Tx, incident: Incident, base_url: str) -> list[TimelineItem]:
    """The whole story, the newest first (contract part 2, 1.9)."""
    link = [incident_url(incident, base_url)]
    ranked = [(change.id, _change(change, link)) for change in store.changes(tx, incident.id, MAX_ITEMS)]
    ranked += [
        (note.id, _generic(f"paging-{note.id}", note.at, note.title, note.content, link))
        for note in escalation.notes(tx, incident.id)
    ]
    ranked += [
        (number, _delivery(f"delivery-{event.delivery_id}-{number}", event, link))
        for number, event in enumerate(notify.log(tx, incident.id))
        if event.state not in _UNTOLD_STATES and (event.kind != Kind.CALL_OFF or event.state in _CALLED_OFF)
    ]
    late = notify.breach(tx, incident.id)
    if late is not None:
        ranked.append((late.incident_id, _late(late, link)))
    ranked += [(comment.id, _comment(comment)) for comment in store.comments(tx, incident.id, MAX_ITEMS)]
    response = store.response_of(tx, incident.id)
    if response is not None:
        ranked.append((0, _response(incident, response)))
    ranked.sort(key=lambda entry: (entry[1].at, _rank(entry[1]), entry[0]), reverse=True)
    items = [item for _, item in ranked]
    if len(items) <= MAX_ITEMS:
        return items
    left_out = len(items) - MAX_ITEMS
    last = items[MAX_ITEMS]
    title = f"Skipping {left_out} timeline events"
    return [
        *items[:MAX_ITEMS],
        TimelineItem(id=f"{incident.id}-truncated", item_type="timeline_truncated", at=last.at, data={"title": title}),
    ]


def note(tx: Tx, incident_id: int, title: str, content: str) -> None:
    """Add a line to the story that changes nothing, e.g. that an alert stands for more than one by now."""
    store.tell(tx, incident_id, "note", title, content)


def show_payload(tx: Tx, incident_id: int, title: str, content: str) -> None:
    """Add the message that opened it to the story, as it came (the contract's `payload`)."""
    store.tell(tx, incident_id, PAYLOAD, title, content)


def _rank(item: TimelineItem) -> int:
    """The order within one instant: first what happened, then its evidence, then who was told."""
    return {"change": 0, "comment": 1, "paging": 3, "delivery": 4}.get(item.id.split("-")[0], 2)


def _change(change: Change, links: list[str]) -> TimelineItem:
    if change.act == PAYLOAD:
        data = {"title": change.title, "content": change.content}
        return TimelineItem(id=f"change-{change.id}", item_type=PAYLOAD, at=change.at, data=data)
    return _generic(f"change-{change.id}", change.at, change.title, change.content, links)


def _generic(id: str, at: Any, title: str, content: str, links: list[str]) -> TimelineItem:
    return TimelineItem(id=id, item_type="generic", at=at, data={"title": title, "content": content, "links": links})


def _comment(comment: Comment) -> TimelineItem:
    user = {"id": comment.user_id, "name": comment.author_name}
    content = {"text": comment.content, "user": user}
    return TimelineItem(
        id=f"comment-{comment.id}",
        item_type="comment",
        at=comment.created_at,
        data={"title": None, "content": content, "attachments": []},
    )


def _response(incident: Incident, response: Response) -> TimelineItem:
    lines = []
    if response.status_code is not None:
        lines.append(f"HTTP status {response.status_code} from {response.url}")
    lines += [f"{name}: {value}" for name, value in response.headers]
    text = readable(response.body)
    if len(text) > MAX_RESPONSE_CHARACTERS:
        text = text[:MAX_RESPONSE_CHARACTERS] + "\n… (shortened)"
    content = "\n".join(lines) + ("\n\n" + text if text else "")
    return TimelineItem(
        id=f"{incident.id}-content-response",
        item_type="response_item",
        at=response.at,
        data={"title": "Page response", "content": content},
    )


def _late(breach: Breach, links: list[str]) -> TimelineItem:
    minutes = int(ACCEPTED_WITHIN.total_seconds() // 60)
    said = f"No provider had accepted a page {minutes} minutes after the first one was due. {breach.why}."
    if breach.accepted_at is not None:
        said += f" The first one was accepted {say_duration(breach.accepted_at - breach.started_at)} late."
    return _generic(f"late-{breach.incident_id}", breach.recorded_at, "Nobody was alerted in time", said, links)


def _delivery(id: str, event: DeliveryEvent, links: list[str]) -> TimelineItem:
    by = _BY.get(event.channel, event.channel.capitalize())
    if event.kind == Kind.CALL_OFF and keeps_ringing(event.channel):
        by = f"{by} repetition"
    words = _CALLED_OFF if event.kind == Kind.CALL_OFF else _STATE
    state = words.get(event.state, event.state.replace("_", " "))
    data = {
        "title": f"{by} {state}",
        "content": f"{sentence(event).rstrip('.')}.",
        "links": links,
    }
    return TimelineItem(id=id, item_type="generic_card", at=event.at, data=data)
