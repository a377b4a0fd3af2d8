"""The rooms of incidents: the inbox, one incident with all that is known of it, and what can be done about it."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.incidents import comments, deeds, inbox, incident, postmortem, reporting


def routes(frame: Frame) -> list[Route]:
    """Everything under `/incidents`."""
    return [
        frame.get("/incidents", inbox.show),
        frame.post("/incidents/answers", inbox.answer),
        frame.get("/incidents/new", reporting.form),
        frame.post("/incidents/new", reporting.send),
        frame.get("/incidents/{id:int}", incident.show),
        frame.get("/incidents/{id:int}/screenshot", incident.screenshot),
        frame.get("/incidents/{id:int}/trace", incident.trace),
        frame.get("/incidents/{id:int}/pages.csv", incident.ledger),
        frame.post("/incidents/{id:int}/acknowledge", deeds.acknowledge),
        frame.post("/incidents/{id:int}/resolve", deeds.resolve),
        frame.post("/incidents/{id:int}/reopen", deeds.reopen),
        frame.post("/incidents/{id:int}/alert-next", deeds.alert_next),
        frame.post("/incidents/{id:int}/delete", deeds.delete),
        frame.get("/incidents/{id:int}/post-mortem", postmortem.show),
        frame.post("/incidents/{id:int}/post-mortem", postmortem.save),
        frame.post("/incidents/{id:int}/post-mortem/delete", postmortem.delete),
        frame.get("/incidents/{id:int}/post-mortem.md", postmortem.export),
        frame.get("/incidents/{id:int}/escalate", deeds.escalate_form),
        frame.post("/incidents/{id:int}/escalate", deeds.escalate),
        frame.get("/incidents/{id:int}/merge", deeds.merge_form),
        frame.post("/incidents/{id:int}/merge", deeds.merge),
        frame.post("/incidents/{id:int}/comments", comments.write),
        frame.get("/incidents/{id:int}/comments/{comment_id:int}", comments.form),
        frame.post("/incidents/{id:int}/comments/{comment_id:int}", comments.change),
        frame.post("/incidents/{id:int}/comments/{comment_id:int}/boxes", comments.tick),
        frame.post("/incidents/{id:int}/comments/{comment_id:int}/delete", comments.delete),
    ]
