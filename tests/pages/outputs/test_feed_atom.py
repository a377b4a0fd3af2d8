"""The Atom feed keeps the rules of RFC 4287, whatever people wrote."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
import pytest

from tests.pages.outputs.feeds import ROOT, harmless, hostile, parsed
from tests.status_pages import samples
from tocsin.pages.outputs import feed_atom
from tocsin.status_pages.model.views import PageView

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("view", [samples.shop(), samples.page(), hostile()], ids=["lively", "empty", "hostile"])
def test_it_is_valid(view: PageView) -> None:
    feed = parsed(feed_atom.draw(view, ROOT))
    assert feed.tag == f"{ATOM}feed"
    for name in ("id", "title", "updated", "author"):  # 4.1.1: exactly one, and an author for all entries
        assert len(feed.findall(ATOM + name)) == 1, name
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")} == {
        "self": f"{ROOT}/feed.atom", "alternate": f"{ROOT}/",
    }  # fmt: skip
    ids = [feed.findtext(f"{ATOM}id"), *(entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry"))]
    assert len(set(ids)) == len(ids)
    for id in ids:  # 4.2.6: an absolute IRI
        assert uuid.UUID(id.removeprefix("urn:uuid:")).version == 5
    for entry in feed.findall(f"{ATOM}entry"):
        for name in ("id", "title", "updated", "published", "content"):
            assert len(entry.findall(ATOM + name)) == 1, name
        assert datetime.fromisoformat(entry.findtext(f"{ATOM}updated")).tzinfo is not None
        assert entry.find(f"{ATOM}content").get("type") == "html"
        assert entry.find(f"{ATOM}link[@rel='alternate']").get("href").startswith(ROOT)
        harmless(entry.findtext(f"{ATOM}content"))


def test_ids_stay_when_the_page_moves_and_is_renamed() -> None:
    def ids(view: PageView, root: str) -> list[str]:
        return [each.text for each in parsed(feed_atom.draw(view, root)).iter(f"{ATOM}id")]

    moved = msgspec.structs.replace(samples.shop(settings={"company_name": "Ajax"}), custom_domain="s.ajax.example")
    assert ids(samples.shop(), ROOT) == ids(moved, "https://s.ajax.example")
    other = msgspec.structs.replace(samples.shop(), id=2)
    assert not set(ids(samples.shop(), ROOT)) & set(ids(other, ROOT))
