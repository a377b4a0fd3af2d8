"""A conversation with a server over TCP or TLS, under one limit of time from its first word to its last."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable
from functools import lru_cache
from types import TracebackType
from typing import TypeVar

import pycurl

from tocsin.kernel.net.certificate import read_certificate
from tocsin.kernel.net.connector import Attempt, Connector
from tocsin.kernel.net.failures import Report, classify, timeout_words
from tocsin.kernel.net.messages import Certificate, Failure, IpVersion
from tocsin.kernel.net.requests import MAX_LINE_BYTES, MAX_RECEIVED_BYTES, MAX_STREAM_BYTES, Broken
from tocsin.kernel.net.standpoint import Standpoint, Trouble

CHUNK_BYTES = 65_536
T = TypeVar("T")


async def dial(
    connector: Connector,
    standpoint: Standpoint,
    ca_file: str,
    host: str,
    port: int,
    *,
    timeout_seconds: float,
    ip_version: IpVersion | None = None,
    tls: bool = False,
    verify_tls: bool = True,
    server_name: str | None = None,
) -> SocketStream:
    """See `Net.dial`. Only on the loop of the connector."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Attempt] = loop.create_future()

    def tell(attempt: Attempt) -> None:
        if not ended.done():
            ended.set_result(attempt)
        elif attempt.sock is not None:
            attempt.sock.close()  # whoever asked for it has gone

    connector.open(Attempt(host, port, ip_version, timeout_seconds, tell))
    attempt = await ended
    if attempt.failure is not None:
        raise Broken(
            attempt.failure,
            attempt.cause,
            name_lookup_time=attempt.place.name_lookup_time,
            elapsed_seconds=standpoint.monotonic() - attempt.began,
        )
    stream = SocketStream(attempt, standpoint, ca_file)
    if tls:
        try:
            await stream.start_tls(server_name, verify_tls)
        except Broken as error:
            stream.close()
            if stream.distrust is None:
                raise
            raise await _shown(connector, standpoint, stream, error, server_name) from None
        except BaseException:
            stream.close()
            raise
    return stream


async def _shown(
    connector: Connector, standpoint: Standpoint, distrusted: SocketStream, error: Broken, server_name: str | None
) -> Broken:
    """Once more, now only reading the certificate: people must be told whose it is and when it ended."""
    first, report = distrusted.attempt, distrusted.distrust
    left = first.deadline - standpoint.monotonic()
    assert report is not None
    try:
        again = await dial(
            connector,
            standpoint,
            distrusted.ca_file,
            distrusted.remote_ip,
            first.port,
            timeout_seconds=left,
            tls=True,
            verify_tls=False,
            server_name=server_name or first.place.host,
        )
    except Broken:
        return error
    again.close()
    error.failure, error.cause = classify(report, again.certificate, standpoint.clock.now())
    error.certificate = again.certificate
    return error


class SocketStream:
    """`Stream` on a socket of the operating system. TLS is done in memory, so that we see each of its failures."""

    def __init__(self, attempt: Attempt, standpoint: Standpoint, ca_file: str) -> None:
        assert attempt.sock is not None
        self.attempt = attempt
        self._standpoint = standpoint
        self.ca_file = ca_file
        self._loop = asyncio.get_running_loop()
        self._sock: socket.socket = attempt.sock
        self._deadline = self._loop.time() + max(0.0, attempt.deadline - standpoint.monotonic())
        self._buffer = bytearray()
        self._received = bytearray()
        self._total = 0
        self._ended = False
        self._closed = False
        self._answered = False
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls_handshake_time: float | None = None
        self._certificate: Certificate | None = None
        self.distrust: Report | None = None
        """Why the server's certificate was refused, if it was."""

    @property
    def remote_ip(self) -> str:
        return self.attempt.left[0]

    @property
    def name_lookup_time(self) -> float | None:
        return self.attempt.place.name_lookup_time

    @property
    def connection_time(self) -> float:
        return self.attempt.connection_time or 0.0

    @property
    def tls_handshake_time(self) -> float | None:
        return self._tls_handshake_time

    @property
    def elapsed_seconds(self) -> float:
        return self._standpoint.monotonic() - self.attempt.began

    @property
    def certificate(self) -> Certificate | None:
        return self._certificate

    @property
    def received(self) -> bytes:
        return bytes(self._received)

    async def read_line(self, limit: int = MAX_LINE_BYTES) -> bytes:
        start = 0
        while True:
            end = self._buffer.find(b"\n", start, limit)
            if end >= 0:
                return self._take(end + 1)
            start = len(self._buffer)
            if start >= limit:
                raise self._broken(Failure.PROTOCOL, f"The server sent a line of more than {limit} bytes")
            await self._more()

    async def read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        return self._take(count)

    async def read_some(self, limit: int = CHUNK_BYTES) -> bytes:
        if not self._buffer and not self._ended:
            await self._fill()
        return self._take(min(limit, len(self._buffer)))

    async def write(self, data: bytes) -> None:
        self._answered = False
        if self._tls is not None:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                raise self._tls_broken(error) from None
            await self._flush()
        else:
            await self._within(self._loop.sock_sendall(self._sock, data))

    async def start_tls(
        self, server_name: str | None = None, verify_tls: bool = True, alpn: tuple[str, ...] = ()
    ) -> None:
        if self._buffer:
            raise self._broken(Failure.PROTOCOL, "The server spoke on in clear after it had agreed to TLS")
        name = (server_name or self.attempt.place.host).rstrip(".")
        began = self._standpoint.monotonic()
        try:
            context = _context(self.ca_file, verify_tls, alpn)
        except OSError:
            words = "Our own file of trusted certificate authorities cannot be read"
            raise self._broken(Failure.LOCAL, words) from None
        try:
            session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except ValueError:  # a name that TLS cannot carry
            raise self._broken(Failure.BAD_URL, f"'{name[:80]}' cannot be asked for in TLS") from None
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed(handshaking=True)
            except (ssl.SSLError, ssl.CertificateError) as error:
                with contextlib.suppress(Broken):
                    await self._flush()  # the alert that tells the server why
                raise self._distrusted(error, name) from None
        await self._flush()
        self._tls = session
        self._tls_handshake_time = self._standpoint.monotonic() - began
        shown = session.getpeercert(binary_form=True)
        self._certificate = None if shown is None else read_certificate(shown)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError, OSError):
                self._tls.unwrap()
            with contextlib.suppress(OSError):
                self._sock.send(self._outgoing.read())
        self._sock.close()

    async def __aenter__(self) -> SocketStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- bytes ----------------------------------------------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def _more(self) -> None:
        """At least one byte more, for those who cannot do without."""
        if not self._ended:
            await self._fill()
        if self._ended:
            if self._received:
                raise self._broken(Failure.TRUNCATED, "The server closed the connection before its answer was complete")
            raise self._broken(Failure.EMPTY_REPLY, "The server closed the connection without an answer")

    async def _fill(self) -> None:
        """Bytes into the buffer, or the end."""
        data = await (self._receive() if self._tls is None else self._decrypt(self._tls))
        if not data:
            self._ended = True
            return
        self._answered = True
        self._total += len(data)
        self._buffer += data
        if len(self._received) < MAX_RECEIVED_BYTES:
            self._received += data[: MAX_RECEIVED_BYTES - len(self._received)]
        if self._total > MAX_STREAM_BYTES:
            raise self._broken(Failure.PROTOCOL, f"The server sent more than {MAX_STREAM_BYTES >> 20} MiB")

    async def _decrypt(self, session: ssl.SSLObject) -> bytes:
        while True:
            try:
                return session.read(CHUNK_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise self._tls_broken(error) from None

    async def _feed(self, handshaking: bool = False) -> None:
        data = await self._receive(handshaking)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await self._within(self._loop.sock_sendall(self._sock, data))

    async def _receive(self, handshaking: bool = False) -> bytes:
        return await self._within(self._loop.sock_recv(self._sock, CHUNK_BYTES), handshaking)

    async def _within(self, work: Awaitable[T], handshaking: bool = False) -> T:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await work
        except TimeoutError as error:
            if isinstance(error, OSError) and error.errno == errno.ETIMEDOUT:
                raise self._reset(handshaking) from None
        except OSError:
            raise self._reset(handshaking) from None
        raise await self._late(handshaking)

    # --- what went wrong ------------------------------------------------------------------------------------------

    async def _late(self, handshaking: bool) -> Broken:
        failure, doing = Failure.TIMEOUT_WAITING, "while waiting for the answer"
        if handshaking:
            failure, doing = Failure.TIMEOUT_TLS, "during the TLS handshake"
        elif self._answered:
            failure, doing = Failure.TIMEOUT_READING, "while reading the answer"
        limit = self.attempt.timeout_seconds
        trouble = Trouble(
            host=self.attempt.place.host,
            addresses=(self.remote_ip,),
            failure=failure,
            words=timeout_words(limit, doing),
            timeout_seconds=limit,
            stalled_before=self.attempt.stalled_before,
            reached=True,
        )
        return self._broken(*await judged(self._standpoint, trouble))

    def _reset(self, handshaking: bool) -> Broken:
        doing = "while reading the answer" if self._answered else "before an answer"
        return self._broken(Failure.RESET, f"Connection reset {'during the TLS handshake' if handshaking else doing}")

    def _tls_broken(self, error: ssl.SSLError) -> Broken:
        return self._broken(Failure.TLS_FAILED, f"TLS failed ({_reason(error)})")

    def _distrusted(self, error: Exception, name: str) -> Broken:
        """In the same words as for web pages: the error is put as libcurl would."""
        verifying = isinstance(error, ssl.SSLCertVerificationError)
        message = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else _reason(error)
        report = Report(
            code=pycurl.E_PEER_FAILED_VERIFICATION if verifying else pycurl.E_SSL_CONNECT_ERROR,
            message=message,
            os_errno=0,
            verify_result=error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0,
            connected=True,
            secured=False,
            answered=False,
            timeout_seconds=self.attempt.timeout_seconds,
            host=name,
        )
        if verifying:
            self.distrust = report
        return self._broken(*classify(report, None, self._standpoint.clock.now()))

    def _broken(self, failure: Failure, cause: str) -> Broken:
        return Broken(
            failure,
            cause,
            remote_ip=self.remote_ip,
            certificate=self._certificate,
            received=self.received,
            name_lookup_time=self.name_lookup_time,
            connection_time=self.connection_time,
            elapsed_seconds=self.elapsed_seconds,
        )


async def judged(standpoint: Standpoint, trouble: Trouble) -> tuple[Failure, str]:
    """`Standpoint.judge` for those who can wait."""
    told: asyncio.Future[tuple[Failure, str]] = asyncio.get_running_loop().create_future()

    def tell(failure: Failure, words: str) -> None:
        if not told.done():
            told.set_result((failure, words))

    standpoint.judge(trouble, tell)
    return await told


@lru_cache(maxsize=8)
def _context(ca_file: str, verify_tls: bool, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Parsing the authorities takes milliseconds, so it is done once."""
    context = ssl.create_default_context(cafile=ca_file)
    if not verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _reason(error: Exception) -> str:
    """OpenSSL's reason in plain words: `WRONG_VERSION_NUMBER` becomes `wrong version number`."""
    reason = getattr(error, "reason", None) or str(error)
    return str(reason).replace("_", " ").lower()
