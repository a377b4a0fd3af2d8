"""Some of these tests are told in a world (see `tests.world`)."""

from tests.world import world

__all__ = ["world"]
