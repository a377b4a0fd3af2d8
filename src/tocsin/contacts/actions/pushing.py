"""The secret link behind which a person lets a browser receive their pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.storage import Tx

LINK_LIFETIME = timedelta(hours=1)
"""Long enough to carry it to a phone, short enough to be worth nothing in a history."""

_TOKEN = re.compile(r"([0-9]{1,18})-([0-9]{1,15})-([0-9a-f]{32})")


class PushLink(msgspec.Struct, frozen=True):
    """Where to subscribe, and until when."""

    token: str
    expires_at: datetime


def push_link(tx: Tx, user_id: int) -> PushLink:
    """A link that is good for adding push subscriptions to this one person."""
    expires_at = tx.now + LINK_LIFETIME
    said = f"{user_id}-{to_milliseconds(expires_at)}"
    return PushLink(token=f"{said}-{tx.vault.sign(f'push:{said}')}", expires_at=expires_at)


def confirm(tx: Tx, token: str) -> int | None:
    """For whom (user id) the last part of a push link was made; None when it is not ours or has expired."""
    match = _TOKEN.fullmatch(token)
    if match is None or not tx.vault.signed(f"push:{match[1]}-{match[2]}", match[3]):
        return None
    return int(match[1]) if from_milliseconds(int(match[2])) > tx.now else None
