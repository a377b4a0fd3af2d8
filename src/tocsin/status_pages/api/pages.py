"""The operations on status pages (contract part 2, 5.1 and 5.2)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.registry.input import given
from tocsin.status_pages import actions
from tocsin.status_pages.model import StatusPage
from tocsin.storage import Tx

AREA = "status_pages"


class LinkAttributes(msgspec.Struct):
    """One entry of the navigation."""

    text: str
    href: str


class PageAttributes(msgspec.Struct):
    """The attributes of a status page."""

    company_name: str
    company_url: str
    contact_url: str | None
    logo_url: str | None
    logo_remote_url: str | None
    dark_logo_url: str | None
    dark_logo_remote_url: str | None
    whitelabeled: bool
    timezone: str
    subdomain: str
    custom_domain: str | None
    custom_css: str | None
    custom_javascript: str | None
    google_analytics_id: str | None
    min_incident_length: int | None
    announcement: str | None
    announcement_embed_visible: bool
    announcement_embed_css: str | None
    announcement_embed_link: str | None
    automatic_reports: bool
    aggregate_state: str
    design: str
    theme: str
    layout: str
    navigation_links: list[LinkAttributes]
    subscribable: bool
    hide_from_search_engines: bool
    history: int
    published: bool
    password_enabled: bool
    require_sso: bool
    ip_allowlist: list[str]
    status_page_group_id: int | None
    team_name: str
    created_at: str
    updated_at: str


class LinkInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One entry of the navigation: `href` is `/`, `/maintenance`, `/incidents` or a whole URL."""

    text: str | None = None
    href: str | None = None


class PageFields(msgspec.Struct, kw_only=True):
    """What may be sent about a page."""

    company_name: str | UnsetType | None = UNSET
    company_url: str | UnsetType | None = UNSET
    contact_url: str | UnsetType | None = UNSET
    logo_url: str | UnsetType | None = UNSET
    logo_remote_url: str | UnsetType | None = UNSET
    """Terraform's name of `logo_url`."""
    dark_logo_url: str | UnsetType | None = UNSET
    dark_logo_remote_url: str | UnsetType | None = UNSET
    whitelabeled: bool | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    subdomain: str | UnsetType | None = UNSET
    custom_domain: str | UnsetType | None = UNSET
    custom_css: str | UnsetType | None = UNSET
    custom_javascript: str | UnsetType | None = UNSET
    google_analytics_id: str | UnsetType | None = UNSET
    min_incident_length: int | UnsetType | None = UNSET
    announcement: str | UnsetType | None = UNSET
    announcement_embed_visible: bool | UnsetType | None = UNSET
    announcement_embed_css: str | UnsetType | None = UNSET
    announcement_embed_custom_css: str | UnsetType | None = UNSET
    """An older client's name of `announcement_embed_css`."""
    announcement_embed_link: str | UnsetType | None = UNSET
    automatic_reports: bool | UnsetType | None = UNSET
    design: str | UnsetType | None = UNSET
    theme: str | UnsetType | None = UNSET
    layout: str | UnsetType | None = UNSET
    navigation_links: list[LinkInput] | UnsetType | None = UNSET
    subscribable: bool | UnsetType | None = UNSET
    hide_from_search_engines: bool | UnsetType | None = UNSET
    history: int | UnsetType | None = UNSET
    published: bool | UnsetType | None = UNSET
    password_enabled: bool | UnsetType | None = UNSET
    password: str | UnsetType | None = UNSET
    """Never shown again. An empty one opens the page."""
    require_sso: bool | UnsetType | None = UNSET
    ip_allowlist: list[str] | UnsetType | None = UNSET
    status_page_group_id: int | UnsetType | None = UNSET


class CreatePage(PageFields, kw_only=True):
    """A page to be: `subdomain` and `timezone` are needed."""

    team_name: str | UnsetType | None = UNSET


class UpdatePage(PageFields, kw_only=True):
    """What changes; what is not sent stays."""

    id: int


class OnePage(msgspec.Struct, kw_only=True):
    id: int


class ListPages(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


def _render(page: StatusPage) -> PageAttributes:
    settings = page.settings
    return PageAttributes(
        company_name=settings.company_name,
        company_url=settings.company_url,
        contact_url=settings.contact_url,
        logo_url=settings.logo_url,
        logo_remote_url=settings.logo_url,
        dark_logo_url=settings.dark_logo_url,
        dark_logo_remote_url=settings.dark_logo_url,
        whitelabeled=settings.whitelabeled,
        timezone=settings.timezone,
        subdomain=page.subdomain,
        custom_domain=page.custom_domain,
        custom_css=settings.custom_css,
        custom_javascript=settings.custom_javascript,
        google_analytics_id=settings.google_analytics_id,
        min_incident_length=settings.min_incident_length,
        announcement=settings.announcement,
        announcement_embed_visible=settings.announcement_embed_visible,
        announcement_embed_css=settings.announcement_embed_css,
        announcement_embed_link=settings.announcement_embed_link,
        automatic_reports=settings.automatic_reports,
        aggregate_state=page.aggregate_state.value,
        design=settings.design,
        theme=settings.theme,
        layout=settings.layout,
        navigation_links=[LinkAttributes(link.text, link.href) for link in settings.navigation_links],
        subscribable=settings.subscribable,
        hide_from_search_engines=settings.hide_from_search_engines,
        history=settings.history,
        published=page.published,
        password_enabled=settings.password_enabled,
        require_sso=settings.require_sso,
        ip_allowlist=list(settings.ip_allowlist),
        status_page_group_id=page.status_page_group_id,
        team_name=page.team_name,
        created_at=to_wire(page.created_at),
        updated_at=to_wire(page.updated_at),
    )


STATUS_PAGE = Resource(
    type=actions.TYPE,
    attributes=PageAttributes,
    render=_render,
    doc="A page for the public: how what you run is doing, and what you say about it.",
)


def _list(tx: Tx, call: Call, input: ListPages) -> Page[StatusPage]:
    found, total = actions.list_pages(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: OnePage) -> StatusPage:
    return actions.find_page(tx, input.id, call.team_ids)


def _create(tx: Tx, call: Call, input: CreatePage) -> StatusPage:
    assert call.team_id is not None
    return actions.create_page(tx, call.team_id, given(input, PageFields), call.base_url)


def _update(tx: Tx, call: Call, input: UpdatePage) -> StatusPage:
    return actions.update_page(tx, input.id, call.team_ids, given(input, PageFields), call.base_url)


def _delete(tx: Tx, call: Call, input: OnePage) -> None:
    actions.delete_page(tx, input.id, call.team_ids)


_ONE, _ALL = "/api/v2/status-pages/{id}", "/api/v2/status-pages"

PAGE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="status_pages.list", routes=(Route("GET", _ALL),), area=AREA, level="read", input=ListPages,
        handler=_list, resource=STATUS_PAGE, answer="list", scope=Scope.LIST,
        doc="List status pages.", deed="listed status pages",
    ),
    Operation(
        name="status_pages.get", routes=(Route("GET", _ONE),), area=AREA, level="read", input=OnePage,
        handler=_get, resource=STATUS_PAGE, doc="Show a status page.", deed="looked at a status page",
    ),
    Operation(
        name="status_pages.create", routes=(Route("POST", _ALL),), area=AREA, level="write", input=CreatePage,
        handler=_create, resource=STATUS_PAGE, scope=Scope.CREATE, switch="publish", event="status_page.created",
        secrets=("password",), doc="Create a status page.", deed="created a status page",
    ),
    Operation(
        name="status_pages.update", routes=(Route("PATCH", _ONE),), area=AREA, level="write", input=UpdatePage,
        handler=_update, resource=STATUS_PAGE, switch="publish", event="status_page.updated", secrets=("password",),
        doc="Change, publish or take back a status page.", deed="changed a status page",
    ),
    Operation(
        name="status_pages.delete", routes=(Route("DELETE", _ONE),), area=AREA, level="full", input=OnePage,
        handler=_delete, answer="none", resource=STATUS_PAGE, switch="delete", event="status_page.deleted",
        doc="Delete a status page with everything on it, its subscribers too.", deed="deleted a status page",
    ),
)  # fmt: skip
