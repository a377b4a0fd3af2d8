"""The addresses of groups: which incidents have one cause, and merging them by hand. Ours, beyond the contract."""

from __future__ import annotations

from tocsin.incidents import actions
from tocsin.incidents.api.inputs import ListChildren, Merge
from tocsin.incidents.api.resources import INCIDENT
from tocsin.incidents.model import Author, Shown
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Page, PageSize, Route
from tocsin.storage import Tx

MAX_MERGED = 100
"""Incidents merged in one call."""


def _children(tx: Tx, call: Call, input: ListChildren) -> Page[Shown]:
    incident = actions.find(tx, input.id, call.team_ids)
    found, total = actions.children(tx, incident, page=input.page, per_page=input.per_page)
    shown = actions.show_all(tx, found, call.base_url)
    return Page(items=shown, total=total, page=input.page, per_page=input.per_page)


def _merge(tx: Tx, call: Call, input: Merge) -> Shown:
    incident = actions.find(tx, input.id, call.team_ids)
    ids = list(dict.fromkeys(input.incident_ids))
    if not 1 <= len(ids) <= MAX_MERGED:
        raise Invalid.fields(incident_ids=f"must name 1 to {MAX_MERGED} incidents")
    children = [actions.find(tx, id, call.team_ids) for id in ids]
    author = Author(name=call.actor.name, user_id=call.actor.user_id)
    return actions.show(tx, actions.merge(tx, incident.id, children, author), call.base_url)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="incidents.children",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/children"),),
        area="incidents",
        level="read",
        input=ListChildren,
        handler=_children,
        doc="List the incidents whose cause this one is, the newest first.",
        deed="listed the children of an incident",
        resource=INCIDENT,
        answer="list",
        page_size=PageSize(default=10, maximum=50),
    ),
    Operation(
        name="incidents.merge",
        upstream="not_there",
        routes=(Route("POST", "/api/v3/incidents/{id}/merge"),),
        area="incidents",
        level="write",
        input=Merge,
        handler=_merge,
        doc="Merge other open incidents into this one, so that people are paged about this one alone.",
        deed="merged incidents",
        resource=INCIDENT,
        switch="acknowledge",
        acts=lambda _: frozenset(),
        acts_at_least=frozenset({"acknowledge", "resolve"}),  # nobody is asked to confirm it, as one acknowledgement is
        event="incident.grouped",
        conflicts=True,
    ),
)
