"""One thing that the doctor has looked at, and what to do about it."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `mend` says what to do, when there is something to do."""

    state: Literal["ok", "warning", "wrong"]
    subject: str
    words: str
    mend: str = ""
