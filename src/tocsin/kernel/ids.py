"""Names for things: secret tokens, request ids, and the fingerprints under which secrets are stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

_LETTERS_AND_DIGITS = string.ascii_letters + string.digits

TOKEN_LENGTH = 32
"""Letters and digits in an API token: 190 bits."""


def new_token(prefix: str = "", length: int = TOKEN_LENGTH, letters: str = _LETTERS_AND_DIGITS) -> str:
    """A fresh secret of letters and digits, after a prefix that tells people (and secret scanners) what it is."""
    return prefix + "".join(secrets.choice(letters) for _ in range(length))


def fingerprint(secret: str) -> str:
    """The SHA-256 under which a random token is stored; fit for long random secrets only, never for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_request_id() -> str:
    """A fresh id that ties an answer, its audit entry and its log lines together."""
    return secrets.token_hex(16)


def sign(key: bytes, text: str) -> str:
    """A 32-digit HMAC-SHA-256 over `text`: proof that a link was made by us."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def signed(key: bytes, text: str, signature: str) -> bool:
    """Whether `signature` is ours for `text`; compares in constant time."""
    return hmac.compare_digest(sign(key, text).encode(), signature.encode())
