"""What agents did, were refused and asked for, as it happens, in plain sentences."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk
from tocsin.console.frame import Frame
from tocsin.console.rooms.agents.one import found

OUTCOMES = ("allowed", "denied", "asked", "failed")
LOOKED_AT = 200
"""Entries of the chain that are checked whenever the page is drawn."""


def routes(frame: Frame) -> list[Route]:
    """`/agents/log` and `/agents/ID/log`."""
    return [frame.get("/agents/log", everybody), frame.get("/agents/{id:int}/log", single)]


async def everybody(desk: Desk) -> Response:
    """Of all agents of the team."""
    return await _page(desk, None, {"actor_kind": "agent"})


async def single(desk: Desk) -> Response:
    """Of one."""
    agent = await found(desk)
    return await _page(desk, agent, {"agent_id": agent["id"]})


async def _page(desk: Desk, agent: dict[str, Any] | None, whose: dict[str, Any]) -> Response:
    outcome = desk.asked("outcome") if desk.asked("outcome") in OUTCOMES else ""
    text = desk.asked("q")[:200]
    entries = await desk.many("audit_log.list", page=desk.number, per_page=50, outcome=outcome, text=text, **whose)
    seal = await desk.flat("audit_log.verify", entries=LOOKED_AT)
    return desk.page(
        "agents/log.html", agent=agent, tab="log", entries=entries, seal=seal, outcomes=OUTCOMES, outcome=outcome,
        text=text,
    )  # fmt: skip
