"""What the person who runs Tocsin does from the command line: the first start, tokens and people."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role, Team
from tocsin.agents import actions as agents
from tocsin.agents.model import Agent
from tocsin.gateway.audit import Entry, write
from tocsin.gateway.identity import Actor
from tocsin.gateway.signing_in import trail
from tocsin.kernel.errors import Conflict, NotFound
from tocsin.kernel.ids import new_request_id, new_token
from tocsin.runtime.settings import Settings
from tocsin.storage import Tx

FIRST_PASSWORD_LENGTH = 20
"""Letters and digits: 119 bits, and still typed in once without despair."""


class FirstSignIn(msgspec.Struct, frozen=True):
    """What the very first start makes and shows once: it is stored hashed and cannot be shown again."""

    team: str
    email: str
    password: str
    token: str
    set_up: str
    """Opens once, for a day, the page on which they become somebody with a name."""


def first_start(tx: Tx, settings: Settings) -> FirstSignIn | None:
    """Found the first team with its administrator and an API token; None when anybody is there already."""
    if accounts.any_users(tx):
        return None
    team = accounts.ensure_team(tx, settings.first_team)
    password = settings.admin_password or new_token(length=FIRST_PASSWORD_LENGTH)
    user = accounts.create_user(tx, email=settings.admin_email, name="Administrator", password=password)
    accounts.join(tx, team.id, user.id, Role.ADMIN)
    token = accounts.create_token(tx, team_id=team.id, name=f"API token of {team.name}")
    set_up = accounts.make_link(tx, user.id, accounts.SET_UP)
    return FirstSignIn(team=team.name, email=user.email, password=password, token=token, set_up=set_up)


class NewToken(msgspec.Struct, frozen=True):
    """A token's secret, and whether its team was founded for it."""

    secret: str
    team_founded: bool


def create_token(tx: Tx, team_name: str | None, *, everywhere: bool) -> NewToken:
    """An API token for a team (founded when new), or for every team."""
    founded = team_name is not None and accounts.team_by_name(tx, team_name) is None
    team = accounts.ensure_team(tx, team_name) if team_name is not None else None
    team_id = None if everywhere or team is None else team.id
    name = "Global API token" if everywhere or team is None else f"API token of {team.name}"
    return NewToken(secret=accounts.create_token(tx, team_id=team_id, name=name), team_founded=founded)


class NewUser(msgspec.Struct, frozen=True):
    """A person who is in the team now; `known` = they were here before, and keep the password they have."""

    id: int
    email: str
    known: bool
    team_founded: bool


def create_user(tx: Tx, team_name: str, email: str, name: str, password: str) -> NewUser:
    """Add a person to a team (founded when new). Raises Invalid, and Conflict when they are in it already."""
    founded = accounts.team_by_name(tx, team_name) is None
    team = accounts.ensure_team(tx, team_name)
    present = accounts.user_by_email(tx, email)
    if present is not None and team.id in accounts.team_ids_of(tx, present.id):
        raise Conflict(f"{present.email} is in the team {team.name} already")
    user = present or accounts.create_user(tx, email=email, name=name, password=password)
    accounts.join(tx, team.id, user.id, Role.ADMIN if founded else Role.MEMBER)
    return NewUser(id=user.id, email=user.email, known=present is not None, team_founded=founded)


def reset_password(tx: Tx, email: str, hash: str, *, remove_second_factors: bool) -> tuple[str, int, bool]:
    """Give somebody another password: (their address, how many sessions ended, whether second factors are gone).

    Raises NotFound.
    """
    user = accounts.user_by_email(tx, email)
    if user is None:
        raise NotFound("user", email, f"Nobody has the address {email}.")
    ended = accounts.set_password(tx, user.id, hash)
    removed = remove_second_factors and accounts.remove_second_factors(tx, user.id)
    operator = Actor(kind="person", id=None, name="The operator", team_ids=None)
    for team_id in accounts.team_ids_of(tx, user.id):
        entry = Entry(
            actor=operator, operation=trail.PASSWORD, surface=COMMAND_LINE, request_id=new_request_id(),
            outcome="allowed", reason="whoever runs Tocsin may" + (", and removed the second factors" * removed),
            target=f"user {user.id}", target_name=user.name, team_id=team_id,
            team_name=accounts.team(tx, team_id).name,
        )  # fmt: skip
        write(tx, entry)
    return user.email, ended, removed


COMMAND_LINE = "the command line"
"""Who is said to have granted or stopped something from there."""


class NewAgent(msgspec.Struct, frozen=True):
    """An agent's token, which can be shown this once, and its owner."""

    name: str
    secret: str
    owner: str


def create_agent(
    tx: Tx, team_name: str, name: str, levels: Mapping[str, str], switches: Mapping[str, str], owner: str | None
) -> NewAgent:
    """Make an agent of a team with one token. Raises NotFound and Invalid."""
    team = _team(tx, team_name)
    given = {"name": name, "levels": dict(levels), "switches": dict(switches), "owner_email": owner}
    agent = agents.create(tx, team.id, given, granted_by=COMMAND_LINE, owner_id=None)
    _, secret = agents.issue_token(tx, agent)
    return NewAgent(name=agent.name, secret=secret, owner=accounts.user(tx, agent.owner_id).name)


def list_agents(tx: Tx, team_name: str | None) -> list[tuple[str, Agent]]:
    """(team, agent) of all agents, or of one team's: at most 1,000."""
    team_ids = None if team_name is None else (_team(tx, team_name).id,)
    found, _ = agents.list_agents(tx, team_ids, page=1, per_page=1_000)
    return [(accounts.team(tx, agent.team_id).name, agent) for agent in found]


def new_agent_token(tx: Tx, team_name: str, name: str) -> str:
    """One more token for an agent, e.g. to change from an old one. Raises NotFound and Invalid."""
    return agents.issue_token(tx, _agent(tx, team_name, name))[1]


def suspend_agents(tx: Tx, team_name: str | None, name: str | None) -> int:
    """Stop one agent, all of a team (no name), or every agent there is (no team either). Raises NotFound."""
    if team_name is None:
        return agents.suspend_all(tx, None, by=COMMAND_LINE)
    if name is None:
        return agents.suspend_all(tx, (_team(tx, team_name).id,), by=COMMAND_LINE)
    agents.suspend(tx, _agent(tx, team_name, name).id, None, by=COMMAND_LINE)
    return 1


def resume_agent(tx: Tx, team_name: str, name: str) -> None:
    """Let an agent go on. Raises NotFound."""
    agents.resume(tx, _agent(tx, team_name, name).id, None)


def _team(tx: Tx, name: str) -> Team:
    team = accounts.team_by_name(tx, name)
    if team is None:
        known = ", ".join(each.name for each in accounts.all_teams(tx)[:10])
        raise NotFound("team", name, f"There is no team {name}: there are {known or 'none yet'}.")
    return team


def _agent(tx: Tx, team_name: str, name: str) -> Agent:
    team = _team(tx, team_name)
    found = agents.find_by_name(tx, team.id, name)
    if found is None:
        raise NotFound("agent", name, f"The team {team.name} has no agent {name}.")
    return found
