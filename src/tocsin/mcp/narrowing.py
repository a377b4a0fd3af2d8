"""To fewer tools by the client's own choice: what a header or the address leaves out is neither shown nor done."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from tocsin.mcp.aliases import current
from tocsin.registry import Operation

ONLY, EXCEPT, TOOLSET = "x-mcp-tools-only", "x-mcp-tools-except", "x-mcp-toolset"
MAX_NAMES = 500
"""In one header: more than there are tools is a mistake, or worse."""


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools are left; it can only ever take away from what the caller may do."""

    only: frozenset[str] | None = None
    left_out: frozenset[str] = frozenset()
    areas: frozenset[str] | None = None

    @property
    def is_everything(self) -> bool:
        return self.only is None and not self.left_out and self.areas is None

    def keeps(self, tool: str, areas: frozenset[str]) -> bool:
        """Whether a tool of these areas is left; one that belongs to none of them is in every toolset."""
        if tool in self.left_out or (self.only is not None and tool not in self.only):
            return False
        return self.areas is None or not areas or bool(areas & self.areas)

    def keeps_operation(self, operation: Operation) -> bool:
        return self.keeps(operation.tool, frozenset({operation.area}))


def narrowing(headers: Mapping[bytes, bytes], query: bytes) -> Narrowing:
    """What a request says of it: `X-MCP-Tools-Only`, `X-MCP-Tools-Except`, `X-MCP-Toolset` and `?toolset=`.

    A header without any name in it leaves nothing: whoever narrows to nothing is not given everything.
    """
    only = _names(headers.get(ONLY.encode()))
    left_out = _names(headers.get(EXCEPT.encode()))
    areas = _names(headers.get(TOOLSET.encode()))
    asked = [value for name, value in parse_qsl(query.decode("latin-1"), True) if name == "toolset"]
    if asked:
        from_address = _names(",".join(asked).encode()) or frozenset()
        areas = from_address if areas is None else areas & from_address
    return Narrowing(
        only=None if only is None else frozenset(map(current, only)),
        left_out=frozenset(map(current, left_out or ())),
        areas=areas,
    )


def _names(header: bytes | None) -> frozenset[str] | None:
    if header is None:
        return None
    names = header.decode("latin-1").split(",", MAX_NAMES)[:MAX_NAMES]
    return frozenset(name.strip() for name in names if name.strip())
