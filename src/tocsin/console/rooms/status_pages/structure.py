"""What is on a status page: its sections and what they show, put on, named, moved and taken off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.frame import Frame, values_of
from tocsin.console.rooms.status_pages.choosing import kinds, put_on
from tocsin.console.rooms.status_pages.opened import Opened, opened
from tocsin.kernel.errors import Invalid, NotFound

_SECTIONS, _RESOURCES = "status_page_sections", "status_page_resources"
WIDGETS = (
    ("history", "History: a bar for each day"),
    ("intraday_history", "The last 24 hours: a bar for each half hour"),
    ("response_times", "Response times (monitors only)"),
    ("plain", "Nothing but its state"),
)
_MARKS = (
    ("any_incident", "Any incident"),
    ("no_incident", "No incident"),
    ("incident_matching_metadata", "Incidents with this metadata (see below)"),
)
_HINTS = {
    "public_name": "What the public reads. The name and address of what you watch never leave the team.",
    "explanation": "A line below the name, in plain words. May be left empty.",
    "widget_type": "What is shown beside it.",
    "mark_as_down_for": "Which incidents of it are shown as an outage.",
    "mark_as_degraded_for": "Which incidents of it are shown as a slowdown.",
    "mark_as_down_metadata_rule": 'E.g. {"key": "Customer", "values": ["Acme"]}',
    "mark_as_degraded_metadata_rule": 'E.g. {"key": "Customer", "values": ["Acme"]}',
}


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/ID/structure…`."""
    base = "/status-pages/{id:int}/structure"
    section, resource = f"{base}/sections/{{section:int}}", f"{base}/resources/{{resource:int}}"
    return [
        frame.get(base, show),
        frame.post(f"{base}/sections", add_section),
        frame.post(section, rename_section),
        frame.post(f"{section}/move", move_section),
        frame.post(f"{section}/delete", delete_section),
        frame.get(f"{base}/add", choose),
        frame.post(f"{base}/add", add),
        frame.get(resource, edit),
        frame.post(resource, change),
        frame.post(f"{resource}/move", move_resource),
        frame.post(f"{resource}/delete", delete_resource),
    ]


async def show(desk: Desk) -> Response:
    """Every section with what is in it."""
    return await _shown(await opened(desk))


async def _shown(page: Opened, errors: Mapping[str, list[str]] | None = None) -> Response:
    sections, resources = await page.sections(), await page.resources()
    inside = {
        int(section["id"]): [each for each in resources if each["status_page_section_id"] == int(section["id"])]
        for section in sections
    }
    return page.draw(
        "structure",
        "/structure",
        "Structure",
        status_code=422 if errors else 200,
        sections=sections,
        inside=inside,
        errors=errors or {},
    )


# --- sections ---------------------------------------------------------------------------------------------------------


async def add_section(desk: Desk) -> Response:
    """A heading, after the others."""
    page = await opened(desk)
    try:
        await desk.call(f"{_SECTIONS}.create", status_page_id=page.id, name=desk.field("name"))
    except Invalid as error:
        return await _shown(page, wrong(error))
    return page.go("/structure", "The section is there.")


async def rename_section(desk: Desk) -> Response:
    """Another heading, or none."""
    page = await opened(desk)
    try:
        await desk.call(
            f"{_SECTIONS}.update", status_page_id=page.id, id=_part(desk, "section"), name=desk.field("name")
        )
    except Invalid as error:
        return await _shown(page, wrong(error))
    return page.go("/structure", "The section is renamed.")


async def move_section(desk: Desk) -> Response:
    """One up, one down, or before another (`before`)."""
    page = await opened(desk)
    await _move(desk, page, _SECTIONS, await page.sections(), _part(desk, "section"), {})
    return page.go("/structure")


async def delete_section(desk: Desk) -> Response:
    """With everything in it."""
    page = await opened(desk)
    await desk.call(f"{_SECTIONS}.delete", status_page_id=page.id, id=_part(desk, "section"))
    return page.go("/structure", "The section is gone, with what was in it.")


# --- resources --------------------------------------------------------------------------------------------------------


async def choose(desk: Desk) -> Response:
    """What can be put on the page."""
    return await _choices(await opened(desk), {})


async def _choices(page: Opened, errors: Mapping[str, list[str]]) -> Response:
    desk = page.desk
    search = desk.asked("q")
    resources = await page.resources()
    return page.draw(
        "add",
        "/structure",
        "Add to the page",
        status_code=422 if errors else 200,
        kinds=await kinds(desk, search),
        search=search,
        sections=await page.sections(),
        section=desk.asked("section") or desk.field("section"),
        taken={f"{each['resource_type']}:{each['resource_id']}" for each in resources},
        ticked=desk.fields.get("show", []),
        values=values_of(desk.fields),
        errors=errors,
    )


async def add(desk: Desk) -> Response:
    """Put on it what was ticked, and what has no monitor."""
    page = await opened(desk)
    section, name = desk.field("section"), desk.field("public_name").strip()
    where: dict[str, Any] = {"status_page_section_id": int(section)} if section.isdigit() else {}
    try:
        number = await put_on(desk, page.id, desk.fields.get("show", []), **where)
        if name:
            by_hand: dict[str, Any] = {"resource_type": "ManuallyTrackedItem", "public_name": name}
            await desk.call(f"{_RESOURCES}.create", status_page_id=page.id, **by_hand, **where)
            number += 1
    except Invalid as error:
        return await _choices(page, wrong(error))
    except NotFound:
        return await _choices(page, {"base": ["Something that you ticked does not exist any more."]})
    if not number:
        return await _choices(page, {"base": ["Tick at least one, or write a name."]})
    return page.go("/structure", f"{number} {'line is' if number == 1 else 'lines are'} on the page now.")


async def edit(desk: Desk) -> Response:
    """One line of the page."""
    page = await opened(desk)
    found = await desk.one(f"{_RESOURCES}.get", status_page_id=page.id, id=_part(desk, "resource"))
    return await _edited(page, found, found, {})


async def _edited(
    page: Opened, found: Mapping[str, Any], values: Mapping[str, Any], errors: Mapping[str, list[str]]
) -> Response:
    sections = await page.sections()
    return page.draw(
        "resource",
        "/structure",
        str(found["public_name"]),
        status_code=422 if errors else 200,
        found=found,
        fields={field.name: field for field in _fields(page, found, sections, values, errors)},
        errors=errors,
    )


def _fields(
    page: Opened,
    found: Mapping[str, Any],
    sections: Sequence[Mapping[str, Any]],
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]],
) -> list[Field]:
    widgets = [each for each in WIDGETS if each[0] != "response_times" or found["resource_type"] == "Monitor"]
    if found["widget_type"] not in dict(widgets):
        widgets.append((found["widget_type"], str(found["widget_type"])))
    return fields_of(
        page.desk.door.catalogue[f"{_RESOURCES}.update"],
        values,
        errors,
        only={
            "public_name", "explanation", "widget_type", "status_page_section_id", "mark_as_down_for",
            "mark_as_degraded_for", "mark_as_down_metadata_rule", "mark_as_degraded_metadata_rule",
        },
        hints=_HINTS,
        choices={
            "widget_type": tuple(widgets),
            "status_page_section_id": tuple((each["id"], each["name"] or "Without a heading") for each in sections),
            "mark_as_down_for": _MARKS,
            "mark_as_degraded_for": _MARKS,
        },
        long=("explanation",),
    )  # fmt: skip


async def change(desk: Desk) -> Response:
    """Save it."""
    page = await opened(desk)
    about: dict[str, Any] = {"status_page_id": page.id, "id": _part(desk, "resource")}
    found = await desk.one(f"{_RESOURCES}.get", **about)
    fields = _fields(page, found, await page.sections(), found, {})
    try:
        body = read_fields(fields, desk.fields)
        for word in ("down", "degraded"):  # a rule is there exactly when metadata decide
            if body.get(f"mark_as_{word}_for") != "incident_matching_metadata":
                body.pop(f"mark_as_{word}_metadata_rule", None)
        await desk.call(f"{_RESOURCES}.update", **about, **body)
    except Invalid as error:
        return await _edited(page, found, {**found, **values_of(desk.fields)}, wrong(error))
    return page.go("/structure", "Saved.")


async def move_resource(desk: Desk) -> Response:
    """One up or down in its section, or before another, perhaps of another section (`before`, `section`)."""
    page = await opened(desk)
    resources = await page.resources()
    id = _part(desk, "resource")
    own = next((each["status_page_section_id"] for each in resources if int(each["id"]) == id), None)
    asked = desk.field("section")
    section = int(asked) if asked.isdigit() else own
    beside = [each for each in resources if each["status_page_section_id"] == section or int(each["id"]) == id]
    where = {} if section == own else {"status_page_section_id": section}
    await _move(desk, page, _RESOURCES, beside, id, where)
    return page.go("/structure")


async def delete_resource(desk: Desk) -> Response:
    """Take it off the page."""
    page = await opened(desk)
    await desk.call(f"{_RESOURCES}.delete", status_page_id=page.id, id=_part(desk, "resource"))
    return page.go("/structure", "It is off the page.")


# --- moving -----------------------------------------------------------------------------------------------------------


def _part(desk: Desk, name: str) -> int:
    return int(desk.request.path_params[name])


async def _move(
    desk: Desk, page: Opened, kind: str, rows: Sequence[Mapping[str, Any]], id: int, where: Mapping[str, Any]
) -> None:
    """One call moves one thing; whoever stands where it is put moves on. `by`: `up` or `down`; `before`: the id of what
    shall follow it, empty for the end."""
    update = f"{kind}.update"
    places = [(int(row["id"]), int(row["position"])) for row in rows]
    ids = [each for each, _ in places]
    if id not in ids:
        raise NotFound(kind, id)
    at = dict(places)
    by, before = desk.field("by"), desk.field("before")
    place = ids.index(id)
    if by == "up" and place > 0:
        above = ids[place - 1]
        if at[above] == at[id]:
            await desk.call(update, status_page_id=page.id, id=above, position=at[above] + 1)
        else:
            await desk.call(update, status_page_id=page.id, id=id, position=at[above])
    elif by == "down" and place + 1 < len(ids):
        below = ids[place + 1]
        mine = at[id] if at[below] != at[id] else at[id] + 1
        moved = (below, mine) if at[below] != at[id] else (id, mine)
        await desk.call(update, status_page_id=page.id, id=moved[0], position=moved[1])
    elif not by:
        others = [position for each, position in places if each != id]
        wanted = at.get(int(before)) if before.isdigit() else None
        position = max(others, default=-1) + 1 if wanted is None else wanted
        await desk.call(update, status_page_id=page.id, id=id, position=position, **where)
