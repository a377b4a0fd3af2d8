"""What can be checked: one module per family of monitor types, found by looking into this folder.

A check module declares

    KINDS: tuple[str, ...]                       the monitor types it serves
    Settings                                     a msgspec struct of the wire attributes it reads
    async check(settings, net) -> Outcome        the check itself, for anyone who can wait

and, when it is one question to the network, the two halves that the probe runs without a coroutine per check:

    request(settings) -> HttpRequest | Ping | Connect | Query
    outcome(settings, response) -> Outcome       an HttpResponse or a Reply, whichever belongs to the request

A check that talks with a server is a coroutine around `conversation`; one that talks on several ports puts what it
found together with `each_port`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pkgutil
from collections.abc import Awaitable, Callable
from functools import cache, partial
from importlib import import_module
from itertools import takewhile
from typing import Any, Protocol

import msgspec

from tocsin.kernel.net import Broken, IpVersion, Net, Reply, Stream
from tocsin.monitors.model import Evidence, Verdict
from tocsin.monitors.rules import kinds

SERVER_TIMEOUT_MS = 5_000
"""When a server type's `request_timeout` is not given."""

_log = logging.getLogger(__name__)


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a check found; the probe makes an `Observation` of it. Times are seconds, None for a phase not reached."""

    verdict: Verdict
    cause: str | None = None
    response_time: float = 0.0
    name_lookup_time: float | None = None
    connection_time: float | None = None
    tls_handshake_time: float | None = None
    data_transfer_time: float | None = None
    status_code: int | None = None
    evidence: Evidence | None = None
    certificate_expires_ms: int | None = None
    degraded: str | None = None
    """Of what is up all the same: why it is not as it should be."""


class Header(msgspec.Struct, frozen=True):
    """One of the contract's `request_headers` (part 1, 3.4); of a gRPC call, its metadata."""

    name: str
    value: str | None = ""
    id: str | int | None = None


class Check(Protocol):
    """A check module."""

    KINDS: tuple[str, ...]
    Settings: type[msgspec.Struct]

    async def check(self, settings: Any, net: Net) -> Outcome: ...


@cache
def checks() -> dict[str, Check]:
    """Every monitor type that can be checked here, with its module."""
    found: dict[str, Check] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module: Any = import_module(f"{__name__}.{module_info.name}")
        if hasattr(module, "request") != hasattr(module, "outcome"):
            raise ValueError(f"{module.__name__} has one half of a question and not the other")
        for kind in getattr(module, "KINDS", ()):
            if kind in found:
                raise ValueError(f"monitor type {kind} is declared twice")
            found[kind] = module
    return found


def read_settings(kind: str, attributes: dict[str, Any]) -> msgspec.Struct:
    """The settings of one monitor as its check reads them. Raises `KeyError`, `msgspec.ValidationError`."""
    module = checks()[kind]
    return msgspec.convert({**attributes, "monitor_type": kind}, module.Settings, strict=False)


# --- what checks of servers have in common --------------------------------------------------------------------------


async def conversation(
    net: Net,
    host: str,
    port: int,
    talk: Callable[[Stream], Awaitable[str | None]],
    *,
    timeout_seconds: float,
    ip_version: str | None = None,
    tls: bool = False,
    verify_tls: bool = True,
    server_name: str | None = None,
    secrets: tuple[str | None, ...] = (),
) -> Outcome:
    """Connect, `talk(stream)`, close, and say what came of it.

    `talk` returns None when all is well, or in words for people what is not; `Broken` it lets pass. `verify_tls` is
    about the handshake with which the connection begins; `talk` says it again if it starts TLS later. `secrets` are
    what we send and nobody may read: some servers repeat in a complaint what they were sent.
    """
    try:
        stream = await net.dial(
            host,
            port,
            timeout_seconds=timeout_seconds,
            ip_version=ip_version_of(ip_version),
            tls=tls,
            verify_tls=verify_tls,
            server_name=server_name,
        )
    except Broken as error:
        return broken(error, place(host, port))
    async with stream:
        try:
            complaint = await talk(stream)
        except Broken as error:
            return broken(error, place(host, port), secrets)
        except (
            Exception
        ):  # an answer that we failed to read is an answer all the same: the server's, so that no page is lost
            _log.exception("what %s said could not be read", place(host, port))
            complaint = "The answer could not be read"
        certificate = stream.certificate
        fine = complaint is None
        return Outcome(
            verdict=Verdict.UP if fine else Verdict.DOWN,
            cause=None if complaint is None else masked(complaint.encode(), secrets).decode("utf-8", "replace"),
            response_time=stream.elapsed_seconds,
            name_lookup_time=stream.name_lookup_time,
            connection_time=stream.connection_time,
            tls_handshake_time=stream.tls_handshake_time,
            evidence=None if fine else said(place(host, port), masked(stream.received, secrets), stream.remote_ip),
            certificate_expires_ms=None if certificate is None else certificate.not_after_ms,
        )


def broken(error: Broken, where: str, secrets: tuple[str | None, ...] = ()) -> Outcome:
    """What a conversation that broke means. `where`: the host and port, for the evidence."""
    certificate = error.certificate
    return Outcome(
        verdict=Verdict.UNKNOWN if error.ours else Verdict.DOWN,
        cause=error.cause,
        response_time=error.elapsed_seconds,
        name_lookup_time=error.name_lookup_time,
        connection_time=error.connection_time,
        evidence=said(where, masked(error.received, secrets), error.remote_ip),
        certificate_expires_ms=None if certificate is None else certificate.not_after_ms,
    )


def replied(reply: Reply, where: str, complaint: str | None = None) -> Outcome:
    """What a `Reply` means, when it holds nothing that is wrong but perhaps `complaint`."""
    cause = complaint if reply.failure is None else reply.cause or "The check failed"
    verdict, evidence = Verdict.UP, None
    if cause is not None:
        verdict = Verdict.UNKNOWN if reply.ours else Verdict.DOWN
        evidence = said(where, b"", reply.remote_ip)
    return Outcome(
        verdict=verdict,
        cause=cause,
        response_time=reply.response_time,
        name_lookup_time=reply.name_lookup_time,
        connection_time=reply.connection_time,
        evidence=evidence,
    )


async def each_port(ports: tuple[int, ...], check_port: Callable[[int], Awaitable[Outcome]]) -> Outcome:
    """Check every port at once; all must be well. The first that is down is told, by its number if there are several;
    else the first of which we cannot tell; else the slowest. The certificate is always the one that expires first."""
    outcomes = await asyncio.gather(*(check_port(port) for port in ports))
    worst = {Verdict.DOWN: 0, Verdict.UNKNOWN: 1, Verdict.UP: 2}
    port, chosen = min(
        zip(ports, outcomes, strict=True),
        key=lambda each: (worst[each[1].verdict], -each[1].response_time if each[1].verdict is Verdict.UP else 0),
    )
    cause = f"Port {port}: {chosen.cause}" if chosen.verdict is Verdict.DOWN and len(ports) > 1 else chosen.cause
    expiries = [each.certificate_expires_ms for each in outcomes if each.certificate_expires_ms is not None]
    return msgspec.structs.replace(chosen, cause=cause, certificate_expires_ms=min(expiries, default=None))


async def goodbye(stream: Stream, words: bytes) -> None:
    """Take leave politely, without waiting for an answer. A server that hung up first has shown that it is well."""
    with contextlib.suppress(Broken):
        await stream.write(words)


def place(host: str, port: int) -> str:
    """`example.com:25`, `[2001:db8::1]:25`."""
    return f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"


def said(where: str, received: bytes, remote_ip: str | None) -> Evidence | None:
    """What a server said, kept as evidence; None when nobody was there to say anything."""
    if not received and remote_ip is None:
        return None
    return Evidence(url=where, body=received, remote_ip=remote_ip)


MIN_SECRET_BYTES = 4
"""What is shorter is no secret, and hiding each of its letters in a text would spell it out."""
TELLING_BYTES = 8
"""So much of a secret's beginning is hidden even where the rest is cut off."""
HIDDEN = b"[hidden]"
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""Headers whose values are secrets, in lower case."""


def masked(text: bytes, secrets: tuple[str | None, ...]) -> bytes:
    """`text` without `secrets`, neither whole nor cut off at the end; with blanks as sent or as `words` writes them."""
    for secret in {form.encode() for each in secrets if each for form in (each, " ".join(each.split()))}:
        if len(secret) < MIN_SECRET_BYTES:
            continue
        place = text.find(secret[:TELLING_BYTES])
        while place >= 0:
            pairs = zip(text[place:], secret, strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            text = text[:place] + HIDDEN + text[place + same :]
            place = text.find(secret[:TELLING_BYTES], place + len(HIDDEN))
    return text


MAX_WORDS = 200
"""Characters of a server's own words in a cause: a sentence, never a page."""


def words(line: bytes) -> str:
    """One line of a server as people may read it: no control characters, no more than a sentence."""
    text = "".join(letter if letter.isprintable() else " " for letter in line.decode("utf-8", "replace"))
    return " ".join(text.split())[:MAX_WORDS]


def ports_of(port: str | None, usual: int) -> tuple[int, ...]:
    """The ports of `"25,465"`; the usual one when none is given. Raises ValueError."""
    return kinds.read_ports(port) if port else (usual,)


def timeout_of(request_timeout_ms: float | None) -> float:
    """Seconds of a server type's `request_timeout`, which is in milliseconds (contract part 1, 3.1)."""
    return (request_timeout_ms or SERVER_TIMEOUT_MS) / 1000


def ip_version_of(text: str | None) -> IpVersion | None:
    """The wire's `ip_version`; None for both."""
    if text == "ipv4":
        return "ipv4"
    return "ipv6" if text == "ipv6" else None


# --- what checks of mail servers have in common -----------------------------------------------------------------------


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a check of a mail server."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """True: it must be encrypted, on ports of one's own from the first byte; False: STARTTLS is not tried; None: as the
    port says, and STARTTLS where it is offered."""


class MailPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Which ports a mail protocol uses, and how."""

    usual: int
    encrypted: frozenset[int]
    """On these the conversation is encrypted from its first byte (RFC 8314)."""
    plain: frozenset[int]
    """On these it begins in clear, and STARTTLS follows; on others, `tls` says which it is."""

    def encrypted_from_the_start(self, tls: bool | None, port: int) -> bool:
        """Whether TLS comes first on this port, before any word of the server."""
        if tls is None:
            return port in self.encrypted
        return tls and port not in self.plain


async def mail_server(
    settings: MailSettings,
    net: Net,
    ports: MailPorts,
    talk: Callable[[MailSettings, bool, Stream], Awaitable[str | None]],
) -> Outcome:
    """Talk on every port; `talk(settings, secured, stream)` as for `conversation`, told whether TLS stands already."""

    async def check_port(port: int) -> Outcome:
        secured = ports.encrypted_from_the_start(settings.tls, port)
        return await conversation(
            net,
            settings.url,
            port,
            partial(talk, settings, secured),
            timeout_seconds=timeout_of(settings.request_timeout),
            ip_version=settings.ip_version,
            tls=secured,
            verify_tls=settings.verify_ssl,
        )

    return await each_port(ports_of(settings.port, ports.usual), check_port)
