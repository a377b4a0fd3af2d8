"""By which ways this installation can reach anybody: said by the server when it starts, asked when a page is due."""

from __future__ import annotations

from collections.abc import Collection

from tocsin.notify.store import installation as shelf
from tocsin.storage import Tx

ALWAYS = "email"
"""What is there even when nobody has said so: everybody has an address."""


def configured(tx: Tx, kinds: Collection[str]) -> None:
    """From now on these channels have what they need of the operator, e.g. `{"email", "sms", "call"}`."""
    wanted = {ALWAYS, *kinds}
    if shelf.kinds(tx) != wanted:
        shelf.replace(tx, sorted(wanted))


def available(tx: Tx) -> frozenset[str]:
    """The kinds of channels that this installation can use; a target brings its own settings and is always there."""
    return frozenset(shelf.kinds(tx) or {ALWAYS})
