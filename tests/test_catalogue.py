"""What can be done here is written down: a change that adds or alters an operation shows exactly its lines."""

from __future__ import annotations

from pathlib import Path

from tests.catalogue import printed

COMMITTED = Path(__file__).with_name("catalogue.txt")


def test_the_catalogue_is_as_committed() -> None:
    assert printed() == COMMITTED.read_text(), (
        "The operations differ from what is committed. If meant: python -m tests.catalogue > tests/catalogue.txt"
    )
