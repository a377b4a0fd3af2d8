"""Whatever somebody writes in an update, it does nothing in a reader's browser."""

from __future__ import annotations

import pytest
from lxml import html

from tests.pages.attempts import ATTEMPTS
from tocsin.kernel.prose import safe_address
from tocsin.pages.prose import line, plain, prose, safe_link

ALLOWED = {
    "a", "blockquote", "br", "code", "div", "em", "hr", "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td",
    "th", "thead", "tr", "ul",
}  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_but_harmless_elements_comes_out(attempt: str) -> None:
    tree = html.fromstring(f"<div>{prose(attempt)}{line(attempt)}</div>")
    for element in tree.iter():
        assert element.tag in ALLOWED
        assert set(element.attrib) <= {"href", "rel", "class", "start", "tabindex"}
        if "href" in element.attrib:
            assert element.get("href").startswith(("http://", "https://", "mailto:"))
            assert element.get("rel") == "nofollow noopener noreferrer"


def test_markdown_is_drawn() -> None:
    drawn = str(prose("**Fixed** at `db-1`:\n\n- one\n- [two](https://x.example/a?b=1&c=2)\n\nfirst\nsecond"))
    assert "<strong>Fixed</strong>" in drawn
    assert "<code>db-1</code>" in drawn
    assert '<li><a href="https://x.example/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">two</a></li>' in drawn
    assert "first<br />\nsecond" in drawn


def test_headings_are_no_headings_of_the_page() -> None:
    assert prose("# Summary\n\nwords").startswith('<p class="strong">Summary</p>')


def test_bare_addresses_become_links_without_the_full_stop_behind_them() -> None:
    drawn = prose("See https://x.example/a_b_c. Or (https://y.example/).")
    assert 'href="https://x.example/a_b_c"' in drawn
    assert 'href="https://y.example/"' in drawn
    assert prose("`https://x.example`") == "<p><code>https://x.example</code></p>\n"
    assert str(prose("[https://x.example](https://y.example)")).count("<a ") == 1


def test_a_picture_is_a_link_as_pages_fetch_nothing_from_elsewhere() -> None:
    drawn = prose("![Graph of errors](https://x.example/graph.png)")
    assert "<img" not in drawn
    assert ">Graph of errors</a>" in drawn
    assert "<a" not in prose("![x](javascript:alert(1))")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
        "data:text/html,x", 'https://x.example/"onclick=alert(1)',
        "vbscript:x", "//evil.example", "/\\evil.example", "http:evil", "https://", "file:///etc/passwd", "mailto:", "",
        "https://x.example/\u202egnp.exe", "https://x y.example", "http://[::1", "ftp://x.example", "/unlock",
    ],
)  # fmt: skip
def test_readers_are_sent_nowhere_strange(address: str) -> None:
    assert safe_address(address) is None
    assert safe_link(address, "/status/acme") is None


def test_readers_are_sent_to_pages_and_mailboxes() -> None:
    for address in ("https://x.example/a?b#c", "http://x.example", "mailto:help@x.example"):
        assert safe_address(address) == address
    assert [safe_link(path, "/status/acme") for path in ("/", "/maintenance", "/incidents")] == [
        "/status/acme/", "/status/acme/maintenance", "/status/acme/incidents"
    ]  # fmt: skip
    assert safe_link("https://x.example/", "/status/acme") == "https://x.example/"


def test_a_description_has_the_words_alone() -> None:
    assert plain("**Fixed** the [cause](https://x.example)\n\n- `db-1`") == "Fixed the cause db-1"
    assert plain("word " * 100, limit=20) == "word word word word…"
