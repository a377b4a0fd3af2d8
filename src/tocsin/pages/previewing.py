"""Draws a page as it would be, for its own team: in a frame of the console, without scripts, kept by nobody."""

from __future__ import annotations

from typing import Protocol

import msgspec
from markupsafe import Markup

from tocsin.kernel.answers import HTML, Answer
from tocsin.pages import drawing, headers
from tocsin.pages.addresses import PREFIX
from tocsin.pages.prose import prose
from tocsin.pages.words import language, languages
from tocsin.status_pages.model.views import PageView, root_of


class Previewed(Protocol):
    """What the public would see, and its logos as `data:` addresses."""

    @property
    def page(self) -> PageView: ...
    @property
    def logo(self) -> str | None: ...
    @property
    def dark_logo(self) -> str | None: ...


class _Place(msgspec.Struct, frozen=True):
    subdomain: str
    custom_domain: str | None


class Previews:
    """What the console needs of the public pages."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    @property
    def languages(self) -> tuple[tuple[str, str], ...]:
        """(code, name) of each language in which readers can have a page."""
        return tuple((code, language(code).name) for code in languages())

    def address(self, subdomain: str, custom_domain: str | None) -> str:
        """Where the public finds a page, without a slash at its end."""
        return root_of(_Place(subdomain, custom_domain), self._base_url)

    def prose(self, text: str) -> Markup:
        """Markdown as readers see it, without anything that could run."""
        return prose(text)

    def draw(self, seen: Previewed, code: str = "en") -> Answer:
        """The front page in a language."""
        view = seen.page
        nonce = headers.new_nonce()
        frame = drawing.Frame(
            root=root_of(view, self._base_url),
            prefix=f"{PREFIX}/{view.subdomain}",
            language=code if code in languages() else "en",
            nonce=nonce,
            has_logo=bool(seen.logo),
            has_dark_logo=bool(seen.dark_logo),
            preview=True,
            logo=seen.logo or "",
            dark_logo=seen.dark_logo or "",
        )
        text = drawing.draw_home(view, frame)
        lines = (
            *headers.ALWAYS,
            *headers.UNINDEXED,
            ("cache-control", "no-store"),
            ("content-security-policy", _policy(view, nonce)),
        )
        return Answer(body=text.encode(), media_type=HTML, headers=lines)


def _policy(view: PageView, nonce: str) -> str:
    """No script runs, no form is sent, and no site but our own may show it. What is allowed beside is for its look."""
    more = " https:" if view.settings.custom_css else ""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self' data:{more}; font-src 'self'{more}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox"
    )
