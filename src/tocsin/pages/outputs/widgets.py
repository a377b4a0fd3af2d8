"""What other sites show of a page: `/widgets/announcement.js`, `/widgets/status.js` and the facts behind them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from tocsin.kernel.prose import safe_address
from tocsin.pages.outputs.wording import STATE_COLOURS, description, standing
from tocsin.pages.prose import plain
from tocsin.status_pages.model.views import PageView

SCRIPTS = ("announcement.js", "status.js")
MEDIA_TYPE = "text/javascript; charset=utf-8"
MAX_SHOWN = 5
"""Reports in the badge's popover."""


@cache
def script(name: str) -> bytes:
    """A script as it is served: it asks for the facts at the address that it came from itself."""
    return (files("tocsin.pages") / "widgets" / name).read_bytes()


def announcement(view: PageView) -> bytes:
    """What stands in the bar on other sites: nothing while it is switched off."""
    settings = view.settings
    shown = bool(settings.announcement) and settings.announcement_embed_visible
    return msgspec.json.encode(
        {
            "visible": shown,
            "text": plain(settings.announcement or "", 500) if shown else "",
            "link": safe_address(settings.announcement_embed_link) if shown else None,
            "css": settings.announcement_embed_css if shown else None,
        }
    )


def status(view: PageView, root: str) -> bytes:
    """What the badge says, and what its popover tells of."""
    told = [
        {"title": report.title, "standing": standing(report, view.made_at), "url": f"{root}/{kind}/{report.id}"}
        for kind, reports in (("incidents", view.current), ("maintenance", view.maintenance))
        for report in reports[:MAX_SHOWN]
    ]
    return msgspec.json.encode(
        {
            "name": view.settings.company_name or view.subdomain,
            "state": view.state,
            "words": description(view),
            "colour": STATE_COLOURS[view.state],
            "url": f"{root}/",
            "reports": told[:MAX_SHOWN],
        }
    )
