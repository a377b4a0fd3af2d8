"""The operations on what is on a page: its sections and resources (contract part 2, 5.3 and 5.4)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.registry.input import given
from tocsin.status_pages import actions
from tocsin.status_pages.api.pages import AREA
from tocsin.status_pages.model import Resource as PageResource
from tocsin.status_pages.model import Section, Widget
from tocsin.status_pages.rules.contents import stored_rule
from tocsin.storage import Tx

# --- sections ---------------------------------------------------------------------------------------------------------


class SectionAttributes(msgspec.Struct):
    """The attributes of a section."""

    name: str | None
    position: int
    status_page_id: int


class SectionFields(msgspec.Struct, kw_only=True):
    """What may be sent about a section."""

    name: str | UnsetType | None = UNSET
    position: int | UnsetType | None = UNSET
    fixed_position: bool | UnsetType | None = UNSET
    """The position is meant literally: nobody else moves. Terraform always sends it."""


class CreateSection(SectionFields, kw_only=True):
    """A section to be; it comes last when no position is sent."""

    status_page_id: int


class UpdateSection(SectionFields, kw_only=True):
    """What changes; what is not sent stays."""

    status_page_id: int
    id: int


class OnOnePage(msgspec.Struct, kw_only=True):
    status_page_id: int
    id: int


class ListOnPage(msgspec.Struct, kw_only=True):
    status_page_id: int
    page: int = 1
    per_page: int = 50


def _render_section(section: Section) -> SectionAttributes:
    return SectionAttributes(name=section.name, position=section.position, status_page_id=section.status_page_id)


SECTION = Resource(
    type=actions.SECTION,
    attributes=SectionAttributes,
    render=_render_section,
    doc="A part of a status page, with or without a heading.",
)


def _list_sections(tx: Tx, call: Call, input: ListOnPage) -> Page[Section]:
    return _page(actions.list_sections(tx, input.status_page_id, call.team_ids), input)


def _get_section(tx: Tx, call: Call, input: OnOnePage) -> Section:
    return actions.find_section(tx, input.status_page_id, input.id, call.team_ids)


def _create_section(tx: Tx, call: Call, input: CreateSection) -> Section:
    return actions.create_section(tx, input.status_page_id, call.team_ids, given(input, SectionFields))


def _update_section(tx: Tx, call: Call, input: UpdateSection) -> Section:
    return actions.update_section(tx, input.status_page_id, input.id, call.team_ids, given(input, SectionFields))


def _delete_section(tx: Tx, call: Call, input: OnOnePage) -> None:
    actions.delete_section(tx, input.status_page_id, input.id, call.team_ids)


# --- resources --------------------------------------------------------------------------------------------------------


class DayAttributes(msgspec.Struct):
    """One day of a resource. Durations: whole seconds."""

    day: str
    status: str
    downtime_duration: int
    maintenance_duration: int
    degraded_duration: int


class ResourceAttributes(msgspec.Struct):
    """The attributes of a resource."""

    status_page_id: int
    status_page_section_id: int
    resource_id: int | None
    resource_type: str
    public_name: str
    explanation: str | None
    history: bool
    widget_type: str
    position: int
    mark_as_down_for: str
    mark_as_degraded_for: str
    mark_as_down_metadata_rule: dict[str, Any] | None
    mark_as_degraded_metadata_rule: dict[str, Any] | None
    availability: float
    status: str
    status_history: list[DayAttributes]


class RuleInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which incidents: those with one of these values under this key of their metadata."""

    key: str | None = None
    values: list[Any] | None = None


class ResourceFields(msgspec.Struct, kw_only=True):
    """What may be sent about a resource."""

    status_page_section_id: int | UnsetType | None = UNSET
    resource_id: int | UnsetType | None = UNSET
    resource_type: str | UnsetType | None = UNSET
    public_name: str | UnsetType | None = UNSET
    explanation: str | UnsetType | None = UNSET
    history: bool | UnsetType | None = UNSET
    """Older than `widget_type`, which counts before it."""
    widget_type: str | UnsetType | None = UNSET
    position: int | UnsetType | None = UNSET
    fixed_position: bool | UnsetType | None = UNSET
    mark_as_down_for: str | UnsetType | None = UNSET
    mark_as_degraded_for: str | UnsetType | None = UNSET
    mark_as_down_metadata_rule: RuleInput | UnsetType | None = UNSET
    mark_as_degraded_metadata_rule: RuleInput | UnsetType | None = UNSET


class CreateResource(ResourceFields, kw_only=True):
    """A resource to be: `resource_type`, `public_name` and (unless it is tracked by hand) `resource_id` are needed."""

    status_page_id: int


class UpdateResource(ResourceFields, kw_only=True):
    """What changes; what is not sent stays."""

    status_page_id: int
    id: int


def _render_resource(resource: PageResource) -> ResourceAttributes:
    return ResourceAttributes(
        status_page_id=resource.status_page_id,
        status_page_section_id=resource.status_page_section_id,
        resource_id=resource.resource_id,
        resource_type=resource.resource_type.value,
        public_name=resource.public_name,
        explanation=resource.explanation,
        history=resource.widget_type is not Widget.PLAIN,
        widget_type=resource.widget_type.value,
        position=resource.position,
        mark_as_down_for=resource.mark_as_down_for.value,
        mark_as_degraded_for=resource.mark_as_degraded_for.value,
        mark_as_down_metadata_rule=stored_rule(resource.mark_as_down_metadata_rule),
        mark_as_degraded_metadata_rule=stored_rule(resource.mark_as_degraded_metadata_rule),
        availability=resource.availability,
        status=resource.status.value,
        status_history=[
            DayAttributes(
                each.day, each.status.value, each.downtime_duration, each.maintenance_duration, each.degraded_duration
            )
            for each in resource.status_history
        ],
    )


RESOURCE = Resource(
    type=actions.RESOURCE,
    attributes=ResourceAttributes,
    render=_render_resource,
    doc="One line of a status page: something whose state the public may know.",
)


def _list_resources(tx: Tx, call: Call, input: ListOnPage) -> Page[PageResource]:
    page = _page(actions.list_resources(tx, input.status_page_id, call.team_ids), input)
    return msgspec.structs.replace(page, items=_standing(tx, input.status_page_id, list(page.items)))


def _get_resource(tx: Tx, call: Call, input: OnOnePage) -> PageResource:
    found = actions.find_resource(tx, input.status_page_id, input.id, call.team_ids)
    return _standing(tx, input.status_page_id, [found])[0]


def _create_resource(tx: Tx, call: Call, input: CreateResource) -> PageResource:
    made = actions.create_resource(tx, input.status_page_id, call.team_ids, given(input, ResourceFields))
    return _standing(tx, input.status_page_id, [made])[0]


def _update_resource(tx: Tx, call: Call, input: UpdateResource) -> PageResource:
    sent = given(input, ResourceFields)
    changed = actions.update_resource(tx, input.status_page_id, input.id, call.team_ids, sent)
    return _standing(tx, input.status_page_id, [changed])[0]


def _delete_resource(tx: Tx, call: Call, input: OnOnePage) -> None:
    actions.delete_resource(tx, input.status_page_id, input.id, call.team_ids)


def _standing(tx: Tx, page_id: int, resources: list[PageResource]) -> list[PageResource]:
    """With how they stand, and stood."""
    return actions.with_standing(tx, actions.reach_page(tx, page_id, None), resources)


def _page(found: list[Any], input: ListOnPage) -> Page[Any]:
    start = (input.page - 1) * input.per_page
    return Page(found[start : start + input.per_page], len(found), input.page, input.per_page)


_PAGE = "/api/v2/status-pages/{status_page_id}"
_SECTION, _SECTIONS = f"{_PAGE}/sections/{{id}}", f"{_PAGE}/sections"
_RESOURCE, _RESOURCES = f"{_PAGE}/resources/{{id}}", f"{_PAGE}/resources"

CONTENT_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_page_sections.list", routes=(Route("GET", _SECTIONS),), area=AREA, level="read",
        input=ListOnPage, handler=_list_sections, resource=SECTION, answer="list",
        doc="List the sections of a status page, in their order.", deed="listed the sections of a status page",
    ),
    Operation(
        name="status_page_sections.get", routes=(Route("GET", _SECTION),), area=AREA, level="read", input=OnOnePage,
        handler=_get_section, resource=SECTION, doc="Show a section of a status page.",
        deed="looked at a section of a status page",
    ),
    Operation(
        name="status_page_sections.create", routes=(Route("POST", _SECTIONS),), area=AREA, level="write",
        input=CreateSection, handler=_create_section, resource=SECTION, switch="publish",
        event="status_page_section.created", doc="Put a section on a status page.",
        deed="put a section on a status page",
    ),
    Operation(
        name="status_page_sections.update", routes=(Route("PATCH", _SECTION),), area=AREA, level="write",
        input=UpdateSection, handler=_update_section, resource=SECTION, switch="publish",
        event="status_page_section.updated", doc="Rename or move a section of a status page.",
        deed="changed a section of a status page",
    ),
    Operation(
        name="status_page_sections.delete", routes=(Route("DELETE", _SECTION),), area=AREA, level="full",
        input=OnOnePage, handler=_delete_section, answer="none", resource=SECTION, switch="delete",
        event="status_page_section.deleted", doc="Delete a section of a status page with the resources in it.",
        deed="deleted a section of a status page",
    ),
    Operation(
        name="status_page_resources.list", routes=(Route("GET", _RESOURCES),), area=AREA, level="read",
        input=ListOnPage, handler=_list_resources, resource=RESOURCE, answer="list",
        doc="List the resources of a status page, in their order.", deed="listed the resources of a status page",
    ),
    Operation(
        name="status_page_resources.get", routes=(Route("GET", _RESOURCE),), area=AREA, level="read",
        input=OnOnePage, handler=_get_resource, resource=RESOURCE, doc="Show a resource of a status page.",
        deed="looked at a resource of a status page",
    ),
    Operation(
        name="status_page_resources.create", routes=(Route("POST", _RESOURCES),), area=AREA, level="write",
        input=CreateResource, handler=_create_resource, resource=RESOURCE, switch="publish",
        event="status_page_resource.created", doc="Put a resource on a status page.",
        deed="put a resource on a status page",
    ),
    Operation(
        name="status_page_resources.update", routes=(Route("PATCH", _RESOURCE),), area=AREA, level="write",
        input=UpdateResource, handler=_update_resource, resource=RESOURCE, switch="publish",
        event="status_page_resource.updated", doc="Change or move a resource of a status page.",
        deed="changed a resource of a status page",
    ),
    Operation(
        name="status_page_resources.delete", routes=(Route("DELETE", _RESOURCE),), area=AREA, level="full",
        input=OnOnePage, handler=_delete_resource, answer="none", resource=RESOURCE, switch="delete",
        event="status_page_resource.deleted", doc="Take a resource off a status page.",
        deed="took a resource off a status page",
    ),
)  # fmt: skip
