"""How a status page looks, where it is and who may read it; and how it would look before anything is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.frame import Frame, values_of
from tocsin.console.rooms.status_pages.opened import Opened, everything, opened
from tocsin.console.rooms.status_pages.telling import drafted
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.zones import RAILS_NAMES

LOOK = (
    "company_name", "company_url", "contact_url", "logo_url", "dark_logo_url", "design", "theme", "layout",
    "announcement", "announcement_embed_visible", "announcement_embed_link", "announcement_embed_css", "custom_css",
    "custom_javascript", "google_analytics_id", "whitelabeled",
)  # fmt: skip
RULES = (
    "subdomain", "custom_domain", "timezone", "history", "min_incident_length", "automatic_reports", "subscribable",
    "hide_from_search_engines", "ip_allowlist", "status_page_group_id", "password",
)  # fmt: skip
LINKS_SHOWN = 4
_CHOICES = {
    "design": (("v2", "Modern"), ("v1", "Classic")),
    "theme": (("light", "Light"), ("dark", "Dark"), ("system", "As the reader's device")),
    "layout": (("vertical", "Vertical"), ("horizontal", "Horizontal")),
}
_HINTS = {
    "company_url": "Where your own site is.",
    "contact_url": "Where readers can reach you: an address of the web, or mailto:…",
    "logo_url": "Fetched once and shown from here, so that readers ask nobody else.",
    "dark_logo_url": "For the dark theme; without one, the logo above.",
    "theme": "The classic design knows only light.",
    "announcement": "A bar above everything. Empty: none.",
    "announcement_embed_visible": "Shows the same bar on your own site, where its script is.",
    "announcement_embed_link": "Where the bar on your own site leads.",
    "custom_css": "At most 50,000 characters. Tried out in the preview.",
    "custom_javascript": "Only with a domain of its own: on a shared host it could read other pages."
    " Not run in the preview.",
    "google_analytics_id": "G-…; only with it is anything loaded from elsewhere.",
    "whitelabeled": "Leaves out the line at the bottom.",
    "subdomain": "Letters, digits, dashes and underscores.",
    "custom_domain": "E.g. status.example.com. Empty: none.",
    "timezone": "The days of the history are days of this zone.",
    "history": "How many days are shown: 7 to 365.",
    "min_incident_length": "Seconds. What was shorter is neither shown nor counted. Empty: everything counts.",
    "automatic_reports": "A report for each outage of what is on the page, a minute after it is confirmed, in words"
    " that never hold the cause. Subscribers are told.",
    "subscribable": "Readers may leave an address and are told of updates.",
    "hide_from_search_engines": "Asks them not to list the page.",
    "ip_allowlist": "One address or network on each line; what follows a # is a comment. Empty: from everywhere.",
    "password": "Never shown again. Left empty, the one that is set stays.",
}
_LABELS = {
    "whitelabeled": "Without \N{LEFT DOUBLE QUOTATION MARK}Powered by Tocsin\N{RIGHT DOUBLE QUOTATION MARK}",
    "design": "Design",
    "custom_css": "Style sheet",
    "custom_javascript": "Script",
    "google_analytics_id": "Google Analytics",
    "announcement_embed_visible": "Announce on your own site too",
    "announcement_embed_link": "Link of that bar",
    "announcement_embed_css": "Style of that bar",
    "subdomain": "Address",
    "custom_domain": "Domain of its own",
    "history": "Days of history",
    "min_incident_length": "Shortest outage shown",
    "automatic_reports": "Report outages by itself",
    "subscribable": "Take subscribers",
    "ip_allowlist": "Only from these networks",
    "status_page_group_id": "Group",
}
ACCESS = (
    ("everybody", "Everybody", "Whoever has the address."),
    ("password", "Whoever has the password", "One password for all readers."),
    ("members", "Members of the team", "By a link that is mailed to their address."),
)


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/ID/design`, `…/settings` and `…/preview`."""
    base = "/status-pages/{id:int}"
    return [
        frame.get(f"{base}/design", show),
        frame.post(f"{base}/design", save),
        frame.get(f"{base}/settings", show_settings),
        frame.post(f"{base}/settings", save_settings),
        frame.get(f"{base}/preview", preview),
        frame.post(f"{base}/preview", preview),
    ]


# --- how it looks -----------------------------------------------------------------------------------------------------


async def show(desk: Desk) -> Response:
    """Everything about its look, beside a preview."""
    page = await opened(desk)
    return _designed(page, page.page, page.page["navigation_links"], {})


def _designed(
    page: Opened, values: Mapping[str, Any], links: list[dict[str, str]], errors: Mapping[str, list[str]]
) -> Response:
    spare = [{"text": "", "href": ""}] * max(1, LINKS_SHOWN - len(links))
    return page.draw(
        "design",
        "/design",
        "Design",
        status_code=422 if errors else 200,
        fields=_named(page, LOOK, values, errors),
        links=[*links, *spare],
        errors=errors,
        languages=() if page.desk.previews is None else page.desk.previews.languages,
    )


def _named(
    page: Opened, names: tuple[str, ...], values: Mapping[str, Any], errors: Mapping[str, list[str]], **more: Any
) -> dict[str, Field]:
    found = fields_of(
        page.desk.door.catalogue["status_pages.update"],
        values,
        errors,
        only=names,
        hints=_HINTS,
        choices={**_CHOICES, **more},
        long=("announcement", "custom_css", "custom_javascript", "announcement_embed_css"),
    )
    return {field.name: _relabelled(field) for field in found}


def _relabelled(field: Field) -> Field:
    label = _LABELS.get(field.name, field.label)
    kind = "json" if field.name in ("custom_css", "custom_javascript", "announcement_embed_css") else field.kind
    return Field(
        name=field.name, label=label, kind=kind, required=field.required, choices=field.choices, hint=field.hint,
        value=field.value, errors=field.errors,
    )  # fmt: skip


def _links_of(desk: Desk) -> list[dict[str, str]]:
    pairs = zip(desk.fields.get("link_text", []), desk.fields.get("link_href", []), strict=False)
    return [{"text": text.strip(), "href": href.strip()} for text, href in pairs if text.strip() or href.strip()]


def _look_of(page: Opened) -> dict[str, Any]:
    """What the form says of its look, as the operation takes it."""
    fields = fields_of(page.desk.door.catalogue["status_pages.update"], {}, only=LOOK)
    return {**read_fields(fields, page.desk.fields), "navigation_links": _links_of(page.desk)}


async def save(desk: Desk) -> Response:
    """Keep it: readers see it within seconds."""
    page = await opened(desk)
    try:
        await desk.call("status_pages.update", id=page.id, **_look_of(page))
    except Invalid as error:
        return _designed(page, {**page.page, **_typed(desk)}, _links_of(desk), wrong(error))
    return page.go("/design", "Saved. Readers see it within seconds.")


def _typed(desk: Desk) -> dict[str, Any]:
    """What was typed, with every switch that was left off."""
    switches = (
        "announcement_embed_visible",
        "whitelabeled",
        "automatic_reports",
        "subscribable",
        "hide_from_search_engines",
    )
    return {**dict.fromkeys(switches, ""), **values_of(desk.fields)}


# --- where it is, who may read it -------------------------------------------------------------------------------------


async def show_settings(desk: Desk) -> Response:
    """Address, access, and what it tells by itself."""
    page = await opened(desk)
    return await _settings(page, page.page, _access(page.page), {})


async def _settings(page: Opened, values: Mapping[str, Any], access: str, errors: Mapping[str, list[str]]) -> Response:
    groups = await everything(page.desk, "status_page_groups.list")
    none = ("", "In no group")
    return page.draw(
        "settings",
        "/settings",
        "Settings",
        status_code=422 if errors else 200,
        fields=_named(
            page, RULES, values, errors, status_page_group_id=(none, *((g["id"], g["name"]) for g in groups))
        ),
        access=access,
        ways=ACCESS,
        zones=RAILS_NAMES,
        host=urlsplit(page.desk.base_url).hostname or "",
        named_host=not _is_number(urlsplit(page.desk.base_url).hostname or ""),
        base=page.desk.base_url,
        errors=errors,
    )


def _is_number(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _access(page: Mapping[str, Any]) -> str:
    return "members" if page["require_sso"] else "password" if page["password_enabled"] else "everybody"


async def save_settings(desk: Desk) -> Response:
    """Keep them."""
    page = await opened(desk)
    fields = [*_named(page, RULES, {}, {}).values()]
    access = desk.field("access", _access(page.page))
    try:
        body = read_fields(fields, desk.fields)
        group = body.get("status_page_group_id")
        body["status_page_group_id"] = int(group) if group and str(group).isdigit() else None
        body |= {"password_enabled": access == "password", "require_sso": access == "members"}
        if access != "password":
            body.pop("password", None)
        await desk.call("status_pages.update", id=page.id, **body)
    except Invalid as error:
        return await _settings(page, {**page.page, **_typed(desk)}, access, wrong(error))
    return page.go("/settings", "Saved.")


# --- how it would look ------------------------------------------------------------------------------------------------


async def preview(desk: Desk) -> Response:
    """The page as readers would see it, with what the form beside it says. Nothing is saved; no script runs; only this
    console may show it, and nobody keeps it."""
    if desk.previews is None:
        raise NotFound("preview", desk.id)
    page = await opened(desk)
    form = desk.field("of")
    try:
        body = _look_of(page) if form == "design" else {"report": drafted(desk)} if form == "report" else {}
        reply = await desk.call("status_pages.preview", id=page.id, **body)
    except Invalid as error:
        return _unseen(desk, wrong(error))
    drawn = desk.previews.draw(reply.value, desk.field("language") or desk.asked("language") or "en")
    return Response(drawn.body, media_type=drawn.media_type, headers=dict(drawn.headers))


def _unseen(desk: Desk, errors: Mapping[str, list[str]]) -> Response:
    """What is still wrong with it, in place of the page."""
    response = desk.page("status_pages/unseen.html", status_code=422, errors=errors)
    policy = response.headers["content-security-policy"]
    response.headers["content-security-policy"] = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    return response
