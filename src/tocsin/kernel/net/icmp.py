"""What an echo and its answers look like on the wire (RFC 792, RFC 4443)."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache

import msgspec

COOKIE_BYTES = 16
_FILLER = bytes(range(0x10, 0x38))
"""40 bytes after the cookie: an echo of the size that everybody's ping has, which firewalls let pass."""
_SUM_OF_THE_REST = 0x0800 + int.from_bytes(_FILLER, "big")
PROOF_END = 8 + COOKIE_BYTES
"""How long an answer is at least."""
_TWO = struct.Struct("!HH")
_ECHO_REQUEST = {False: 8, True: 128}
ECHO_REPLY = {False: 0, True: 129}
"""The type of the answer, by whether it is IPv6."""
_ERRORS = {False: frozenset({3, 11, 12}), True: frozenset({1, 3, 4})}
_ICMP, _ICMPV6 = 1, 58
_IPV6_HEADER_BYTES = 40

_WORDS_V4 = {
    (3, 0): "Network unreachable",
    (3, 1): "Host unreachable",
    (3, 2): "Host answers no pings",
    (3, 3): "Host answers no pings",
    (3, 6): "Network unknown",
    (3, 7): "Host unknown",
    (3, 9): "Prohibited by a firewall on the way",
    (3, 10): "Prohibited by a firewall on the way",
    (3, 13): "Prohibited by a firewall on the way",
    (11, 0): "Time to live ran out on the way (a routing loop)",
}
_WORDS_V6 = {
    (1, 0): "No route to host on the way",
    (1, 1): "Prohibited by a firewall on the way",
    (1, 3): "Host unreachable",
    (1, 4): "Host answers no pings",
    (1, 5): "Prohibited by a firewall on the way",
    (1, 6): "No route to host on the way",
    (3, 0): "Hop limit ran out on the way (a routing loop)",
}


class Heard(msgspec.Struct, frozen=True, gc=False):
    """An answer to an echo of ours, perhaps: its asker must recognise identifier, sequence and cookie."""

    identifier: int
    sequence: int
    cookie: bytes
    """What came back of the cookie: whole in an answer, perhaps nothing in an error."""
    error: tuple[int, int] | None = None
    """Type and code of an error message; None when it is the answer."""
    address: bytes = b""
    """With an error: where the echo was going."""


def proof(identifier: int, sequence: int, cookie: bytes) -> bytes:
    """What an answer must bring back, byte for byte."""
    return _TWO.pack(identifier, sequence) + cookie


def echo_request(v6: bool, proof: bytes) -> bytes:
    """The message, with its checksum for IPv4 (for IPv6 the kernel makes it, which knows the addresses)."""
    if v6:
        return b"\x80\0\0\0" + proof + _FILLER
    # RFC 1071: a sum in ones' complement is a remainder modulo 0xFFFF.
    total = 0xFFFF - (int.from_bytes(proof, "big") + _SUM_OF_THE_REST) % 0xFFFF
    return b"\x08\0" + total.to_bytes(2, "big") + proof + _FILLER


def read(v6: bool, message: bytes | memoryview) -> Heard | None:
    """An ICMP message (without an IP header); None for what is no answer to any echo. Total: it never raises."""
    if len(message) < 8:
        return None
    kind = message[0]
    if kind == ECHO_REPLY[v6]:
        if message[1]:
            return None
        identifier, sequence = _TWO.unpack_from(message, 4)
        return Heard(identifier, sequence, bytes(message[8 : 8 + COOKIE_BYTES]))
    if kind in _ERRORS[v6]:
        return _read_error(v6, (kind, message[1]), message[8:])
    return None


def read_ipv4(packet: bytes) -> Heard | None:
    """The same of a whole IPv4 packet, as a raw socket hears it."""
    message = after_ipv4_header(packet)
    return None if message is None else read(False, message)


def after_ipv4_header(packet: bytes | memoryview) -> bytes | memoryview | None:
    """The payload of an IPv4 packet that carries ICMP; None if it is none."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != _ICMP:
        return None
    length = (packet[0] & 15) * 4
    return packet[length:] if length >= 20 else None


def sent(v6: bool, message: bytes | memoryview, error: tuple[int, int], address: bytes) -> Heard | None:
    """An error about `message`, an echo request that went to `address`."""
    if len(message) < 8 or message[0] != _ECHO_REQUEST[v6]:
        return None
    identifier, sequence = _TWO.unpack_from(message, 4)
    return Heard(identifier, sequence, bytes(message[8 : 8 + COOKIE_BYTES]), error, address)


def error_words(v6: bool, error: tuple[int, int], teller: str) -> str:
    """`Host unreachable, says 192.0.2.1`."""
    words = (_WORDS_V6 if v6 else _WORDS_V4).get(error) or f"Unreachable (ICMP type {error[0]}, code {error[1]})"
    return f"{words}, says {teller}" if teller else words


@lru_cache(maxsize=20_000)
def packed(address: str) -> bytes:
    """An address as it stands in a packet."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _read_error(v6: bool, error: tuple[int, int], quoted: bytes | memoryview) -> Heard | None:
    """What an error quotes of the packet that caused it: its IP header, and at least eight bytes after it."""
    if v6:
        if len(quoted) < _IPV6_HEADER_BYTES or quoted[6] != _ICMPV6:
            return None
        return sent(True, quoted[_IPV6_HEADER_BYTES:], error, bytes(quoted[24:40]))
    message = after_ipv4_header(quoted)
    return None if message is None else sent(False, message, error, bytes(quoted[16:20]))
