"""The program looks no more for garbage among what it keeps for ever, and still finds what goes in circles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from tocsin.runtime.memory import THRESHOLDS, settle


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.mark.slow
def test_what_is_there_is_never_looked_through_again() -> None:
    settle()
    assert gc.get_freeze_count() > 1_000
    assert gc.get_threshold() == THRESHOLDS


@pytest.mark.slow
def test_what_is_made_later_and_refers_to_itself_is_still_found() -> None:
    settle()
    circle = weakref.ref(Circle())
    gc.collect()
    assert circle() is None
