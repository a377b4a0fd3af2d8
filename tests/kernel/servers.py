"""Real servers on loopback for the tests here: HTTP that can be slow or rude, TLS, a name server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Handler = Callable[[str, dict[str, str], bytes, asyncio.StreamWriter], Awaitable[None]]


class LoopThread:
    """An event loop on a thread of its own, so that servers live beside the test and its clients."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def close(self) -> None:
        async def end() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class HttpServer:
    """Answers by path; remembers what it was asked as (request line, headers, body)."""

    def __init__(self, loop: LoopThread, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.routes: dict[str, Handler] = {}
        self._loop = loop
        self._server = loop.run(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.scheme = "https" if tls else "http"

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def answer(self, path: str, status: int = 200, body: bytes = b"", *headers: str) -> None:
        """Answer `path` so."""
        raw = answer(status, body, *headers)

        async def handler(line: str, got: dict[str, str], sent: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(raw)

        self.routes[path] = handler

    def script(self, path: str, *steps: bytes | float) -> None:
        """Answer `path` by writing the bytes and waiting the seconds, in order."""

        async def handler(line: str, got: dict[str, str], sent: bytes, writer: asyncio.StreamWriter) -> None:
            for step in steps:
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    await asyncio.sleep(step)

        self.routes[path] = handler

    def paths(self) -> list[str]:
        return [line.split(" ")[1] for line, _, _ in self.requests]

    def close(self) -> None:
        self._loop.loop.call_soon_threadsafe(self._server.close)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append((line, headers, body))
            handler = self.routes.get(line.split(" ")[1])
            if handler is None:
                writer.write(answer(404, b"nothing here"))
            else:
                await handler(line, headers, body, writer)
            await writer.drain()
        writer.close()


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class RawServer:
    """Runs `talk(reader, writer)` for each connection: for servers that speak no HTTP at all."""

    def __init__(self, loop: LoopThread, talk: Callable[[Any, Any], Awaitable[None]]) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await talk(reader, writer)
            writer.close()

        self._loop = loop
        self._server = loop.run(asyncio.start_server(serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._loop.loop.call_soon_threadsafe(self._server.close)


class NameServer(asyncio.DatagramProtocol):
    """Real DNS over UDP. `zone` maps a name to addresses, to an rcode, or to None (no answer ever)."""

    def __init__(self, loop: LoopThread) -> None:
        self.zone: dict[str, list[str] | dns.rcode.Rcode | None] = {}
        self.ttl = 60
        self.silent = False
        self.asked: list[tuple[str, str]] = []
        self._loop = loop
        self.transport: Any = None
        where = loop.run(self._open())
        self.address = f"127.0.0.1:{where}"

    async def _open(self) -> int:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        port: int = transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().rstrip(".").lower(), question.rdtype
        self.asked.append((name, dns.rdatatype.to_text(kind)))
        known = self.zone.get(name, dns.rcode.NXDOMAIN)
        if self.silent or known is None:
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if isinstance(known, list):
            fitting = [each for each in known if (":" in each) == (kind == dns.rdatatype.AAAA)]
            if fitting and kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
                reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *fitting))
        else:
            reply.set_rcode(known)
        self.transport.sendto(reply.to_wire(), source)

    def close(self) -> None:
        self._loop.loop.call_soon_threadsafe(self.transport.close)


@contextlib.contextmanager
def loop_thread() -> Iterator[LoopThread]:
    loop = LoopThread()
    try:
        yield loop
    finally:
        loop.close()
