"""A network that a test scripts: sites that answer, fail or hang, without a socket and without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from tocsin.kernel.net import Answer, Certificate, Done, Failure, HttpRequest, HttpResponse, IpVersion


class Site:
    """One host, and what it answers now."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.asked = 0
        self.certificate: Certificate | None = None
        self.up()

    def up(self, body: bytes = b"<h1>Welcome</h1>") -> None:
        """Answer 200."""
        self._answer = HttpResponse(status_code=200, body=body, header_lines=[b"Content-Type: text/html"])

    def down(self, status_code: int = 503, body: bytes = b"down for maintenance") -> None:
        """Answer with an error."""
        self._answer = HttpResponse(status_code=status_code, body=body, header_lines=[b"Content-Type: text/plain"])

    def refuse(self) -> None:
        """Refuse connections."""
        self._answer = HttpResponse(failure=Failure.CONNECT_REFUSED, cause="Connection refused")

    def unreachable_through_our_fault(self) -> None:
        """As when our own cable is out."""
        self._answer = HttpResponse(failure=Failure.LOCAL, cause="No network")

    def answer(self, request: HttpRequest, certificate: bool) -> HttpResponse:
        """What it says to this request."""
        import msgspec

        self.asked += 1
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

    async def resolve(self, name: str, ip_version: IpVersion | None = None) -> Answer:
        return Answer(addresses=("192.0.2.1",))

    def post(self, work: Callable[..., None], *args: Any) -> None:
        work(*args)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        raise AssertionError("a probe driven by hand plans nothing by itself")

    def spawn(self, work: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda over: done(over.exception() or over.result()))
