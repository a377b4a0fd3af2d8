"""Which deed an address stands for; asked before who is calling, as the original does (contract part 1, section 1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_PATH_SEGMENTS = 16
"""Parts of a path that are looked at; ours have at most seven, so anything longer is nowhere."""


class _Node(Generic[T]):
    """One step of a path: what may follow it, and what can be done where it ends."""

    __slots__ = ("methods", "parameter", "steps")

    def __init__(self) -> None:
        self.steps: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.methods: dict[str, tuple[T, tuple[str, ...]]] = {}


class Router(Generic[T]):
    """A tree of path segments. A literal segment wins over a `{parameter}` in the same place."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, path: str, target: T) -> None:
        """Let `method` at `path` (e.g. `/api/v2/monitors/{id}`) lead to `target`."""
        node = self._root
        names: list[str] = []
        for segment in segments(path):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.steps.setdefault(segment, _Node())
        if method in node.methods:
            raise ValueError(f"{method} {path} leads to two places")
        node.methods[method] = (target, tuple(names))

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """The target and the path parameters' texts, or None when there is no such method at such a path.

        Trailing and doubled slashes do not matter; HEAD finds what GET finds.
        """
        steps = segments(path)
        if len(steps) > MAX_PATH_SEGMENTS or "\x00" in path:
            return None
        found = _walk(self._root, steps, 0, (), "GET" if method == "HEAD" else method)
        if found is None:
            return None
        target, names, values = found
        return target, dict(zip(names, values, strict=True))


def segments(path: str) -> list[str]:
    """The non-empty parts of a path."""
    return [part for part in path.split("/") if part]


def _walk(
    node: _Node[T], steps: list[str], depth: int, values: tuple[str, ...], method: str
) -> tuple[T, tuple[str, ...], Iterable[str]] | None:
    if depth == len(steps):
        found = node.methods.get(method)
        return None if found is None else (found[0], found[1], values)
    step = steps[depth]
    literal = node.steps.get(step)
    if literal is not None:
        answer = _walk(literal, steps, depth + 1, values, method)
        if answer is not None:
            return answer
    if node.parameter is not None:
        return _walk(node.parameter, steps, depth + 1, (*values, step), method)
    return None
