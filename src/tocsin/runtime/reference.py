"""Writes the reference of the API as Markdown: `python -m tocsin.runtime.reference docs/reference`."""

from __future__ import annotations

import sys
from pathlib import Path

from tocsin.registry import Catalogue
from tocsin.rest.reference import pages, read
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations


def drawn() -> dict[str, str]:
    """The files by name, of a Tocsin without any settings."""
    return pages(read(Catalogue(operations(load({}, {})))))


def main(folder: Path) -> None:
    """Make the folder hold exactly these files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = drawn()
    for old in folder.glob("*.md"):
        if old.name not in found:
            old.unlink()
    for name, text in found.items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
