"""The picture that a chat shows of a page."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.status_pages import samples
from tocsin.pages.outputs import og_png
from tocsin.pages.outputs.wording import STATE_COLOURS
from tocsin.status_pages.model.views import PageView

pytestmark = pytest.mark.slow


def colours(view: PageView) -> tuple[set[str], int]:
    """The colours of the picture, and how many points are dark, as letters are."""
    content = og_png.draw(view)
    assert len(content) < 60_000
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    assert picture.size == (1200, 630)
    counted = picture.getcolors(1 << 20) or []
    dark = sum(count for count, (red, green, blue) in counted if red + green + blue < 200)  # type: ignore[misc]
    return {"#{:02x}{:02x}{:02x}".format(*colour) for count, colour in counted if count > 500}, dark  # type: ignore[misc]


def test_it_shows_the_state_by_colour_and_by_word() -> None:
    found, dark = colours(samples.shop())
    assert STATE_COLOURS[samples.DOWN] in found
    assert dark > 3_000
    assert STATE_COLOURS[samples.UP] in colours(samples.calm())[0]


@pytest.mark.parametrize("name", ["", "決済サービス株式会社", "W" * 400, "\U0001f4a9 & Söhne\n<b>"])
def test_whatever_the_company_is_called_it_is_drawn(name: str) -> None:
    _, dark = colours(samples.page(settings={"company_name": name}))
    assert dark > 2_000
