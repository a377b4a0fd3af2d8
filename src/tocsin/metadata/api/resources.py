"""What a fact looks like in an answer, in version 3 with typed values and in version 2 with one text."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.kernel.clock import to_wire
from tocsin.metadata.model import Fact
from tocsin.metadata.rules import plain, typed
from tocsin.registry import Resource


class MetadataAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """All values of one key of one owner (contract part 2, 7.1)."""

    key: str
    values: list[dict[str, Any]]
    team_name: str
    owner_id: str
    owner_type: str
    created_at: str
    updated_at: str


class MetadataAttributesV2(msgspec.Struct, frozen=True, kw_only=True):
    """The same as version 2 shows it: the values as one text."""

    key: str
    value: str
    team_name: str
    owner_id: str
    owner_type: str
    created_at: str
    updated_at: str


def _render(fact: Fact) -> MetadataAttributes:
    return MetadataAttributes(values=[typed(value) for value in fact.values], **_shared(fact))


def _render_v2(fact: Fact) -> MetadataAttributesV2:
    return MetadataAttributesV2(value=plain(fact.values), **_shared(fact))


def _shared(fact: Fact) -> dict[str, str]:
    return {
        "key": fact.key,
        "team_name": fact.team_name,
        "owner_id": str(fact.owner_id),
        "owner_type": fact.owner_type,
        "created_at": to_wire(fact.created_at),
        "updated_at": to_wire(fact.updated_at),
    }


def _owner(fact: Fact) -> dict[str, Any]:
    return {"owner": {"data": {"id": str(fact.owner_id), "type": fact.owner_type}}}


METADATA = Resource(
    type="metadata",
    attributes=MetadataAttributes,
    render=_render,
    doc="A fact about something: one key with its values, e.g. the team that a monitor belongs to.",
)
METADATA_V2 = Resource(
    type="metadata",
    attributes=MetadataAttributesV2,
    render=_render_v2,
    relationships=_owner,
    doc="A fact as version 2 of the API shows it: its values as one text.",
)
