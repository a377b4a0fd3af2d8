"""The operations on agents' tokens: shown once when they are made, ended at once when they are revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tocsin.agents import actions
from tocsin.agents.api.agents import AREA
from tocsin.agents.api.grants import aware
from tocsin.agents.model import AgentToken
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.storage import Tx

_ALL = "/api/v2/agents/{agent_id}/tokens"


class TokenAttributes(msgspec.Struct, kw_only=True):
    """A credential of an agent."""

    agent_id: int
    name: str
    kind: str
    """token: made by a person; access or refresh: given by OAuth."""
    last4: str
    allowed_addresses: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class NewToken(msgspec.Struct, kw_only=True):
    """The token, and its secret: this is the only time that it can be seen."""

    id: str
    token: str
    attributes: TokenAttributes


class CreateToken(msgspec.Struct, kw_only=True):
    """A token to be."""

    agent_id: int
    name: str = "Token"
    expires_at: datetime | None = None
    """null = until it is revoked."""
    allowed_addresses: list[str] = []
    """Addresses or networks from which it is good, e.g. `192.0.2.0/24`; none = from anywhere."""


class OneToken(msgspec.Struct, kw_only=True):
    agent_id: int
    id: int


class ListTokens(msgspec.Struct, kw_only=True):
    agent_id: int
    page: int = 1
    per_page: int = 50


def _render(token: AgentToken) -> TokenAttributes:
    return TokenAttributes(
        agent_id=token.agent_id,
        name=token.name,
        kind=token.kind,
        last4=token.last4,
        allowed_addresses=list(token.allowed_addresses),
        created_at=to_wire(token.created_at),
        expires_at=None if token.expires_at is None else to_wire(token.expires_at),
        last_used_at=None if token.last_used_at is None else to_wire(token.last_used_at),
    )


TOKEN = Resource(type="agent_token", attributes=TokenAttributes, render=_render, doc="A credential of an agent.")


def _list(tx: Tx, call: Call, input: ListTokens) -> Page[AgentToken]:
    found, total = actions.list_tokens(tx, input.agent_id, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(items=found, total=total, page=input.page, per_page=input.per_page)


def _create(tx: Tx, call: Call, input: CreateToken) -> NewToken:
    agent = actions.find(tx, input.agent_id, call.team_ids)
    expiry: Mapping[str, datetime | None] = aware({"expires_at": input.expires_at})
    made, secret = actions.issue_token(
        tx, agent, name=input.name, expires_at=expiry["expires_at"], allowed_addresses=input.allowed_addresses
    )
    return NewToken(id=str(made.id), token=secret, attributes=_render(made))


def _delete(tx: Tx, call: Call, input: OneToken) -> None:
    actions.revoke_token(tx, input.agent_id, input.id, call.team_ids)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="agent_tokens.list", routes=(Route("GET", _ALL),), area=AREA, level="read", people_only=True,
        input=ListTokens, handler=_list, resource=TOKEN, answer="list", doc="List an agent's tokens.",
        deed="listed an agent's tokens",
    ),
    Operation(
        name="agent_tokens.create", routes=(Route("POST", _ALL),), area=AREA, level="write", people_only=True,
        input=CreateToken, handler=_create, answer="flat", flat=NewToken, statuses=(201,), event="agent.token_created",
        doc="Make a token for an agent; its secret is shown this once.", deed="made a token for an agent",
    ),
    Operation(
        name="agent_tokens.delete", routes=(Route("DELETE", _ALL + "/{id}"),), area=AREA, level="full",
        people_only=True, input=OneToken, handler=_delete, answer="none", resource=TOKEN, event="agent.token_revoked",
        doc="Revoke a token of an agent: it ends at once.", deed="revoked a token of an agent",
    ),
)  # fmt: skip
