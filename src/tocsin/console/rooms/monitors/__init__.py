"""The monitors of a team: a list that is searched as you type, one at a glance, forms drawn from each type."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.monitors import forms, glance, grouping, importing, listing


def routes(frame: Frame) -> list[Route]:
    """`/monitors…`."""
    return [
        frame.get("/monitors", listing.show),
        frame.post("/monitors/bulk", listing.bulk),
        frame.get("/monitors/new", forms.new),
        frame.post("/monitors/new", forms.create),
        frame.get("/monitors/import", importing.show),
        frame.post("/monitors/import", importing.work),
        frame.get("/monitors/groups", grouping.show),
        frame.post("/monitors/groups", grouping.create),
        frame.get("/monitors/groups/{id:int}", grouping.edit),
        frame.post("/monitors/groups/{id:int}", grouping.save),
        frame.post("/monitors/groups/{id:int}/delete", grouping.delete),
        frame.get("/monitors/{id:int}", glance.show),
        frame.get("/monitors/{id:int}/edit", forms.edit),
        frame.post("/monitors/{id:int}/edit", forms.save),
        frame.post("/monitors/{id:int}/pause", glance.pause),
        frame.post("/monitors/{id:int}/resume", glance.resume),
        frame.post("/monitors/{id:int}/delete", glance.delete),
    ]
