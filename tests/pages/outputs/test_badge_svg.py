"""Badges say the state by word and by colour, and nothing that people named breaks out of them."""

from __future__ import annotations

import pytest

from tests.pages.outputs.feeds import EVIL, hostile, parsed
from tests.status_pages import samples
from tocsin.pages.outputs import badge_svg
from tocsin.pages.outputs.wording import STATE_COLOURS, STATE_WORDS
from tocsin.status_pages.model import State

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("label", ["status", "W", "ilil", "Zahlungen über die Schnittstelle", "決済サービス", EVIL, ""])
def test_the_words_fit_their_boxes(state: State, label: str) -> None:
    svg = parsed(badge_svg.badge(label, state))
    boxes = [(float(box.get("x", "0")), float(box.get("width"))) for box in svg.iter(f"{SVG}rect")][1:]
    texts = [(float(text.get("x")), float(text.get("textLength"))) for text in svg.iter(f"{SVG}text")]
    for (box, width), (text, length) in zip(boxes, texts, strict=True):
        assert box < text
        assert text + length < box + width
    assert sum(width for _, width in boxes) == float(svg.get("width"))
    words = [text.text or "" for text in svg.iter(f"{SVG}text")]
    assert words[1] == STATE_WORDS[state].lower()
    assert svg.get("role") == "img"
    assert svg.findtext(f"{SVG}title") == svg.get("aria-label") == f"{words[0]}: {words[1]}"
    assert not list(svg.iter(f"{SVG}script"))


def test_a_badge_is_the_pages_or_that_of_one_resource() -> None:
    view = samples.shop()
    assert b"status: down" in (badge_svg.draw(view) or b"")
    assert b"us-east: down" in (badge_svg.draw(view, 7) or b"")
    assert b"E-mail: operational" in (badge_svg.draw(view, 8) or b"")
    assert badge_svg.draw(view, 99) is None
    assert b"<script" not in (badge_svg.draw(hostile(), 1) or b"")


@pytest.mark.parametrize("state", State)
def test_white_words_can_be_read_on_every_colour(state: State) -> None:
    def channel(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    colour = bytes.fromhex(STATE_COLOURS[state][1:])
    luminance = sum(weight * channel(part) for weight, part in zip((0.2126, 0.7152, 0.0722), colour, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5
