"""The shelf of what people prove themselves with besides a password: codes, passkeys, accounts elsewhere, links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from tocsin.accounts.model import AccessLink, Authenticator, Identity, Passkey
from tocsin.accounts.store.people import users
from tocsin.storage import Instant, Tx, metadata
from tocsin.storage.tables import Id, Json

authenticators = Table(
    "authenticators",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True, autoincrement=False),
    Column("secret", Text, nullable=False),  # sealed
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant, nullable=True),
    Column("last_step", BigInteger, nullable=True),  # of the last code that was taken: none counts twice
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    Index("ix_recovery_codes_user_id", "user_id", "fingerprint"),
    sqlite_autoincrement=True,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("credential_id", Text, nullable=False, unique=True),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", Json, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=True),
    Index("ix_passkeys_user_id", "user_id", "id"),
    sqlite_autoincrement=True,
)

identities = Table(
    "identities",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=False),
    UniqueConstraint("issuer", "subject"),
    Index("ix_identities_user_id", "user_id", "issuer"),
    sqlite_autoincrement=True,
)

access_links = Table(
    "access_links",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    Index("ix_access_links_user_id", "user_id", "purpose"),
    Index("ix_access_links_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)


def put_authenticator(tx: Tx, user_id: int, secret: str) -> None:
    """Remember one that is not confirmed yet, in the place of another such one."""
    gone = (authenticators.c.user_id == user_id, authenticators.c.confirmed_at.is_(None))
    tx.execute(delete(authenticators).where(*gone))
    tx.execute(insert(authenticators).values(user_id=user_id, secret=secret, created_at=tx.now))


def authenticator(tx: Tx, user_id: int) -> Authenticator | None:
    row = tx.execute(select(authenticators).where(authenticators.c.user_id == user_id)).first()
    return None if row is None else Authenticator(**row._mapping)


def confirm_authenticator(tx: Tx, user_id: int) -> None:
    tx.execute(update(authenticators).where(authenticators.c.user_id == user_id).values(confirmed_at=tx.now))


def take_step(tx: Tx, user_id: int, step: int) -> bool:
    """Note that the code of this step was used; False when it, or a later one, was used already."""
    fresh = or_(authenticators.c.last_step.is_(None), authenticators.c.last_step < step)
    mine = (authenticators.c.user_id == user_id, fresh)
    return tx.execute(update(authenticators).where(*mine).values(last_step=step)).rowcount == 1


def remove_authenticator(tx: Tx, user_id: int) -> bool:
    return tx.execute(delete(authenticators).where(authenticators.c.user_id == user_id)).rowcount > 0


def put_recovery_codes(tx: Tx, user_id: int, fingerprints: list[str]) -> None:
    """These, and none of those before."""
    remove_recovery_codes(tx, user_id)
    for fingerprint in fingerprints:
        tx.execute(insert(recovery_codes).values(user_id=user_id, fingerprint=fingerprint, created_at=tx.now))


def take_recovery_code(tx: Tx, user_id: int, fingerprint: str) -> bool:
    """Use one up; False when there is no such one, or no more."""
    column = recovery_codes.c
    mine = (column.user_id == user_id, column.fingerprint == fingerprint, column.used_at.is_(None))
    return tx.execute(update(recovery_codes).where(*mine).values(used_at=tx.now)).rowcount == 1


def count_recovery_codes(tx: Tx, user_id: int) -> int:
    """Those that are left."""
    counted = select(func.count()).select_from(recovery_codes)
    mine = (recovery_codes.c.user_id == user_id, recovery_codes.c.used_at.is_(None))
    return int(tx.execute(counted.where(*mine)).scalar_one())


def remove_recovery_codes(tx: Tx, user_id: int) -> None:
    tx.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))


def insert_passkey(
    tx: Tx, *, user_id: int, credential_id: str, public_key: str, sign_count: int, transports: list[str], name: str
) -> Passkey:
    kept: dict[str, Any] = {
        "user_id": user_id, "credential_id": credential_id, "public_key": public_key, "sign_count": sign_count,
        "transports": transports, "name": name, "created_at": tx.now,
    }  # fmt: skip
    id = tx.insert(insert(passkeys).values(**kept))
    return Passkey(id=id, **{**kept, "transports": tuple(transports)})


def passkeys_of(tx: Tx, user_id: int) -> list[Passkey]:
    """A person's, the oldest first."""
    chosen = select(passkeys).where(passkeys.c.user_id == user_id).order_by(passkeys.c.id)
    return [_passkey(row) for row in tx.execute(chosen)]


def passkey(tx: Tx, credential_id: str) -> Passkey | None:
    row = tx.execute(select(passkeys).where(passkeys.c.credential_id == credential_id)).first()
    return None if row is None else _passkey(row)


def passkey_used(tx: Tx, id: int, *, was: int, sign_count: int) -> bool:
    """Note how far it has counted; False when that was somebody else's turn."""
    mine = (passkeys.c.id == id, passkeys.c.sign_count == was)
    return tx.execute(update(passkeys).where(*mine).values(sign_count=sign_count, last_used_at=tx.now)).rowcount == 1


def rename_passkey(tx: Tx, user_id: int, id: int, name: str) -> bool:
    mine = (passkeys.c.user_id == user_id, passkeys.c.id == id)
    return tx.execute(update(passkeys).where(*mine).values(name=name)).rowcount == 1


def remove_passkey(tx: Tx, user_id: int, id: int) -> bool:
    return tx.execute(delete(passkeys).where(passkeys.c.user_id == user_id, passkeys.c.id == id)).rowcount == 1


def remove_passkeys(tx: Tx, user_id: int) -> int:
    return tx.execute(delete(passkeys).where(passkeys.c.user_id == user_id)).rowcount


def identity(tx: Tx, issuer: str, subject: str) -> Identity | None:
    mine = (identities.c.issuer == issuer, identities.c.subject == subject)
    row = tx.execute(select(identities).where(*mine)).first()
    return None if row is None else Identity(**row._mapping)


def identities_of(tx: Tx, user_id: int) -> list[Identity]:
    chosen = select(identities).where(identities.c.user_id == user_id).order_by(identities.c.id)
    return [Identity(**row._mapping) for row in tx.execute(chosen)]


def insert_identity(tx: Tx, *, user_id: int, issuer: str, subject: str) -> None:
    kept = {"user_id": user_id, "issuer": issuer, "subject": subject, "created_at": tx.now, "last_used_at": tx.now}
    tx.execute(insert(identities).values(**kept))


def identity_used(tx: Tx, id: int) -> None:
    tx.execute(update(identities).where(identities.c.id == id).values(last_used_at=tx.now))


def insert_link(tx: Tx, *, user_id: int, purpose: str, fingerprint: str, expires_at: datetime) -> None:
    kept = {"user_id": user_id, "purpose": purpose, "fingerprint": fingerprint, "expires_at": expires_at}
    tx.execute(insert(access_links).values(created_at=tx.now, **kept))


def link(tx: Tx, purpose: str, fingerprint: str) -> AccessLink | None:
    """The one that is still good."""
    column = access_links.c
    good = (column.purpose == purpose, column.fingerprint == fingerprint, column.used_at.is_(None))
    row = tx.execute(
        select(column.id, column.user_id, column.expires_at).where(*good, column.expires_at > tx.now)
    ).first()
    return None if row is None else AccessLink(**row._mapping)


def take_link(tx: Tx, id: int) -> bool:
    """Use it up; False when somebody was quicker."""
    mine = (access_links.c.id == id, access_links.c.used_at.is_(None), access_links.c.expires_at > tx.now)
    return tx.execute(update(access_links).where(*mine).values(used_at=tx.now)).rowcount == 1


def end_links(tx: Tx, user_id: int, purpose: str | None = None) -> None:
    """Let none of a person's open anything any more; `purpose` = of that kind alone."""
    mine = [access_links.c.user_id == user_id, access_links.c.used_at.is_(None)]
    if purpose is not None:
        mine.append(access_links.c.purpose == purpose)
    tx.execute(update(access_links).where(*mine).values(used_at=tx.now))


def count_links(tx: Tx, user_id: int, purpose: str, since: datetime) -> int:
    """How many were made since then."""
    column = access_links.c
    mine = (column.user_id == user_id, column.purpose == purpose, column.created_at > since)
    return int(tx.execute(select(func.count()).select_from(access_links).where(*mine)).scalar_one())


def remove_links(tx: Tx, before: datetime, at_most: int) -> int:
    """Delete those that were over before then; returns how many."""
    column = access_links.c
    old = select(column.id).where(column.expires_at < before).order_by(column.expires_at).limit(at_most)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(access_links).where(column.id.in_(ids)))
    return len(ids)


def set_password(tx: Tx, user_id: int, password_hash: str | None) -> None:
    tx.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))


def set_person(tx: Tx, user_id: int, *, email: str, first_name: str, last_name: str) -> None:
    kept = {"email": email, "email_key": email.lower(), "first_name": first_name, "last_name": last_name}
    tx.execute(update(users).where(users.c.id == user_id).values(**kept))


def _passkey(row: Row[Any]) -> Passkey:
    return Passkey(**{**row._mapping, "transports": tuple(row.transports)})
