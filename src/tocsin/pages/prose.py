"""What people write on a status page, made safe for everybody's browser: Markdown without HTML, and known addresses."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup

from tocsin.kernel.prose import MAX_COST, cost, engine, safe_address

OWN_PATHS = ("/", "/maintenance", "/incidents")
"""What a navigation link may point to inside the page (contract part 2, 5.2)."""


def safe_link(href: str, prefix: str) -> str | None:
    """An entry of the navigation: one of the page's own paths, or an address elsewhere; None if it is neither."""
    return prefix + href if href in OWN_PATHS else safe_address(href)


def prose(text: str) -> Markup:
    """Markdown as HTML: paragraphs, lists, emphasis, code, tables, links; no HTML, no images, no headings. What would
    take too long to draw stays as it was written."""
    if cost(text) > MAX_COST:
        return Markup("<p>{}</p>").format(text)
    return Markup(_markdown.render(text))  # noqa: S704  # drawn from tokens by markdown-it with html off


def line(text: str) -> Markup:
    """One line of Markdown, without a paragraph around it."""
    if cost(text) > MAX_COST:
        return Markup.escape(text)
    return Markup(_markdown.renderInline(text))  # noqa: S704  # as above


def plain(text: str, limit: int = 200) -> str:
    """The words alone, for descriptions."""
    text = text if cost(text) <= MAX_COST else text[: MAX_COST // 2]
    blocks = (
        "".join(" " if child.type in ("softbreak", "hardbreak") else child.content
                for child in token.children
                if child.type in ("text", "code_inline", "softbreak", "hardbreak"))
        for token in _markdown.parse(text)
        if token.children
    )  # fmt: skip
    words = " ".join(" ".join(blocks).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def _no_headings(state: StateCore) -> None:
    """Headings become bold lines: the page has its own."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
            if token.type == "heading_open":
                token.attrSet("class", "strong")


def _made() -> MarkdownIt:
    markdown = engine()
    markdown.core.ruler.push("no_headings", _no_headings)
    return markdown


_markdown = _made()
