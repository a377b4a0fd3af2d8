"""What the log calls things by: on what a call was, what people call that, in which team, and who answers for it."""

from __future__ import annotations

from tocsin.accounts import actions as accounts
from tocsin.gateway import audit
from tocsin.gateway.identity import Actor
from tocsin.gateway.request import Reply, Request
from tocsin.kernel.errors import NotFound
from tocsin.storage import Tx


def owner_name(tx: Tx, actor: Actor) -> str | None:
    """Who answers for an agent."""
    try:
        return None if actor.agent is None else accounts.user(tx, actor.agent.owner_id).name
    except NotFound:  # has left
        return None


def team_of(actor: Actor, reply: Reply | None) -> int | None:
    """The team in whose log the entry shows: the record's, else the caller's only one."""
    of_record = getattr(reply.value, "team_id", None) if reply is not None else None
    if isinstance(of_record, int):
        return of_record
    return actor.team_ids[0] if actor.team_ids and len(actor.team_ids) == 1 else None


def team_name_of(tx: Tx, id: int | None) -> str | None:
    """What people call that team; None when it is gone."""
    try:
        return None if id is None else accounts.team(tx, id).name
    except NotFound:
        return None


def target(request: Request, reply: Reply | None) -> str | None:
    """What it was done to, e.g. `monitor 12`."""
    resource = request.route.resource or request.operation.resource
    kind = resource.type if resource else request.operation.area
    if reply is not None and reply.value is not None and resource is not None and request.operation.answer == "one":
        return f"{kind} {resource.id_of(reply.value)}"
    id = request.arguments.path.get("id")
    return f"{kind} {id[:40]}" if id else None


def about(request: Request, reply: Reply) -> str | None:
    """What people call the thing that a call is about."""
    name = target_name(request, reply) or (None if reply.trashed is None else audit.named(reply.trashed.name))
    return name if request.arguments.path else None


def target_name(request: Request, reply: Reply | None) -> str | None:
    """What people call it, e.g. `Checkout`."""
    resource = request.route.resource or request.operation.resource
    if reply is None or reply.value is None or resource is None or request.operation.answer != "one":
        return None
    return audit.named(resource.name_of(reply.value))
