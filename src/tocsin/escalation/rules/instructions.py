"""Fills instructions in with what is known of the incident, and counts what of them is still to be done."""

from __future__ import annotations

import re

from tocsin.metadata.model import Metadata
from tocsin.metadata.rules import plain

MAX_CHARACTERS = 45_000
"""Of filled-in instructions: a comment holds 50,000."""

_KEY = re.compile(r"\{([^{}\n]{1,255})\}")
_BOX = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[([ xX])\](?=\s)", re.MULTILINE)
"""A task list item of GitHub Flavored Markdown, section 5.3."""


def filled_in(text: str, facts: Metadata) -> str:
    """The text with `{key}` replaced by what the incident says under that key; unknown keys stay as they are."""

    def value(found: re.Match[str]) -> str:
        said = plain(facts.get(found[1].strip(), ()))
        return said.replace("\n", " ") if said else found[0]

    filled = _KEY.sub(value, text)
    return filled if len(filled) <= MAX_CHARACTERS else filled[:MAX_CHARACTERS] + "…"


def unfinished(text: str) -> tuple[int, int]:
    """(boxes that are not ticked, boxes in all) of a checklist in Markdown."""
    boxes = _BOX.findall(text)
    return sum(box == " " for box in boxes), len(boxes)
