"""Checks a PostgreSQL: does it answer, and with a login, does it run a query?"""

from __future__ import annotations

import asyncio
import hashlib
import re
from functools import partial

import msgspec
from scramp import ScramClient, ScramException

from tocsin.kernel.net import Broken, Failure, Net, Stream
from tocsin.monitors.checks import Outcome, conversation, goodbye, ports_of, timeout_of, words

KINDS = ("postgres",)
USUAL_PORT = 5432
SSL_REQUEST = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")
PROTOCOL = (196_608).to_bytes(4, "big")
"""Version 3.0."""
NOBODY = "tocsin"
"""Who knocks when no user is given: the refusal shows that the server lives."""
ALIVE = ("28", "3D000")
"""SQLSTATEs (or their beginnings) with which a server that is well turns away who has no login."""
OK, CLEAR, MD5, SASL, SASL_CONTINUE, SASL_FINAL = 0, 3, 5, 10, 11, 12
"""What an authentication message asks for (PostgreSQL's protocol, 55.7)."""
MAX_MESSAGE_BYTES = 64 * 1024
MAX_MESSAGES = 200
"""A server reports some twenty settings before it is ready."""
MAX_ITERATIONS = 100_000
"""Rounds of hashing that a server may ask us to do; its default is 4,096."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up a PostgreSQL check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """True: encrypted, and the certificate verified; False: never; None: encrypted where the server can, any
    certificate, as PostgreSQL's own clients do."""
    auth_username: str | None = None
    auth_password: str | None = None
    database: str | None = None
    """None: the one named like the user."""


async def check(settings: Settings, net: Net) -> Outcome:
    """With a login: `SELECT 1`. Without: the server's answer to somebody whom it does not know."""
    return await conversation(
        net,
        settings.url,
        ports_of(settings.port, USUAL_PORT)[0],
        partial(_talk, settings),
        timeout_seconds=timeout_of(settings.request_timeout),
        ip_version=settings.ip_version,
        secrets=(settings.auth_password,),
    )


async def _talk(settings: Settings, stream: Stream) -> str | None:
    encrypted = False
    if settings.tls is not False:
        await stream.write(SSL_REQUEST)
        answer = await stream.read_exactly(1)
        if answer == b"S":
            await stream.start_tls(verify_tls=bool(settings.tls and settings.verify_ssl))
            encrypted = True
        elif answer != b"N":
            return f"Not a PostgreSQL server: it says '{words(answer + await stream.read_some(200))}'"
        elif settings.tls:
            return "The server does not offer TLS"
    user = settings.auth_username or NOBODY
    await stream.write(startup(user, settings.database or settings.auth_username or "postgres"))
    complaint = await _log_in(settings, stream, encrypted)
    if complaint is not None or not settings.auth_username:
        return complaint
    return await _query(stream)


async def _log_in(settings: Settings, stream: Stream, encrypted: bool) -> str | None:
    user, password = settings.auth_username or "", settings.auth_password or ""
    scram: ScramClient | None = None
    for _ in range(MAX_MESSAGES):
        kind, body = await _message(stream)
        if kind == b"N":  # a notice may come at any time (PostgreSQL's protocol, 55.2.7)
            continue
        if kind == b"E":
            return _refusal(body, known=bool(user))
        if kind != b"R" or len(body) < 4:
            return "Not a PostgreSQL server: it speaks another protocol"
        asked, data = int.from_bytes(body[:4], "big"), body[4:]
        if asked == OK or not user:
            return None
        if asked == CLEAR:
            if not encrypted:
                return "The server wants the password in clear over an unencrypted connection: it was not sent"
            await _send(stream, b"p", password.encode() + b"\0")
        elif asked == MD5:
            await _send(stream, b"p", md5_answer(user, password, data[:4]))
        elif asked == SASL and b"SCRAM-SHA-256" in data.split(b"\0"):
            scram = ScramClient(["SCRAM-SHA-256"], user, password)
            first = scram.get_client_first().encode()
            await _send(stream, b"p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first)
        elif asked == SASL_CONTINUE and scram is not None:
            # On a thread: thousands of hashes are no work for the one that all checks share.
            final = await asyncio.to_thread(_scram_answer, scram, data)
            if final is None:
                return "The server's part of the login makes no sense"
            await _send(stream, b"p", final)
        elif asked == SASL_FINAL and scram is not None:
            if not _proven(scram, data):
                return "The server cannot prove that it knows the password"
        else:
            raise Broken(Failure.LOCAL, f"The server asks for a kind of login that is not spoken here ({asked})")
    return "The server does not come to an end with the login"


async def _query(stream: Stream) -> str | None:
    asked = answered = False
    for _ in range(MAX_MESSAGES):
        kind, body = await _message(stream)
        if kind == b"E":
            return _refusal(body, known=True)
        if kind == b"D":
            answered = True
        elif kind == b"Z" and not asked:
            asked = True
            await _send(stream, b"Q", b"SELECT 1\0")
        elif kind == b"Z":
            await goodbye(stream, b"X\0\0\0\x04")
            return None if answered else "The server does not answer a query"
    return "The server does not come to an end with a query"


def startup(user: str, database: str) -> bytes:
    """The first message of a client."""
    pairs = {"user": user, "database": database, "application_name": "tocsin"}
    body = PROTOCOL + b"".join(_c_string(key) + _c_string(value) for key, value in pairs.items()) + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def md5_answer(user: str, password: str, salt: bytes) -> bytes:
    """What the server's md5 method wants to see."""
    inner = hashlib.md5(password.encode() + user.encode(), usedforsecurity=False).hexdigest()
    return b"md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest().encode() + b"\0"


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an error, by their letter: C the SQLSTATE, M the message."""
    parts = [part.decode("utf-8", "replace") for part in body.split(b"\0") if part]
    return {part[0]: part[1:] for part in parts}


def _refusal(body: bytes, *, known: bool) -> str | None:
    fields = error_fields(body)
    state = fields.get("C", "")
    if not known and state.startswith(ALIVE):
        return None
    return f"The server refuses: {words(fields.get('M', 'without a word').encode())}" + (f" ({state})" if state else "")


def _scram_answer(scram: ScramClient, server_first: bytes) -> bytes | None:
    rounds = re.search(rb"(?:^|,)i=(\d{1,9})(?:,|$)", server_first)
    if rounds is None or int(rounds[1]) > MAX_ITERATIONS:
        return None
    try:
        scram.set_server_first(server_first.decode())
        return str(scram.get_client_final()).encode()
    except (ScramException, ValueError):
        return None


def _proven(scram: ScramClient, server_final: bytes) -> bool:
    try:
        scram.set_server_final(server_final.decode())
    except (ScramException, ValueError):
        return False
    return True


async def _message(stream: Stream) -> tuple[bytes, bytes]:
    kind = await stream.read_exactly(1)
    length = int.from_bytes(await stream.read_exactly(4), "big")
    if not 4 <= length <= MAX_MESSAGE_BYTES:
        raise Broken(Failure.PROTOCOL, "Not a PostgreSQL server: it speaks another protocol")
    return kind, await stream.read_exactly(length - 4)


async def _send(stream: Stream, kind: bytes, body: bytes) -> None:
    await stream.write(kind + (len(body) + 4).to_bytes(4, "big") + body)


def _c_string(text: str) -> bytes:
    return text.replace("\0", "").encode() + b"\0"
