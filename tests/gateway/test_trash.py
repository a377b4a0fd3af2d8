"""The journal under the trash: it sees every row, and puts back what nobody has touched since."""

from __future__ import annotations

import pytest

from tocsin.gateway.trash import REPLACED, STORIES, THINGS, WORTHLESS_ALONE
from tocsin.storage import metadata


def test_the_database_deletes_nothing_by_itself() -> None:
    """A row that goes by ON DELETE would pass the journal unseen, and never come back."""
    keys = [key for table in metadata.sorted_tables for key in table.foreign_keys]
    assert [str(key.column) for key in keys if key.ondelete or key.onupdate] == []
    assert len(keys) > 20


@pytest.mark.parametrize("name", sorted(THINGS | STORIES | REPLACED | set(WORTHLESS_ALONE)))
def test_what_is_kept_is_a_table(name: str) -> None:
    assert name in metadata.tables
    assert not (THINGS & STORIES)
