"""Makes what people write safe for everybody's browser: Markdown without HTML, and addresses that are known."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

MAX_COST = 5_000
"""What one text may cost (see `cost`): a tenth of a second or two. While a page is drawn nobody is paged."""
_MARKS = str.maketrans("", "", "[]!*_~`<>&|\\")
_SCHEMES = ("http", "https", "mailto")
_BARE = re.compile(r"https?://[^\s<>\"'`\x00-\x20]+[^\s<>\"'`.,;:!?)\]}\x00-\x20]")
_IMPOSSIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u202a-\u202e\u2066-\u2069\"<>`\\]")
"""What no address holds (RFC 3986), and what would show it in another order than it is read."""
_REL = "nofollow noopener noreferrer"


def safe_address(address: str | None) -> str | None:
    """The address if a reader may be sent there: http, https or mailto; None otherwise."""
    if not address or _IMPOSSIBLE.search(address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme == "mailto":
        return address if "@" in parts.path else None
    return address if parts.scheme in _SCHEMES and parts.hostname else None


def cost(text: str) -> int:
    """About how long it takes to draw a text: every mark that could begin or end something is held against all others,
    so that a hostile text of nothing else would take seconds."""
    return len(text) - len(text.translate(_MARKS)) + len(text) // 50


def engine() -> MarkdownIt:
    """What turns Markdown into HTML: paragraphs, lists, emphasis, code, tables, links; no HTML and no pictures."""
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: safe_address(url) is not None  # type: ignore[method-assign]
    markdown.core.ruler.push("careful_links", _careful_links)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("fence", _code)
    markdown.add_render_rule("code_block", _code)
    return markdown


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A link to the picture: a page fetches nothing from elsewhere."""
    token = tokens[place]
    words = renderer.renderInlineAsText(token.children or [], options, env) or str(token.attrs["src"])
    address = safe_address(str(token.attrs["src"]))
    shown = Markup.escape(words)
    return f'<a href="{Markup.escape(address)}" rel="{_REL}">{shown}</a>' if address else str(shown)


def _code(
    renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A block that can be scrolled sideways, with the keyboard too."""
    return f'<pre tabindex="0"><code>{Markup.escape(tokens[place].content)}</code></pre>\n'


def _careful_links(state: StateCore) -> None:
    """Links say nothing about where the reader comes from; bare addresses become links; tables can be scrolled."""
    for token in state.tokens:
        if token.type == "table_open":
            token.attrSet("tabindex", "0")
        if token.children:
            token.children = _linked(token.children)


def _linked(children: list[Token]) -> list[Token]:
    linked: list[Token] = []
    depth = 0
    for child in children:
        if child.type == "link_open":
            depth += 1
            child.attrs.pop("title", None)
            child.attrSet("rel", _REL)
        elif child.type == "link_close":
            depth -= 1
        if child.type == "text" and depth == 0:
            linked += _with_links(child)
        else:
            linked.append(child)
    return linked


def _with_links(text: Token) -> list[Token]:
    tokens: list[Token] = []
    end = 0
    for found in _BARE.finditer(text.content):
        if safe_address(found[0]) is None:
            continue
        tokens.append(_text(text.content[end : found.start()]))
        tokens.append(Token("link_open", "a", 1, attrs={"href": found[0], "rel": _REL}))
        tokens.append(_text(found[0]))
        tokens.append(Token("link_close", "a", -1))
        end = found.end()
    tokens.append(_text(text.content[end:]))
    return [token for token in tokens if token.content or token.nesting]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
