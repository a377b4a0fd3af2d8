"""Text that must be made shorter: cut between letters, never through one."""

from __future__ import annotations


def cut(text: bytes, most_bytes: int) -> bytes:
    """At most that many bytes from the beginning, not ending within a character of UTF-8; other bytes as they are."""
    if len(text) <= most_bytes:
        return text
    begun = text[:most_bytes]
    for back in range(1, min(4, most_bytes) + 1):
        byte = begun[-back]
        if byte < 0x80:  # ASCII: nothing is open
            break
        if byte >= 0xC0:  # the first byte of a character
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return begun[:-back] if length > back else begun
    return begun
