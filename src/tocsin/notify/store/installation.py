"""The shelf of what this installation can send."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, insert, select

from tocsin.notify.store.tables import channels_configured
from tocsin.storage import Tx


def kinds(tx: Tx) -> set[str]:
    """The channels that were configured at the latest start; empty when none ever said so."""
    return set(tx.execute(select(channels_configured.c.kind)).scalars())


def replace(tx: Tx, wanted: Collection[str]) -> None:
    """These, and no others."""
    tx.execute(delete(channels_configured))
    tx.execute(insert(channels_configured), [{"kind": kind} for kind in wanted])
