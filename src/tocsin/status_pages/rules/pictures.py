"""Makes a logo small enough for a phone at a bus stop, and takes nothing that is no picture."""

from __future__ import annotations

import io
import re

from PIL import Image, ImageOps

MAX_FETCHED_BYTES = 20 * 1024 * 1024
"""Larger pictures are refused (contract part 2, 5.2)."""
MAX_PIXELS = 25_000_000
"""A small file may unfold into gigabytes: of these a picture takes a hundred megabytes, for a moment."""
SHOWN_PIXELS = (640, 160)
"""The box into which a logo is made to fit: twice what a page shows, for sharp screens."""
MAX_SVG_BYTES = 50_000
MAX_KEPT_BYTES = 60_000
_QUALITIES = (90, 75, 50)
_SVG = re.compile(rb"\s*+(<\?xml[^>]*>\s*+)?+((?><!--.*?-->)\s*+)*+(<!DOCTYPE[^>]*>\s*+)?+<svg[\s>]", re.DOTALL)
"""Nothing that is matched is ever given back: else a few dozen comments take hours, in which nothing else runs here."""


class NoPicture(ValueError):
    """What was fetched cannot be shown; the text says why, for people."""


def shown(content: bytes) -> tuple[str, bytes]:
    """(media type, content) of the logo as it is shown. Raises NoPicture.

    SVG stays as it is: it is shown as an image only, where browsers run nothing of it, and is sent with a policy that
    forbids everything besides.
    """
    if _SVG.match(content[:4_096]):
        if len(content) > MAX_SVG_BYTES:
            raise NoPicture(f"The SVG has more than {MAX_SVG_BYTES // 1000} kB.")
        return "image/svg+xml", content
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "WEBP", "ICO", "BMP")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise NoPicture(f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels.")
            ImageOps.exif_transpose(picture, in_place=True)
            mode = "RGBA" if _transparent(picture) else "RGB"
            picture.load()
            clear = picture if picture.mode == mode else picture.convert(mode)
            clear.thumbnail(SHOWN_PIXELS, Image.Resampling.LANCZOS)
    except NoPicture:
        raise
    except Exception as error:  # the library has many ways to complain about a broken file
        raise NoPicture("What is there is no PNG, JPEG, GIF, WebP or SVG picture.") from error
    for quality in _QUALITIES:
        packed = io.BytesIO()
        clear.save(packed, "WEBP", quality=quality, method=6)
        if packed.tell() <= MAX_KEPT_BYTES:
            return "image/webp", packed.getvalue()
    raise NoPicture(f"The picture cannot be made smaller than {MAX_KEPT_BYTES // 1000} kB.")


def _transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
