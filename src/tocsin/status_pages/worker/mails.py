"""The mails to subscribers: an update in the look of its page, and the one that asks to confirm a subscription."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

from tocsin.kernel.zones import zone
from tocsin.notify.channels.letters import blank, line
from tocsin.status_pages.model import StatusPage, SubscriberKind
from tocsin.status_pages.model.notices import News, Notice
from tocsin.status_pages.rules import subscribing
from tocsin.status_pages.rules.addresses import report_address
from tocsin.status_pages.worker.words import say, standing

MAX_MESSAGE_CHARACTERS = 20_000
"""Of an update in a mail: more is read on the page."""
MAX_AFFECTED = 50
"""Resources that a mail names."""
MAX_NAME_CHARACTERS = 200
MAX_LINE_CHARACTERS = 900
"""Of a line that is not encoded (RFC 5322, 2.1.1: 998)."""
_TONES = {
    "downtime": "#c62828",
    "degraded": "#a15c00",
    "maintenance": "#3b5bdb",
    "scheduled": "#3b5bdb",
}
_WELL = "#1b7f4b"
_ASKS = "#3b5bdb"


def compose(notice: Notice, author_address: str, mail_domain: str) -> EmailMessage:
    """The whole mail. `author_address`: from which all our mail comes; `mail_domain`: where we receive mail; empty =
    we receive none."""
    news = notice.news
    return _asking(notice, author_address) if news is None else _update(notice, news, author_address, mail_domain)


@lru_cache(maxsize=64)
def markdown(text: str) -> str:
    """An update's Markdown as HTML: no HTML of its own, no pictures that tell somebody who has read it."""
    rendered: str = _markdown().render(text[:MAX_MESSAGE_CHARACTERS])
    return rendered


def company(page: StatusPage) -> str:
    """By which name a page speaks."""
    return line(page.settings.company_name)[:MAX_NAME_CHARACTERS] or page.subdomain


def _update(notice: Notice, news: News, author_address: str, mail_domain: str) -> EmailMessage:
    language, name = notice.subscriber.language, company(notice.page)
    title, how = line(news.title), standing(notice.subscriber.language, news.standing)
    mail = _blank(notice, f"[{name}] {title}: {how}", author_address)
    leave = f"{notice.root}/unsubscribe/{notice.subscription_token}"
    page_domain = author_address.rpartition("@")[2]
    mail["List-Id"] = f"<status-page-{notice.page.id}.{page_domain}>"
    ways = [f"<{leave}>"] + ([f"<mailto:{notice.leave_path}@{mail_domain}>"] if mail_domain else [])
    mail["List-Unsubscribe"] = ", ".join(ways)
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    mail["Precedence"] = "bulk"
    _fill(mail, {
        "language": language,
        "company": name,
        "title": title,
        "standing": how,
        "window": _window(notice.page, news, language),
        "said": Markup(markdown(news.message)),  # noqa: S704 - made of Markdown alone, see `markdown`
        "text": news.message[:MAX_MESSAGE_CHARACTERS].strip(),
        "affected": [
            (line(each)[:MAX_NAME_CHARACTERS], standing(language, word)) for each, word in news.affected[:MAX_AFFECTED]
        ],
        "url": report_address(notice.root, news.report_id, maintenance=news.maintenance),
        "link_text": say(language, "see"),
        "notes": [say(language, "why", address=notice.subscriber.email or "", company=name)],
        "leave_url": leave,
        "leave_text": say(language, "leave"),
        "tone": _TONES.get(news.standing, _WELL),
    })  # fmt: skip
    return mail


def _asking(notice: Notice, author_address: str) -> EmailMessage:
    """Asks for a confirmation; whoever is subscribed already reads that they are."""
    person, name = notice.subscriber, company(notice.page)
    language, asks = person.language, bool(notice.confirmation_token)
    title = say(language, "confirm_subject" if asks else "known_subject", company=name)
    text = say(language, "known_text", company=name)
    notes = [say(language, "known_ignore")]
    url = f"{notice.root}/unsubscribe/{notice.subscription_token}"
    if asks:
        place = subscribing.where(person.kind, person.address)
        key = "confirm_text" if person.kind is SubscriberKind.EMAIL else "confirm_place"
        text = say(language, key, company=name, place=place)
        url = f"{notice.root}/subscribe/confirm/{notice.confirmation_token}"
        notes = [say(language, "confirm_ignore", days=subscribing.CONFIRMATION_LIFETIME.days)]
        if notice.signing_secret:
            notes.append(f"{say(language, 'signed')} {notice.signing_secret}")
    mail = _blank(notice, title, author_address)
    _fill(mail, {
        "language": language,
        "company": name,
        "title": title,
        "standing": "",
        "window": "",
        "said": text,
        "text": text,
        "affected": [],
        "url": url,
        "link_text": say(language, "confirm_button" if asks else "known_button"),
        "notes": notes,
        "leave_url": "",
        "leave_text": "",
        "tone": _ASKS,
    })  # fmt: skip
    return mail


def _blank(notice: Notice, subject: str, author_address: str) -> EmailMessage:
    return blank(
        author=company(notice.page),
        sender=author_address,
        recipient="",
        address=notice.subscriber.email or "",
        subject=subject,
        at=notice.at,
        key=notice.key,
        thread=notice.thread,
    )


def _fill(mail: EmailMessage, words: dict[str, Any]) -> None:
    mail.set_content(_templates().get_template("update.txt").render(words))
    html = _templates().get_template("update.html").render(words).encode("ascii", "xmlcharrefreplace").decode()
    if max(map(len, html.splitlines())) <= MAX_LINE_CHARACTERS:  # as it is: encoding it would cost a third of the mail
        mail.add_alternative(html, subtype="html", cte="7bit")
    else:
        mail.add_alternative(html, subtype="html")


def _window(page: StatusPage, news: News, language: str) -> str:
    """When maintenance begins and ends, by the page's own clock."""
    if not news.maintenance or news.ends_at is None:
        return ""
    start, end = (_time(page, at) for at in (news.starts_at, news.ends_at))
    return say(language, "window", start=start, end=end)


def _time(page: StatusPage, at: datetime) -> str:
    return at.astimezone(zone(page.settings.timezone)).strftime("%Y-%m-%d %H:%M %Z")


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).disable("image")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
