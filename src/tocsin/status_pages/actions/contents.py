"""What is on a page: its sections and the resources in them, put in, moved, changed and taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.heartbeats import actions as heartbeats
from tocsin.inbound import actions as inbound
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.metadata import actions as metadata
from tocsin.monitors import actions as monitors
from tocsin.status_pages.actions.pages import reach
from tocsin.status_pages.actions.reports import settle_without
from tocsin.status_pages.model import MarkFor, Resource, ResourceType, Rule, Section, StatusPage
from tocsin.status_pages.rules import contents as rules
from tocsin.status_pages.store import contents as shelf
from tocsin.storage import Tx, events

SECTION = "status_page_section"
RESOURCE = "status_page_resource"
MAX_SECTIONS = 100
"""On one page."""
MAX_RESOURCES = 1_000
"""On one page: what a reader can still make sense of is far less."""


# --- sections ---------------------------------------------------------------------------------------------------------


def create_section(tx: Tx, page_id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]) -> Section:
    """Put a section on a page; `given`: name, position, fixed_position. Raises NotFound, Invalid."""
    page = reach(tx, page_id, team_ids)
    sections = shelf.sections_of(tx, page_id)
    errors: rules.Errors = {}
    if len(sections) >= MAX_SECTIONS:
        errors["base"] = [f"a status page can have at most {MAX_SECTIONS} sections"]
    name = rules.checked_text(given, "name", None, errors, rules.MAX_NAME)
    position = rules.checked_position(given.get("position"), errors)
    if errors:
        raise Invalid.of(errors)
    taken = {section.id: section.position for section in sections}
    place = rules.end(list(taken.values())) if position is None else position
    if not given.get("fixed_position"):
        shelf.place_sections(tx, rules.pushed(taken, place))
    id = shelf.insert_section(tx, page_id, name, place)
    _record(tx, page, f"{SECTION}.created", SECTION, id)
    return find_section(tx, page_id, id, None)


def find_section(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None) -> Section:
    """A section of a page. Raises NotFound."""
    reach(tx, page_id, team_ids)
    found = shelf.find_section(tx, page_id, id)
    if found is None:
        raise NotFound(SECTION, id)
    return found


def list_sections(tx: Tx, page_id: int, team_ids: tuple[int, ...] | None) -> list[Section]:
    """All sections of a page, in their order. Raises NotFound."""
    reach(tx, page_id, team_ids)
    return shelf.sections_of(tx, page_id)


def update_section(
    tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]
) -> Section:
    """Rename or move a section. Raises NotFound, Invalid."""
    page = reach(tx, page_id, team_ids)
    old = find_section(tx, page_id, id, None)
    errors: rules.Errors = {}
    name = rules.checked_text(given, "name", old.name, errors, rules.MAX_NAME)
    position = rules.checked_position(given.get("position"), errors)
    if errors:
        raise Invalid.of(errors)
    place = old.position if position is None else position
    if place != old.position and not given.get("fixed_position"):
        taken = {each.id: each.position for each in shelf.sections_of(tx, page_id) if each.id != id}
        shelf.place_sections(tx, rules.pushed(taken, place))
    shelf.update_section(tx, id, name, place)
    _record(tx, page, f"{SECTION}.updated", SECTION, id, changed=sorted(given))
    return find_section(tx, page_id, id, None)


def delete_section(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None) -> None:
    """A section goes with the resources in it: Terraform destroys both at once, in any order. Raises NotFound."""
    page = reach(tx, page_id, team_ids)
    find_section(tx, page_id, id, None)
    taken = set(shelf.in_section(tx, id))
    shelf.delete_section(tx, id)
    settle_without(tx, page, taken)
    _record(tx, page, f"{SECTION}.deleted", SECTION, id)


# --- resources --------------------------------------------------------------------------------------------------------


def create_resource(tx: Tx, page_id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]) -> Resource:
    """Put a resource on a page. `given`: wire names and values (contract part 2, 5.4). Raises NotFound, Invalid."""
    page = reach(tx, page_id, team_ids)
    missing = [name for name in ("resource_type", "public_name") if not given.get(name)]
    if missing:
        raise Invalid.missing(missing)
    if shelf.count_resources(tx, page_id) >= MAX_RESOURCES:
        raise Invalid.fields(base=f"a status page can have at most {MAX_RESOURCES} resources")
    values = _values(tx, page, None, given)
    id = shelf.insert_resource(tx, page_id, _placed(tx, page, None, given, values))
    _record(tx, page, f"{RESOURCE}.created", RESOURCE, id)
    return find_resource(tx, page_id, id, None)


def find_resource(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None) -> Resource:
    """A resource of a page, without how it stands. Raises NotFound."""
    reach(tx, page_id, team_ids)
    found = shelf.find_resource(tx, page_id, id)
    if found is None:
        raise NotFound(RESOURCE, id)
    return found


def list_resources(tx: Tx, page_id: int, team_ids: tuple[int, ...] | None) -> list[Resource]:
    """All resources of a page in their order, without how they stand. Raises NotFound."""
    reach(tx, page_id, team_ids)
    return shelf.resources_of(tx, [page_id])


def update_resource(
    tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]
) -> Resource:
    """Change what is in `given` and nothing else. Raises NotFound, Invalid."""
    page = reach(tx, page_id, team_ids)
    old = find_resource(tx, page_id, id, None)
    values = _values(tx, page, old, given)
    shelf.update_resource(tx, id, _placed(tx, page, old, given, values))
    _record(tx, page, f"{RESOURCE}.updated", RESOURCE, id, changed=sorted(given))
    return find_resource(tx, page_id, id, None)


def delete_resource(tx: Tx, page_id: int, id: int, team_ids: tuple[int, ...] | None) -> None:
    """Take a resource off a page; what was reported of it stays reported, and of it alone is over.

    Raises NotFound.
    """
    page = reach(tx, page_id, team_ids)
    find_resource(tx, page_id, id, None)
    shelf.delete_resource(tx, id)
    settle_without(tx, page, {id})
    _record(tx, page, f"{RESOURCE}.deleted", RESOURCE, id)


def is_gone(tx: Tx, resource: Resource) -> bool:
    """Whether what a resource is about was deleted."""
    team_of = _TEAMS.get(resource.resource_type)
    return team_of is not None and resource.resource_id is not None and team_of(tx, resource.resource_id) is None


def _values(tx: Tx, page: StatusPage, old: Resource | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The columns after `given`, but for its place. Raises Invalid."""
    rules.check_words(given)
    errors: rules.Errors = {}
    kind = ResourceType(given.get("resource_type") or _was(old, "resource_type"))
    subject = given.get("resource_id", _was(old, "resource_id") if kind is _was(old, "resource_type") else None)
    if old is None or (kind, subject) != (old.resource_type, old.resource_id):  # what is gone may still be renamed
        _check_subject(tx, page, kind, subject, errors)
    public_name = rules.checked_text(given, "public_name", _was(old, "public_name"), errors, rules.MAX_NAME)
    if public_name is None:
        errors.setdefault("public_name", ["can't be blank"])
    explanation = rules.checked_text(given, "explanation", _was(old, "explanation"), errors, rules.MAX_EXPLANATION)
    down = _mark(tx, page, "down", given, old, errors)
    degraded = _mark(tx, page, "degraded", given, old, errors)
    widget = rules.widget_of(given, _was(old, "widget_type"), kind, errors)
    if errors:
        raise Invalid.of(errors)
    return {
        "resource_type": kind.value,
        "resource_id": subject if rules.subject_needed(kind) else None,
        "public_name": public_name,
        "explanation": explanation,
        "widget_type": widget.value,
        "mark_as_down_for": down[0].value,
        "mark_as_down_metadata_rule": rules.stored_rule(down[1]),
        "mark_as_degraded_for": degraded[0].value,
        "mark_as_degraded_metadata_rule": rules.stored_rule(degraded[1]),
    }


def _placed(
    tx: Tx, page: StatusPage, old: Resource | None, given: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The columns with the section and the place in it; whoever stands there moves on (contract part 2, 5.3)."""
    errors: rules.Errors = {}
    position = rules.checked_position(given.get("position"), errors)
    if errors:
        raise Invalid.of(errors)
    section_id = _section(tx, page, old, given)
    taken = {id: at for id, at in shelf.in_section(tx, section_id).items() if old is None or id != old.id}
    stays = old is not None and section_id == old.status_page_section_id
    place = position
    if place is None:
        place = old.position if stays and old is not None else rules.end(list(taken.values()))
    if not given.get("fixed_position") and not (stays and old is not None and place == old.position):
        shelf.place_resources(tx, rules.pushed(taken, place))
    return {**values, "status_page_section_id": section_id, "position": place}


def _section(tx: Tx, page: StatusPage, old: Resource | None, given: Mapping[str, Any]) -> int:
    """Its section: the one named, else the one where it is, else the page's first, made if there is none."""
    wanted = given.get("status_page_section_id")
    if wanted:
        if shelf.find_section(tx, page.id, wanted) is None:
            raise Invalid.fields(status_page_section_id="doesn't exist on this status page")
        return int(wanted)
    if old is not None:
        return old.status_page_section_id
    sections = shelf.sections_of(tx, page.id)
    return sections[0].id if sections else shelf.insert_section(tx, page.id, None, 0)


_Team = Callable[[Tx, int], int | None]


def _team_of_group(find_group: Callable[[Tx, int, None], Any]) -> _Team:
    def team_of(tx: Tx, id: int) -> int | None:
        try:
            team_id: int = find_group(tx, id, None).team_id
        except NotFound:
            return None
        return team_id

    return team_of


def _team_of_integration(owner: str) -> _Team:
    return lambda tx, id: inbound.team_of(tx, id, owner)


_TEAMS: Mapping[ResourceType, _Team] = {
    ResourceType.MONITOR: monitors.team_of,
    ResourceType.MONITOR_GROUP: _team_of_group(monitors.find_group),
    ResourceType.HEARTBEAT: heartbeats.team_of,
    ResourceType.HEARTBEAT_GROUP: _team_of_group(heartbeats.find_group),
    ResourceType.WEBHOOK_INTEGRATION: _team_of_integration("WebhookIntegration"),
    ResourceType.EMAIL_INTEGRATION: _team_of_integration("EmailIntegration"),
    ResourceType.INCOMING_WEBHOOK: _team_of_integration("IncomingWebhook"),
}
"""To whom what a resource is about belongs; types that Tocsin has nothing of are stored as given."""


def _check_subject(tx: Tx, page: StatusPage, kind: ResourceType, subject: int | None, errors: rules.Errors) -> None:
    if not rules.subject_needed(kind):
        return
    if subject is None:
        errors["resource_id"] = ["can't be blank"]
    elif kind in _TEAMS and _TEAMS[kind](tx, subject) != page.team_id:
        errors["resource_id"] = [f"names no {kind.value} of this team"]


def _mark(
    tx: Tx, page: StatusPage, word: str, given: Mapping[str, Any], old: Resource | None, errors: rules.Errors
) -> tuple[MarkFor, Rule | None]:
    """Which incidents mark it as down (or degraded), the values of its rule read as facts are."""
    field = f"mark_as_{word}_metadata_rule"
    sent = dict(given)
    if sent.get(field) is not None:
        key = str(sent[field].key or "")
        facts = metadata.read_facts(tx, {key: sent[field].values or []}, page.team_id) if key.strip() else {}
        sent[field] = rules.rule_of(key, facts, errors, field)
    default = MarkFor.ANY_INCIDENT if word == "down" else MarkFor.NO_INCIDENT
    mark = _was(old, f"mark_as_{word}_for") or default
    return rules.mark_of(sent, word, mark, _was(old, field), errors)


def _was(old: Resource | None, field: str) -> Any:
    """What a resource said until now; None of a new one."""
    return None if old is None else getattr(old, field)


def _record(tx: Tx, page: StatusPage, name: str, kind: str, id: int, **data: Any) -> None:
    events.record(
        tx, name, team_id=page.team_id, resource_type=kind, resource_id=id, status_page_id=page.id, **data
    )  # fmt: skip
