"""Passwords: kept only as what proves them (Argon2id, RFC 9106), never as what they are."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

MAX_LENGTH = 1_000
"""Characters: hashing more would only keep us busy."""

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    """What is kept of a password. Takes some 50 ms, on purpose."""
    return _hasher.hash(password)


def matches(hash: str | None, password: str) -> bool:
    """Whether this is the password behind a hash; None = there is none, so nothing matches.

    It takes as long when nothing can match: else the time would tell who is known here.
    """
    if hash is None or len(password) > MAX_LENGTH:
        hashed(password[:MAX_LENGTH])
        return False
    try:
        return _hasher.verify(hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
