"""A network that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from tocsin.kernel.net import Answer, Done, HttpRequest, HttpResponse, IpVersion

OK = HttpResponse(status_code=200)


class FakeNet:
    """Satisfies `Net`. Answers at once with `response`, or holds requests back while `held` is a list."""

    def __init__(self) -> None:
        self.response = OK
        self.asked: list[tuple[str, bool]] = []
        self.held: list[Done] | None = None
        self.delayed: list[Callable[[], None]] = []

    def http(self, request: HttpRequest, done: Done, certificate: bool = False) -> None:
        self.asked.append((request.url, certificate))
        if self.held is None:
            done(self.response if certificate else msgspec.structs.replace(self.response, certificate=None))
        else:
            self.held.append(done)

    def release(self) -> None:
        """Answer everything that is held."""
        held, self.held = self.held or [], []
        for done in held:
            done(self.response)

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        self.asked.append((request.url, certificate))
        return self.response

    async def resolve(self, name: str, ip_version: IpVersion | None = None) -> Answer:
        return Answer(addresses=("192.0.2.1",))

    def post(self, work: Callable[..., None], *args: Any) -> None:
        work(*args)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self.delayed.append(work)

    def spawn(self, work: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        done(asyncio.run(work))
