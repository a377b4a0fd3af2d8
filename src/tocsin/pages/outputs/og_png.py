"""`/og.png`: what a chat shows when somebody posts the page's address: who it is and how they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tocsin.pages.outputs.wording import STATE_COLOURS, description
from tocsin.status_pages.model.views import PageView

MEDIA_TYPE = "image/png"
SIZE = (1200, 630)
_MARGIN = 90
_NAME_SIZE, _STATE_SIZE, _SMALL_SIZE = 84, 56, 32
_MIN_NAME_SIZE = 36
_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
)
"""For names that the font that we bring has no letters for; where a machine has none of these, the subdomain stands."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw(view: PageView) -> bytes:
    """A picture of 1200 by 630, as Open Graph wants it."""
    image = Image.new("RGB", SIZE, "#ffffff")
    pen = ImageDraw.Draw(image)
    colour = STATE_COLOURS[view.state]
    pen.rectangle((0, 0, SIZE[0], 24), fill=colour)
    name, font = _fitting(view.settings.company_name or view.subdomain, view.subdomain, SIZE[0] - 2 * _MARGIN)
    pen.text((_MARGIN, 150), name, fill="#16191d", font=font)
    pen.ellipse((_MARGIN, 352, _MARGIN + 48, 400), fill=colour)
    pen.text((_MARGIN + 76, 340), description(view), fill="#16191d", font=_own(_STATE_SIZE))
    moment = f"{view.made_at:%d %B %Y}"
    pen.text((_MARGIN, 510), f"Status page · {moment}", fill="#57606a", font=_own(_SMALL_SIZE))
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _fitting(name: str, otherwise: str, width: int) -> tuple[str, Font | None]:
    """The name in a font that has its letters, as large as it fits; cut where even the smallest does not."""
    name = " ".join(name.split())
    makers: list[Callable[[int], Font | None]] = [_own, *map(_system, _FONTS)]
    able = [make for make in makers if _writes(make(_SMALL_SIZE), name)]
    make = able[0] if able else _own
    name = name if able else otherwise
    size = _NAME_SIZE
    while size > _MIN_NAME_SIZE and _length(make(size), name) > width:
        size -= 8
    font = make(size)
    while len(name) > 1 and _length(font, name) > width:
        name = name[:-2].rstrip() + "…"
    return name, font


def _length(font: Font | None, text: str) -> float:
    return font.getlength(text) if font is not None else 0.0


def _writes(font: Font | None, text: str) -> bool:
    """Whether the font has a picture of its own for every character: a missing one looks like the last of Unicode."""
    if font is None:
        return False
    missing = _drawn(font, "\U0010fffd")
    return all(character == " " or _drawn(font, character) != missing for character in set(text))


def _drawn(font: Font, character: str) -> bytes:
    mask = font.getmask(character)
    return bytes([mask[place] for place in range(len(mask))]) + repr(mask.size).encode()


@cache
def _own(size: int) -> Font | None:
    return ImageFont.load_default(size)


@cache
def _of_file(path: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(path, size) if Path(path).is_file() else None
    except OSError:
        return None


def _system(path: str) -> Callable[[int], Font | None]:
    return lambda size: _of_file(path, size)
