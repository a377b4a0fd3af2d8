"""Lengths of time and sizes as people say them."""

from __future__ import annotations

from typing import Any

UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))
"""(name, seconds), the largest first."""


def lasting(seconds: float | None) -> str:
    """`1 day`, `1 hour 30 minutes`, `45 seconds`: the two largest parts that are not nothing."""
    left = round(seconds or 0)
    parts = []
    for name, size in UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {name if count != 1 else name[:-1]}")
    return " ".join(parts[:2]) or "0 seconds"


def amount_of(seconds: Any) -> tuple[str, str]:
    """A length as a form has it: (how many, of which unit), the largest unit that leaves no rest."""
    whole = int(seconds or 0)
    for name, size in UNITS:
        if whole and whole % size == 0:
            return str(whole // size), name
    return str(whole), "minutes"


def seconds_of(amount: str, unit: str) -> int | str | None:
    """What a form says as the API takes it; what is no number comes back as it is, for the API to complain about."""
    text = amount.strip().replace(",", ".")
    if not text:
        return None
    try:
        return round(float(text) * dict(UNITS).get(unit, 1))
    except (ValueError, OverflowError):
        return amount


def size(count: int) -> str:
    """`812 bytes`, `3.4 kB`."""
    return f"{count:,} {'byte' if count == 1 else 'bytes'}" if count < 1_000 else f"{count / 1_000:,.1f} kB"
