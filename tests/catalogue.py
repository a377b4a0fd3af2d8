"""Prints everything that can be done: `python -m tests.catalogue > tests/catalogue.txt` after adding something."""

from __future__ import annotations

from tocsin.registry import Catalogue
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations

_HEADINGS = ("operation", "may", "switch", "answer", "event", "tool", "routes")


def printed() -> str:
    """One line per operation in the order of their names: what it needs, what it records, where it is."""
    rows = [_HEADINGS]
    for operation in sorted(Catalogue(operations(load({}, {}))), key=lambda each: each.name):
        routes = ", ".join(f"{route.method} {route.path}" for route in operation.routes)
        needs = f"{operation.level} {operation.area}"
        rows.append(
            (
                operation.name,
                needs,
                (operation.switch or "-") + ("*" if operation.acts else ""),
                f"{operation.success} {operation.answer}",
                operation.event or "-",
                operation.tool,
                routes,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]) for row in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(printed(), end="")
