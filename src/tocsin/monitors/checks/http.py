"""Checks a web page: does it answer, with the right status, the right words, and whatever else is asserted of it?"""

from __future__ import annotations

import re

import msgspec

from tocsin.kernel.net import MAX_BODY_BYTES, HttpRequest, HttpResponse, IpVersion, Net, Proxy
from tocsin.kernel.vault import without_credentials
from tocsin.monitors.checks import Header, Outcome
from tocsin.monitors.model import MAX_EVIDENCE_BYTES, Assertion, Evidence, Verdict
from tocsin.monitors.rules import assertions

KINDS = ("status", "expected_status_code", "keyword", "keyword_absence", "json")

_UP, _DOWN, _UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN
_WORD_KINDS = frozenset({"keyword", "keyword_absence"})
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
META_BYTES = 1_024
"""How far into a page its character set may be declared (HTML standard, 4.2.5.4)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up an HTTP check."""

    url: str
    monitor_type: str = "status"
    http_method: str | None = "get"
    request_body: str | None = None
    request_headers: list[Header] | None = None
    auth_username: str | None = None
    auth_password: str | None = None
    follow_redirects: bool = True
    remember_cookies: bool = True
    verify_ssl: bool = True
    proxy_host: str | None = None
    """May hold credentials: `user:pass@host`."""
    proxy_port: int | None = None
    ip_version: str | None = None
    request_timeout: float | None = 30
    """Seconds (for this family; others have milliseconds)."""
    expected_status_codes: list[int] | None = None
    required_keyword: str | None = None
    assertions: list[Assertion] = []
    """Ours: what else must hold of the answer."""


DEFAULT_PROXY_PORT = 8080
"""When a proxy is given without a port: what most of them listen on."""


def request(settings: Settings) -> HttpRequest:
    """The one request that this monitor sends, again and again."""
    ip_version: IpVersion | None = None
    if settings.ip_version == "ipv4":
        ip_version = "ipv4"
    elif settings.ip_version == "ipv6":
        ip_version = "ipv6"
    return HttpRequest(
        url=settings.url,
        method=(settings.http_method or "get").upper(),
        headers=tuple((header.name, header.value or "") for header in settings.request_headers or ()),
        body=(settings.request_body or "").encode(),
        username=settings.auth_username or None,
        password=settings.auth_password or None,
        follow_redirects=settings.follow_redirects,
        remember_cookies=settings.remember_cookies,
        verify_tls=settings.verify_ssl,
        timeout_seconds=float(settings.request_timeout or 30),
        ip_version=ip_version,
        proxy=_proxy(settings),
        keep_body_bytes=MAX_BODY_BYTES if _reads_body(settings) else MAX_EVIDENCE_BYTES,
    )


def outcome(settings: Settings, response: HttpResponse) -> Outcome:
    """What an answer means for this monitor."""
    failed = response.failure is not None
    cause = response.cause or "The request failed" if failed else _complaint(settings, response)
    certificate, degraded = response.certificate, None
    if cause is None and settings.assertions:
        cause, degraded = assertions.verdict(settings.assertions, _answer(settings, response))
    if cause is None:
        verdict, evidence = _UP, None
    else:
        verdict, degraded = _UNKNOWN if response.ours else _DOWN, None
        evidence = _evidence(response)
    return Outcome(
        verdict=verdict,
        cause=cause,
        response_time=response.total_time,
        name_lookup_time=response.name_lookup_time,
        connection_time=response.connection_time,
        tls_handshake_time=response.tls_handshake_time,
        data_transfer_time=response.data_transfer_time,
        status_code=response.status_code,
        evidence=evidence,
        certificate_expires_ms=None if certificate is None else certificate.not_after_ms,
        degraded=degraded,
    )


async def check(settings: Settings, net: Net) -> Outcome:
    """The whole check once, for "test now"."""
    return outcome(settings, await net.fetch(request(settings), certificate=True))


def _complaint(settings: Settings, response: HttpResponse) -> str | None:
    """What is wrong with a complete answer, in words; None if nothing is."""
    kind, status = settings.monitor_type, response.status_code or 0
    if kind == "expected_status_code":
        expected = settings.expected_status_codes or []
        if status in expected:
            return None
        return f"Status {status}, expected {_either(expected)}" if expected else f"Status {status}"
    # The status counts for both keyword types too: an error page often carries the site's name (so the keyword would
    # be "found"), and always lacks the forbidden word (so `keyword_absence` would be green while the site is broken).
    if not 200 <= status < 300 and not (kind == "json" and _says_status(settings)):
        return f"Status {status}"
    if kind in _WORD_KINDS and settings.required_keyword:
        found = contains(response, settings.required_keyword)
        if kind == "keyword" and not found:
            return "Keyword missing" + (" in the first 2 MiB" if response.truncated else "")
        if kind == "keyword_absence" and found:
            return "Keyword found"
    return None


def _says_status(settings: Settings) -> bool:
    """Whether the assertions say themselves which status is right: an answer of 401 may be what is wanted."""
    return any(each.source == "status_code" and each.severity == "down" for each in settings.assertions)


def _reads_body(settings: Settings) -> bool:
    return settings.monitor_type in _WORD_KINDS or any(each.source in ("body", "json") for each in settings.assertions)


def _answer(settings: Settings, response: HttpResponse) -> assertions.Answer:
    """The answer as assertions look at it."""
    return assertions.Answer(
        status_code=response.status_code or 0,
        headers=response.headers,
        text=text_of(response) if any(each.source == "body" for each in settings.assertions) else "",
        body=response.body,
        truncated=response.truncated,
        response_time_ms=response.total_time * 1000,
    )


def text_of(response: HttpResponse) -> str:
    """The body in the character set that it declares, UTF-8 otherwise."""
    for name in _charsets(response):
        try:
            return response.body.decode(name, "replace")
        except LookupError:
            continue
    return response.body.decode("utf-8", "replace")


def contains(response: HttpResponse, word: str) -> bool:
    """Whether the page holds `word`, letter for letter, in UTF-8 or in the character set that the page declares."""
    body = response.body
    if word.encode() in body:
        return True
    if word.isascii() and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    for name in _charsets(response):
        try:
            if word in body.decode(name, "replace"):
                return True
        except LookupError:
            continue
    return False


def _charsets(response: HttpResponse) -> list[str]:
    places = [value.encode("latin-1", "replace") for name, value in response.headers if name.lower() == "content-type"]
    places.append(response.body[:META_BYTES])
    found = [match.group(1).decode("ascii") for place in places if (match := _CHARSET.search(place))]
    if response.body.startswith((b"\xff\xfe", b"\xfe\xff")):
        found.insert(0, "utf-16")
    return found


def _either(codes: list[int]) -> str:
    words = [str(code) for code in codes]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _evidence(response: HttpResponse) -> Evidence:
    return Evidence(
        url=without_credentials(response.url),
        status_code=response.status_code,
        headers=response.headers,
        body=response.body[:MAX_EVIDENCE_BYTES],
        body_truncated=response.truncated or len(response.body) > MAX_EVIDENCE_BYTES,
        remote_ip=response.remote_ip,
    )


def _proxy(settings: Settings) -> Proxy | None:
    if not settings.proxy_host:
        return None
    credentials, at, host = settings.proxy_host.rpartition("@")
    for scheme in ("http://", "https://"):
        credentials, host = credentials.removeprefix(scheme), host.removeprefix(scheme)
    username, _, password = credentials.partition(":")
    return Proxy(
        host=host,
        port=settings.proxy_port or DEFAULT_PROXY_PORT,
        username=username if at else None,
        password=password if at else None,
    )
