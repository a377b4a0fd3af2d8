"""The RSS feed keeps the rules of RSS 2.0, whatever people wrote."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import msgspec
import pytest

from tests.pages.outputs.feeds import ROOT, harmless, hostile, parsed
from tests.status_pages import samples
from tocsin.pages.outputs import feed_rss
from tocsin.status_pages.model.views import PageView

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.mark.parametrize("view", [samples.shop(), samples.page(), hostile()], ids=["lively", "empty", "hostile"])
def test_it_is_valid(view: PageView) -> None:
    rss = parsed(feed_rss.draw(view, ROOT))
    assert (rss.tag, rss.get("version"), len(rss)) == ("rss", "2.0", 1)
    channel = rss[0]
    for name in ("title", "link", "description", "language", "lastBuildDate"):  # the first three are required
        assert len(channel.findall(name)) == 1, name
        assert channel.findtext(name)
    assert channel.find(f"{ATOM}link").attrib == {
        "href": f"{ROOT}/feed.rss", "rel": "self", "type": "application/rss+xml",
    }  # fmt: skip
    guids = [item.findtext("guid") for item in channel.findall("item")]
    assert len(set(guids)) == len(guids)
    for item in channel.findall("item"):
        assert {child.tag for child in item} == {"title", "link", "guid", "pubDate", "category", "description"}
        assert item.find("guid").get("isPermaLink") == "true"
        assert item.findtext("link").startswith(f"{ROOT}/")
        assert parsedate_to_datetime(item.findtext("pubDate")).tzinfo is not None
        harmless(item.findtext("description"))


def test_titles_say_where_a_report_stands_and_the_last_told_comes_first() -> None:
    titles = [item.findtext("title") for item in parsed(feed_rss.draw(samples.shop(), ROOT)).iter("item")]
    assert titles == [
        "[Degraded] Card payments fail for some customers",
        "[In progress] Network work in Frankfurt",
        "[Scheduled] Database moves to new machines",
        "[Resolved] Slow search",
        "[Resolved] Website was not reachable",
        "[Completed] Renewal of certificates",
    ]


def test_a_new_update_keeps_the_guid_and_moves_the_date() -> None:
    before = next(parsed(feed_rss.draw(samples.page(current=(samples.ongoing(),)), ROOT)).iter("item"))
    later = samples.update(720, "Over.", samples.NOW, samples.said(3, "Payments", "resolved"))
    report = msgspec.structs.replace(
        samples.ongoing(), ends_at=samples.NOW, updates=(later, *samples.ongoing().updates)
    )  # fmt: skip
    after = next(parsed(feed_rss.draw(samples.page(recent=(report,)), ROOT)).iter("item"))
    assert after.findtext("guid") == before.findtext("guid") == f"{ROOT}/incidents/71"
    assert parsedate_to_datetime(after.findtext("pubDate")) > parsedate_to_datetime(before.findtext("pubDate"))
    assert after.findtext("title").startswith("[Resolved]")
