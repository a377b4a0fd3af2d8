"""What is kept of a message: enough to build rules from, never a secret."""

from __future__ import annotations

import re

from tocsin.kernel.vault import HIDDEN

MAX_BODY_BYTES = 256 * 1024
"""Of a message that is kept whole; of a larger one the beginning."""
MAX_HEADERS = 100
MAX_HEADER_CHARACTERS = 2_000
MAX_PATH_CHARACTERS = 500

_SECRET = re.compile(
    r"auth|cookie|token|secret|password|passwd|credential|signature|(?:^|[-_])(?:api|access|private|routing)?[-_]?key$",
    re.IGNORECASE,
)


def without_secrets(pairs: tuple[tuple[str, str], ...], token: str) -> list[tuple[str, str]]:
    """Headers or query parameters as they are kept: what is named like a secret, and our own token, is hidden."""
    return [
        (_kept(name, token), HIDDEN if _SECRET.search(name) else _kept(value, token))
        for name, value in pairs[:MAX_HEADERS]
    ]


def kept_body(body: bytes, token: str) -> tuple[bytes, bool]:
    """(the body as it is kept, whether it was cut). Our own token in it (PagerDuty's `routing_key`) is hidden."""
    if token and token.encode() in body:
        body = body.replace(token.encode(), HIDDEN.encode())
    return body[:MAX_BODY_BYTES], len(body) > MAX_BODY_BYTES


def kept_path(path: str, token: str) -> str:
    """The rest of the address as it is kept."""
    return _kept(path, token)[:MAX_PATH_CHARACTERS]


def _kept(text: str, token: str) -> str:
    if token:
        text = re.sub(re.escape(token), HIDDEN, text, flags=re.IGNORECASE)
    return text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()[:MAX_HEADER_CHARACTERS]
