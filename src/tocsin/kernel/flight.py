"""Messages that are on their way: waited for until they have arrived, or let go when we have to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Flight:
    """The tasks that a worker has started and not seen the end of. Belongs to one event loop."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self.tasks)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Let it go by itself; the event loop alone would forget it."""
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def landed(self) -> None:
        """Wait until nothing is on its way any more, what is started meanwhile included."""
        while self.tasks:
            await asyncio.wait(set(self.tasks))

    async def let_go(self, after_seconds: float) -> None:
        """Wait for so long, then cut off what is left: whoever starts work here can do it again."""
        if not self.tasks:
            return
        _, unfinished = await asyncio.wait(set(self.tasks), timeout=after_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
