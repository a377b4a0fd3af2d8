"""The dress of the pages: every pair of colours can be read, nothing is bound to one direction of reading."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tocsin.pages.dress import PUSH_WORKER, assets, style

CSS = (files("tocsin.pages") / "assets" / "page.css").read_text("utf-8")
STATES = ("operational", "degraded", "downtime", "maintenance", "not_monitored")


def tokens(selector: str) -> dict[str, str]:
    block = re.search(re.escape(selector) + r"\s*\{(.*?)\}", CSS, re.DOTALL)
    assert block
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", block[1]))


LIGHT = tokens(":root")
DARK = LIGHT | tokens(':root[data-theme="dark"]')


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(theme: dict[str, str]) -> None:
    """WCAG 2.2, 1.4.3."""
    pairs = [("ink", "ground"), ("ink", "sheet"), ("quiet", "ground"), ("quiet", "sheet"), ("accent", "ground"),
             ("accent", "sheet"), ("on-button", "button"), ("on-tip", "tip"), ("downtime", "sheet")]  # fmt: skip
    for state in STATES:
        pairs += [
            (state, "sheet"),
            (state, f"{state}-ground"),
            ("ink", f"{state}-ground"),
            ("quiet", f"{state}-ground"),
        ]
    poor = {pair: round(contrast(theme[pair[0]], theme[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_shapes_stand_out_from_what_is_behind_them(theme: dict[str, str]) -> None:
    """WCAG 2.2, 1.4.11."""
    pairs = [("strong-line", "sheet"), ("accent", "sheet"), ("accent", "ground")]
    for state in STATES:
        pairs += [(f"{state}-fill", "sheet"), (f"{state}-fill", f"{state}-ground"), ("glyph", f"{state}-fill")]
    poor = {pair: round(contrast(theme[pair[0]], theme[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in poor.items() if ratio < 3} == {}


def test_white_can_be_read_on_the_banners_of_the_first_design() -> None:
    assert all(contrast("#ffffff", LIGHT[state]) >= 4.5 for state in STATES)


def test_the_dark_tokens_are_the_same_whoever_chose_them() -> None:
    assert tokens(':root[data-theme="dark"]') == tokens(':root[data-theme="system"]')


def test_nothing_says_left_or_right() -> None:
    """Right-to-left languages need no second style."""
    sided = (
        r"(?<![\w-])(margin|padding|border)-(left|right)|(?<![\w-])(left|right)\s*:"
        r"|(text-align|float):\s*(left|right)"
    )
    assert re.findall(sided, CSS) == []


def test_colours_are_named_once() -> None:
    rest = re.sub(r":root[^{]*\{.*?\}", "", CSS, flags=re.DOTALL)
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb\(", rest)) <= {"#ffffff"}


def test_the_style_is_made_small_and_stays_whole() -> None:
    assert "/*" not in style()
    assert style().count("{") == style().count("}") == CSS.count("{")
    assert len(style()) < 0.9 * len(CSS)


def test_a_name_changes_with_its_content() -> None:
    names = [name for name in assets() if name != PUSH_WORKER]
    assert all(re.fullmatch(r"(page|icon-\w+)-[0-9a-f]{12}\.(js|svg)", name) for name in names)
    assert len(names) == 6
    assert {media_type for _, media_type in assets().values()} == {"text/javascript; charset=utf-8", "image/svg+xml"}
