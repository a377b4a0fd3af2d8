"""The reference as Markdown: for programs that read, and for the pages of the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tocsin.rest.reference.entries import Argument, Book, Entry, Kind, short, words

_WHAT_IT_IS = (
    "> Tocsin is a self-hosted uptime, incident-response and status-page platform that speaks Better Stack's Uptime "
    "API. Everything that can be done is one operation of the list below, through REST and, for agents, as an MCP tool."
)
_RULES = (
    "- Send `Authorization: Bearer <token>`. Requests are flat JSON objects; answers are "
    "`{data: {id, type, attributes}}`, lists carry `pagination` besides.",
    "- An agent needs the permission that an operation names, and the risky act after `+` besides; people of a team "
    "and the team's tokens have every permission.",
    "- Every write may carry `Idempotency-Key`: the same request sent again under it is answered, not repeated.",
    "- Errors name the field and the fix: `{errors: {field: [what is wrong]}}` or `{errors: sentence}`.",
)
_NOTE = "<!-- Drawn from what the code declares (`make reference`): change it there. -->"


def index(book: Book, base_url: str = "") -> str:
    """`/llms.txt`: what there is and where to read on, short enough for every context."""
    lines = ["# Tocsin", "", _WHAT_IT_IS, "", *_RULES, "", "## Reference", ""]
    lines += [
        f"- [Everything in one file]({base_url}/llms-full.txt): every operation with its arguments and answers",
        f"- [OpenAPI 3.1]({base_url}/api/openapi.json): the same for programs",
        f"- [The reference as a page]({base_url}/docs/api): with search and filters",
        *("", "## Operations, area by area", ""),
    ]
    for area, entries in book.areas().items():
        names = ", ".join(entry.name for entry in entries if entry.addresses)
        lines.append(f"- [{words(area).capitalize()}]({base_url}/docs/api/{page_name(area)}): {names}")
    return "\n".join(lines) + "\n"


def full(book: Book) -> str:
    """`/llms-full.txt`: every operation with arguments and answers, then the kinds of what is answered."""
    lines = [f"# Tocsin API reference, version {book.version}", "", _WHAT_IT_IS, "", *_RULES]
    for area, entries in book.areas().items():
        lines += ["", f"## {words(area).capitalize()}"]
        for entry in entries:
            lines += _section(entry)
    lines += ["", "## What is answered"]
    for kind in book.kinds.values():
        lines += _kind(kind)
    return "\n".join(lines) + "\n"


def pages(book: Book) -> dict[str, str]:
    """The reference as files, by name: an overview of everything, and one page for each area."""
    overview = [
        "# The reference", "", _NOTE, "",
        "Every operation. A running Tocsin shows the same with search and filters at `/docs/api`.",
    ]  # fmt: skip
    found = {}
    for area, entries in book.areas().items():
        name = page_name(area)
        overview += ["", f"## [{words(area).capitalize()}]({name})", "", *_table(entries, name)]
        found[name] = _page(book, area, entries)
    return found | {"README.md": "\n".join(overview) + "\n"}


def page_name(area: str) -> str:
    """The file of an area."""
    return f"{area.replace('_', '-')}.md"


def _page(book: Book, area: str, entries: Sequence[Entry]) -> str:
    lines = [f"# {words(area).capitalize()}", "", _NOTE]
    for entry in entries:
        lines += _section(entry)
    lines += ["", "## What is answered"]
    for each in dict.fromkeys(entry.answers for entry in entries if entry.answers):
        lines += _kind(book.kinds[each])
    return "\n".join(lines) + "\n"


def _table(entries: Sequence[Entry], page: str) -> Iterator[str]:
    yield "| operation | endpoint | what it does | access | permission | risk | version | event | MCP tool |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for entry in entries:
        addresses = "<br>".join(f"`{method} {path}`" for method, path in entry.addresses) or "–"
        cells = (
            f"[{entry.name}]({page}#{_anchor(entry)})", addresses, entry.doc.replace("|", "\\|"), entry.access,
            entry.permission, ", ".join(entry.risks), ", ".join(entry.versions) or "–",
            f"`{entry.event}`" if entry.event else "–", f"`{entry.tool}`" if "agents" in entry.callers else "–",
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _anchor(entry: Entry) -> str:
    """As code hosts make it of a heading."""
    return entry.name.replace(".", "")


def _section(entry: Entry) -> Iterator[str]:
    yield from ("", f"### {entry.name}", "", entry.doc, "")
    if entry.addresses:
        yield from (f"- `{method} {path}`" for method, path in entry.addresses)
    yield f"- Access: {entry.access}. Permission: {entry.permission}. Risk: {', '.join(entry.risks)}."
    if "agents" in entry.callers:
        yield f"- MCP tool: `{entry.tool}`"
    if entry.event:
        yield f"- Event: `{entry.event}`"
    if entry.statuses:
        what = f" with {'a list of ' if entry.listed else ''}`{short(entry.answers)}`" if entry.answers else ""
        yield f"- Answers {entry.statuses[0]}{what}; else {', '.join(entry.statuses[1:])}"
    yield from _arguments("In the address", entry.query)
    yield from _arguments("In the body", entry.attributes)


def _kind(kind: Kind) -> Iterator[str]:
    yield from ("", f"### `{short(kind.name)}`")
    if kind.doc:
        yield from ("", kind.doc)
    yield from _arguments("Attributes", kind.attributes)


def _arguments(heading: str, arguments: Sequence[Argument]) -> Iterator[str]:
    if not arguments:
        return
    yield from ("", f"{heading}:", "")
    for each in arguments:
        said = f": {' '.join(each.doc.split())}" if each.doc else ""
        yield f"- `{each.name}` ({each.type}{', required' if each.required else ''}){said}"
