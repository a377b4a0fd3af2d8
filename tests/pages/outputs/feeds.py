"""A page in which everybody wrote the worst that can be written, and what must hold of any feed of it."""

from __future__ import annotations

from typing import Any

import msgspec
from lxml import etree, html

from tests.status_pages import samples
from tocsin.status_pages.model.views import PageView

ROOT = "https://status.acme.example"
EVIL = "</title><script>alert(1)</script>\"'&amp;\x00\x0b<img src=x onerror=alert(1)>]]>"
EVIL_MARKDOWN = (
    "<script>alert(1)</script> [x](javascript:alert(1)) ![x](http://evil.example/x.png) <b onclick=alert(1)>b</b> \x08"
)


def hostile() -> PageView:
    """Everything that the public sees is an attack."""
    update = samples.update(1, EVIL_MARKDOWN, samples.NOW, samples.said(1, EVIL, "downtime"))
    report = samples.report(9, EVIL, updates=(update,), affected=(samples.said(1, EVIL, "downtime"),))
    planned = msgspec.structs.replace(samples.planned(), title=EVIL, updates=(update,))
    return samples.page(
        settings={"company_name": EVIL, "announcement": EVIL_MARKDOWN, "announcement_embed_visible": True,
                  "announcement_embed_link": "javascript:alert(1)"},
        sections=(samples.section(1, EVIL, samples.resource(1, EVIL, explanation=EVIL)),),
        current=(report,), maintenance=(planned,),
    )  # fmt: skip


def parsed(text: bytes) -> Any:
    """The document, if it is well-formed XML with no entities of its own."""
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))


def harmless(content: str) -> None:
    """No element or attribute of it can do anything in a reader's program."""
    for node in html.fragment_fromstring(content, create_parent="div").iter():
        assert node.tag in {"div", "p", "strong", "em", "a", "ul", "ol", "li", "code", "pre", "br", "s", "blockquote"}
        assert set(node.attrib) <= {"href", "rel", "class"}
        assert node.get("href", "https:").startswith(("http:", "https:", "mailto:"))
