"""`/badge.svg`: the state in a README: a flat label that says it by word and by colour."""

from __future__ import annotations

from tocsin.pages.outputs.wording import STATE_COLOURS, STATE_WORDS, xml, xml_attribute
from tocsin.status_pages.model import State
from tocsin.status_pages.model.views import PageView

MEDIA_TYPE = "image/svg+xml"
MAX_LABEL_CHARACTERS = 40
_HEIGHT = 20
_PAD = 6
_NARROW, _WIDE = "fijlrtI.,:;|!'()[]1 -", "mwMW@%"
_WIDTHS = {**dict.fromkeys(_NARROW, 4.6), **dict.fromkeys(_WIDE, 10.8)}
_LOWER, _UPPER, _ELSEWHERE = 6.9, 7.8, 11.5
"""Pixels of a character of Verdana in 11 px, roughly, the wider rather; `textLength` then fits the words exactly."""


def draw(view: PageView, resource_id: int = 0) -> bytes | None:
    """The page's badge, or one of its resources'. None = there is no such resource."""
    if not resource_id:
        return badge("status", view.state)
    for section in view.sections:
        for resource in section.resources:
            if resource.id == resource_id:
                return badge(resource.public_name, resource.status)
    return None


def badge(label: str, state: State) -> bytes:
    if len(label) > MAX_LABEL_CHARACTERS:
        label = label[: MAX_LABEL_CHARACTERS - 1].rstrip() + "…"
    word = STATE_WORDS[state].lower()
    left, right = _width(label) + 2 * _PAD, _width(word) + 2 * _PAD
    title = f"{label}: {word}"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f"aria-label={xml_attribute(title)}><title>{xml(title)}</title>"
        f'<clipPath id="r"><rect width="{left + right}" height="{_HEIGHT}" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left}" height="{_HEIGHT}" fill="#3b4148"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{STATE_COLOURS[state]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f"{_text(label, _PAD, left)}{_text(word, left + _PAD, right)}</g></svg>\n"
    )
    return svg.encode()


def _text(words: str, x: int, width: int) -> str:
    return f'<text x="{x}" y="14" textLength="{width - 2 * _PAD}" lengthAdjust="spacingAndGlyphs">{xml(words)}</text>'


def _width(text: str) -> int:
    return max(1, round(sum(map(_of, text))))


def _of(character: str) -> float:
    if character in _WIDTHS:
        return _WIDTHS[character]
    if ord(character) > 0x2E7F:
        return _ELSEWHERE
    return _UPPER if character.isupper() else _LOWER
