"""How an agent comes in: its tokens and OAuth clients, and what to write into the programs that use them."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame
from tocsin.console.rooms.agents import connecting, table
from tocsin.console.rooms.agents.one import found
from tocsin.kernel.errors import Invalid


def routes(frame: Frame) -> list[Route]:
    """`/agents/ID/connect` and what is done there."""
    return [
        frame.get("/agents/{id:int}/connect", show),
        frame.post("/agents/{id:int}/tokens", create),
        frame.post("/agents/{id:int}/tokens/{token:int}/revoke", revoke),
        frame.post("/agents/{id:int}/clients", create_client),
        frame.post("/agents/{id:int}/clients/{client:int}/remove", remove_client),
    ]


async def show(desk: Desk) -> Response:
    """Tokens, clients, and how to connect."""
    return await _page(desk)


async def create(desk: Desk) -> Response:
    """Make a token, and show it this once."""
    sent: dict[str, Any] = {
        "name": desk.field("name").strip() or "Token",
        "allowed_addresses": desk.field("allowed_addresses").replace(",", " ").split(),
    }
    if desk.field("expires_at"):
        sent["expires_at"] = table.until(desk.field("expires_at"))
    try:
        made = await desk.flat("agent_tokens.create", agent_id=desk.id, **sent)
    except Invalid as error:
        return await _page(desk, errors=wrong(error), status=422)
    return await _page(desk, secret=made["token"], secret_name=made["attributes"]["name"])


async def revoke(desk: Desk) -> Response:
    """End a token at once."""
    await desk.call("agent_tokens.delete", agent_id=desk.id, id=desk.request.path_params["token"])
    return desk.go(f"/agents/{desk.id}/connect", "Revoked: whoever has this token is not let in any more.")


async def create_client(desk: Desk) -> Response:
    """Make an OAuth client, and show its secret this once."""
    try:
        made = await desk.flat("agent_oauth_clients.create", agent_id=desk.id, name=desk.field("name") or "Service")
    except Invalid as error:
        return await _page(desk, client_errors=wrong(error), status=422)
    return await _page(desk, client=made)


async def remove_client(desk: Desk) -> Response:
    """End a client and its tokens."""
    await desk.call("agent_oauth_clients.delete", agent_id=desk.id, id=desk.request.path_params["client"])
    return desk.go(f"/agents/{desk.id}/connect", "Removed, and its tokens with it.")


async def _page(
    desk: Desk, *, secret: str = "", secret_name: str = "", client: Any = None, errors: Any = None,
    client_errors: Any = None, status: int = 200,
) -> Response:  # fmt: skip
    agent = await found(desk)
    tokens = (await desk.many("agent_tokens.list", agent_id=desk.id, per_page=250)).items
    clients = (await desk.many("agent_oauth_clients.list", agent_id=desk.id)).items
    team = "" if desk.present.place is None else desk.present.place.name
    return desk.page(
        "agents/connect.html", status_code=status, agent=agent, tab="connect",
        tokens=[each for each in tokens if each["kind"] != "refresh"], clients=clients, secret=secret,
        secret_name=secret_name, client=client, errors=errors or {}, client_errors=client_errors or {},
        ways=connecting.ways(desk.base_url, secret or connecting.PLACEHOLDER, team, agent["name"]),
        mcp=f"{desk.base_url}/mcp",
    )  # fmt: skip
