"""`/feed.atom`: what is reported, for feed readers (Atom, RFC 4287)."""

from __future__ import annotations

from tocsin.pages.outputs.telling import told
from tocsin.pages.outputs.wording import (
    address,
    description,
    instant,
    lasting_name,
    page_title,
    reports,
    title,
    told_at,
    xml,
    xml_attribute,
)
from tocsin.status_pages.model.views import PageView

MEDIA_TYPE = "application/atom+xml; charset=utf-8"


def draw(view: PageView, root: str) -> bytes:
    """One entry per report. Its id stays for ever, also when the page moves to another domain."""
    shown = reports(view)
    updated_at = max([view.updated_at, *map(told_at, shown)])
    entries = "".join(
        f"<entry><id>urn:uuid:{lasting_name(view, 'report', report.id)}</id>"
        f"<title>{xml(title(report, view.made_at))}</title>"
        f"<link rel=\"alternate\" type=\"text/html\" href={xml_attribute(address(report, root))}/>"
        f"<published>{instant(report.created_at)}</published><updated>{instant(told_at(report))}</updated>"
        f"<category term=\"{'maintenance' if report.maintenance else 'incident'}\"/>"
        f"<content type=\"html\">{xml(told(report))}</content></entry>\n"
        for report in shown
    )  # fmt: skip
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">\n'
        f"<id>urn:uuid:{lasting_name(view, 'page')}</id>\n<title>{xml(page_title(view))}</title>\n"
        f"<subtitle>{xml(description(view))}</subtitle>\n"
        f'<link rel="self" type="application/atom+xml" href={xml_attribute(f"{root}/feed.atom")}/>\n'
        f'<link rel="alternate" type="text/html" href={xml_attribute(f"{root}/")}/>\n'
        f"<updated>{instant(updated_at)}</updated>\n"
        f"<author><name>{xml(view.settings.company_name or view.subdomain)}</name></author>\n"
        f"{entries}</feed>\n"
    )
    return text.encode()
