"""The operations on OAuth clients of services: with which an agent fetches its tokens by itself."""

from __future__ import annotations

import msgspec

from tocsin.agents import actions
from tocsin.agents.actions import oauth
from tocsin.agents.api.agents import AREA
from tocsin.agents.model.oauth import Client
from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Resource, Route
from tocsin.storage import Tx

_ALL = "/api/v2/agents/{agent_id}/oauth-clients"


class ClientAttributes(msgspec.Struct, kw_only=True):
    """A client of a service; its secret is not shown again."""

    agent_id: int
    client_id: str
    name: str
    created_at: str | None
    last_used_at: str | None


class NewClient(msgspec.Struct, kw_only=True):
    """The client, and its secret: this is the only time that it can be seen."""

    id: str
    client_id: str
    client_secret: str
    attributes: ClientAttributes


class CreateClient(msgspec.Struct, kw_only=True):
    """A client to be, for the grant client_credentials."""

    agent_id: int
    name: str = "Service"


class OneClient(msgspec.Struct, kw_only=True):
    agent_id: int
    id: int


class ListClients(msgspec.Struct, kw_only=True):
    agent_id: int


def _render(client: Client) -> ClientAttributes:
    return ClientAttributes(
        agent_id=client.agent_id or 0,
        client_id=client.client_id,
        name=client.name,
        created_at=None if client.created_at is None else to_wire(client.created_at),
        last_used_at=None if client.last_used_at is None else to_wire(client.last_used_at),
    )


CLIENT = Resource(
    type="agent_oauth_client",
    attributes=ClientAttributes,
    render=_render,
    doc="A client with which an agent fetches tokens by itself.",
)


def _list(tx: Tx, call: Call, input: ListClients) -> list[Client]:
    return oauth.services(tx, actions.find(tx, input.agent_id, call.team_ids).id)


def _create(tx: Tx, call: Call, input: CreateClient) -> NewClient:
    agent = actions.find(tx, input.agent_id, call.team_ids)
    client, secret = oauth.add_service(tx, agent, input.name)
    return NewClient(id=str(client.id), client_id=client.client_id, client_secret=secret, attributes=_render(client))


def _delete(tx: Tx, call: Call, input: OneClient) -> None:
    oauth.remove_service(tx, actions.find(tx, input.agent_id, call.team_ids).id, input.id)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="agent_oauth_clients.list", routes=(Route("GET", _ALL),), area=AREA, level="read", people_only=True,
        input=ListClients, handler=_list, resource=CLIENT, answer="all", doc="List an agent's OAuth clients.",
        deed="listed an agent's OAuth clients",
    ),
    Operation(
        name="agent_oauth_clients.create", routes=(Route("POST", _ALL),), area=AREA, level="write", people_only=True,
        input=CreateClient, handler=_create, answer="flat", flat=NewClient, statuses=(201,),
        doc="Make an OAuth client for an agent that works by itself; its secret is shown this once.",
        deed="made an OAuth client for an agent",
    ),
    Operation(
        name="agent_oauth_clients.delete", routes=(Route("DELETE", _ALL + "/{id}"),), area=AREA, level="full",
        people_only=True, input=OneClient, handler=_delete, answer="none", resource=CLIENT,
        doc="Remove an OAuth client of an agent: its tokens end at once.", deed="removed an OAuth client of an agent",
    ),
)  # fmt: skip
