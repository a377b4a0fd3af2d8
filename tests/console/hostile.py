"""Words that want to be more than words, and a look at whether a page has shown them as words."""

from __future__ import annotations

from lxml import html

EVIL = """'"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"""


def harmless(page: str) -> None:
    """Nothing of what people wrote has become a part of the page's own making."""
    tree = html.fromstring(page)
    for script in tree.xpath("//script"):
        assert (script.get("src") or "").startswith("/assets/"), html.tostring(script)
        assert not (script.text or "").strip()
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (element.tag, name, value)
            assert name != "style", (element.tag, value)
            assert not (
                name in ("href", "src", "action") and value.strip().lower().startswith(("javascript:", "data:"))
            )
    for picture in tree.xpath("//img"):
        assert picture.get("src", "").startswith("/"), html.tostring(picture)
