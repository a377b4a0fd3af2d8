"""One request for a public page as the parts of this package see it, and how an answer leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any

from tocsin.kernel.answers import Answer
from tocsin.pages.addresses import Place
from tocsin.pages.clients import Address
from tocsin.pages.gate import cookie_value
from tocsin.pages.targets import asked
from tocsin.pages.words import languages, negotiate

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]

LANGUAGE_COOKIE = "tocsin_lang"
LANGUAGE_KEPT_SECONDS = 365 * 86_400


class Asking:
    """What was asked for, by whom, in which language."""

    def __init__(self, scope: Scope, place: Place, client: Address | None) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: HeaderList = scope["headers"]
        self.query: bytes = scope["query_string"]
        self.raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.place = place
        self.client = client

    @property
    def client_text(self) -> str | None:
        return None if self.client is None else str(self.client)

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    def text(self, name: bytes) -> str:
        return (self.header(name) or b"").decode("latin-1")

    @cached_property
    def cookies(self) -> str:
        return "; ".join(value.decode("latin-1") for name, value in self.headers if name == b"cookie")

    @cached_property
    def chosen_language(self) -> str | None:
        """The language that a link of the page names."""
        wanted = asked(self.query, "lang")
        return wanted if wanted in languages() else None

    @cached_property
    def language(self) -> str:
        """Chosen now, chosen before, or the browser's."""
        before = cookie_value(self.cookies, LANGUAGE_COOKIE) if LANGUAGE_COOKIE in self.cookies else ""
        if self.chosen_language:
            return self.chosen_language
        return before if before in languages() else negotiate(self.text(b"accept-language"))


def cookie(name: str, value: str, *, path: str, seconds: int, secure: bool) -> tuple[str, str]:
    """A Set-Cookie line that no script reads and no other site's form sends."""
    line = f"{name}={value}; Path={path or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return "set-cookie", line + ("; Secure" if secure else "")


def redirect(location: str, status: int = 303, *more: tuple[str, str]) -> Answer:
    """Go on elsewhere on this page."""
    lines = (("location", location), ("cache-control", "no-store"), ("referrer-policy", "same-origin"), *more)
    return Answer(body=b"", media_type="text/plain; charset=utf-8", status=status, headers=lines)


def plain(status: int, words: str, *more: tuple[str, str]) -> Answer:
    """A sentence, for programs and for what has no page."""
    lines = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"), *more)
    return Answer(body=f"{words}\n".encode(), media_type="text/plain; charset=utf-8", status=status, headers=lines)


async def send_answer(send: Send, status: int, lines: HeaderList, body: bytes, *, head: bool) -> None:
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if head else body})
