"""What the person who runs Tocsin does from the command line: the first start, tokens and people."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.kernel.errors import Conflict
from tocsin.kernel.ids import new_token
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


def first_start(tx: Tx, settings: Settings) -> FirstSignIn | None:
    """Found the first team with its administrator and an API token; None when anybody is there already."""
    if accounts.any_users(tx):
        return None
    team = accounts.ensure_team(tx, settings.first_team)
    password = settings.admin_password or new_token(length=FIRST_PASSWORD_LENGTH)
    user = accounts.create_user(tx, email=settings.admin_email, name="Administrator", password=password)
    accounts.join(tx, team.id, user.id, Role.ADMIN)
    token = accounts.create_token(tx, team_id=team.id, name=f"API token of {team.name}")
    return FirstSignIn(team=team.name, email=user.email, password=password, token=token)


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
