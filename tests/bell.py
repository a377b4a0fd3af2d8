"""A doorbell that remembers whether anybody rang."""

from __future__ import annotations

from tocsin.storage import MemoryBus


class Bell(MemoryBus):
    """The bus of a single process, which counts."""

    def __init__(self) -> None:
        super().__init__()
        self.rings = 0

    def ring(self, topic: str) -> None:
        self.rings += 1
        super().ring(topic)
