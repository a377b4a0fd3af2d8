"""What people write in the console, as it is read: Markdown without HTML, headings that fit a page, boxes to tick."""

from __future__ import annotations

import re
from collections.abc import Collection

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

from tocsin.kernel.prose import MAX_COST, cost, engine

_BOX = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\[([ xX])\](?=\s)")
"""A task list item of GitHub Flavored Markdown, section 5.3."""
_HIGHEST = 3
"""Pages of ours have an h1, and parts with an h2."""


def written(text: str) -> Markup:
    """Markdown as HTML; boxes of a checklist are shown as ticked or not. What would take too long to draw is shown as
    it was written."""
    if cost(text) > MAX_COST:
        return as_written(text)
    return Markup(_markdown.render(text, {"form": ""}))  # noqa: S704  # drawn from tokens by markdown-it with html off


def as_written(text: str) -> Markup:
    """The text itself, with all its marks."""
    return Markup('<pre tabindex="0"><code>{}</code></pre>').format(text)


def with_boxes(text: str, form: str) -> Markup:
    """The same with boxes that can be ticked: fields `box` of the form with that id, their value the line's number."""
    return Markup(_markdown.render(text, {"form": form}))  # noqa: S704  # as above


def boxes(text: str) -> dict[int, bool]:
    """The lines with a box, and whether it is ticked."""
    found = ((number, _BOX.match(line)) for number, line in enumerate(text.split("\n")))
    return {number: box[1] != " " for number, box in found if box is not None}


def toggled(text: str, lines: Collection[int]) -> str:
    """The text with the boxes of these lines ticked where they were not, and the other way round."""
    result = text.split("\n")
    for number, ticked in boxes(text).items():
        if number in lines:
            result[number] = re.sub(r"\[[ xX]\]", "[ ]" if ticked else "[x]", result[number], count=1)
    return "\n".join(result)


def _fit(state: StateCore) -> None:
    """Headings begin below those of the page; `[ ]` at the beginning of a list's item is a box."""
    inside = 0
    for place, token in enumerate(state.tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _HIGHEST - 1)}"
        elif token.type == "list_item_open":
            inside = place
        elif token.type == "inline" and token.map and place == inside + 2 and token.children:
            _box(token, str(state.env.get("form", "")))


def _box(item: Token, form: str) -> None:
    assert item.children
    assert item.map
    first = item.children[0]
    found = re.match(r"\[([ xX])\]\s", first.content) if first.type == "text" else None
    if found is None:
        return
    first.content = first.content[found.end() :]
    name = re.sub(r"\s+", " ", first.content)[:80] or "Box"
    box = Token("box", "", 0, meta={"ticked": found[1] != " ", "line": item.map[0], "form": form, "name": name})
    item.children.insert(0, box)


def _draw_box(self: object, tokens: list[Token], place: int, options: object, env: object) -> str:
    meta = tokens[place].meta
    ticked = " checked" if meta["ticked"] else ""
    if not meta["form"]:
        return f'<input type="checkbox" disabled{ticked} aria-label="{Markup.escape(meta["name"])}"> '
    return (
        f'<input type="checkbox" name="box" value="{int(meta["line"])}" form="{Markup.escape(meta["form"])}" '
        f'aria-label="{Markup.escape(meta["name"])}"{ticked}> '
    )


def _made() -> MarkdownIt:
    markdown = engine()
    markdown.core.ruler.push("fit", _fit)
    markdown.add_render_rule("box", _draw_box)
    return markdown


_markdown = _made()
