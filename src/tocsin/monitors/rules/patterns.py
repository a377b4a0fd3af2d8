"""Looks for a pattern in what a server answered, in a time that grows with the answer's length and nothing else.

Python's own `re` may need years for a pattern of ten letters (`(a+)+$`), and nothing can stop it. RE2 looks at
each character once; it has no look-around and no back-references.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_STEPS = 600
"""Of a compiled pattern: bounds the work per character, which repetitions in repetitions would multiply."""
MAX_PATTERN_MEMORY_BYTES = 1024 * 1024
"""What a compiled pattern may take."""
MAX_SEARCHED = 64 * 1024
"""Characters of a text in which a pattern is looked for: the worst pattern takes a fifth of a second for them."""


def complaint_about_pattern(pattern: str) -> str | None:
    """Why this pattern cannot be used, completing "has a target that …"; None if it can."""
    if len(pattern) > MAX_PATTERN:
        return f"is longer than a pattern may be ({MAX_PATTERN} characters)"
    try:
        if _compiled(pattern).programsize > MAX_STEPS:
            return "is too large a pattern: its repetitions multiply"
    except (re2.error, UnicodeError) as error:
        words = error.args[0] if error.args else ""
        shown = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return f"is not a regular expression that can be used here (RE2 syntax: no look-around): {shown}"
    return None


def found(pattern: str, text: str) -> bool:
    """Whether the pattern occurs anywhere in the first `MAX_SEARCHED` characters. False for one that cannot be used."""
    try:
        return _compiled(pattern).search(text[:MAX_SEARCHED].encode("utf-8", "replace")) is not None
    except (re2.error, UnicodeError):
        return False


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY_BYTES
    options.log_errors = False
    return re2.compile(pattern.encode(), options)
