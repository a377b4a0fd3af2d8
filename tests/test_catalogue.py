"""What can be done here is written down: a change that adds or alters an operation shows exactly its lines."""

from __future__ import annotations

from pathlib import Path

from tests.catalogue import printed
from tocsin.runtime.reference import drawn

COMMITTED = Path(__file__).with_name("catalogue.txt")


def test_the_catalogue_is_as_committed() -> None:
    assert printed() == COMMITTED.read_text(), (
        "The operations differ from what is committed. If meant: python -m tests.catalogue > tests/catalogue.txt"
    )


def test_the_reference_in_the_docs_says_what_is_declared() -> None:
    folder = Path(__file__).parent.parent / "docs" / "reference"
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*")}
    expected = drawn()
    stale = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    assert stale == [], "docs/reference differs from what is declared. Run: make reference"
