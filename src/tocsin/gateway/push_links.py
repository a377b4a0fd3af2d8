"""The link behind which a person lets a browser show their pages: good for that, and for nothing else."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.contacts import actions as contacts
from tocsin.gateway.identity import Credential
from tocsin.kernel.errors import NotFound
from tocsin.storage import Database, Tx

SUBSCRIBING = frozenset({"contact_methods.subscribe"})
"""What whoever holds such a link may do, in the name of the person for whom it was made."""


class OpenedPushLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that proved to be ours and has not expired."""

    name: str
    """Of the person."""
    credential: Credential


async def open_push_link(database: Database, token: str, client_address: str | None) -> OpenedPushLink | None:
    """What a push link opens; None when it is not ours, or has expired."""
    found = await database.read(_open, token)
    if found is None:
        return None
    user_id, name = found
    credential = Credential(user_id=user_id, through="push link", only=SUBSCRIBING, client_address=client_address)
    return OpenedPushLink(name=name, credential=credential)


def _open(tx: Tx, token: str) -> tuple[int, str] | None:
    user_id = contacts.confirm(tx, token)
    if user_id is None:
        return None
    try:
        return user_id, accounts.user(tx, user_id).name
    except NotFound:  # has left since
        return None
