"""The operations on layers: rotations by the wall clock that never run out. Ours, beside the contract's rotation."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.oncall import actions
from tocsin.oncall.actions.layers import TYPE
from tocsin.oncall.api.calendars import AREA, ONE, OneCalendar, PlanAnswer, given, laid_out, named, window
from tocsin.oncall.model import Layer
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.storage import Tx

ALL = f"{ONE}/layers"
LAYER = f"{ALL}/{{layer_id}}"
PREVIEW = timedelta(days=28)
Unit = Literal["hour", "day", "week"]


class RestrictionInput(msgspec.Struct, frozen=True, kw_only=True):
    """A weekly window; every day, and from midnight to midnight, when nothing is said."""

    days: list[str] | None = None
    time_from: str | None = None
    time_to: str | None = None


class RestrictionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A weekly window; one that ends no later than it begins ends on the next day."""

    days: list[str]
    time_from: str
    time_to: str


class LayerAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A layer: of several the highest that has somebody counts."""

    name: str
    position: int
    users: list[str]
    rotation_length: int
    rotation_interval: str
    handoff_time: str
    timezone: str
    starts_at: str
    ends_at: str | None
    restrictions: list[RestrictionAnswer]


class ListLayers(OneCalendar, frozen=True, kw_only=True):
    page: int = 1
    per_page: int = 50


class OneLayer(OneCalendar, frozen=True, kw_only=True):
    """Names one layer of a calendar."""

    layer_id: int


class CreateLayer(OneCalendar, frozen=True, kw_only=True):
    """A layer to be: above the others, from now on, a week for each, unless it says otherwise."""

    users: list[str]
    name: str | None = None
    position: int | None = None
    rotation_length: int | None = None
    rotation_interval: Unit | None = None
    handoff_time: str | None = None
    timezone: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    restrictions: list[RestrictionInput] | None = None


class UpdateLayer(OneLayer, frozen=True, kw_only=True):
    """What changes; what is not sent stays."""

    users: list[str] | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    position: int | UnsetType = UNSET
    rotation_length: int | UnsetType = UNSET
    rotation_interval: Unit | UnsetType = UNSET
    handoff_time: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    starts_at: str | UnsetType = UNSET
    ends_at: str | UnsetType | None = UNSET
    restrictions: list[RestrictionInput] | UnsetType | None = UNSET


class PreviewLayer(OneCalendar, frozen=True, kw_only=True):
    """A layer as it would be saved; a new one without `layer_id`. The next four weeks when no window is given."""

    layer_id: int | None = None
    users: list[str] | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    position: int | UnsetType | None = UNSET
    rotation_length: int | UnsetType | None = UNSET
    rotation_interval: Unit | UnsetType | None = UNSET
    handoff_time: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    starts_at: str | UnsetType | None = UNSET
    ends_at: str | UnsetType | None = UNSET
    restrictions: list[RestrictionInput] | UnsetType | None = UNSET
    from_: str | UnsetType | None = msgspec.field(name="from", default=UNSET)
    to: str | UnsetType | None = UNSET


def _render(layer: Layer) -> LayerAttributes:
    return LayerAttributes(
        name=layer.name, position=layer.position, users=list(layer.emails), rotation_length=layer.rotation_length,
        rotation_interval=layer.rotation_interval, handoff_time=layer.handoff_time, timezone=layer.timezone,
        starts_at=to_wire(layer.starts_at), ends_at=None if layer.ends_at is None else to_wire(layer.ends_at),
        restrictions=[
            RestrictionAnswer(days=list(each.days), time_from=each.time_from, time_to=each.time_to)
            for each in layer.restrictions
        ],
    )  # fmt: skip


RESOURCE = Resource(
    type=TYPE,
    attributes=LayerAttributes,
    render=_render,
    doc="A rotation of an on-call calendar that goes by the clock on the wall and never runs out.",
)


def layer_operations() -> tuple[Operation, ...]:
    """What can be done with layers."""
    return (
        Operation(
            name="on_call_layers.list", routes=(Route("GET", ALL),), area=AREA, level="read", input=ListLayers,
            upstream="not_there",
            handler=_list, resource=RESOURCE, answer="list",
            doc="List the layers of an on-call calendar, the lowest first.", deed="listed on-call layers",
        ),
        Operation(
            name="on_call_layers.get", routes=(Route("GET", LAYER),), area=AREA, level="read", input=OneLayer,
            upstream="not_there",
            handler=_get, resource=RESOURCE,
            doc="Show a layer of an on-call calendar.", deed="looked at an on-call layer",
        ),
        Operation(
            name="on_call_layers.create", routes=(Route("POST", ALL),), area=AREA, level="write", input=CreateLayer,
            upstream="not_there",
            handler=_create, resource=RESOURCE,
            doc="Add a layer to an on-call calendar.", deed="created an on-call layer",
        ),
        Operation(
            name="on_call_layers.update", routes=(Route("PATCH", LAYER),), area=AREA, level="write",
            upstream="not_there",
            input=UpdateLayer, handler=_update, resource=RESOURCE,
            doc="Change a layer of an on-call calendar, or move it up or down.", deed="changed an on-call layer",
        ),
        Operation(
            name="on_call_layers.preview", routes=(Route("POST", f"{ALL}/preview"),), area=AREA, level="read",
            upstream="not_there", statuses=(200,),
            input=PreviewLayer, handler=_preview, answer="flat", flat=PlanAnswer,
            doc="Lay out who would be on call with a layer that is not saved yet.",
            deed="looked at what an on-call layer would do",
        ),
        Operation(
            name="on_call_layers.delete", routes=(Route("DELETE", LAYER),), area=AREA, level="full", input=OneLayer,
            upstream="not_there",
            handler=_delete, resource=RESOURCE, answer="none", switch="delete",
            doc="Delete a layer of an on-call calendar.", deed="deleted an on-call layer",
        ),
    )  # fmt: skip


def _list(tx: Tx, call: Call, input: ListLayers) -> Page[Layer]:
    found = actions.list_layers(tx, named(tx, call, input))
    first = (input.page - 1) * input.per_page
    return Page(found[first : first + input.per_page], len(found), input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OneLayer) -> Layer:
    return actions.find_layer(tx, named(tx, call, input), input.layer_id)


def _create(tx: Tx, call: Call, input: CreateLayer) -> Layer:
    return actions.create_layer(tx, named(tx, call, input), given(input))


def _update(tx: Tx, call: Call, input: UpdateLayer) -> Layer:
    return actions.update_layer(tx, named(tx, call, input), input.layer_id, given(input, "layer_id"))


def _preview(tx: Tx, call: Call, input: PreviewLayer) -> PlanAnswer:
    calendar = named(tx, call, input)
    layers = actions.preview_layers(tx, calendar, input.layer_id, given(input, "layer_id", "from_", "to"))
    start, end = window(input.from_ or UNSET, input.to or UNSET, tx.now, PREVIEW)
    return laid_out(tx, actions.shifts(tx, calendar, start, end, layers))


def _delete(tx: Tx, call: Call, input: OneLayer) -> None:
    actions.delete_layer(tx, named(tx, call, input), input.layer_id)
