"""The file with the token of the house behind us: read when it is needed, and again when it has changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_BYTES = 4_096
NOT_FOR_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""All that others may do with it, and writing by the group, which may read it: Kubernetes' secrets are 0440."""


class TokenFileError(Exception):
    """The file cannot be used; the message names it, says why and how to mend it, and never what is in it."""


class TokenFile:
    """One file, one token, alone on a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int, int] | None = None
        self._token = ""

    def read(self) -> str:
        """The token as it is now. Raises TokenFileError."""
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise TokenFileError(f"{self.path} cannot be read ({error.strerror}). Put the token there.") from None
        seen = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)
        if seen != self._seen:
            self._token, self._seen = self._read(), seen
        return self._token

    def _read(self) -> str:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise TokenFileError(f"{self.path} cannot be read ({error.strerror}).") from None
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise TokenFileError(f"{self.path} is not a file. Give one that holds the token alone.")
            if mode & NOT_FOR_OTHERS:
                raise TokenFileError(
                    f"others may use {self.path} (mode {stat.S_IMODE(mode):04o}). Keep it to its owner: chmod 600."
                )
            content = file.read(MAX_BYTES + 1)
        token = content.strip()
        if not token or len(content) > MAX_BYTES or not token.isascii() or not all(33 <= each <= 126 for each in token):
            raise TokenFileError(f"{self.path} holds no token. It must hold the token alone, on one line.")
        return token.decode("ascii")
