"""Jobs that must call: the list, each one's page with what to paste where, and the forms."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.heartbeats import editing, groups, listing, one


def routes(frame: Frame) -> list[Route]:
    """Everything below `/heartbeats`."""
    return [
        frame.get("/heartbeats", listing.show),
        frame.post("/heartbeats/bulk", listing.bulk),
        frame.get("/heartbeats/new", editing.new),
        frame.post("/heartbeats/new", editing.create),
        frame.get("/heartbeats/groups", groups.show),
        frame.post("/heartbeats/groups", groups.create),
        frame.get("/heartbeats/groups/{id:int}", groups.edit),
        frame.post("/heartbeats/groups/{id:int}", groups.save),
        frame.post("/heartbeats/groups/{id:int}/pause", groups.pause),
        frame.post("/heartbeats/groups/{id:int}/delete", groups.delete),
        frame.get("/heartbeats/{id:int}", one.show),
        frame.get("/heartbeats/{id:int}/edit", editing.edit),
        frame.post("/heartbeats/{id:int}/edit", editing.save),
        frame.post("/heartbeats/{id:int}/pause", one.pause),
        frame.post("/heartbeats/{id:int}/delete", one.delete),
    ]
