"""What the audit log says of OAuth: who let whom in, which tokens were given, and what was turned away."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.agents.model import Agent
from tocsin.agents.model.oauth import Client
from tocsin.gateway.audit import Entry, write
from tocsin.gateway.identity import Actor
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.errors import NotFound
from tocsin.registry import Call, Operation
from tocsin.storage import Tx

SURFACE = "OAuth"


class _Nothing(msgspec.Struct):
    pass


def _never(tx: Tx, call: Call, input: _Nothing) -> None:
    raise NotImplementedError("it is written down here, and done at its own address")


def _deed(name: str, doc: str, deed: str) -> Operation:
    """What the log needs to know of something that is no operation of the API."""
    return Operation(
        name=f"oauth.{name}",
        routes=(),
        area="team",
        level="full",
        input=_Nothing,
        handler=_never,
        doc=doc,
        deed=deed,
        people_only=True,
    )


CONSENT = _deed("consent", "Let a program in.", "let a program in")
ISSUE = _deed("issue", "Fetch a token.", "fetched a token")
REFRESH = _deed("refresh", "Fetch the next token.", "fetched the next token")
REVOKE = _deed("revoke", "End a token.", "ended a token")
REGISTER = _deed("register", "Register as an OAuth client.", "registered itself as an OAuth client")


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
    actor = _stranger(name)
    if user_id is not None:
        teams = () if team_id is None else (team_id,)
        actor = Actor(kind="person", id=user_id, name=name, team_ids=teams, user_id=user_id)
    write(
        tx,
        Entry(
            actor=actor,
            operation=operation,
            surface=SURFACE,
            request_id=whence.request_id,
            outcome=outcome,
            reason=reason,
            target=target,
            team_id=team_id,
            team_name=None if team_id is None else accounts.team(tx, team_id).name,
            arguments=arguments or {},
            client_address=whence.client_address,
        ),
    )


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
    agent = None if agent_id is None else _agent(tx, agent_id)
    entry = Entry(
        actor=_stranger("a program that is not known" if client is None else f"the program {client.name}"),
        operation=operation,
        surface=SURFACE,
        request_id=whence.request_id,
        outcome=outcome,
        reason=reason,
        target=None if client is None or agent is not None else f"OAuth client {client.client_id}",
        client_address=whence.client_address,
        client_name=None if client is None else client.name,
    )
    if agent is not None:
        actor = Actor(kind="agent", id=agent.id, name=agent.name, team_ids=(agent.team_id,), agent=agent)
        team, owner = accounts.team(tx, agent.team_id), accounts.user(tx, agent.owner_id)
        entry = msgspec.structs.replace(entry, actor=actor, owner_name=owner.name, team_id=team.id, team_name=team.name)
    write(tx, entry)


def _agent(tx: Tx, id: int) -> Agent | None:
    try:
        return agents.find(tx, id, None)
    except NotFound:  # removed since
        return None


def _stranger(name: str) -> Actor:
    """Whoever only knows a name has proved nothing: such lines are kept as short a time as all of strangers."""
    return Actor(kind="nobody", id=None, name=name, team_ids=())
