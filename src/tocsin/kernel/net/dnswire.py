"""Questions to name servers and their answers as they stand on the wire (RFC 1035, RFC 6891)."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache

import msgspec

from tocsin.kernel.net.requests import Record

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "DS": 43,
    "HTTPS": 65, "CAA": 257,
}  # fmt: skip
"""The record types that may be asked for."""
UDP_PAYLOAD_BYTES = 1_232
"""What we take over UDP: it fits an unfragmented packet on every network (the DNS flag day's figure)."""
MAX_RECORDS = 200
"""Records of one answer that are read."""
MAX_POINTERS = 64
"""Compression pointers followed in one name: a loop of them must end."""
MAX_NAME_BYTES = 255

_NAMES = {number: name for name, number in TYPES.items()}
_RCODES = (
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
)  # fmt: skip
_HEADER = struct.Struct("!HHHHHH")
_FIXED = struct.Struct("!HHIH")
_RECURSION_DESIRED, _RESPONSE, _OPCODE, _TRUNCATED = 0x0100, 0x8000, 0x7800, 0x0200
_IN = 1
_OPT = bytes([0]) + struct.pack("!HHIH", 41, UDP_PAYLOAD_BYTES, 0, 0)


class Unreadable(ValueError):
    """Bytes that are no answer."""


class Response(msgspec.Struct, frozen=True, gc=False):
    """A name server's answer."""

    rcode: str
    truncated: bool
    records: tuple[Record, ...]
    """Of the answer section alone."""


@lru_cache(maxsize=20_000)
def question(name: str, record_type: str) -> bytes:
    """The question as it stands in query and answer. Raises ValueError with a sentence."""
    number = TYPES.get(record_type.upper())
    if number is None:
        raise ValueError(f"Records of type {record_type[:20]} cannot be asked for.")
    text = name.strip().rstrip(".")
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError(f"'{name[:80]}' is not a valid international name.") from None
    labels = text.split(".") if text else []
    wire = b"".join(bytes([len(label)]) + label.encode("ascii") for label in labels if len(label) < 64) + b"\0"
    if any(not 0 < len(label) < 64 for label in labels) or len(wire) > MAX_NAME_BYTES:
        raise ValueError(f"'{name[:80]}' is not a domain name.")
    return wire + struct.pack("!HH", number, _IN)


def query(identifier: int, asked: bytes, edns: bool) -> bytes:
    """The whole message."""
    header = _HEADER.pack(identifier, _RECURSION_DESIRED, 1, 0, 0, 1 if edns else 0)
    return header + asked + _OPT if edns else header + asked


def identifier_of(message: bytes) -> int:
    """The first two bytes; -1 when there are none."""
    return int.from_bytes(message[:2], "big") if len(message) >= 2 else -1


def answers(message: bytes, asked: bytes) -> bool:
    """Whether it is an answer to this question, by all that can be seen from its beginning."""
    if len(message) < _HEADER.size:
        return False
    flags, questions = int.from_bytes(message[2:4], "big"), int.from_bytes(message[4:6], "big")
    if not flags & _RESPONSE or flags & _OPCODE:
        return False
    if questions == 0:
        return flags & 0x000F != 0  # some servers leave the question out when they refuse it
    return questions == 1 and bytes(message[12 : 12 + len(asked)]).lower() == asked.lower()


def read(message: bytes, asked: bytes) -> Response:
    """An answer for which `answers` is true. Raises `Unreadable`, and nothing else, whatever the bytes."""
    _, flags, questions, count, _, _ = _HEADER.unpack_from(message)
    rcode = flags & 0x000F
    word = _RCODES[rcode] if rcode < len(_RCODES) else f"RCODE{rcode}"
    records: list[Record] = []
    place = _HEADER.size + (len(asked) if questions else 0)
    try:
        for _ in range(min(count, MAX_RECORDS)):
            place = _skip_name(message, place)
            number, klass, _, length = _FIXED.unpack_from(message, place)
            place += _FIXED.size
            end = place + length
            if end > len(message):
                break  # cut off: what is whole counts
            if klass == _IN:
                records.append(Record(_NAMES.get(number) or f"TYPE{number}", _text(message, number, place, end)))
            place = end
    except (IndexError, struct.error) as error:
        if not flags & _TRUNCATED:
            raise Unreadable(str(error)) from None
    return Response(word, bool(flags & _TRUNCATED), tuple(records))


def _skip_name(message: bytes, place: int) -> int:
    while True:
        length = message[place]
        if length >= 0xC0:
            return place + 2
        place += 1 + length
        if not length:
            return place


def _name(message: bytes, place: int) -> tuple[str, int]:
    """The name at `place`, and where what follows it begins. Raises IndexError, Unreadable."""
    labels: list[str] = []
    after = -1
    room, pointers = MAX_NAME_BYTES, 0
    while True:
        length = message[place]
        if length >= 0xC0:
            if after < 0:
                after = place + 2
            pointers += 1
            if pointers > MAX_POINTERS:
                raise Unreadable("a name that points in circles")
            place = (length & 0x3F) << 8 | message[place + 1]
            continue
        place += 1
        if not length:
            return ".".join(labels) or ".", place if after < 0 else after
        room -= length + 1
        if length > 63 or room < 0 or place + length > len(message):
            raise Unreadable("a name that is too long")
        labels.append("".join(_letter(byte) for byte in message[place : place + length]))
        place += length


def _letter(byte: int) -> str:
    """Lower case, and whatever could be mistaken for something else escaped (RFC 1035, 5.1)."""
    letter = chr(byte).lower()
    if letter in '."\\;()@$' or not 33 <= byte < 127:
        return f"\\{byte:03d}"
    return letter


def _text(message: bytes, number: int, place: int, end: int) -> str:
    """Record data as in a zone file. Raises IndexError, struct.error, Unreadable."""
    if number == 1 and end - place == 4:
        return socket.inet_ntoa(message[place:end])
    if number == 28 and end - place == 16:
        return socket.inet_ntop(socket.AF_INET6, message[place:end])
    if number in (2, 5, 12):
        return _name(message, place)[0]
    if number == 15:
        return f"{_short(message, place)} {_name(message, place + 2)[0]}"
    if number == 16:
        return _strings(message, place, end)
    if number == 33:
        numbers = struct.unpack_from("!HHH", message, place)
        return f"{numbers[0]} {numbers[1]} {numbers[2]} {_name(message, place + 6)[0]}"
    if number == 6:
        primary, place = _name(message, place)
        mailbox, place = _name(message, place)
        return " ".join((primary, mailbox, *(str(each) for each in struct.unpack_from("!IIIII", message, place))))
    return _rare(message, number, place, end)


def _rare(message: bytes, number: int, place: int, end: int) -> str:
    """Types that are seldom asked for: dnspython knows them all."""
    import dns.exception
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    try:
        data = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.RdataType.make(number), message, place, end - place)
        return data.to_text()
    except (dns.exception.DNSException, ValueError):
        return f"\\# {end - place} {message[place:end].hex()}"


def _short(message: bytes, place: int) -> int:
    return message[place] << 8 | message[place + 1]


def _strings(message: bytes, place: int, end: int) -> str:
    parts: list[bytes] = []
    while place < end:
        length = message[place]
        parts.append(message[place + 1 : min(place + 1 + length, end)])
        place += 1 + length
    return b"".join(parts).decode("utf-8", "backslashreplace")
