"""What another house has answered, as the caller gets it: the same bytes, but for links that would lead around us."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from tocsin.gateway.outgoing import Incoming

Headers = list[tuple[bytes, bytes]]
_JSON = "application/json; charset=utf-8"
_Document = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Links = msgspec.json.Decoder(dict[str, str | None])


def passed_back(incoming: Incoming, address: str) -> tuple[int, bytes, Headers]:
    """Status, body and headers; `address` is our own origin.

    Links to the next page are absolute. Left as they are, a client that follows them would show its token to somebody
    else, and would not be answered: they lead to us instead. All the rest stays as it is, to the byte.
    """
    body = incoming.body
    if b'"pagination"' in body:
        body = _led_to_us(body, address)
    headers: Headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    if body:
        headers.append((b"content-type", (incoming.content_type or _JSON).encode("latin-1")))
    if incoming.retry_after is not None:
        headers.append((b"retry-after", incoming.retry_after.encode("latin-1")))
    return incoming.status, body, headers


def _led_to_us(body: bytes, address: str) -> bytes:
    try:
        document = _Document.decode(body)
        links = _Links.decode(document["pagination"])
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError):
        return body
    ours = {name: _ours(link, address) for name, link in links.items()}
    return msgspec.json.encode({**document, "pagination": msgspec.Raw(msgspec.json.encode(ours))})


def _ours(link: str | None, address: str) -> str | None:
    if link is None:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    if not parts.path.startswith("/api/"):
        return None
    return f"{address}{parts.path}{'?' + parts.query if parts.query else ''}"
