"""The wrapping around every answer: `data`, with its `included` or its `pagination` (contract part 1, 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from tocsin.registry import Resource

_encoder = msgspec.json.Encoder()


Hidden = Mapping[str, frozenset[str]]
"""Attributes of which this caller sees only that they are set, by the type of their resource."""
NOTHING: Hidden = MappingProxyType({})


def one(
    resource: Resource, record: Any, included: Iterable[tuple[Resource, Any]] = (), hidden: Hidden = NOTHING
) -> dict[str, Any]:
    """A single resource, with those it is related to in full when its resource declares that it includes them."""
    body: dict[str, Any] = {"data": _enveloped(resource, record, hidden)}
    if resource.included is not None:
        body["included"] = [_enveloped(kind, other, hidden) for kind, other in included]
    if resource.brings is not None:
        body["included"] = [_enveloped(kind, part, hidden) for kind, part in resource.brings(record)]
    return body


def many(
    resource: Resource,
    records: Iterable[Any],
    pagination: Mapping[str, str | None] | None,
    hidden: Hidden = NOTHING,
) -> dict[str, Any]:
    """A list of resources; without `pagination` it is whole."""
    records = list(records)
    body: dict[str, Any] = {"data": [_enveloped(resource, record, hidden) for record in records]}
    if resource.brings is not None:
        parts = [part for record in records for part in resource.brings(record)]
        body["included"] = [_enveloped(kind, part, hidden) for kind, part in parts]
    if pagination is not None:
        body["pagination"] = pagination
    return body


def _enveloped(resource: Resource, record: Any, hidden: Hidden) -> dict[str, Any]:
    return resource.envelope(record, hidden.get(resource.type, ()))


def encoded(body: Any) -> bytes:
    """The JSON text of a body."""
    return _encoder.encode(body)
