"""What the audit log says of OAuth: who let whom in, which tokens were given, and what was turned away."""

from __future__ import annotations

import msgspec

from tocsin.agents import actions as agents
from tocsin.agents.model.oauth import Client
from tocsin.gateway import audit
from tocsin.gateway.identity import Actor
from tocsin.kernel.errors import NotFound
from tocsin.kernel.ids import new_request_id
from tocsin.registry import Call, Operation
from tocsin.storage import Tx

SURFACE = "OAuth"


class _Nothing(msgspec.Struct):
    pass


def _never(tx: Tx, call: Call, input: _Nothing) -> None:
    raise NotImplementedError("it is written down here, and done at its own address")


def _deed(name: str, deed: str) -> Operation:
    """What the log needs to know of something that is no operation of the API."""
    return Operation(
        name=f"oauth.{name}",
        routes=(),
        area="team",
        level="full",
        input=_Nothing,
        handler=_never,
        doc=f"{deed[:1].upper()}{deed[1:]}.",
        deed=deed,
        people_only=True,
    )


SIGN_IN = _deed("sign_in", "signed in to let a program in")
CONSENT = _deed("consent", "let a program in")
ISSUE = _deed("issue", "fetched a token")
REFRESH = _deed("refresh", "fetched the next token")
REVOKE = _deed("revoke", "ended a token")
REGISTER = _deed("register", "registered itself as an OAuth client")


class Whence(msgspec.Struct, frozen=True, kw_only=True):
    """From where a request came."""

    client_address: str | None = None
    request_id: str = msgspec.field(default_factory=new_request_id)


def by_person(
    tx: Tx,
    whence: Whence,
    operation: Operation,
    *,
    user_id: int | None,
    name: str,
    outcome: str,
    reason: str,
    team_id: int | None = None,
    target: str | None = None,
    arguments: dict[str, object] | None = None,
) -> None:
    """Write down what a person did or tried; `user_id` None: somebody who did not prove to be the one."""
    actor = Actor(
        kind="nobody" if user_id is None else "person",
        id=user_id,
        name=name,
        team_ids=() if team_id is None else (team_id,),
        user_id=user_id,
    )
    _write(tx, whence, operation, actor, outcome, reason, team_id, target, arguments)


def by_client(
    tx: Tx,
    whence: Whence,
    operation: Operation,
    *,
    client: Client | None,
    agent_id: int | None,
    outcome: str,
    reason: str,
) -> None:
    """Write down what a program did or tried: in the log of the agent's team, as the agent, where there is one."""
    name = "a program that is not known" if client is None else f"the program {client.name}"
    team_id = None
    if agent_id is not None:
        try:
            team_id = agents.find(tx, agent_id, None).team_id
        except NotFound:  # removed since
            team_id = None
        name += f" for the agent '{agents.name_of(tx, agent_id)}'"
    # Whoever only knows a client's name has proved nothing: such lines are kept as short as strangers' are.
    actor = Actor(kind="nobody" if agent_id is None else "guest", id=None, name=name, team_ids=())
    target = None if client is None else f"OAuth client {client.client_id}"
    _write(tx, whence, operation, actor, outcome, reason, team_id, target, None)


def _write(
    tx: Tx,
    whence: Whence,
    operation: Operation,
    actor: Actor,
    outcome: str,
    reason: str,
    team_id: int | None,
    target: str | None,
    arguments: dict[str, object] | None,
) -> None:
    audit.write(
        tx,
        audit.Entry(
            actor=actor,
            operation=operation,
            surface=SURFACE,
            request_id=whence.request_id,
            outcome=outcome,
            reason=reason.rstrip(".")[:500],
            target=target,
            team_id=team_id,
            arguments=arguments or {},
            client_address=whence.client_address,
        ),
    )
