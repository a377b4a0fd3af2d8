"""Secret addresses that let one person do one thing once: set Tocsin up, or choose a new password."""

from __future__ import annotations

from datetime import timedelta

from tocsin.accounts import store
from tocsin.accounts.model import AccessLink
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.storage import Tx

SET_UP = "set up"
NEW_PASSWORD = "new password"  # noqa: S105 - what the link is for
LASTS = {SET_UP: timedelta(hours=24), NEW_PASSWORD: timedelta(hours=1)}
KEPT_FOR = timedelta(days=2)
"""Of what is over: long enough to count by."""
MAX_MAILED_AN_HOUR = 3
"""Links that one person is mailed, whoever asks."""


def make_link(tx: Tx, user_id: int, purpose: str) -> str:
    """A fresh secret; those of the same purpose that were made before open nothing any more."""
    store.end_links(tx, user_id, purpose)
    secret = new_token()
    store.insert_link(
        tx, user_id=user_id, purpose=purpose, fingerprint=fingerprint(secret), expires_at=tx.now + LASTS[purpose]
    )
    return secret


def mailed_enough(tx: Tx, user_id: int, purpose: str) -> bool:
    """Whether that many were mailed within the hour that it is enough."""
    return store.count_links(tx, user_id, purpose, tx.now - timedelta(hours=1)) >= MAX_MAILED_AN_HOUR


def open_link(tx: Tx, secret: str, purpose: str) -> AccessLink | None:
    """The link with that secret that is still good, or None."""
    return store.link(tx, purpose, fingerprint(secret)) if secret and len(secret) <= 200 else None


def use_link(tx: Tx, link: AccessLink) -> bool:
    """Use it up; False when somebody was quicker."""
    return store.take_link(tx, link.id)


def end_links(tx: Tx, user_id: int, purpose: str) -> None:
    """Let none of this purpose open anything any more."""
    store.end_links(tx, user_id, purpose)


def prune_links(tx: Tx, at_most: int) -> int:
    """Forget what has long been over; returns how many."""
    return store.remove_links(tx, tx.now - KEPT_FOR, at_most)
