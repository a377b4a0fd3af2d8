"""The shelf of OAuth: the programs that may ask to be let in, and the codes that wait to be exchanged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Row, Table, Text, delete, exists, func, insert, select, update

from tocsin.agents.model.oauth import AuthMethod, Client, ClientKind, Code
from tocsin.agents.store.tables import agent_tokens, agents
from tocsin.storage import Instant, Json, Tx, metadata
from tocsin.storage.tables import Id

oauth_clients = Table(
    "oauth_clients",
    metadata,
    Column("id", Id, primary_key=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("redirect_uris", Json, nullable=False),
    Column("auth_method", Text, nullable=False),
    Column("secret_fingerprint", Text, nullable=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=True),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=True),
    Index("ix_oauth_clients_kind", "kind", "last_used_at", "created_at"),
    Index("ix_oauth_clients_agent_id", "agent_id"),
    sqlite_autoincrement=True,
)

oauth_codes = Table(
    "oauth_codes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("client_id", Text, nullable=False),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("redirect_uri", Text, nullable=True),
    Column("challenge", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    Index("ix_oauth_codes_expires_at", "expires_at"),
    Index("ix_oauth_codes_client_id", "client_id", "user_id"),
    Index("ix_oauth_codes_family", "family"),
    sqlite_autoincrement=True,
)

_CODE = (
    oauth_codes.c.id,
    oauth_codes.c.client_id,
    oauth_codes.c.agent_id,
    oauth_codes.c.user_id,
    oauth_codes.c.redirect_uri,
    oauth_codes.c.challenge,
    oauth_codes.c.resource,
    oauth_codes.c.scope,
    oauth_codes.c.family,
    oauth_codes.c.expires_at,
    oauth_codes.c.used_at,
)


def insert_client(tx: Tx, client: Client) -> int:
    return tx.insert(
        insert(oauth_clients).values(
            client_id=client.client_id,
            kind=client.kind,
            name=client.name,
            redirect_uris=list(client.redirect_uris),
            auth_method=client.auth_method,
            secret_fingerprint=client.secret_fingerprint,
            agent_id=client.agent_id,
            created_at=tx.now,
            last_used_at=client.last_used_at,
        )
    )


def client(tx: Tx, client_id: str) -> Client | None:
    row = tx.execute(select(oauth_clients).where(oauth_clients.c.client_id == client_id)).first()
    return None if row is None else _client(row)


def service(tx: Tx, agent_id: int, id: int) -> Client | None:
    mine = (oauth_clients.c.agent_id == agent_id, oauth_clients.c.kind == ClientKind.SERVICE)
    row = tx.execute(select(oauth_clients).where(*mine, oauth_clients.c.id == id)).first()
    return None if row is None else _client(row)


def services(tx: Tx, agent_id: int, at_most: int) -> list[Client]:
    """The clients with which an agent works by itself, oldest first."""
    mine = (oauth_clients.c.agent_id == agent_id, oauth_clients.c.kind == ClientKind.SERVICE)
    rows = tx.execute(select(oauth_clients).where(*mine).order_by(oauth_clients.c.id).limit(at_most))
    return [_client(row) for row in rows]


def update_client(tx: Tx, client_id: str, **values: Any) -> None:
    tx.execute(update(oauth_clients).where(oauth_clients.c.client_id == client_id).values(**values))


def remove_client(tx: Tx, client_id: str) -> None:
    tx.execute(delete(oauth_clients).where(oauth_clients.c.client_id == client_id))


def count_unused(tx: Tx) -> int:
    """Registered clients that nobody has let in yet."""
    unused = (oauth_clients.c.kind == ClientKind.REGISTERED, oauth_clients.c.last_used_at.is_(None))
    return int(tx.execute(select(func.count()).select_from(oauth_clients).where(*unused)).scalar_one())


def prune_clients(tx: Tx, unused_before: datetime, used_before: datetime, at_most: int) -> int:
    """Delete a bounded number of clients that were not let in, or not used, since then; returns how many."""
    column = oauth_clients.c
    old = select(column.id).where(
        column.kind != ClientKind.SERVICE,
        (column.last_used_at.is_(None) & (column.created_at < unused_before)) | (column.last_used_at < used_before),
    )
    ids = list(tx.execute(old.limit(at_most)).scalars())
    if ids:
        tx.execute(delete(oauth_clients).where(column.id.in_(ids)))
    return len(ids)


def insert_code(tx: Tx, **values: Any) -> None:
    tx.execute(insert(oauth_codes).values(created_at=tx.now, **values))


def code(tx: Tx, fingerprint: str) -> Code | None:
    """The code, also when it was used or has expired."""
    row = tx.execute(select(*_CODE).where(oauth_codes.c.fingerprint == fingerprint)).first()
    return None if row is None else Code(**row._mapping)


def use_code(tx: Tx, id: int) -> bool:
    """Mark a code as used; False when somebody was faster."""
    unused = (oauth_codes.c.id == id, oauth_codes.c.used_at.is_(None))
    return tx.execute(update(oauth_codes).where(*unused).values(used_at=tx.now)).rowcount == 1


def scope_of(tx: Tx, family: str) -> str | None:
    """What was consented to, in scopes."""
    found: str | None = tx.execute(select(oauth_codes.c.scope).where(oauth_codes.c.family == family)).scalar()
    return found


def agent_of(tx: Tx, client_id: str, user_id: int, team_id: int) -> int | None:
    """The agent as which a person has let this client into this team before."""
    found = tx.execute(
        select(oauth_codes.c.agent_id)
        .join(agents, agents.c.id == oauth_codes.c.agent_id)
        .where(
            oauth_codes.c.client_id == client_id,
            oauth_codes.c.user_id == user_id,
            agents.c.team_id == team_id,
            agents.c.owner_id == user_id,
            agents.c.removed_at.is_(None),
        )
        .order_by(oauth_codes.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else int(found)


def retire(tx: Tx, token_id: int) -> bool:
    """Mark a refresh token as used; False when somebody was faster."""
    standing = (agent_tokens.c.id == token_id, agent_tokens.c.revoked_at.is_(None))
    return tx.execute(update(agent_tokens).where(*standing).values(revoked_at=tx.now)).rowcount == 1


def prune_codes(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete a bounded number of codes that expired before then and of whose tokens none is left; how many it were."""
    alive = exists().where(agent_tokens.c.family == oauth_codes.c.family)
    old = select(oauth_codes.c.id).where(oauth_codes.c.expires_at < before, ~alive)
    ids = list(tx.execute(old.limit(at_most)).scalars())
    if ids:
        tx.execute(delete(oauth_codes).where(oauth_codes.c.id.in_(ids)))
    return len(ids)


def _client(row: Row[Any]) -> Client:
    return Client(
        id=row.id,
        client_id=row.client_id,
        kind=ClientKind(row.kind),
        name=row.name,
        redirect_uris=tuple(row.redirect_uris),
        auth_method=AuthMethod(row.auth_method),
        secret_fingerprint=row.secret_fingerprint,
        agent_id=row.agent_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
