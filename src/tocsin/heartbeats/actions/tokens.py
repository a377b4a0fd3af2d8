"""Finds the heartbeats behind the secrets in ping URLs."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.storage import Tx


def ids_of_tokens(tx: Tx, tokens: Sequence[str]) -> dict[str, int]:
    """The heartbeat of each token; unknown ones are left out. Some hundreds at once."""
    return shelf.ids_of_tokens(tx, tokens)
