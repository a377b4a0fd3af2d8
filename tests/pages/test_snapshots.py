"""Static copies of pages: written with every change, whole at any instant, removed when they are not for everybody."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.pages.reading import BASE_URL, Public
from tests.pages.s3 import KEY, SECRET, s3
from tocsin.pages.addresses import Addresses
from tocsin.pages.buckets import Folder, address, bucket
from tocsin.pages.snapshots import PAUSE_SECONDS, REFRESH_SECONDS, Snapshots
from tocsin.runtime.public import readers
from tocsin.status_pages import actions
from tocsin.status_pages.model.views import Site

pytestmark = pytest.mark.slow


def worker(public: Public, folder: Path, to: Any = None) -> Snapshots:
    return Snapshots(readers(public.database), Addresses(BASE_URL), public.clock, folder, to)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def test_a_copy_holds_all_that_readers_need_and_no_form(public: Public, tmp_path: Path) -> None:
    page = await public.open(subscribable=True, custom_css="b{color:red}")
    resource = await public.resource(page)
    report = await public.report(page, {resource: "downtime"}, public.clock.now(), title="Shop is closed")
    await worker(public, tmp_path).run_once()
    mine = tmp_path / "acme"
    html = (mine / "index.html").read_text()
    assert "Shop is closed" in html
    assert "<form" not in html
    assert "<style" in html
    assert "2026-03-02T12:00:01" in html, "it says how old it is"
    for path in re.findall(r'(?:src|href)="(/[^"?#]*)', html):
        if path not in ("/feed.rss", "/feed.atom", "/maintenance.ics", "/custom.css") and "." not in path:
            assert (mine / path[1:] / "index.html").is_file(), path
        else:
            assert (mine / path[1:]).is_file(), path
    assert "Shop is closed" in (mine / "incidents" / str(report) / "index.html").read_text()
    assert json.loads((mine / "index.json").read_text())["data"]["attributes"]["aggregate_state"] == "downtime"
    assert "[Down] Shop is closed" in (mine / "feed.rss").read_text()
    assert (os.stat(mine / "index.html").st_mode & 0o777) == 0o644, "another program serves it"
    assert not [name for name in files(tmp_path) if "/." in name]


async def test_it_follows_every_change_but_not_more_often_than_it_may(public: Public, tmp_path: Path) -> None:
    page = await public.open(company_name="Acme")
    copies = worker(public, tmp_path)
    next_at = await copies.run_once()
    index = tmp_path / "acme" / "index.html"
    first = index.read_bytes()
    await public.database.write(actions.update_page, page, None, {"company_name": "Ajax"}, BASE_URL)
    assert (await copies.run_once() or public.clock.now()) > public.clock.now()
    assert index.read_bytes() == first, "not twice within ten seconds"
    public.clock.wind(seconds=PAUSE_SECONDS)
    await copies.run_once()
    second = index.read_text()
    assert "Ajax" in second
    public.clock.wind(seconds=PAUSE_SECONDS)
    await public.page(subdomain="other")  # something happened, but not here
    await copies.run_once()
    assert index.read_text() == second
    public.clock.wind(seconds=REFRESH_SECONDS)
    await copies.run_once()
    assert index.read_text() != second, "now and then it says anew when it was made"
    assert next_at is not None


async def test_a_busy_house_has_everything_looked_through_once_a_second(public: Public, tmp_path: Path) -> None:
    await public.open()
    known, looks = readers(public.database), 0

    async def directory() -> list[Site]:
        nonlocal looks
        looks += 1
        return await known.directory()

    counted = msgspec.structs.replace(known, directory=directory)
    copies = Snapshots(counted, Addresses(BASE_URL), public.clock, tmp_path)
    for _ in range(20):
        again = await copies.run_once()
        assert again is not None
    assert looks == 1
    public.clock.wind(seconds=1)
    await copies.run_once()
    assert looks == 2


async def test_many_copies_do_not_hold_up_what_must_go(
    public: Public, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await public.open()
    for number in range(4):
        await public.page(subdomain=f"a{number}")
    folder = tmp_path / "copies"
    copies = worker(public, folder)
    write = copies.places[0].target.write

    async def slowly(path: str, content: bytes, media_type: str) -> None:
        public.clock.wind(seconds=1)
        await write(path, content, media_type)

    monkeypatch.setattr(copies.places[0].target, "write", slowly)
    again = await copies.run_once()
    written = {path.name for path in folder.iterdir() if path.is_dir()}
    assert 0 < len(written) < 5
    assert again is not None
    assert (again - public.clock.now()).total_seconds() <= 1


@pytest.mark.parametrize(
    "change",
    [{"published": False}, {"password": "kept-quiet", "password_enabled": True}, {"ip_allowlist": ["192.0.2.1"]},
     {"require_sso": True}, {"subdomain": "renamed"}, None],
)  # fmt: skip
async def test_what_is_not_for_everybody_any_more_is_removed_also_after_a_restart(
    public: Public, tmp_path: Path, change: dict[str, Any] | None
) -> None:
    (tmp_path / "not-ours.html").write_text("x")
    page = await public.open()
    await worker(public, tmp_path).run_once()
    assert (tmp_path / "acme" / "index.html").is_file()
    if change is None:
        await public.database.write(actions.delete_page, page, None)
    else:
        await public.database.write(actions.update_page, page, None, change, BASE_URL)
    await worker(public, tmp_path).run_once()  # another one: the process was started anew
    assert not (tmp_path / "acme").exists()
    renamed = change is not None and "subdomain" in change
    assert (tmp_path / "renamed" / "index.html").exists() is renamed
    assert (tmp_path / "not-ours.html").exists()


async def test_a_bucket_gets_the_same_signed_and_with_media_types(public: Public, tmp_path: Path) -> None:
    page = await public.open()
    folder = tmp_path / "copies"
    with s3() as there:
        there.failures = 1  # asked again
        copies = worker(public, folder, bucket(there.url, KEY, SECRET))
        await copies.run_once()
        assert there.refused == []
        assert {name.removeprefix("pages/") for name in there.objects} == files(folder)
        content, media_type, keeping = there.objects["pages/acme/index.html"]
        assert content == (folder / "acme" / "index.html").read_bytes()
        assert (media_type, keeping) == ("text/html; charset=utf-8", "public, max-age=30")
        await public.database.write(actions.update_page, page, None, {"published": False}, BASE_URL)
        public.clock.wind(seconds=1)
        await copies.run_once()
        assert set(there.objects) == {"pages/pages.json"}


async def test_a_bucket_that_refuses_holds_up_nothing_and_is_tried_again(public: Public, tmp_path: Path) -> None:
    await public.open()
    with s3() as there:
        copies = worker(public, tmp_path, bucket(there.url, KEY, "another secret"))
        again = await copies.run_once()
        assert there.refused
        assert there.objects == {}
        assert (tmp_path / "acme" / "index.html").is_file()
        assert again is not None
    folder = Folder(tmp_path)
    for path in ("../escaped", "/etc/escaped", "a/../../escaped"):
        with pytest.raises(ValueError, match="outside"):
            await folder.write(path, b"x", "text/plain")


@pytest.mark.parametrize(
    "url", ["", "http://x/y", "s3://", "s3://key:secret@bucket", "s3://b?endpont=x", "s3://b?endpoint=ftp://x"]
)  # fmt: skip
def test_what_is_no_address_of_a_bucket_is_said(url: str) -> None:
    with pytest.raises(ValueError):
        address(url)
    assert address("s3://b/a/b/").prefix == "a/b"
