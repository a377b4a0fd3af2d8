"""Proves to whoever receives a message of ours that it is from us and unchanged: the scheme of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac

SECRET_PREFIX = "whsec_"  # noqa: S105 - the mark of a secret, not one
SECRET_BYTES = (24, 64)
"""The length of a signing key (Standard Webhooks, "Signature scheme")."""


def key_of(signing_secret: str) -> bytes:
    """The key in a `whsec_…` text. Raises ValueError when it is none."""
    key = base64.b64decode(
        signing_secret.removeprefix(SECRET_PREFIX), validate=True
    )  # a binascii.Error is a ValueError
    if not signing_secret.startswith(SECRET_PREFIX) or not SECRET_BYTES[0] <= len(key) <= SECRET_BYTES[1]:
        raise ValueError("not a signing secret")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: HMAC-SHA-256 over id, time and body (Standard Webhooks, "Signature scheme")."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
