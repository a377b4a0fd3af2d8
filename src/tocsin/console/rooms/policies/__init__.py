"""The rooms of escalation policies and severities: who is called in which order, how loudly, and what if."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.policies import groups, policies, severities, simulating


def routes(frame: Frame) -> list[Route]:
    """`/policies` and everything below it, and `/on-call/simulate`."""
    return [
        frame.get("/on-call/simulate", simulating.show),
        frame.get("/policies", policies.every),
        frame.get("/policies/new", policies.new),
        frame.post("/policies/new", policies.create),
        frame.get("/policies/severities", severities.every),
        frame.get("/policies/severities/new", severities.new),
        frame.post("/policies/severities/new", severities.create),
        frame.get("/policies/severities/{id:int}", severities.edit),
        frame.post("/policies/severities/{id:int}", severities.change),
        frame.post("/policies/severities/{id:int}/delete", severities.delete),
        frame.get("/policies/groups", groups.every),
        frame.post("/policies/groups/{kind}", groups.create),
        frame.post("/policies/groups/{kind}/{id:int}", groups.change),
        frame.post("/policies/groups/{kind}/{id:int}/delete", groups.delete),
        frame.get("/policies/{id:int}", policies.edit),
        frame.post("/policies/{id:int}", policies.change),
        frame.post("/policies/{id:int}/delete", policies.delete),
    ]
