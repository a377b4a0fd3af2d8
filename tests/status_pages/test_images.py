"""Logos: fetched once from where they are, made small, and shown from here."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from tests.world import World, world
from tocsin.status_pages import actions
from tocsin.status_pages.rules import pictures

__all__ = ["world"]


def drawn(width: int, height: int, form: str = "PNG", noise: bool = False, mode: str = "RGB") -> bytes:
    picture = Image.new(mode, (width, height), "red")
    if noise:
        picture = Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def test_a_large_picture_is_made_to_fit() -> None:
    media_type, content = pictures.shown(drawn(4_000, 1_000, "JPEG"))
    assert media_type == "image/webp"
    with Image.open(io.BytesIO(content)) as small:
        assert small.size == (640, 160)


def test_a_small_picture_is_not_blown_up_and_stays_transparent() -> None:
    _, content = pictures.shown(drawn(40, 20, mode="RGBA"))
    with Image.open(io.BytesIO(content)) as small:
        assert small.size == (40, 20)
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    file = io.BytesIO()
    clear.save(file, "PNG")
    with Image.open(io.BytesIO(pictures.shown(file.getvalue())[1])) as small:
        assert small.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_even_noise_fits_on_a_slow_line() -> None:
    _, content = pictures.shown(drawn(1_000, 800, noise=True))
    assert len(content) <= pictures.MAX_KEPT_BYTES


def test_a_drawing_stays_as_it_is() -> None:
    svg = b'<?xml version="1.0"?>\n<!-- ours --><svg xmlns="http://www.w3.org/2000/svg"/>'
    assert pictures.shown(svg) == ("image/svg+xml", svg)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html><svg></svg></html>", b"GIF89a", drawn(30, 30)[:60], b"<svg>" + b" " * 60_000],
    ids=["nothing", "a page", "half a picture", "a torn picture", "a huge drawing"],
)
def test_what_is_no_picture_is_not_taken(content: bytes) -> None:
    with pytest.raises(pictures.NoPicture):
        pictures.shown(content)


@pytest.mark.parametrize("opening", [b"<!---->", b"<!-- a --> ", b" ", b"<!---->\n<!--"])
def test_a_file_that_begins_like_a_drawing_for_ever_keeps_nobody_waiting(opening: bytes) -> None:
    """Whoever serves the logo chooses its bytes, and a regular expression that thinks long stops the whole process."""
    with pytest.raises(pictures.NoPicture):
        pictures.shown(opening * 500)
    assert pictures.shown(b"<!-- a -->\n" * 20 + b"<svg>")[0] == "image/svg+xml"


def test_a_picture_that_lies_on_its_side_is_put_upright() -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # Orientation: turned by a quarter
    Image.new("RGB", (200, 100), "red").save(file, "JPEG", exif=exif)
    with Image.open(io.BytesIO(pictures.shown(file.getvalue())[1])) as upright:
        assert upright.size == (80, 160)


def test_a_small_file_that_unfolds_into_a_huge_picture_is_not_taken() -> None:
    size = struct.pack(">4sIIBBBBB", b"IHDR", 20_000, 3_000, 8, 2, 0, 0, 0)
    small = drawn(1, 1)
    said = small[:8] + struct.pack(">I", 13) + size + struct.pack(">I", zlib.crc32(size)) + small[33:]
    with pytest.raises(pictures.NoPicture, match="million pixels"):
        pictures.shown(said)


@pytest.fixture
async def page(world: World) -> dict[str, Any]:
    sent = {"subdomain": "acme", "timezone": "UTC", "logo_url": "https://acme.example.com/logo.png"}
    world.site("acme").up(drawn(200, 100))
    answer = await world.api("POST", "/v2/status-pages", sent)
    assert answer.status_code == 201, answer.text
    await world.settle()
    found: dict[str, Any] = answer.json()["data"]
    return found


async def logo(world: World, page: dict[str, Any], kind: str = "logo") -> actions.Image | None:
    return await world.database.read(actions.image, int(page["id"]), kind)


async def test_a_logo_is_fetched_when_it_is_set_and_again_after_a_day(world: World, page: dict[str, Any]) -> None:
    first = await logo(world, page)
    assert first is not None
    assert first.media_type == "image/webp"
    assert await logo(world, page, "dark_logo") is None
    assert world.site("acme").asked == 1
    await world.fast_forward(minutes=2)
    assert world.site("acme").asked == 1
    world.site("acme").up(drawn(100, 100))
    world.clock.wind(hours=24)
    await world.settle()
    second = await logo(world, page)
    assert second is not None
    assert second.etag != first.etag


async def test_while_a_logo_cannot_be_had_the_old_one_is_shown(world: World, page: dict[str, Any]) -> None:
    before = await logo(world, page)
    world.site("acme").down()
    await world.api("PATCH", f"/v2/status-pages/{page['id']}", {"logo_url": "https://acme.example.com/new.png"})
    await world.settle()
    assert await logo(world, page) == before
    world.site("acme").up(drawn(100, 100))
    await world.fast_forward(minutes=2)
    assert await logo(world, page) not in (None, before)


async def test_a_logo_that_is_taken_away_is_not_shown(world: World, page: dict[str, Any]) -> None:
    await world.api("PATCH", f"/v2/status-pages/{page['id']}", {"logo_url": ""})
    assert await logo(world, page) is None
    assert await world.database.read(actions.next_image_at) is None
