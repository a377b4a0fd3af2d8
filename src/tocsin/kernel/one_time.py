"""Codes of six digits that change every half minute (TOTP, RFC 6238), as programs on phones show them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

from tocsin.kernel.clock import to_milliseconds

STEP_SECONDS = 30
DIGITS = 6
DRIFT_STEPS = 1
"""How far a phone's clock may be off, in steps (RFC 6238, 5.2)."""
SECRET_BYTES = 20
"""As long as what SHA-1 gives (RFC 4226, 4)."""


def new_secret() -> str:
    """A fresh secret in base 32, without padding."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """The code of one step: six digits (RFC 4226, 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(now: datetime) -> int:
    """The number of the step in which an instant lies."""
    return to_milliseconds(now) // 1_000 // STEP_SECONDS


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The step whose code this is, close enough to now; None when it is none. Blanks in a code are read over."""
    given = "".join(code.split())
    if not (given.isascii() and given.isdigit() and len(given) == DIGITS):
        return None
    middle = step_of(now)
    found = None
    for step in range(middle - DRIFT_STEPS, middle + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step), given):
            found = step
    return found


def address(secret: str, account: str, issuer: str = "Tocsin") -> str:
    """What stands in the QR code: `otpauth://totp/…`."""
    label = quote(f"{issuer}:{account}", safe="")
    asked = urlencode({"secret": secret, "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}, quote_via=quote)
    return f"otpauth://totp/{label}?{asked}"
