"""The real network: one thread with an event loop, on which every check and every lookup runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any

import uvloop

from tocsin import __version__
from tocsin.kernel.clock import Clock
from tocsin.kernel.net.address import AddressPolicy
from tocsin.kernel.net.connector import Connector
from tocsin.kernel.net.curl import CurlEngine
from tocsin.kernel.net.exchange import exchange
from tocsin.kernel.net.messages import Answer, Done, Failure, HttpRequest, HttpResponse, IpVersion
from tocsin.kernel.net.pinger import Pinger
from tocsin.kernel.net.querier import Querier
from tocsin.kernel.net.requests import Connect, Datagram, Ping, Query, Replied, Reply, Request, Stream
from tocsin.kernel.net.resolver import Resolver
from tocsin.kernel.net.standpoint import Standpoint
from tocsin.kernel.net.stream import SocketStream, dial
from tocsin.kernel.net.target import BadUrl, canonical_host
from tocsin.kernel.net.transfer import POST_QUANTUM_CURVES, TRUSTED_CURVES, Options

USER_AGENT = f"Tocsin/{__version__} (+uptime monitoring)"
START_TIMEOUT_SECONDS = 10.0
STOP_TIMEOUT_SECONDS = 3.0
"""A clean stop has five seconds in all; the network gets three of them."""
_CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
)
_log = logging.getLogger(__name__)


class RealNet:
    """`Net` on libcurl and c-ares. `start()` it, then use it from any thread, then `stop()` it.

    `nameservers` are `host:port` texts (none: the machine's own). `ca_file` is a PEM file of trusted authorities.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        allow_private: bool = True,
        nameservers: Sequence[str] = (),
        ca_file: str | None = None,
        post_quantum: bool = False,
        user_agent: str = USER_AGENT,
    ) -> None:
        self._clock = clock
        self._policy = AddressPolicy(allow_private)
        self._nameservers = tuple(nameservers)
        self._options = Options(
            ca_file=ca_file or trusted_authorities(),
            user_agent=user_agent,
            curves=POST_QUANTUM_CURVES if post_quantum else TRUSTED_CURVES,
        )
        self._thread: threading.Thread | None = None
        self._thread_id = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: CurlEngine | None = None
        self._resolver: Resolver | None = None
        self._standpoint: Standpoint | None = None
        self._connector: Connector | None = None
        self._pinger: Pinger | None = None
        self._querier: Querier | None = None
        self._senders: dict[type, Callable[[Any, Replied], None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Start the thread; returns when it can take requests."""
        raise_file_limit()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="tocsin-net", daemon=True)
        self._thread.start()
        ready.result(START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """End what is in flight (as `LOCAL`) and the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_TIMEOUT_SECONDS)
        self._thread = None

    @property
    def engine(self) -> CurlEngine:
        """The engine, for its figures (`in_flight`, `stalled_seconds`)."""
        if self._engine is None:
            raise RuntimeError("the network has not been started")
        return self._engine

    def http(self, request: HttpRequest, done: Done, certificate: bool = False) -> None:
        if self._engine is not None and threading.get_ident() == self._thread_id:
            self._engine.start(request, done, certificate)
        else:
            self.post(self.engine.start, request, done, certificate)

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse:
        future: Future[HttpResponse] = Future()
        self.http(request, future.set_result, certificate)
        return await asyncio.shield(asyncio.wrap_future(future))

    def send(self, request: Request, done: Replied) -> None:
        if threading.get_ident() == self._thread_id:
            self._senders[type(request)](request, done)
        else:
            self.post(self._send, request, done)

    async def ask(self, request: Request) -> Reply:
        future: Future[Reply] = Future()
        self.send(request, future.set_result)
        return await asyncio.shield(asyncio.wrap_future(future))

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
    ) -> SocketStream:
        assert self._connector is not None
        assert self._standpoint is not None
        return await dial(
            self._connector,
            self._standpoint,
            self._options.ca_file,
            host,
            port,
            timeout_seconds=timeout_seconds,
            ip_version=ip_version,
            tls=tls,
            verify_tls=verify_tls,
            server_name=server_name,
        )

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
        assert self._standpoint is not None
        return await exchange(
            self._standpoint,
            host,
            port,
            payload,
            timeout_seconds=timeout_seconds,
            ip_version=ip_version,
            accept=accept,
        )

    async def resolve(self, name: str, ip_version: IpVersion | None = None) -> Answer:
        try:
            host, address = canonical_host(name)
        except BadUrl as error:
            return Answer(failure=Failure.BAD_URL, cause=str(error))
        if address is not None:
            return Answer(addresses=(address,), expires_at=float("inf"))
        if self._resolver is None or self._loop is None:
            raise RuntimeError("the network has not been started")
        answer = asyncio.run_coroutine_threadsafe(self._resolver.resolve(host, ip_version), self._loop)
        return await asyncio.wrap_future(answer)

    def refusal(self, address: str) -> str | None:
        """Why `address` may not be connected to (a sentence), or None."""
        return self._policy.refusal(address)

    def post(self, work: Callable[..., None], *args: Any) -> None:
        if self._loop is None:
            raise RuntimeError("the network has not been started")
        self._loop.call_soon_threadsafe(work, *args)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        assert self._loop is not None
        self._loop.call_later(seconds, work)

    def spawn(self, work: Coroutine[Any, Any, Any], done: Callable[[Any], None]) -> None:
        assert self._loop is not None
        task = self._loop.create_task(work)
        self._tasks.add(task)

        def ended(over: asyncio.Task[Any]) -> None:
            self._tasks.discard(over)
            if over.cancelled():
                done(asyncio.CancelledError())
            else:
                done(over.exception() or over.result())

        task.add_done_callback(ended)

    async def _dial_for_dns(self, address: str, port: int, seconds: float) -> Stream:
        return await self.dial(address, port, timeout_seconds=seconds)

    def _send(self, request: Request, done: Replied) -> None:
        self._senders[type(request)](request, done)

    def _run(self, ready: Future[None]) -> None:
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        self._thread_id = threading.get_ident()
        try:
            self._loop = loop
            self._resolver = Resolver(loop, self._nameservers)
            self._standpoint = Standpoint(loop, self._clock, self._resolver, self._policy)
            self._engine = CurlEngine(loop, self._standpoint, self._options)
            self._connector = Connector(loop, self._standpoint)
            self._pinger = Pinger(loop, self._standpoint)
            self._querier = Querier(loop, self._standpoint, self._dial_for_dns)
            self._senders = {
                Connect: self._connector.start,
                Ping: self._pinger.start,
                Query: self._querier.start,
            }
        except Exception as error:
            ready.set_exception(error)
            loop.close()
            return
        loop.call_soon(ready.set_result, None)
        try:
            loop.run_forever()
        finally:
            self._engine.close()
            self._connector.close()
            self._pinger.close()
            self._querier.close()
            self._standpoint.close()
            for task in list(self._tasks):
                task.cancel()
            loop.run_until_complete(self._resolver.close())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


def trusted_authorities() -> str:
    """The machine's file of trusted certificate authorities. Raises FileNotFoundError when there is none."""
    told = os.environ.get("SSL_CERT_FILE")
    candidates = ((told,) if told else ()) + (ssl.get_default_verify_paths().cafile or "", *_CA_FILES)
    for path in candidates:
        if path and os.path.isfile(path):
            return path
    raise FileNotFoundError(
        "No file of trusted certificate authorities was found: install the ca-certificates package, "
        "or name one in SSL_CERT_FILE."
    )


def raise_file_limit() -> None:
    """Use all the file descriptors that the system allows us: every check in flight needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
