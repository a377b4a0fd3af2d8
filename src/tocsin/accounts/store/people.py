"""The shelf of teams, people and tokens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    type_coerce,
    update,
)

from tocsin.accounts.model import ApiToken, Invitation, Member, Role, Team, User
from tocsin.kernel.clock import from_milliseconds
from tocsin.storage import Instant, Prepared, Tx, metadata
from tocsin.storage.tables import Id

teams = Table(
    "teams",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False, unique=True),  # lower case: one person, however the address is typed
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("password_hash", Text, nullable=True),
    Column("created_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

memberships = Table(
    "memberships",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("team_id", "user_id"),
    sqlite_autoincrement=True,
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=True),
    Column("name", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Column("created_by", Text, nullable=True),
    sqlite_autoincrement=True,
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("invited_by", Text, nullable=False),
    Column("invited_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("accepted_at", Instant, nullable=True),
    Column("withdrawn_at", Instant, nullable=True),
    Index("ix_invitations_email", "email_key", "team_id"),
    Index("ix_invitations_team", "team_id", "invited_at"),
    sqlite_autoincrement=True,
)

_USER = (users.c.id, users.c.email, users.c.first_name, users.c.last_name, users.c.created_at)


def insert_team(tx: Tx, name: str) -> Team:
    id = tx.insert(insert(teams).values(name=name, created_at=tx.now))
    return Team(id=id, name=name, created_at=tx.now)


def team(tx: Tx, id: int) -> Team | None:
    row = _TEAM.first(tx, {"id": id})
    return None if row is None else Team(id=row[0], name=row[1], created_at=from_milliseconds(row[2]))


def team_by_name(tx: Tx, name: str) -> Team | None:
    return _team(tx.execute(select(teams).where(teams.c.name == name)).first())


def all_teams(tx: Tx) -> list[Team]:
    return [Team(**row._mapping) for row in tx.execute(select(teams).order_by(teams.c.id))]


def rename_team(tx: Tx, id: int, name: str) -> None:
    tx.execute(update(teams).where(teams.c.id == id).values(name=name))


def insert_user(tx: Tx, *, email: str, first_name: str, last_name: str, password_hash: str | None) -> User:
    id = tx.insert(
        insert(users).values(
            email=email,
            email_key=email.lower(),
            first_name=first_name,
            last_name=last_name,
            password_hash=password_hash,
            created_at=tx.now,
        )
    )
    return User(id=id, email=email, first_name=first_name, last_name=last_name, created_at=tx.now)


def user(tx: Tx, id: int) -> User | None:
    row = _USER_BY_ID.first(tx, {"id": id})
    if row is None:
        return None
    id, email, first_name, last_name, created_ms = row
    created_at = from_milliseconds(created_ms)
    return User(id=id, email=email, first_name=first_name, last_name=last_name, created_at=created_at)


def user_by_email(tx: Tx, email: str) -> User | None:
    return _user(tx, select(*_USER).where(users.c.email_key == email.strip().lower()))


def count_users(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(users)).scalar_one())


def password_hash(tx: Tx, user_id: int) -> str | None:
    hash: str | None = tx.execute(select(users.c.password_hash).where(users.c.id == user_id)).scalar_one_or_none()
    return hash


def insert_membership(tx: Tx, team_id: int, user_id: int, role: str) -> None:
    tx.execute(insert(memberships).values(team_id=team_id, user_id=user_id, role=role, created_at=tx.now))


def is_member(tx: Tx, team_id: int, user_id: int) -> bool:
    return _IS_MEMBER.first(tx, {"team": team_id, "person": user_id}) is not None


def role_in(tx: Tx, team_id: int, user_id: int) -> Role | None:
    row = _ROLE.first(tx, {"team": team_id, "person": user_id})
    return None if row is None else Role(row[0])


def members(tx: Tx, team_id: int) -> list[User]:
    rows = tx.execute(
        select(*_USER)
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.team_id == team_id)
        .order_by(memberships.c.id)
    )
    return [User(**row._mapping) for row in rows]


def membership(tx: Tx, team_ids: Collection[int] | None, user_id: int) -> list[Member]:
    """A person's places in these teams (None = in any), oldest first."""
    chosen = _MEMBERS.where(memberships.c.user_id == user_id, _within(memberships.c.team_id, team_ids))
    return [_member(row) for row in tx.execute(chosen.order_by(memberships.c.id))]


def page_of_members(tx: Tx, team_ids: Collection[int] | None, offset: int, limit: int) -> list[Member]:
    """Members in the order in which they joined."""
    chosen = _MEMBERS.where(_within(memberships.c.team_id, team_ids)).order_by(memberships.c.id)
    return [_member(row) for row in tx.execute(chosen.offset(offset).limit(limit))]


def count_members(tx: Tx, team_ids: Collection[int] | None) -> int:
    counted = select(func.count()).select_from(memberships).where(_within(memberships.c.team_id, team_ids))
    return int(tx.execute(counted).scalar_one())


def count_role(tx: Tx, team_id: int, role: str) -> int:
    counted = select(func.count()).select_from(memberships)
    return int(tx.execute(counted.where(memberships.c.team_id == team_id, memberships.c.role == role)).scalar_one())


def set_role(tx: Tx, team_id: int, user_id: int, role: str) -> None:
    mine = (memberships.c.team_id == team_id, memberships.c.user_id == user_id)
    tx.execute(update(memberships).where(*mine).values(role=role))


def remove_membership(tx: Tx, team_id: int, user_id: int) -> None:
    tx.execute(delete(memberships).where(memberships.c.team_id == team_id, memberships.c.user_id == user_id))


def insert_invitation(
    tx: Tx, *, team_id: int, email: str, role: Role, invited_by: str, expires_at: datetime
) -> Invitation:
    values = {"team_id": team_id, "email": email, "role": role, "invited_by": invited_by, "expires_at": expires_at}
    id = tx.insert(insert(invitations).values(email_key=email.lower(), invited_at=tx.now, **values))
    return Invitation(
        id=id, team_id=team_id, email=email, role=role, invited_by=invited_by, invited_at=tx.now, expires_at=expires_at
    )


def invitation(tx: Tx, id: int) -> Invitation | None:
    row = tx.execute(select(*_INVITATION).where(invitations.c.id == id)).first()
    return None if row is None else _invitation(row)


def pending_invitations(
    tx: Tx, team_ids: Collection[int] | None, *, email: str | None = None, offset: int = 0, limit: int = 1
) -> list[Invitation]:
    """Those that can still be accepted, oldest first; `email` = of this address alone."""
    chosen = select(*_INVITATION).where(*_pending(tx, team_ids)).order_by(invitations.c.id)
    if email is not None:
        chosen = chosen.where(invitations.c.email_key == email.strip().lower())
    return [_invitation(row) for row in tx.execute(chosen.offset(offset).limit(limit))]


def count_pending_invitations(tx: Tx, team_ids: Collection[int] | None) -> int:
    counted = select(func.count()).select_from(invitations).where(*_pending(tx, team_ids))
    return int(tx.execute(counted).scalar_one())


def count_invited(tx: Tx, *, team_id: int, email: str, since: datetime) -> tuple[int, int]:
    """(invitations that a team has sent since then, those that went to an address, whoever sent them)."""
    column = invitations.c
    counts = [
        tx.execute(select(func.count()).select_from(invitations).where(whose, column.invited_at > since)).scalar_one()
        for whose in (column.team_id == team_id, column.email_key == email.lower())
    ]
    return int(counts[0]), int(counts[1])


def withdraw_invitations(tx: Tx, team_id: int, email: str) -> int:
    """Let nothing that was sent to an address open this team any more; returns how many invitations that were."""
    mine = (*_pending(tx, (team_id,)), invitations.c.email_key == email.strip().lower())
    return tx.execute(update(invitations).where(*mine).values(withdrawn_at=tx.now)).rowcount


def take_invitation(tx: Tx, id: int) -> bool:
    """Note that it was accepted; False when it can no longer be."""
    mine = (*_pending(tx, None), invitations.c.id == id)
    return tx.execute(update(invitations).where(*mine).values(accepted_at=tx.now)).rowcount == 1


def remove_invitations(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete the oldest of those that were sent before then; returns how many."""
    old = select(invitations.c.id).where(invitations.c.invited_at < before).order_by(invitations.c.id).limit(at_most)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(invitations).where(invitations.c.id.in_(ids)))
    return len(ids)


def team_ids_of(tx: Tx, user_id: int) -> list[int]:
    rows = tx.execute(
        select(memberships.c.team_id).where(memberships.c.user_id == user_id).order_by(memberships.c.team_id)
    )
    return [int(row[0]) for row in rows]


def insert_token(
    tx: Tx, *, team_id: int | None, name: str, fingerprint: str, created_by: str | None = None
) -> int:  # fmt: skip
    made = insert(api_tokens).values(
        team_id=team_id, name=name, fingerprint=fingerprint, created_at=tx.now, created_by=created_by
    )
    return tx.insert(made)


def page_of_tokens(tx: Tx, team_ids: Collection[int] | None, offset: int, limit: int) -> list[ApiToken]:
    """Live tokens of teams, the newest first."""
    chosen = _TOKENS.where(_live_of(team_ids)).order_by(api_tokens.c.id.desc()).offset(offset).limit(limit)
    return [ApiToken(**row._mapping) for row in tx.execute(chosen)]


def count_tokens(tx: Tx, team_ids: Collection[int] | None) -> int:
    counted = select(func.count()).select_from(api_tokens).where(_live_of(team_ids))
    return int(tx.execute(counted).scalar_one())


def team_token(tx: Tx, id: int, team_ids: Collection[int] | None) -> ApiToken | None:
    row = tx.execute(_TOKENS.where(api_tokens.c.id == id, _live_of(team_ids))).first()
    return None if row is None else ApiToken(**row._mapping)


def revoke_token(tx: Tx, id: int) -> bool:
    """False when it was over already."""
    live = api_tokens.c.id == id, api_tokens.c.revoked_at.is_(None)
    return tx.execute(update(api_tokens).where(*live).values(revoked_at=tx.now)).rowcount > 0


def _live_of(team_ids: Collection[int] | None) -> ColumnElement[bool]:
    return and_(
        api_tokens.c.revoked_at.is_(None), api_tokens.c.team_id.is_not(None), _within(api_tokens.c.team_id, team_ids)
    )


_TOKENS = select(
    api_tokens.c.id, api_tokens.c.team_id, api_tokens.c.name, api_tokens.c.created_at, api_tokens.c.last_used_at,
    api_tokens.c.created_by,
)  # fmt: skip


def token_by_fingerprint(tx: Tx, fingerprint: str) -> ApiToken | None:
    row = _LIVE_TOKEN.first(tx, {"fingerprint": fingerprint})
    if row is None:
        return None
    id, team_id, name, created_ms, used_ms = row
    used_at = None if used_ms is None else from_milliseconds(used_ms)
    return ApiToken(id=id, team_id=team_id, name=name, created_at=from_milliseconds(created_ms), last_used_at=used_at)


def touch_tokens(tx: Tx, ids: list[int], at: datetime, *, unless_within: timedelta) -> None:
    stale = or_(api_tokens.c.last_used_at.is_(None), api_tokens.c.last_used_at < at - unless_within)
    tx.execute(update(api_tokens).where(api_tokens.c.id.in_(ids), stale).values(last_used_at=at))


def _within(column: Column[Any], team_ids: Collection[int] | None) -> ColumnElement[bool]:
    return true() if team_ids is None else column.in_(team_ids)


def _pending(tx: Tx, team_ids: Collection[int] | None) -> tuple[ColumnElement[bool], ...]:
    column = invitations.c
    standing = (column.accepted_at.is_(None), column.withdrawn_at.is_(None), column.expires_at > tx.now)
    return (_within(column.team_id, team_ids), *standing)


def _member(row: Row[Any]) -> Member:
    user = User(
        id=row.id, email=row.email, first_name=row.first_name, last_name=row.last_name, created_at=row.created_at
    )
    return Member(user=user, team_id=row.team_id, role=Role(row.role), joined_at=row.joined_at)


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(**{**row._mapping, "role": Role(row.role)})


def _team(row: Row[Any] | None) -> Team | None:
    return None if row is None else Team(**row._mapping)


def _user(tx: Tx, query: Select[Any]) -> User | None:
    row = tx.execute(query).first()
    return None if row is None else User(**row._mapping)


_MEMBERS = select(*_USER, memberships.c.team_id, memberships.c.role, memberships.c.created_at.label("joined_at")).join(
    memberships, memberships.c.user_id == users.c.id
)
_INVITATION = tuple(column for column in invitations.c if column.name != "email_key")

_TEAM = Prepared(
    select(teams.c.id, teams.c.name, type_coerce(teams.c.created_at, BigInteger)).where(teams.c.id == bindparam("id"))
)
_LIVE_TOKEN = Prepared(
    select(
        api_tokens.c.id, api_tokens.c.team_id, api_tokens.c.name, type_coerce(api_tokens.c.created_at, BigInteger),
        type_coerce(api_tokens.c.last_used_at, BigInteger),
    ).where(api_tokens.c.fingerprint == bindparam("fingerprint"), api_tokens.c.revoked_at.is_(None))
)  # fmt: skip
"""Both are asked for with every request."""
_USER_BY_ID = Prepared(
    select(
        users.c.id, users.c.email, users.c.first_name, users.c.last_name, type_coerce(users.c.created_at, BigInteger)
    ).where(users.c.id == bindparam("id"))
)  # fmt: skip
"""Asked for with every message."""
_ROLE = Prepared(
    select(memberships.c.role).where(
        memberships.c.team_id == bindparam("team"), memberships.c.user_id == bindparam("person")
    )
)
_IS_MEMBER = Prepared(
    select(memberships.c.id).where(
        memberships.c.team_id == bindparam("team"), memberships.c.user_id == bindparam("person")
    )
)
"""Asked for with every call of an agent: it ends with its owner's membership."""
