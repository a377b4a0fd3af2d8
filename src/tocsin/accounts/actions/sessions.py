"""Who is signed in to the console, in which browser, and for how long."""

from __future__ import annotations

from datetime import timedelta

from tocsin.accounts import store
from tocsin.accounts.model import Member, Session
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.storage import Tx

SESSION_LASTS = timedelta(days=30)
"""At most: whoever is on call must not be asked for a password at three in the morning."""
SESSION_IDLE = timedelta(days=14)
"""Without a visit."""
SEEN_RESOLUTION = timedelta(minutes=5)
"""How fresh `last_seen_at` is kept."""
KEPT_FOR = timedelta(days=30)
"""Of what is over, in case somebody asks."""
PREFIX = "session_"
MAX_SHOWN = 100


def start_session(
    tx: Tx, user_id: int, *, means: str, team_id: int | None = None, client_address: str | None = None,
    client_name: str | None = None,
) -> str:  # fmt: skip
    """Sign a person in; returns the secret for the browser, the only time it can be seen."""
    secret = new_token(PREFIX)
    store.insert_session(
        tx,
        user_id=user_id,
        team_id=team_id,
        fingerprint=fingerprint(secret),
        means=means,
        expires_at=tx.now + SESSION_LASTS,
        client_address=client_address,
        client_name=client_name,
    )
    return secret


def session(tx: Tx, secret: str) -> Session | None:
    """The live session with that secret, or None."""
    found = store.session_by_fingerprint(tx, fingerprint(secret))
    return None if found is None or tx.now - found.last_seen_at > SESSION_IDLE else found


def saw_session(tx: Tx, id: int, client_address: str | None) -> None:
    """Note that it was in use just now."""
    store.update_session(tx, id, last_seen_at=tx.now, client_address=client_address)


def look_at_team(tx: Tx, session_id: int, team_id: int) -> None:
    """Remember which team the person looks at."""
    store.update_session(tx, session_id, team_id=team_id)


def sessions_of(tx: Tx, user_id: int) -> list[Session]:
    """Where a person is signed in, the newest first."""
    found = store.sessions_of(tx, user_id, MAX_SHOWN)
    return [each for each in found if tx.now - each.last_seen_at <= SESSION_IDLE]


def session_by_id(tx: Tx, id: int) -> Session | None:
    """The live session of that number, whoever's it is, or None."""
    found = store.session_by_id(tx, id)
    return None if found is None or tx.now - found.last_seen_at > SESSION_IDLE else found


def proved_again(tx: Tx, session_id: int) -> None:
    """Note that the person has just proved once more to be the one."""
    store.update_session(tx, session_id, proved_at=tx.now)


def shares_team(tx: Tx, team_ids: tuple[int, ...] | None, user_id: int) -> bool:
    """Whether somebody is in one of these teams (None = in any)."""
    return store.shares_team(tx, team_ids, user_id)


def end_session(tx: Tx, user_id: int, session_id: int) -> bool:
    """Sign a person out of one browser; False when that was no session of theirs, or over."""
    return store.end_sessions(tx, user_id, only=session_id) > 0


def end_sessions(tx: Tx, user_id: int, *, but: int | None = None) -> int:
    """Sign a person out everywhere, or everywhere `but` here; returns of how many browsers."""
    return store.end_sessions(tx, user_id, but=but)


def prune_sessions(tx: Tx, at_most: int) -> int:
    """Forget what has long been over; returns how many."""
    return store.remove_sessions(tx, tx.now - KEPT_FOR, at_most)


def memberships_of(tx: Tx, user_id: int) -> list[Member]:
    """A person's places in teams, the oldest first."""
    return store.membership(tx, None, user_id)
