"""The addresses of metadata and of the catalog (contract part 2, section 7)."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.metadata.actions import Owners
from tocsin.metadata.api import catalog, facts
from tocsin.registry import Operation


def operations(owners: Owners) -> Iterator[Operation]:
    """Everything that can be done with metadata; `owners`: who can have it, from runtime.wiring."""
    yield from facts.operations(owners)
    yield from catalog.operations(owners)


__all__ = ["Owners", "operations"]
