"""The list of everything that can be done here: routes, permissions, documentation and tools are drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tocsin.registry.operation import Operation, Route


class Catalogue:
    """All operations of a running Tocsin, by name and by address. Refuses to be built with a gap or a double."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._by_name: dict[str, Operation] = {}
        self._by_tool: dict[str, Operation] = {}
        seen: set[tuple[str, str]] = set()
        for operation in operations:
            if operation.name in self._by_name:
                raise ValueError(f"operation {operation.name} is declared twice")
            if not operation.doc.endswith(".") or not operation.deed:
                raise ValueError(f"operation {operation.name} needs a doc sentence and a deed")
            for route in operation.routes:
                if (route.method, route.path) in seen:
                    raise ValueError(f"{route.method} {route.path} is declared twice")
                seen.add((route.method, route.path))
            if operation.tool in self._by_tool:
                raise ValueError(f"{operation.name} and {self._by_tool[operation.tool].name} are one tool")
            self._by_tool[operation.tool] = operation
            self._by_name[operation.name] = operation

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._by_name.values())

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Operation:
        return self._by_name[name]

    def tool(self, name: str) -> Operation | None:
        """The operation that agents call by this name."""
        return self._by_tool.get(name)

    def routes(self) -> Iterator[tuple[Route, Operation]]:
        """Every address with its operation, in the order of declaration."""
        for operation in self:
            for route in operation.routes:
                yield route, operation
