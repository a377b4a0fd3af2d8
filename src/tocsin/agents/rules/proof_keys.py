"""Proof that whoever fetches a token is the program that asked for it: PKCE with S256, for everybody (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

METHOD = "S256"
"""`plain` is not taken: whoever sees the challenge would have the verifier."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url without padding."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def challenge_problem(challenge: str | None, method: str | None) -> str | None:
    """What is wrong with the challenge of an authorization request, as a sentence; None = nothing."""
    if not challenge:
        return "code_challenge is missing: PKCE is required of every client."
    if method != METHOD:
        return "code_challenge_method must be S256."
    if not _CHALLENGE.fullmatch(challenge):
        return "code_challenge must be the base64url of a SHA-256, 43 characters without padding."
    return None


def proves(verifier: str | None, challenge: str) -> bool:
    """Whether the verifier is the one from which the challenge was made."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())
