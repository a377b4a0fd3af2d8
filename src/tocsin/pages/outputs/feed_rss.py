"""`/feed.rss`: what is reported, for feed readers and bots in chats (RSS 2.0; contract part 2, 5.7)."""

from __future__ import annotations

from email.utils import format_datetime

from tocsin.pages.outputs.telling import told
from tocsin.pages.outputs.wording import address, description, page_title, reports, title, told_at, xml, xml_attribute
from tocsin.status_pages.model.views import PageView

MEDIA_TYPE = "application/rss+xml; charset=utf-8"


def draw(view: PageView, root: str) -> bytes:
    """One item per report. Its guid stays; its date is that of the last update, so that readers show it again."""
    shown = reports(view)
    built_at = max([view.updated_at, *map(told_at, shown)])
    items = "".join(
        f"<item><title>{xml(title(report, view.made_at))}</title>"
        f"<link>{xml(address(report, root))}</link>"
        f"<guid isPermaLink=\"true\">{xml(address(report, root))}</guid>"
        f"<pubDate>{format_datetime(told_at(report))}</pubDate>"
        f"<category>{'maintenance' if report.maintenance else 'incident'}</category>"
        f"<description>{xml(told(report))}</description></item>\n"
        for report in shown
    )  # fmt: skip
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>\n'
        f"<title>{xml(page_title(view))}</title>\n<link>{xml(root)}/</link>\n"
        f"<description>{xml(description(view))}</description>\n"
        f'<atom:link href={xml_attribute(f"{root}/feed.rss")} rel="self" type="application/rss+xml"/>\n'
        f"<language>en</language>\n<lastBuildDate>{format_datetime(built_at)}</lastBuildDate>\n<ttl>5</ttl>\n"
        f"{items}</channel></rss>\n"
    )
    return text.encode()
