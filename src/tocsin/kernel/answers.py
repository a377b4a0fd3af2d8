"""An answer made once and given many times: its bytes, packed and not, each with a tag that proves it unchanged."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

Headers = list[tuple[bytes, bytes]]

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
MIN_PACKED_BYTES = 600
"""A shorter text fits into one packet as it is."""
PACKING_LEVEL = 6
_PACKED_TYPES = ("text/", "application/json", "application/rss+xml", "application/atom+xml", "image/svg+xml")
_REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is said to a request, before anybody thinks of how it is sent."""

    body: bytes
    media_type: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Form:
    """One representation of an answer: a body, its headers, and the tag."""

    __slots__ = ("_ready", "body", "etag", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes, etag: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.etag = etag
        self._ready: dict[bool, tuple[Headers, bytes]] = {}

    def unchanged(self) -> Headers:
        """The headers of a 304 (RFC 9110, 15.4.5)."""
        return [header for header in self.headers if header[0] not in (b"content-length", b"content-encoding")]

    def has(self, if_none_match: bytes | None) -> bool:
        """Whether the client has this already. Tags are long and random: none stands inside another one."""
        return if_none_match is not None and (self.etag in if_none_match or if_none_match.strip() == b"*")

    def ready(self, always: Headers, if_none_match: bytes | None) -> bytes:
        """The whole answer on the wire. `always`: the server's own headers, a new list whenever its date changes."""
        unchanged = self.has(if_none_match)
        made = self._ready.get(unchanged)
        if made is None or made[0] is not always:
            if unchanged:
                made = always, wire(304, [*always, *self.unchanged()], b"")
            else:
                made = always, wire(self.status, [*always, *self.headers], self.body)
            self._ready[unchanged] = made
        return made[1]


class Packed(msgspec.Struct, frozen=True):
    """An answer in both of its forms; where packing gains nothing they are one."""

    plain: Form
    gzip: Form

    def form(self, accept_encoding: bytes | None) -> Form:
        return self.gzip if takes_gzip(accept_encoding) else self.plain

    @property
    def size(self) -> int:
        """Bytes of memory, with what `ready` keeps beside it."""
        kept = 2 * len(self.plain.body) + 1_000
        return kept if self.gzip is self.plain else kept + 2 * len(self.gzip.body)


def pack(answer: Answer, headers: Sequence[tuple[str, str]] = ()) -> Packed:
    """Both forms of an answer. Costs a millisecond or more: not on the event loop."""
    digest = hashlib.sha256(answer.body).hexdigest()[:24]
    fixed = [(name.lower().encode(), value.encode()) for name, value in (*answer.headers, *headers)]
    fixed.append((b"content-type", answer.media_type.encode()))
    packable = len(answer.body) >= MIN_PACKED_BYTES and answer.media_type.startswith(_PACKED_TYPES)
    small = gzip.compress(answer.body, PACKING_LEVEL, mtime=0) if packable else answer.body
    plain = _form(answer.status, fixed, answer.body, f'"{digest}"', ())
    if len(small) >= len(answer.body):
        return Packed(plain, plain)
    return Packed(plain, _form(answer.status, fixed, small, f'"{digest}-gz"', ((b"content-encoding", b"gzip"),)))


def takes_gzip(accept_encoding: bytes | None) -> bool:
    """Whether a client reads gzip (RFC 9110, 12.5.3)."""
    if not accept_encoding:
        return False
    for part in accept_encoding.lower().split(b","):
        coding, _, weight = part.strip().partition(b";")
        if coding.strip() == b"gzip":
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False


def wire(status: int, headers: Headers, body: bytes) -> bytes:
    """An answer as HTTP/1.1 sends it."""
    return _REASONS[status] + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n" + body


def _form(status: int, fixed: Headers, body: bytes, etag: str, more: Sequence[tuple[bytes, bytes]]) -> Form:
    tag = etag.encode()
    headers = [*fixed, *more, (b"content-length", b"%d" % len(body)), (b"etag", tag)]
    return Form(status, headers, body, tag)
