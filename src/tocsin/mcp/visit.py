"""One request of an agent: who comes, to which of the tools they have bound themselves, and how they reached us."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec

from tocsin.gateway import Credential
from tocsin.mcp.narrowing import Narrowing

KEY = "tocsin.mcp"
"""Where in the ASGI scope it is kept, from the door of the house to the hand of the tool."""
OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the operation's name is left, for whoever counts requests."""


UNKNOWN_KEY = "tocsin.mcp.unknown"
"""Where in the ASGI scope it is left that the token has stopped being anybody's: then the answer is 401 after all."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What every tool call of one request shares."""

    credential: Credential
    narrowing: Narrowing
    base_url: str
    """The public address, for links in answers and messages."""
    request_id: str
    scope: MutableMapping[str, Any]

    def note(self, operation: str) -> None:
        """Say which operation this request is, for the metrics."""
        self.scope[OPERATION_KEY] = operation

    def turned_away(self) -> None:
        """Say that the door does not know this token any more."""
        self.scope[UNKNOWN_KEY] = True


def of(scope: Mapping[str, Any]) -> Visit:
    """The visit that this request is."""
    found: Visit = scope[KEY]
    return found
