"""Results as people and models read them: a table for several, a line for each fact of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

MAX_COLUMNS = 8
SAMPLE = 10
"""Rows looked at to see which facts there are."""
MAX_CELL_CHARACTERS = 60
MAX_LINE_CHARACTERS = 4_100
"""Of one fact: an untrusted text at its full length fits."""
FIRST = (
    "id", "name", "pronounceable_name", "title", "public_name", "company_name", "email", "key", "status", "state",
    "cause", "message", "content", "url", "item_type", "at", "started_at", "acknowledged_at", "resolved_at", "kind",
)  # fmt: skip
"""Which columns come first; the others follow in the order of the API."""
DULL = frozenset({"type", "sort_index", "created_at", "updated_at", "sms", "call", "push", "critical_alert"})
"""What takes the place of more telling columns."""


def table(items: Sequence[Mapping[str, Any]]) -> str:
    """A plain text table of the telling facts of several."""
    columns = _columns(items)
    rows = [columns, *([_cell(item.get(name)) for name in columns] for item in items)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def page(items: Sequence[Mapping[str, Any]], number: int, total: int, next_page: int | None) -> str:
    """A table with what is needed to read on."""
    if not items:
        return "None." if total == 0 else f"Nothing on page {number}; there are {total} in all."
    words = f"Page {number}, {total} in all."
    more = f" Read on with page={next_page}." if next_page is not None else ""
    return f"{table(items)}\n\n{words}{more}"


def lines(item: Mapping[str, Any]) -> str:
    """Each fact of one on a line of its own; what is not there is left out."""
    told = [f"{name}: {_whole(value)}" for name, value in item.items() if value not in (None, "", [], {})]
    return "\n".join(told) or "Nothing."


def _columns(items: Sequence[Mapping[str, Any]]) -> list[str]:
    present: dict[str, None] = {}
    for item in items[:SAMPLE]:
        for name, value in item.items():
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                present[name] = None
    first = [name for name in FIRST if name in present]
    rest = [name for name in present if name not in FIRST and name not in DULL]
    return (first + rest)[:MAX_COLUMNS] or [*present][:MAX_COLUMNS] or ["id"]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = " ".join(_whole(value).split())
    return text if len(text) <= MAX_CELL_CHARACTERS else text[: MAX_CELL_CHARACTERS - 1] + "…"


def _whole(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        text = value
    elif isinstance(value, int | float):
        return str(value)
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_LINE_CHARACTERS else text[:MAX_LINE_CHARACTERS] + "…"
