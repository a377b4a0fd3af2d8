"""The one seam between us and the network: what may be asked of it, and at which a test puts its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from tocsin.kernel.net.messages import Answer, Done, HttpRequest, HttpResponse, IpVersion
from tocsin.kernel.net.requests import Datagram, Replied, Reply, Request, Stream


class Net(Protocol):
    """The network: the one seam at which a test puts its own. The real one is `RealNet`."""

    def http(self, request: HttpRequest, done: Done, certificate: bool = False) -> None:
        """Send `request`; `done(response)` is called exactly once, on the engine's thread; never raises."""
        ...

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        """The same for anyone who can wait, from any event loop."""
        ...

    def send(self, request: Request, done: Replied) -> None:
        """A `Ping`, `Connect` or `Query`; `done(reply)` exactly once, on the engine's thread; never raises."""
        ...

    async def ask(self, request: Request) -> Reply:
        """The same for anyone who can wait, from any event loop."""
        ...

    async def dial(
        self,
        host: str,
        port: int,
        *,
        timeout_seconds: float,
        ip_version: IpVersion | None = None,
        tls: bool = False,
        verify_tls: bool = True,
        server_name: str | None = None,
    ) -> Stream:
        """A connection to talk over, within `timeout_seconds` from here to the last byte. Raises `Broken`.

        Only on the engine's thread, where checks run. `server_name`: whom the certificate must name, if not `host`.
        """
        ...

    async def exchange(
        self,
        host: str,
        port: int,
        payload: bytes,
        *,
        timeout_seconds: float,
        ip_version: IpVersion | None = None,
        accept: Callable[[bytes], bool] | None = None,
    ) -> Datagram:
        """Send a datagram (up to three times, for any may be lost) and wait for one back that `accept` takes.

        Raises `Broken`. Only on the engine's thread, where checks run.
        """
        ...

    async def resolve(self, name: str, ip_version: IpVersion | None = None) -> Answer:
        """The addresses of a name (or of an address literal), from any event loop; never raises."""
        ...

    def post(self, work: Callable[..., None], *args: Any) -> None:
        """Run `work(*args)` on the engine's thread, soon; callable from any thread."""
        ...

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Run `work` on the engine's thread after `seconds`. Only from that thread."""
        ...

    def spawn(self, work: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        """Run a coroutine on the engine's loop; `done` gets its result, or the exception. Only from that thread."""
        ...
