"""Teams, people and tokens: founded, added, found again and recognised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tocsin.accounts import rules, store
from tocsin.accounts.model import ApiToken, Role, Team, User
from tocsin.kernel import passwords
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.storage import Tx

TOKEN_PREFIX = "tocsin_"  # noqa: S105 - what every token begins with, so that secret scanners know it
LAST_USED_RESOLUTION = timedelta(minutes=5)
"""How fresh `last_used_at` is kept: often enough to spot a forgotten token, seldom enough to cost nothing."""

_founding: list[Callable[[Tx, int], object]] = []


def when_founded(deed: Callable[[Tx, int], object]) -> None:
    """Have `deed(tx, team_id)` done whenever a team is founded: rooms above give it what every team has."""
    if deed not in _founding:
        _founding.append(deed)


def ensure_team(tx: Tx, name: str) -> Team:
    """The team of that name, founded if there is none."""
    name = rules.checked_name(name, "team_name")
    found = store.team_by_name(tx, name)
    if found is None:
        found = store.insert_team(tx, name)
        for deed in _founding:
            deed(tx, found.id)
    return found


def team(tx: Tx, id: int) -> Team:
    """Raises NotFound."""
    found = store.team(tx, id)
    if found is None:
        raise NotFound("team", id)
    return found


def team_by_name(tx: Tx, name: str) -> Team | None:
    """Names are matched exactly, as programs send them."""
    return store.team_by_name(tx, name)


def all_teams(tx: Tx) -> list[Team]:
    """Every team, oldest first."""
    return store.all_teams(tx)


def members(tx: Tx, team_id: int) -> list[User]:
    """The people of a team in the order in which they joined."""
    return store.members(tx, team_id)


def user(tx: Tx, id: int) -> User:
    """Raises NotFound."""
    found = store.user(tx, id)
    if found is None:
        raise NotFound("user", id)
    return found


def user_by_email(tx: Tx, email: str) -> User | None:
    """The person with that address; upper and lower case are the same."""
    return store.user_by_email(tx, email)


def any_users(tx: Tx) -> bool:
    """Whether anybody was ever added: False only before the first start has set the house up."""
    return store.count_users(tx) > 0


def create_user(tx: Tx, *, email: str, name: str, password: str | None) -> User:
    """Add a person; `password` None = cannot sign in yet. Raises Invalid (fields email, name, password)."""
    email = rules.checked_email(email)
    first_name, last_name = rules.split_name(rules.checked_name(name))
    if store.user_by_email(tx, email) is not None:
        raise Invalid.fields(email="has already been taken")
    hash = None if password is None else passwords.hashed(rules.checked_password(password))
    return store.insert_user(tx, email=email, first_name=first_name, last_name=last_name, password_hash=hash)


def join(tx: Tx, team_id: int, user_id: int, role: Role = Role.MEMBER) -> None:
    """Put a person into a team; nothing happens when they are in it already."""
    if not store.is_member(tx, team_id, user_id):
        store.insert_membership(tx, team_id, user_id, role)


def password_matches(tx: Tx, user_id: int, password: str) -> bool:
    """Whether this is the person's password (argon2id)."""
    return passwords.matches(store.password_hash(tx, user_id), password)


def create_token(tx: Tx, *, team_id: int | None, name: str) -> str:
    """Make an API token and return its secret: the only time it can be seen. `team_id` None = global."""
    secret = new_token(TOKEN_PREFIX)
    store.insert_token(tx, team_id=team_id, name=rules.checked_name(name), fingerprint=fingerprint(secret))
    return secret


def authenticate(tx: Tx, secret: str) -> ApiToken | None:
    """The live token with that secret, or None."""
    return store.token_by_fingerprint(tx, fingerprint(secret))


def touch_tokens(tx: Tx, ids: list[int]) -> None:
    """Note that these tokens were in use lately."""
    store.touch_tokens(tx, ids, tx.now, unless_within=LAST_USED_RESOLUTION)


def team_ids_of(tx: Tx, user_id: int) -> list[int]:
    """The teams that a person is in."""
    return store.team_ids_of(tx, user_id)
