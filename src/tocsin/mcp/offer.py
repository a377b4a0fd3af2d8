"""What agents are offered: one tool for each operation, with honest hints and the way to every id that it takes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from tocsin.gateway.rules import need
from tocsin.mcp.arguments import shown_name
from tocsin.mcp.schemas import input_schema, output_schema
from tocsin.registry import Catalogue, Operation

Tool = dict[str, Any]

MAX_REMEMBERED = 64
"""Lists kept ready: one for each set of rights that agents here have."""

_UPSETTING = frozenset({"delete", "page", "notify", "publish"})
"""Acts that cannot be taken back: what was deleted is gone, and who was woken is awake."""
_ANYTHING = frozenset({"plans.apply", "trash.restore"})
"""What does whatever was planned or deleted: it may page, and it may not be taken back."""
_REPEATABLE = frozenset({"update", "delete", "set", "change_role", "acknowledge", "resolve", "replace", "save"})
"""Verbs that, said twice, leave things as when said once."""
_PARENTS = {
    "incident_comments": "incidents.list",
    "on_call_events": "on_calls.list",
    "postmortems": "incidents.list",
    "inbound_alerts": "incidents.list",
}
"""Of what the `id` in the address is, where the operation's name tells of something else."""


class Offer:
    """Draws tools from the registry, each once, and remembers the lists that were asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._tools: dict[str, Tool] = {}
        self._lists: OrderedDict[tuple[str, ...], list[Tool]] = OrderedDict()

    def tool(self, operation: Operation) -> Tool:
        """The tool of one operation."""
        found = self._tools.get(operation.name)
        if found is None:
            found = self._tools[operation.name] = self._drawn(operation)
        return found

    def remembered(self, names: tuple[str, ...]) -> list[Tool] | None:
        found = self._lists.get(names)
        if found is not None:
            self._lists.move_to_end(names)
        return found

    def remember(self, names: tuple[str, ...], tools: list[Tool]) -> None:
        self._lists[names] = tools
        while len(self._lists) > MAX_REMEMBERED:
            self._lists.popitem(last=False)

    def _drawn(self, operation: Operation) -> Tool:
        sources = self._sources(operation)
        tool: Tool = {
            "name": operation.tool,
            "title": _title(operation.tool),
            "description": self._description(operation, sources),
            "inputSchema": input_schema(operation, sources),
            "annotations": hints(operation),
        }
        if (answers := output_schema(operation)) is not None:
            tool["outputSchema"] = answers
        return tool

    def _sources(self, operation: Operation) -> dict[str, str]:
        """For each id in the address, the tool that yields it."""
        route = operation.routes[0]
        found: dict[str, str] = {}
        for name in route.path_parameters:
            source = self._source(operation, name)
            if source is not None and source.tool != operation.tool:
                found[name] = source.tool
        return found

    def _source(self, operation: Operation, name: str) -> Operation | None:
        noun = operation.name.split(".")[0]
        if name == "id":
            wanted = _PARENTS.get(noun, f"{noun}.list")
            return self._listing(wanted)
        plural = name.removesuffix("_id")
        for candidate in (f"{plural}s.list", f"{noun}.list"):
            if (listing := self._listing(candidate)) is not None:
                return listing
        return None

    def _listing(self, name: str) -> Operation | None:
        if name not in self._catalogue:
            return None
        operation = self._catalogue[name]
        return operation if operation.routes and operation.reads else None

    def _description(self, operation: Operation, sources: dict[str, str]) -> str:
        said = [operation.doc]
        for name, source in sources.items():
            said.append(f"`{shown_name(operation, name)}` comes from `{source}`.")
        if operation.answer == "list":
            said.append(f"At most {operation.page_size.maximum} on a page; `next_page` says whether there is more.")
        if operation.self_service:
            said.append("Open to every agent; what it leads to is judged by itself.")
            return " ".join(said)
        acts = sorted(operation.acts_of({})) or ([operation.switch] if operation.switch else [])
        needs = f"Needs {need(operation, None).level} on {operation.area}"
        said.append(f"{needs}, and {' and '.join(acts)}." if acts else f"{needs}.")
        if "page" in acts:
            said.append("This wakes people.")
        return " ".join(said)


def hints(operation: Operation) -> dict[str, Any]:
    """Hints for clients that ask their user before they call: destructive is said of all that cannot be taken back."""
    if operation.reads:
        return {
            "title": _title(operation.tool),
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        }
    acts = operation.acts_of({}) | ({operation.switch} if operation.switch else set())
    verb = operation.name.split(".")[1]
    return {
        "title": _title(operation.tool),
        "readOnlyHint": False,
        "destructiveHint": operation.level == "full" or bool(acts & _UPSETTING) or operation.name in _ANYTHING,
        "idempotentHint": verb in _REPEATABLE,
        "openWorldHint": bool(acts & {"page", "notify", "publish"}) or operation.name in _ANYTHING,
    }


def _title(tool: str) -> str:
    return tool.replace("_", " ").capitalize()
