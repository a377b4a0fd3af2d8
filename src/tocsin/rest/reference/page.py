"""The reference as a web page: one file that can be searched with and without scripts, and without the internet."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tocsin.rest.reference import choice as filters
from tocsin.rest.reference.choice import Choice
from tocsin.rest.reference.entries import Argument, Book, Entry, Kind, short, words

_ASSETS = Path(__file__).parent / "assets"
_STYLE = (_ASSETS / "reference.css").read_text("utf-8")
_SCRIPT = (_ASSETS / "reference.js").read_text("utf-8")


def _allowed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_allowed(_STYLE)}; script-src {_allowed(_SCRIPT)}; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The page holds one style and one script of ours and no outside thing, and says so."""

_INTRODUCTION = (
    "Tocsin speaks Better Stack's Uptime API. Send <code>Authorization: Bearer &lt;token&gt;</code>; requests are flat "
    "JSON objects, answers are <code>{data: {id, type, attributes}}</code>. An agent needs the permission named here; "
    "people of a team and its tokens have every one."
)
_LINKS = (
    '<a href="/api/openapi.json">OpenAPI 3.1</a> · <a href="/llms.txt">llms.txt</a> · '
    '<a href="/llms-full.txt">llms-full.txt</a>'
)


class Sheet:
    """The page, drawn but for what the filters leave of it."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._areas = book.areas()
        self._articles = {
            entry.name: (f"<article id='{_id(entry)}'{_marks(entry)}", _article(entry)) for entry in book.entries
        }
        self._kinds = "".join(_kind(kind) for kind in book.kinds.values())

    def draw(self, choice: Choice) -> str:
        """The whole page; what was not chosen is there, but hidden, so that the script can show it at once."""
        shown = 0
        sections = []
        for area, entries in self._areas.items():
            parts, number = [], 0
            for entry in entries:
                taken = choice.takes(entry)
                number += taken
                start, rest = self._articles[entry.name]
                parts.append(f"{start}{'' if taken else ' hidden'}>{rest}")
            shown += number
            sections.append(
                f"<section data-area='{area}' id='area-{area}'{'' if number else ' hidden'}>"
                f"<h2>{words(area).capitalize()} <span>{number}</span></h2>{''.join(parts)}</section>"
            )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tocsin API reference</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<style>{_STYLE}</style></head><body><a class='skip' href='#list'>Skip to the operations</a>"
            f"<div class='page'><header><h1>Tocsin API reference</h1><p>{_INTRODUCTION}</p>"
            f"<p>Version {escape(self._book.version)} · {_LINKS}</p></header>"
            f"<div class='side'>{self._form(choice)}</div><main id='list' tabindex='-1'>"
            f"<p class='count' role='status'>{shown} operation{'' if shown == 1 else 's'}</p>"
            f"<p class='none'{' hidden' if shown else ''}>No operation is like that. "
            "<a href='/docs/api'>Show all</a></p>"
            f"{''.join(sections)}<section id='kinds'><h2>What is answered</h2>{self._kinds}</section>"
            f"</main></div><script>{_SCRIPT}</script></body></html>"
        )

    def _form(self, choice: Choice) -> str:
        selects = "".join(
            f"<label>{label}<select name='{name}'><option value=''>All</option>"
            + "".join(
                f"<option value='{value}'{' selected' if getattr(choice, name) == value else ''}>{text}</option>"
                for value, text in values.items()
            )
            + "</select></label>"
            for name, (label, values) in filters.options(self._areas).items()
        )
        search = (
            f"<label class='wide'>Search<input type='search' name='q' value='{escape(choice.search)}' "
            f"maxlength='{filters.MAX_SEARCH_CHARACTERS}' autocomplete='off' aria-keyshortcuts='/'></label>"
        )
        return (
            "<form method='get' action='/docs/api' role='search' aria-label='Operations'>"
            f"{search}{selects}<button class='wide'>Show</button></form>"
        )


def _id(entry: Entry) -> str:
    return escape(entry.name)


def _marks(entry: Entry) -> str:
    """By what the script finds it."""
    marks = "".join(f" data-{name}='{' '.join(values)}'" for name, values in filters.marks(entry).items())
    return f"{marks} data-words='{escape(entry.searched)}'"


def _article(entry: Entry) -> str:
    """Everything of an operation's article behind the `>` of its first tag."""
    addresses = "".join(
        f"<li><code><span class='m {method}'>{method}</span> {escape(path)}</code></li>"
        for method, path in entry.addresses
    )
    risks = " ".join(f"<span class='risk {filters.slug(risk)}'>{risk.value}</span>" for risk in entry.risks)
    facts = (
        ("Access", escape(entry.access)),
        ("Permission", escape(entry.permission)),
        ("Risk", risks),
        ("Version", " and ".join(entry.versions)),
        ("Event", f"<code>{escape(entry.event)}</code>" if entry.event else ""),
        ("MCP tool", f"<code>{escape(entry.tool)}</code>" if "agents" in entry.callers else ""),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    return (
        f"<h3><a href='#{_id(entry)}'>{_marked(entry.doc.rstrip('.'))}</a></h3>"
        f"{f'<ul class=where>{addresses}</ul>' if addresses else ''}<dl class='facts'>{listed}</dl>"
        f"{_details(entry)}</article>"
    )


def _details(entry: Entry) -> str:
    if not entry.statuses:
        return ""
    answer = ""
    if entry.answers:
        many = "a list of " if entry.listed else ""
        answer = f" with {many}<a href='#kind-{escape(entry.answers)}'><code>{escape(short(entry.answers))}</code></a>"
    others = ", ".join(f"<code>{status}</code>" for status in entry.statuses[1:])
    return (
        f"<details><summary>Arguments and answers</summary>"
        f"{_arguments('In the address', entry.query)}{_arguments('In the body', entry.attributes)}"
        f"<p>Answers <code>{entry.statuses[0]}</code>{answer}, else {others}.</p></details>"
    )


def _kind(kind: Kind) -> str:
    return (
        f"<article id='kind-{escape(kind.name)}'><h3><code>{escape(short(kind.name))}</code></h3>"
        f"<details><summary>Attributes</summary>{f'<p>{_marked(kind.doc)}</p>' if kind.doc else ''}"
        f"{_arguments('', kind.attributes)}</details></article>"
    )


def _arguments(heading: str, arguments: Sequence[Argument]) -> str:
    if not arguments:
        return ""
    rows = "".join(
        f"<dt><code>{escape(each.name)}</code> {escape(each.type)}{', <b>required</b>' if each.required else ''}</dt>"
        + (f"<dd>{_marked(each.doc)}</dd>" if each.doc else "")
        for each in arguments
    )
    return f"{f'<h4>{heading}</h4>' if heading else ''}<dl class='sent'>{rows}</dl>"


def _marked(text: str) -> str:
    """Escaped text in which `code` and **strong** are marked."""
    parts = escape(text).split("`")
    marked = "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
    parts = marked.split("**")
    return "".join(f"<strong>{part}</strong>" if index % 2 else part for index, part in enumerate(parts))
