"""A network that a test scripts: sites that answer, fail or hang, without a socket and without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from tocsin.kernel.net import (
    Answer,
    Broken,
    Certificate,
    Datagram,
    Done,
    Failure,
    HttpRequest,
    HttpResponse,
    IpVersion,
    Query,
    Replied,
    Reply,
    Request,
)


class Site:
    """One host, and what it answers now."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.asked = 0
        self.requests: list[HttpRequest] = []
        self.certificate: Certificate | None = None
        self.lines: list[bytes] = []
        self.written: list[bytes] = []
        self.reply = Reply()
        self.up()

    def up(self, body: bytes = b"<h1>Welcome</h1>") -> None:
        """Answer 200, echo pings, take connections, and say in them what `script` was given."""
        self.failure: Failure | None = None
        self.cause = ""
        self._answer = HttpResponse(status_code=200, body=body, header_lines=[b"Content-Type: text/html"])

    def down(self, status_code: int = 503, body: bytes = b"down for maintenance") -> None:
        """Answer with an error."""
        self._answer = HttpResponse(status_code=status_code, body=body, header_lines=[b"Content-Type: text/plain"])

    def refuse(self) -> None:
        """Refuse connections."""
        self.failure, self.cause = Failure.CONNECT_REFUSED, "Connection refused"
        self._answer = HttpResponse(failure=Failure.CONNECT_REFUSED, cause="Connection refused")

    def unreachable_through_our_fault(self) -> None:
        """As when our own cable is out."""
        self.failure, self.cause = Failure.LOCAL, "No network"
        self._answer = HttpResponse(failure=Failure.LOCAL, cause="No network")

    def script(self, *lines: bytes) -> None:
        """What it says in every conversation, one after the other, and then closes; or what datagrams it sends back."""
        self.lines = list(lines)

    def replied(self) -> Reply:
        """What it says to a ping, a connection that is only opened, or a question to a name server: `reply`."""
        import msgspec

        self.asked += 1
        changes = {"remote_ip": "192.0.2.1"} if self.failure is None else {"failure": self.failure, "cause": self.cause}
        return msgspec.structs.replace(self.reply, **changes)

    def answer(self, request: HttpRequest, certificate: bool) -> HttpResponse:
        """What it says to this request."""
        import msgspec

        self.asked += 1
        self.requests.append(request)
        return msgspec.structs.replace(
            self._answer,
            url=request.url,
            remote_ip="192.0.2.1",
            name_lookup_time=0.001,
            connection_time=0.01,
            tls_handshake_time=0.02,
            data_transfer_time=0.03,
            total_time=0.061,
            certificate=self.certificate if certificate else None,
        )


class FakeStream:
    """Satisfies `kernel.net.Stream`: reads what the site's script says, keeps what is written in `site.written`."""

    remote_ip = "192.0.2.1"
    name_lookup_time: float | None = 0.001
    connection_time = 0.01
    elapsed_seconds = 0.02

    def __init__(self, site: Site, tls: bool) -> None:
        self.site = site
        self.tls_handshake_time: float | None = 0.02 if tls else None
        self.received = b""
        self._said = b"".join(site.lines)

    @property
    def certificate(self) -> Certificate | None:
        return self.site.certificate if self.tls_handshake_time is not None else None

    async def read_line(self, limit: int = 8_192) -> bytes:
        end = self._said.find(b"\n", 0, limit)
        if end < 0:
            raise self._closed() if len(self._said) < limit else Broken(Failure.PROTOCOL, "The line is too long")
        return self._take(end + 1)

    async def read_exactly(self, count: int) -> bytes:
        if len(self._said) < count:
            raise self._closed()
        return self._take(count)

    async def read_some(self, limit: int = 65_536) -> bytes:
        return self._take(limit)

    async def write(self, data: bytes) -> None:
        self.site.written.append(data)

    async def start_tls(
        self, server_name: str | None = None, verify_tls: bool = True, alpn: tuple[str, ...] = ()
    ) -> None:
        self.tls_handshake_time = 0.02

    def close(self) -> None:
        pass

    async def __aenter__(self) -> FakeStream:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def _take(self, count: int) -> bytes:
        taken, self._said = self._said[:count], self._said[count:]
        self.received += taken
        return taken

    def _closed(self) -> Broken:
        if self.received:
            return Broken(Failure.TRUNCATED, "The server closed the connection before its answer was complete")
        return Broken(Failure.EMPTY_REPLY, "The server closed the connection without an answer")


class FakeNet:
    """Satisfies `kernel.net.Net`: calls back at once, on the caller's thread."""

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}

    def site(self, host: str) -> Site:
        """The site of that host, made on first mention."""
        return self.sites.setdefault(host, Site(host))

    def http(self, request: HttpRequest, done: Done, certificate: bool = False) -> None:
        done(self.site(urlsplit(request.url).hostname or "").answer(request, certificate))

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        return self.site(urlsplit(request.url).hostname or "").answer(request, certificate)

    def send(self, request: Request, done: Replied) -> None:
        done(self.site(_host(request)).replied())

    async def ask(self, request: Request) -> Reply:
        return self.site(_host(request)).replied()

    async def dial(self, host: str, port: int, *, tls: bool = False, **rest: Any) -> FakeStream:
        site = self.site(host)
        site.asked += 1
        if site.failure is not None:
            raise Broken(site.failure, site.cause)
        return FakeStream(site, tls)

    async def exchange(
        self, host: str, port: int, payload: bytes, *, accept: Callable[[bytes], bool] | None = None, **rest: Any
    ) -> Datagram:
        site = self.site(host)
        site.asked += 1
        site.written.append(payload)
        if site.failure is not None:
            raise Broken(site.failure, site.cause)
        for line in site.lines:
            if accept is None or accept(line):
                return Datagram(line, "192.0.2.1", 0.01, 0.001)
        raise Broken(Failure.CONNECT_TIMEOUT, "Timed out without an answer")

    async def resolve(self, name: str, ip_version: IpVersion | None = None) -> Answer:
        return Answer(addresses=("192.0.2.1",))

    def post(self, work: Callable[..., None], *args: Any) -> None:
        work(*args)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        raise AssertionError("a probe driven by hand plans nothing by itself")

    def spawn(self, work: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda over: done(over.exception() or over.result()))


def _host(request: Request) -> str:
    return request.server if isinstance(request, Query) else request.host
