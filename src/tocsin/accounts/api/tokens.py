"""A team's API tokens on the wire: listed without their secrets, made with one, revoked at once."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions
from tocsin.accounts.model import ApiToken
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

_ALL = "/api/v2/api-tokens"


class ApiTokenAttributes(msgspec.Struct, kw_only=True):
    """A program's credential; its secret is not kept."""

    name: str
    created_at: str
    created_by: str | None
    """null = it was made on the command line."""
    last_used_at: str | None
    """To about five minutes; null = never."""


class NewApiToken(msgspec.Struct, kw_only=True):
    """The token, and its secret: this is the only time that it can be seen."""

    id: str
    token: str
    attributes: ApiTokenAttributes


class ListApiTokens(msgspec.Struct, kw_only=True):
    """One page of a team's tokens."""

    page: int = 1
    per_page: int = 50


class CreateApiToken(msgspec.Struct, kw_only=True):
    """A token to be, which may do everything in its team."""

    name: str
    team_name: str | None = None
    """The team; required from a global token."""


class OneApiToken(msgspec.Struct, kw_only=True):
    """Which one."""

    id: int


def _render(token: ApiToken) -> ApiTokenAttributes:
    return ApiTokenAttributes(
        name=token.name,
        created_at=to_wire(token.created_at),
        created_by=token.created_by,
        last_used_at=None if token.last_used_at is None else to_wire(token.last_used_at),
    )


API_TOKEN = Resource(
    type="api_token", attributes=ApiTokenAttributes, render=_render, doc="A program's credential for one team."
)


def _list(tx: Tx, call: Call, input: ListApiTokens) -> Page[ApiToken]:
    found, total = actions.list_tokens(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _create(tx: Tx, call: Call, input: CreateApiToken) -> NewApiToken:
    assert call.team_id is not None
    made, secret = actions.issue_token(tx, call.team_id, input.name, by=call.actor.name)
    return NewApiToken(id=str(made.id), token=secret, attributes=_render(made))


def _delete(tx: Tx, call: Call, input: OneApiToken) -> None:
    actions.revoke_token(tx, input.id, call.team_ids)


TOKEN_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="api_tokens.list", upstream="not_there", routes=(Route("GET", _ALL),), area="team", level="read",
        people_only=True, input=ListApiTokens, handler=_list, resource=API_TOKEN, answer="list", scope=Scope.LIST,
        doc="List a team's API tokens, without their secrets.", deed="listed API tokens",
    ),
    Operation(
        name="api_tokens.create", upstream="not_there", routes=(Route("POST", _ALL),), area="team", level="write",
        people_only=True, input=CreateApiToken, handler=_create, answer="flat", flat=NewApiToken, statuses=(201,),
        scope=Scope.CREATE, event="api_token.created",
        doc="Make an API token for a team; its secret is shown this once.", deed="made an API token",
    ),
    Operation(
        name="api_tokens.delete", upstream="not_there", routes=(Route("DELETE", _ALL + "/{id}"),), area="team",
        level="full", people_only=True, input=OneApiToken, handler=_delete, answer="none", resource=API_TOKEN,
        event="api_token.revoked", doc="Revoke an API token: it ends at once.", deed="revoked an API token",
    ),
)  # fmt: skip
"""No `delete` act: a revoked token is never good again, so there is nothing to be had back from the trash."""
