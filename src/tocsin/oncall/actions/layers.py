"""Layers of a calendar: rotations that are computed and never run out, one above the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.zones import zone
from tocsin.oncall.actions.calendars import members, moved, users
from tocsin.oncall.model import Calendar, Layer
from tocsin.oncall.rules import settings
from tocsin.oncall.store import layers as shelf
from tocsin.storage import Tx

TYPE = "on_call_layer"
MAX_LAYERS = 20
"""Of one calendar; each is computed whenever somebody is paged."""


def list_layers(tx: Tx, calendar: Calendar) -> list[Layer]:
    """A calendar's layers, the lowest first."""
    return _named(tx, calendar, shelf.of_calendar(tx, calendar.id))


def find(tx: Tx, calendar: Calendar, id: int) -> Layer:
    """Raises NotFound."""
    found = next((layer for layer in shelf.of_calendar(tx, calendar.id) if layer.id == id), None)
    if found is None:
        raise NotFound(TYPE, id)
    return _named(tx, calendar, [found])[0]


def create(tx: Tx, calendar: Calendar, given: Mapping[str, Any]) -> Layer:
    """Add a layer, above the others unless `position` says where. Raises Invalid."""
    there = shelf.of_calendar(tx, calendar.id)
    id = shelf.add(tx, _new(tx, calendar, there, given))
    _place(tx, calendar, id, given.get("position"))
    moved(tx, calendar)
    return find(tx, calendar, id)


def preview(tx: Tx, calendar: Calendar, id: int | None, given: Mapping[str, Any]) -> tuple[Layer, ...]:
    """The calendar's layers, the lowest first, as they would be after `create` (id None) or `update`.

    Nothing is kept. Raises NotFound, Invalid.
    """
    there = shelf.of_calendar(tx, calendar.id)
    if id is None:
        layer = _new(tx, calendar, there, given)
        place = len(there)
    else:
        old = find(tx, calendar, id)
        sent = given.get("users")
        layer = settings.layer_of(old, given, None if sent is None else members(tx, calendar.team_id, sent))
        place = next(index for index, each in enumerate(there) if each.id == id)
    others = [each for each in there if id is None or each.id != id]
    position = given.get("position")
    others.insert(place if position is None else max(0, min(position - 1, len(others))), layer)
    return tuple(others)


def _new(tx: Tx, calendar: Calendar, there: Sequence[Layer], given: Mapping[str, Any]) -> Layer:
    if len(there) >= MAX_LAYERS:
        raise Invalid.fields(base=f"an on-call calendar can have at most {MAX_LAYERS} layers")
    blank = Layer(calendar_id=calendar.id, position=len(there) + 1, user_ids=(), starts_at=tx.now)
    layer = settings.layer_of(blank, given, members(tx, calendar.team_id, given.get("users") or []))
    if given.get("handoff_time") is None:
        where = zone(layer.timezone)
        layer = msgspec.structs.replace(layer, handoff_time=layer.starts_at.astimezone(where).strftime("%H:%M"))
    return layer


def update(tx: Tx, calendar: Calendar, id: int, given: Mapping[str, Any]) -> Layer:
    """Change what is in `given` and nothing else. Raises NotFound, Invalid."""
    old = find(tx, calendar, id)
    sent = given.get("users")
    layer = settings.layer_of(old, given, None if sent is None else members(tx, calendar.team_id, sent))
    shelf.change(tx, layer)
    _place(tx, calendar, id, given.get("position"))
    moved(tx, calendar)
    return find(tx, calendar, id)


def delete(tx: Tx, calendar: Calendar, id: int) -> None:
    """Delete a layer; those above it come down by one. Raises NotFound."""
    find(tx, calendar, id)
    shelf.remove(tx, id)
    shelf.place(tx, [layer.id for layer in shelf.of_calendar(tx, calendar.id)])
    moved(tx, calendar)


def _place(tx: Tx, calendar: Calendar, id: int, position: int | None) -> None:
    """Put a layer where it is wanted, and number all anew from 1."""
    if position is None:
        return
    ids = [layer.id for layer in shelf.of_calendar(tx, calendar.id) if layer.id != id]
    ids.insert(max(0, min(position - 1, len(ids))), id)
    shelf.place(tx, ids)


def _named(tx: Tx, calendar: Calendar, found: Sequence[Layer]) -> list[Layer]:
    known = users(tx, {id for layer in found for id in layer.user_ids})
    return [
        msgspec.structs.replace(
            layer, team_id=calendar.team_id, emails=tuple(known[id].email for id in layer.user_ids if id in known)
        )
        for layer in found
    ]
