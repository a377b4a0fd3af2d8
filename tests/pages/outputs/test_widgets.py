"""What other sites load: the facts behind the widgets (the scripts run in tests/browser)."""

from __future__ import annotations

import json

from tests.pages.outputs.feeds import ROOT, hostile
from tests.status_pages import samples
from tocsin.pages.outputs import widgets


def test_an_announcement_is_told_only_where_it_is_switched_on() -> None:
    said = {"announcement": "We **moved**.", "announcement_embed_visible": True, "announcement_embed_css": "a{}",
            "announcement_embed_link": "https://acme.example/news"}  # fmt: skip
    told = json.loads(widgets.announcement(samples.page(settings=said)))
    assert told == {"visible": True, "text": "We moved.", "link": "https://acme.example/news", "css": "a{}"}
    hidden = json.loads(widgets.announcement(samples.page(settings={**said, "announcement_embed_visible": False})))
    assert hidden == {"visible": False, "text": "", "link": None, "css": None}
    assert json.loads(widgets.announcement(hostile()))["link"] is None


def test_the_badge_tells_of_what_is_going_on() -> None:
    told = json.loads(widgets.status(samples.shop(), ROOT))
    assert (told["state"], told["words"], told["name"]) == ("downtime", "Some systems are down", "Acme")
    assert told["reports"][0] == {
        "title": "Card payments fail for some customers", "standing": "Degraded", "url": f"{ROOT}/incidents/71",
    }  # fmt: skip
    assert len(told["reports"]) == 3


def test_the_scripts_put_no_text_of_ours_into_a_page_as_html() -> None:
    for name in widgets.SCRIPTS:
        script = widgets.script(name).decode()
        assert "innerHTML" not in script
        assert "document.currentScript" in script
