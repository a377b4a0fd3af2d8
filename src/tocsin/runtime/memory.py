"""How often the program looks for garbage: seldom, since what it keeps is large and lives as long as it does."""

from __future__ import annotations

import gc

THRESHOLDS = (20_000, 20, 20)
"""Objects made before the young are looked through, and rounds before their elders are. Python's own 700 would look
through the checks under way hundreds of times a second, and find nothing: almost everything here is freed by count."""


def settle() -> None:
    """Call once everything is set up: what is there now is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
