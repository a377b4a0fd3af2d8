"""Keeps secrets secret: what must be stored and shown again is sealed, and the links we send are signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from tocsin.kernel.ids import sign, signed

KEY_BYTES = 32
_MARK = "sealed:"
HIDDEN = "[hidden]"
"""What stands in the place of a secret where people read."""
_CREDENTIALS = re.compile(r"//[^/?#\s]*@")
"""`user:password@` in an address (RFC 3986, 3.2.1)."""


def covered(value: Any) -> Any:
    """The same shape without what it holds; names within it may be seen, e.g. of headers."""
    if isinstance(value, str):
        return HIDDEN if value else value
    if isinstance(value, dict):
        return {name: each if name in ("id", "name") else covered(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [covered(each) for each in value]
    return value


def without_credentials(text: str) -> str:
    """The text with every `user:password@` in an address hidden, for logs, mails and incidents."""
    return _CREDENTIALS.sub(f"//{HIDDEN}@", text)


class Vault:
    """Seals and opens text with one installation's key, and signs links with a key derived from it."""

    def __init__(self, key: str) -> None:
        """`key`: any text of at least 32 characters, e.g. from `new_key`; a lost key loses what it sealed."""
        if len(key) < KEY_BYTES:
            raise ValueError(f"the secret key must have at least {KEY_BYTES} characters")
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"seal:" + key.encode()).digest()))
        self._signing_key = hashlib.sha256(b"sign:" + key.encode()).digest()
        self._evidence_key = hashlib.sha256(b"evidence:" + key.encode()).digest()

    @staticmethod
    def new_key() -> str:
        """A fresh random key."""
        return secrets.token_urlsafe(KEY_BYTES)

    def seal(self, text: str) -> str:
        """Encrypt (Fernet: AES-128-CBC with HMAC-SHA-256). The empty text stays empty, so that "none" stays cheap."""
        return _MARK + self._fernet.encrypt(text.encode()).decode() if text else ""

    def seal_bytes(self, data: bytes) -> bytes:
        """`seal` for what is no text, and long."""
        return base64.urlsafe_b64decode(self._fernet.encrypt(data))

    def open_bytes(self, sealed: bytes) -> bytes:
        """Decrypt what `seal_bytes` made. Raises ValueError when the key is not the one that sealed it."""
        try:
            return self._fernet.decrypt(base64.urlsafe_b64encode(sealed))
        except InvalidToken as error:
            raise ValueError("a stored secret was sealed with another key (secret.key was lost or replaced)") from error

    def open(self, sealed: str) -> str:
        """Decrypt what `seal` made. Raises ValueError when the key is not the one that sealed it."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.removeprefix(_MARK).encode()).decode()
        except InvalidToken as error:
            raise ValueError("a stored secret was sealed with another key (secret.key was lost or replaced)") from error

    def sign(self, text: str) -> str:
        """A signature that proves a link was made by this installation."""
        return sign(self._signing_key, text)

    def signed(self, text: str, signature: str) -> bool:
        """Whether `signature` is ours for `text`."""
        return signed(self._signing_key, text, signature)

    def evidence(self, purpose: str, said: bytes) -> str:
        """An HMAC-SHA-256 in hex that this installation alone can make: proof that it was us who said this.

        `purpose` keeps what was said on one occasion from being shown on another.
        """
        return hmac.digest(self._evidence_key, purpose.encode() + b"\0" + said, "sha256").hex()
