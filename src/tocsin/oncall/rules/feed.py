"""Writes a plan as an iCal feed, for the calendars on people's phones (RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

MAX_OCTETS = 75
"""Of one line, its end not counted (RFC 5545, 3.1)."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One shift as it is shown in a calendar."""

    uid: str
    """The same as long as the shift is the same, so that programs move it instead of making another one."""
    starts_at: datetime
    ends_at: datetime
    title: str
    description: str
    emails: tuple[str, ...] = ()


def text(name: str, entries: Iterable[Entry], now: datetime) -> bytes:
    """A whole calendar; all times are UTC, so that no program needs to know our zones."""
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tocsin//On-call//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_escaped(name)}", "REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H",
    ]  # fmt: skip
    for entry in entries:
        lines += [
            "BEGIN:VEVENT", f"UID:{entry.uid}", f"DTSTAMP:{_utc(now)}", f"DTSTART:{_utc(entry.starts_at)}",
            f"DTEND:{_utc(entry.ends_at)}", f"SUMMARY:{_escaped(entry.title)}",
            f"DESCRIPTION:{_escaped(entry.description)}", "TRANSP:TRANSPARENT",
            *(f"ATTENDEE;PARTSTAT=ACCEPTED:mailto:{_bare(email)}" for email in entry.emails), "END:VEVENT",
        ]  # fmt: skip
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line)).encode()


def _utc(instant: datetime) -> str:
    return instant.strftime("%Y%m%dT%H%M%SZ")


def _escaped(words: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11)."""
    escaped = words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join(_bare(line) for line in escaped.splitlines())


def _bare(words: str) -> str:
    return "".join(character for character in words if character >= " " and character != "\x7f")


def _folded(line: str) -> Iterator[str]:
    """A line in pieces of at most 75 octets, none of which ends within a letter; all but the first begin with a
    blank."""
    piece, octets = "", 0
    for letter in line:
        size = len(letter.encode())
        if octets + size > MAX_OCTETS:
            yield piece
            piece, octets = " ", 1
        piece += letter
        octets += size
    yield piece
