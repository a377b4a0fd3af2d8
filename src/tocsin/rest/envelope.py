"""The wrapping around every answer: `data`, with its `included` or its `pagination` (contract part 1, 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tocsin.registry import Resource

_encoder = msgspec.json.Encoder()


def one(resource: Resource, record: Any, included: Iterable[tuple[Resource, Any]] = ()) -> dict[str, Any]:
    """A single resource, with those it is related to in full when its resource declares that it includes them."""
    body: dict[str, Any] = {"data": resource.envelope(record)}
    if resource.included is not None:
        body["included"] = [kind.envelope(other) for kind, other in included]
    if resource.brings is not None:
        body["included"] = [kind.envelope(part) for kind, part in resource.brings(record)]
    return body


def many(resource: Resource, records: Iterable[Any], pagination: Mapping[str, str | None] | None) -> dict[str, Any]:
    """A list of resources; without `pagination` it is whole."""
    records = list(records)
    body: dict[str, Any] = {"data": [resource.envelope(record) for record in records]}
    if resource.brings is not None:
        body["included"] = [kind.envelope(part) for record in records for kind, part in resource.brings(record)]
    if pagination is not None:
        body["pagination"] = pagination
    return body


def encoded(body: Any) -> bytes:
    """The JSON text of a body."""
    return _encoder.encode(body)
