"""Checks a MySQL or MariaDB: does it answer, and with a login, does it run a query?"""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tocsin.kernel.net import Broken, Failure, Net, Stream
from tocsin.monitors.checks import Outcome, conversation, goodbye, ports_of, timeout_of, words

KINDS = ("mysql",)
USUAL_PORT = 3306
PROTOCOL = 10
OK, MORE, SWITCH, ERROR = 0x00, 0x01, 0xFE, 0xFF
"""How an answer begins."""
FAST_OK, FULL = 0x03, 0x04
"""What `caching_sha2_password` says after its first look at the answer."""
WITH_DATABASE, SPEAKS_41, SPEAKS_TLS, SECURE, PLUGINS = 0x8, 0x200, 0x800, 0x8000, 0x80000
CAPABILITIES = 0x1 | 0x4 | SPEAKS_41 | 0x2000 | SECURE | PLUGINS
UTF8MB4 = 45
NATIVE, SHA2, CLEAR = "mysql_native_password", "caching_sha2_password", "mysql_clear_password"
NOBODY = "tocsin"
"""Who knocks when no user is given. Hanging up in the middle of a greeting would make the server block us after a
hundred times (`max_connect_errors`); a login that it refuses does not."""
ALIVE = frozenset({1044, 1045, 1049, 1251, 1698})
"""Errors with which a server that is well turns away who has no login."""
MAX_PACKET_BYTES = 64 * 1024
MAX_STEPS = 20
"""Messages of one login."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes that make up a MySQL check."""

    url: str
    port: str | None = None
    request_timeout: float | None = None
    """Milliseconds."""
    ip_version: str | None = None
    verify_ssl: bool = True
    tls: bool | None = None
    """True: encrypted, and the certificate verified; False: never; None: encrypted where the server can, any
    certificate, as MySQL's own clients do."""
    auth_username: str | None = None
    auth_password: str | None = None
    database: str | None = None


class Greeting(msgspec.Struct, frozen=True):
    """What a server says first."""

    capabilities: int
    nonce: bytes
    plugin: str


class _Wire:
    """Packets: three bytes of length, a number that counts them, and what they carry."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.number = 0

    async def read(self) -> bytes:
        head = await self.stream.read_exactly(4)
        length, self.number = int.from_bytes(head[:3], "little"), (head[3] + 1) & 255
        if not 1 <= length <= MAX_PACKET_BYTES:
            raise Broken(Failure.PROTOCOL, "Not a MySQL server: it speaks another protocol")
        return await self.stream.read_exactly(length)

    async def write(self, body: bytes) -> None:
        await self.stream.write(len(body).to_bytes(3, "little") + bytes([self.number]) + body)
        self.number = (self.number + 1) & 255


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
    wire = _Wire(stream)
    first = await wire.read()
    if first[0] == ERROR:
        return f"The server refuses: {error(first)[1]}"
    greeting = read_greeting(first)
    if greeting is None:
        return "Not a MySQL server: it speaks another protocol"
    capabilities = CAPABILITIES | (WITH_DATABASE if settings.database else 0)
    encrypted = settings.tls is not False and bool(greeting.capabilities & SPEAKS_TLS)
    if settings.tls and not encrypted:
        return "The server does not offer TLS"
    if encrypted:
        capabilities |= SPEAKS_TLS
        await wire.write(_head(capabilities))
        await stream.start_tls(verify_tls=bool(settings.tls and settings.verify_ssl))
    complaint = await _log_in(settings, wire, greeting, capabilities, encrypted)
    if complaint is not None or not settings.auth_username:
        return complaint
    wire.number = 0
    await wire.write(b"\x03SELECT 1")
    answer = await wire.read()
    if answer[0] == ERROR:
        return f"The server does not answer a query: {error(answer)[1]}"
    await goodbye(stream, b"\x01\0\0\0\x01")
    return None


async def _log_in(
    settings: Settings, wire: _Wire, greeting: Greeting, capabilities: int, encrypted: bool
) -> str | None:
    user, password = settings.auth_username or NOBODY, (settings.auth_password or "").encode()
    plugin, nonce = greeting.plugin, greeting.nonce
    known = plugin if plugin in (NATIVE, SHA2) else NATIVE
    proof = scramble(known, password, nonce)
    database = _c_string(settings.database) if settings.database else b""
    parts = [_head(capabilities), _c_string(user), bytes([len(proof)]), proof, database, _c_string(known)]
    await wire.write(b"".join(parts))
    for _ in range(MAX_STEPS):
        answer = await wire.read()
        if answer[0] == OK:
            return None
        if answer[0] == ERROR:
            code, said = error(answer)
            return None if not settings.auth_username and code in ALIVE else f"The server refuses: {said}"
        if answer[0] == SWITCH and not settings.auth_username:
            await wire.write(b"")  # no proof: it says no, and the greeting has come to its end
        elif answer[0] == SWITCH:
            name, _, data = answer[1:].partition(b"\0")
            plugin, nonce = name.decode("ascii", "replace"), data.removesuffix(b"\0")
            if plugin == CLEAR and encrypted and settings.tls and settings.verify_ssl:  # to nobody but whom it is for
                await wire.write(password + b"\0")
            elif plugin in (NATIVE, SHA2):
                await wire.write(scramble(plugin, password, nonce))
            else:
                raise Broken(
                    Failure.LOCAL,
                    f"The server asks for a kind of login that is not spoken here ({words(plugin.encode())})",
                )
        elif answer[:2] == bytes([MORE, FULL]) and encrypted:
            await wire.write(password + b"\0")
        elif answer[:2] == bytes([MORE, FULL]):
            await wire.write(b"\x02")  # the server's key, please
        elif answer[0] == MORE and answer[1] != FAST_OK:
            sealed = await asyncio.to_thread(seal, password, nonce, answer[1:])
            if sealed is None:
                return "The server's key for the password cannot be read"
            await wire.write(sealed)
    return "The server does not come to an end with the login"


def read_greeting(packet: bytes) -> Greeting | None:
    """What the server's first packet says; None for what is no greeting of protocol 10."""
    version, zero, rest = packet[1:].partition(b"\0")
    if packet[0] != PROTOCOL or not zero or len(version) > 200 or len(rest) < 31:
        return None
    capabilities = int.from_bytes(rest[13:15], "little") | int.from_bytes(rest[18:20], "little") << 16
    length = max(13, rest[20] - 8)
    nonce = rest[4:12] + rest[31 : 31 + length].rstrip(b"\0")[:12]
    plugin = rest[31 + length :].partition(b"\0")[0].decode("ascii", "replace")
    return Greeting(capabilities, nonce, plugin or NATIVE)


def error(packet: bytes) -> tuple[int, str]:
    """The number and the words of an error."""
    code, said = int.from_bytes(packet[1:3], "little"), packet[3:]
    said = said[6:] if said[:1] == b"#" else said
    return code, f"{words(said)} ({code})"


def scramble(plugin: str, password: bytes, nonce: bytes) -> bytes:
    """The proof that we know the password, without the password."""
    if not password:
        return b""
    if plugin == SHA2:
        once = hashlib.sha256(password).digest()
        return _xor(once, hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest())
    once = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _xor(once, hashlib.sha1(nonce + twice, usedforsecurity=False).digest())


def seal(password: bytes, nonce: bytes, key: bytes) -> bytes | None:
    """The password, for the holder of `key` (PEM) alone; None when that is no key."""
    try:
        public = serialization.load_pem_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(public, rsa.RSAPublicKey) or not nonce:
        return None
    secret = password + b"\0"
    mixed = _xor(secret, (nonce * (len(secret) // len(nonce) + 1))[: len(secret)])
    # SHA-1 because the protocol says so; in this padding its weakness does not matter.
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303
    try:
        return public.encrypt(mixed, oaep)
    except ValueError:
        return None


def _head(capabilities: int) -> bytes:
    return capabilities.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + bytes([UTF8MB4]) + bytes(23)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _c_string(text: str) -> bytes:
    return text.replace("\0", "").encode() + b"\0"
