"""Incidents, monitors and status pages by an address of their own, for clients that pin things to a conversation."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tocsin.kernel.errors import TocsinError, Unauthenticated
from tocsin.mcp import results
from tocsin.mcp.desk import Desk
from tocsin.mcp.visit import Visit

SCHEMES = {"incident": "incidents.get", "monitor": "monitors.get", "status-page": "status_pages.get"}
"""By the scheme of the address: the operation that reads it."""
_ADDRESS = re.compile(r"([a-z-]+)://(\d{1,18})/?")


class UnknownResource(Exception):
    """There is no such thing, or not for this caller; `message` says which."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Resources:
    """What can be read by an address."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def templates(self, visit: Visit) -> list[dict[str, Any]]:
        """The forms of address that are open to this caller."""
        _, permitted = await self._desk.permitted(visit)
        return [
            {
                "uriTemplate": f"{scheme}://{{id}}",
                "name": scheme,
                "title": scheme.replace("-", " ").capitalize(),
                "description": f"One {scheme.replace('-', ' ')} as JSON.",
                "mimeType": "application/json",
            }
            for scheme, name in SCHEMES.items()
            if name in permitted
        ]

    async def read(self, visit: Visit, uri: str) -> str:
        """The JSON text of what stands at an address. Raises UnknownResource."""
        found = _ADDRESS.fullmatch(uri)
        operation = self._desk.operation(SCHEMES.get(found[1], "")) if found else None
        if found is None or operation is None:
            raise UnknownResource("There is no such resource. Addresses are incident://ID, monitor://ID and so on.")
        visit.note(operation.name)
        try:
            reply = await self._desk.ask(self._desk.bound(visit, operation), operation, {"id": found[2]})
        except Unauthenticated:
            raise
        except TocsinError as error:
            raise UnknownResource(error.message) from None
        return msgspec.json.encode(results.shaped(reply, self._desk.secrets_of(operation))).decode()
