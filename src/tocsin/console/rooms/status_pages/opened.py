"""The status page that somebody looks at, and what stands above each of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk
from tocsin.console.fields import Field, label_of

TABS = (
    ("", "Overview"),
    ("/structure", "Structure"),
    ("/design", "Design"),
    ("/settings", "Settings"),
    ("/reports", "Reports"),
    ("/subscribers", "Subscribers"),
)
ALL = 250
"""As many as a list gives at once."""


class Opened:
    """A page of the team, and how its parts are drawn."""

    def __init__(self, desk: Desk, page: Mapping[str, Any]) -> None:
        self.desk = desk
        self.page = page
        self.id = int(page["id"])
        self.name: str = page["company_name"] or page["subdomain"]
        self.home = f"/status-pages/{page['id']}"
        self.address = address_of(desk, page)

    def draw(self, template: str, tab: str, title: str, status_code: int = 200, **values: Any) -> Response:
        """One of its parts in the frame of the page. `tab`: which of `TABS` it belongs to."""
        return self.desk.page(
            f"status_pages/{template}.html",
            status_code=status_code,
            opened=self,
            page=self.page,
            tabs=[(f"{self.home}{part}", words, part == tab) for part, words in TABS],
            part_title=title,
            **values,
        )

    def go(self, part: str, notice: str = "") -> Response:
        """On to another of its parts."""
        return self.desk.go(f"{self.home}{part}", notice)

    async def resources(self) -> list[dict[str, Any]]:
        """All that is on it, in its order."""
        return await everything(self.desk, "status_page_resources.list", status_page_id=self.id)

    async def sections(self) -> list[dict[str, Any]]:
        """Its sections, in their order."""
        return await everything(self.desk, "status_page_sections.list", status_page_id=self.id)


async def opened(desk: Desk) -> Opened:
    """The page in the address. Raises NotFound."""
    return Opened(desk, await desk.one("status_pages.get", id=desk.id))


async def everything(desk: Desk, name: str, **arguments: Any) -> list[dict[str, Any]]:
    """A list that is never long, whole: at most a thousand."""
    found: list[dict[str, Any]] = []
    for number in (1, 2, 3, 4):
        part = await desk.many(name, page=number, per_page=ALL, **arguments)
        found += part.items
        if number >= part.pages:
            break
    return found


def address_of(desk: Desk, page: Mapping[str, Any]) -> str:
    """Where the public finds it."""
    if desk.previews is None:
        return ""
    return desk.previews.address(page["subdomain"], page["custom_domain"])


def text(name: str, label: str = "", *, kind: str = "text", value: str = "", hint: str = "", **more: Any) -> Field:
    """A line of a form that is no operation's field, or is called otherwise."""
    return Field(name=name, label=label or label_of(name), kind=kind, value=value, hint=hint, **more)
