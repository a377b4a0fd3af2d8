"""What subscribers are told, in their own language: a plain file for each, English where a word is missing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from tocsin.status_pages.rules.subscribing import LANGUAGES

_FOLDER = Path(__file__).parent / "languages"


def say(language: str, key: str, **values: object) -> str:
    """The words for `key`, with the values in their places."""
    text = _words(language if language in LANGUAGES else LANGUAGES[0])[key]
    for name, value in values.items():  # not str.format: what people have written may hold braces
        text = text.replace("{" + name + "}", str(value))
    return text


def standing(language: str, word: str) -> str:
    """How something stands, e.g. `downtime`."""
    words = _words(language if language in LANGUAGES else LANGUAGES[0])
    return words.get(word, word)


@cache
def _words(language: str) -> dict[str, str]:
    found = msgspec.json.decode((_FOLDER / f"{language}.json").read_bytes(), type=dict[str, str])
    return found if language == LANGUAGES[0] else {**_words(LANGUAGES[0]), **found}
