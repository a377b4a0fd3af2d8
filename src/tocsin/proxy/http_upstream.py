"""One house behind us, over HTTP: asked once, with our token, within bounds of time and size; connections are kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import httpcore2 as httpcore
import msgspec

from tocsin import __version__
from tocsin.gateway.outgoing import Incoming, Outgoing, Trouble
from tocsin.proxy.token_file import TokenFile, TokenFileError

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
"""For all of one call: connection, waiting, body."""
ROOM_SECONDS = 5.0
"""How long a call waits for one of the connections."""
MAX_CONNECTIONS = 20
KEPT_SECONDS = 15.0
"""How long an idle connection is kept: less than servers do, so that seldom one is used that is about to be closed."""
MAX_ANSWER_BYTES = 10_000_000
USER_AGENT = f"Tocsin/{__version__} (agent gateway)"

_MEDIA = ("application/json", "text/", "image/")
_Document = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Timeouts(msgspec.Struct, frozen=True):
    """Shorter in tests."""

    connect_seconds: float = CONNECT_SECONDS
    total_seconds: float = TOTAL_SECONDS
    room_seconds: float = ROOM_SECONDS


class HttpUpstream:
    """`gateway.outgoing.Upstream` over HTTP/1.1. Belongs to one event loop.

    A write is never sent twice: no library below us tries again by itself. A read whose kept connection turns out to
    have been closed is asked once more.
    """

    def __init__(
        self, url: str, token: TokenFile, ca_file: Callable[[], str], timeouts: Timeouts | None = None
    ) -> None:
        parts = urlsplit(url)
        self.name = parts.netloc
        self.url = url
        self.token = token
        self.trouble = ""
        """What is wrong with it just now, in words; empty when the last answer was one."""
        self._secure = parts.scheme == "https"
        self._scheme = parts.scheme.encode()
        self._host = (parts.hostname or "").encode("ascii")
        self._port = parts.port
        self._host_line = parts.netloc.encode("ascii")
        self._prefix = parts.path.rstrip("/")
        self._ca_file = ca_file
        self._timeouts = timeouts or Timeouts()
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Send it and hand back the answer. Raises Trouble."""
        try:
            token = self.token.read()
        except TokenFileError as error:
            self.trouble = f"the token file: {error}"
            raise Trouble("cannot be asked: the token for it is missing here", undone=True) from None
        try:
            incoming = await self._sent(outgoing, token)
        except Trouble as trouble:
            if not trouble.busy:
                self.trouble = trouble.words
            raise
        self.trouble = ""
        return incoming

    async def close(self) -> None:
        """Let go of the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _sent(self, outgoing: Outgoing, token: str) -> Incoming:
        seconds = self._timeouts.total_seconds
        try:
            async with asyncio.timeout(seconds):
                try:
                    status, headers, body = await self._asked(outgoing, token)
                except (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError):
                    if outgoing.method != "GET":
                        raise
                    status, headers, body = await self._asked(outgoing, token)
        except TimeoutError:
            raise Trouble(f"did not answer within {seconds:.0f} s", undone=False, slow=True) from None
        except httpcore.PoolTimeout:
            raise Trouble("is being asked by too many at once", undone=True, busy=True) from None
        except httpcore.ConnectTimeout:
            words = f"could not be reached within {self._timeouts.connect_seconds:.0f} s"
            raise Trouble(words, undone=True, slow=True) from None
        except httpcore.ConnectError as error:
            raise Trouble(_why(error), undone=True) from None
        except httpcore.TimeoutException:
            raise Trouble("did not answer in time", undone=False, slow=True) from None
        except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError):
            raise Trouble("cannot be asked in this way", undone=True) from None
        except (httpcore.ProtocolError, httpcore.NetworkError):
            raise Trouble("broke off, or answered what is not HTTP", undone=False) from None
        return _judged(outgoing, token, status, headers, body)

    async def _asked(self, outgoing: Outgoing, token: str) -> tuple[int, dict[bytes, bytes], bytes]:
        if self._pool is None:
            context = ssl.create_default_context(cafile=self._ca_file()) if self._secure else None
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_CONNECTIONS,
                keepalive_expiry=KEPT_SECONDS,
                retries=0,
            )
        times = self._timeouts
        request = httpcore.Request(
            outgoing.method,
            httpcore.URL(
                scheme=self._scheme,
                host=self._host,
                port=self._port,
                target=f"{self._prefix}{outgoing.target}".encode("ascii"),
            ),
            headers=self._headers(outgoing, token),
            content=outgoing.body,
            extensions={
                "timeout": {
                    "connect": times.connect_seconds,
                    "read": times.total_seconds,
                    "write": times.total_seconds,
                    "pool": times.room_seconds,
                }
            },
        )
        response = await self._pool.handle_async_request(request)
        try:
            body = await _read(response)
        finally:
            await response.aclose()
        return response.status, {name.lower(): value for name, value in response.headers}, body

    def _headers(self, outgoing: Outgoing, token: str) -> list[tuple[bytes, bytes]]:
        """All that is sent: what is not here stays with us, whatever the caller has sent."""
        headers = [
            (b"host", self._host_line),
            (b"authorization", b"Bearer " + token.encode("ascii")),
            (b"accept", outgoing.accept.encode("ascii")),
            (b"accept-encoding", b"identity"),
            (b"user-agent", USER_AGENT.encode("ascii")),
            (b"x-request-id", outgoing.request_id.encode("ascii")),
        ]
        if outgoing.idempotency_key is not None:
            headers.append((b"idempotency-key", outgoing.idempotency_key.encode("ascii")))
        if outgoing.method not in ("GET", "DELETE"):
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", str(len(outgoing.body)).encode()))
        return headers


async def _read(response: httpcore.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_stream():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise Trouble(f"answered more than {MAX_ANSWER_BYTES // 1_000_000} MB", undone=False)
        parts.append(part)
    return b"".join(parts)


def _judged(outgoing: Outgoing, token: str, status: int, headers: dict[bytes, bytes], body: bytes) -> Incoming:
    """The answer, if it is one that may be passed back. Raises Trouble."""
    undone = 400 <= status < 500
    if status == 401:
        words = "does not accept the token that we have for it: whoever runs this server must renew it"
        raise Trouble(words, undone=True)
    if 300 <= status < 400:
        raise Trouble("answered with a redirect, which is not followed", undone=True)
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        raise Trouble("answered in an encoding that was not asked for", undone=undone)
    if token.encode("ascii") in body:
        raise Trouble("answered with our own token in it, which is passed to nobody", undone=undone)
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    if status == 204 or not body:
        return Incoming(status=status, retry_after=_seconds(headers.get(b"retry-after")))
    kind = content_type.partition(";")[0].strip().lower()
    if not kind.startswith(_MEDIA) or not content_type.isprintable() or kind == "text/html":
        raise Trouble(f"answered {status} with what is not the API's", undone=undone)
    if kind == "application/json":
        try:
            _Document.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Trouble(f"answered {status} with what is not JSON", undone=undone) from None
    return Incoming(
        status=status, body=body, content_type=content_type, retry_after=_seconds(headers.get(b"retry-after"))
    )


def _seconds(header: bytes | None) -> str | None:
    """A number of seconds, or a date; nothing else comes through."""
    text = (header or b"").decode("latin-1").strip()
    plain = text.isascii() and text.isprintable() and len(text) <= 40
    return text if text and plain else None


def _why(error: httpcore.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:  # a chain of a few
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"shows a certificate that is not to be trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "does not speak TLS with us"
        if isinstance(cause, ConnectionRefusedError):
            return "refuses the connection"
        cause = cause.__cause__ or cause.__context__
    return "could not be reached"
