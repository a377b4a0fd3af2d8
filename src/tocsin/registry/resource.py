"""What a thing looks like on the wire: its type, its attributes and what it is related to."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from tocsin.kernel.vault import covered


def _name(record: Any) -> str | None:
    for attribute in ("name", "pronounceable_name", "title", "company_name", "public_name"):
        name = getattr(record, attribute, None)
        if isinstance(name, str) and name:
            return name
    return None


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON:API-shaped resource (contract part 1, 2.1).

    `attributes` is the struct of the wire attributes (order = wire order); `render(record)` makes one from a record of
    the concept's model; `id_of(record)` its id, sent as a string, or None for what has none yet.
    """

    type: str
    attributes: builtins.type[msgspec.Struct]
    render: Callable[[Any], msgspec.Struct]
    id_of: Callable[[Any], object] = lambda record: record.id
    name_of: Callable[[Any], str | None] = _name
    """What people call it, for the audit log; None for what has no name. Never a secret."""
    relationships: Callable[[Any], Mapping[str, Any]] | None = None
    """The `relationships` object of a record, or None when the resource never has one."""
    included: Callable[[Any], list[tuple[str, int]]] | None = None
    """(name of a get operation, id) of what answers with a single resource carry in `included`, e.g. `monitors.get`.

    Named, not imported: an incident may be about a monitor, yet the incidents package knows nothing of monitors.
    """
    brings: Callable[[Any], list[tuple[Resource, Any]]] | None = None
    """(resource, record) of parts of a record that stand in `included`, in lists too: they have no address of their
    own, e.g. a webhook's template."""
    parts: tuple[Resource, ...] = ()
    """Every resource that `brings` can bring."""
    secrets: tuple[str, ...] = ()
    """Attributes that let whoever knows them in somewhere, e.g. a password: an agent must be granted write to see
    them."""
    pages_by: tuple[str, ...] = ()
    """Addresses and keys with which whoever knows them can page people: an agent must be granted that to see them."""
    reaches: tuple[str, ...] = ()
    """Addresses and numbers of people: an agent must be granted to read the team to see them."""
    doc: str = ""
    types: tuple[str, ...] = ()
    """When some of its records go by another type, e.g. invitations among members: all types there are."""
    type_of: Callable[[Any], str] | None = None
    """Which of `types` a record is."""

    def envelope(self, record: Any, hidden: Collection[str] = ()) -> dict[str, Any]:
        """`{"id", "type", "attributes"[, "relationships"]}` of one record; `hidden` attributes say no more than that
        they are set."""
        id = self.id_of(record)
        attributes: Any = self.render(record)
        if hidden:
            plain = msgspec.to_builtins(attributes)
            attributes = {name: covered(value) if name in hidden else value for name, value in plain.items()}
        body: dict[str, Any] = {
            "id": None if id is None else str(id),
            "type": self.type if self.type_of is None else self.type_of(record),
            "attributes": attributes,
        }
        if self.relationships is not None:
            body["relationships"] = self.relationships(record)
        return body
