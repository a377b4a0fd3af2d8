"""Every field that the public sees is tried as a way into readers' browsers, on every kind of page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from lxml import html

from tests.pages.attempts import ATTEMPTS
from tests.status_pages import samples
from tocsin.pages.drawing import (
    draw_answer,
    draw_gate,
    draw_home,
    draw_maintenance,
    draw_month,
    draw_report,
    draw_subscribe,
)
from tocsin.status_pages.model import Link
from tocsin.status_pages.model.views import AffectedView, PageView, ReportView

FRAME = samples.frame(push_key="BKey", has_logo=True, csrf="token")
OURS = "/status/acme"
MARKDOWN = {"a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th",
            "thead", "tr", "ul"}  # fmt: skip


@dataclass
class Drawn:
    kind: str
    text: str


def spoilt(text: str) -> PageView:
    """A lively page in which every word that somebody may write is `text`, in every widget and state."""
    view = samples.shop()
    settings = msgspec.structs.replace(
        view.settings,
        company_name=text,
        company_url=text,
        contact_url=text,
        announcement=text,
        custom_css=text,
        custom_javascript=text,
        google_analytics_id=text,
        announcement_embed_link=text,
        announcement_embed_css=text,
        logo_url=text,
        navigation_links=(Link(text=text, href=text), Link(text=text, href="/incidents")),
    )
    sections = tuple(
        msgspec.structs.replace(
            part,
            name=text,
            resources=tuple(
                msgspec.structs.replace(each, public_name=text, explanation=text) for each in part.resources
            ),
        )
        for part in view.sections
    )
    return msgspec.structs.replace(
        view,
        settings=settings,
        custom_domain="status.acme.example",
        sections=sections,
        current=tuple(spoilt_report(each, text) for each in view.current),
        maintenance=tuple(spoilt_report(each, text) for each in view.maintenance),
        recent=tuple(spoilt_report(each, text) for each in view.recent),
    )


def spoilt_report(report: ReportView, text: str) -> ReportView:
    def named(affected: tuple[AffectedView, ...]) -> tuple[AffectedView, ...]:
        return tuple(msgspec.structs.replace(each, public_name=text) for each in affected)

    updates = tuple(
        msgspec.structs.replace(each, message=text, affected=named(each.affected)) for each in report.updates
    )
    return msgspec.structs.replace(report, title=text, affected=named(report.affected), updates=updates)


def every_page(text: str) -> Iterator[Drawn]:
    view = spoilt(text)
    month = samples.month(reports=tuple(spoilt_report(each, text) for each in samples.month().reports))
    form = {"kind": text, "email": text, "address": text, "resources": text}
    yield Drawn("home", draw_home(view, FRAME))
    yield Drawn("maintenance", draw_maintenance(view, month, FRAME))
    yield Drawn("month", draw_month(view, month, FRAME))
    for report in (*view.current, *view.maintenance):
        yield Drawn("report", draw_report(view, report, FRAME))
    yield Drawn("subscribe", draw_subscribe(view, FRAME, form, {"email": text, "base": text}, text))
    yield Drawn("answer", draw_answer(view, FRAME, "check_mail", email=text))
    yield Drawn("gate", draw_gate(FRAME, text, "password", text))


def skeleton(text: str) -> list[str]:
    """The elements of a page without those of Markdown, each with the names of its attributes."""
    tree = html.document_fromstring(text)
    for prose in tree.xpath('//div[@class="prose"] | //aside[@class="announcement"]'):
        for child in list(prose):
            prose.remove(child)
    return [f"{each.tag} {sorted(each.attrib)}" for each in tree.iter() if isinstance(each.tag, str)]


HARMLESS = [skeleton(drawn.text) for drawn in every_page("Harmless words")]


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_field_is_a_way_in(attempt: str) -> None:
    for drawn, harmless in zip(every_page(attempt), HARMLESS, strict=True):
        assert skeleton(drawn.text) == harmless, drawn.kind
        for element in html.document_fromstring(drawn.text).iter():
            if isinstance(element.tag, str):
                look_at(element, drawn.kind)


def look_at(element: html.HtmlElement, kind: str) -> None:
    assert element.tag not in ("iframe", "object", "embed", "base", "math"), kind
    inside = element.xpath('ancestor::div[@class="prose"]')
    assert not inside or element.tag in MARKDOWN, kind
    for name, value in element.attrib.items():
        assert not name.startswith("on"), kind
        assert name not in ("style", "srcdoc", "http-equiv", "formaction"), kind
        if name in ("href", "src", "action", "srcset", "data-worker"):
            assert value.startswith((f"{OURS}/", f"{FRAME.root}/", "http://", "https://", "mailto:", "#", "?")), value
    if element.tag == "script":
        assert element.get("nonce") == FRAME.nonce
        assert element.get("src", "").startswith((f"{OURS}/assets/", f"{OURS}/custom.js?v="))
        assert not element.text


def test_a_style_of_ones_own_is_linked_never_put_into_the_page() -> None:
    text = draw_home(spoilt("</style><script>alert(1)</script>"), FRAME)
    assert "</style><script>alert" not in text
    assert 'href="/status/acme/custom.css?v=' in text
