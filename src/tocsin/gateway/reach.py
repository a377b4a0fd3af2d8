"""Which teams a call reaches: those of the caller, narrowed to the one that it names."""

from __future__ import annotations

from tocsin.accounts import actions as accounts
from tocsin.gateway.identity import Actor
from tocsin.gateway.request import Request, team_name
from tocsin.kernel.errors import Invalid
from tocsin.registry import Scope
from tocsin.storage import Tx


def teams(tx: Tx, actor: Actor, request: Request) -> tuple[tuple[int, ...] | None, int | None]:
    """(teams that can be seen, team that will own), from the caller and `team_name` (contract part 1, section 1)."""
    name = team_name(request)
    scope = request.operation.scope
    if request.team_id is not None:
        return _team_by_id(tx, actor, request, name)
    if name is None or scope is Scope.RECORD:
        if scope is not Scope.CREATE:
            return actor.team_ids, None
        if actor.team_ids is None:
            raise Invalid.missing(["team_name"])
        return actor.team_ids, actor.team_ids[0]
    team = accounts.team_by_name(tx, name)
    if team is None or (actor.team_ids is not None and team.id not in actor.team_ids):
        if scope is Scope.LIST:
            return (), None
        raise Invalid.fields(team_name="doesn't exist")
    return (team.id,), team.id


def _team_by_id(tx: Tx, actor: Actor, request: Request, name: str | None) -> tuple[tuple[int, ...] | None, int | None]:
    """The same for a team that is named by its id: it narrows what can be seen, also where no name is taken."""
    scope = request.operation.scope
    id = request.team_id
    assert id is not None
    if actor.team_ids is not None and id not in actor.team_ids:
        if scope is Scope.CREATE:
            raise Invalid.fields(team_id="doesn't exist")
        return (), None
    named = accounts.team_by_name(tx, name) if name is not None and scope is not Scope.RECORD else None
    if named is not None and named.id != id:
        raise Invalid.fields(team_id="is another team than team_name")
    if actor.team_ids is None and all(team.id != id for team in accounts.all_teams(tx)):
        raise Invalid.fields(team_id="doesn't exist")
    return (id,), id if scope is Scope.CREATE else None
