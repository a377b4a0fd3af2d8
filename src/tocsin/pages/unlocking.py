"""Lets readers into private pages: a password that is typed, or a link that is mailed to members."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from tocsin.kernel.answers import Answer, Packed
from tocsin.kernel.errors import TocsinError, TooMany
from tocsin.pages.addresses import Addresses
from tocsin.pages.asking import Asking, Receive, cookie, redirect
from tocsin.pages.cache import Kept
from tocsin.pages.forms import FormTokens, TooLarge, field, from_here, read
from tocsin.pages.gate import Gatekeeper, Verdict
from tocsin.pages.targets import DRAWN, Target, asked
from tocsin.pages.targets import read as read_target
from tocsin.pages.words import language
from tocsin.status_pages.model.views import Site

log = structlog.get_logger()

MAX_LINKS_UNDER_WAY = 50
"""Sign-in mails that are being written down; the answer never waits for them."""

MailLink = Callable[[int, str, str, Callable[[int], tuple[str, str]]], Awaitable[None]]
"""(team id, e-mail address, name of the page, what makes the link): see `gateway.readers.mail_link`."""
Said = Answer | Packed | Kept
ShowGate = Callable[[Asking, Site, str, str, int, str], Awaitable[Said]]
"""(asking, site, kind of gate, error, status, the path below the page that was asked for at first)."""


class Unlocking:
    """What stands behind `/unlock`."""

    def __init__(
        self, keeper: Gatekeeper, addresses: Addresses, tokens: FormTokens, show: ShowGate,
        name_of: Callable[[Site], Awaitable[str]], mail_link: MailLink | None,
    ) -> None:  # fmt: skip
        self._keeper = keeper
        self._addresses = addresses
        self._tokens = tokens
        self._show = show
        self._name_of = name_of
        self._mail_link = mail_link
        self._mailing: set[asyncio.Task[None]] = set()

    async def answer(self, asking: Asking, site: Site, target: Target, receive: Receive) -> Said:
        """A link that is followed, or a form that is sent."""
        if target.name:
            return await self._follow(asking, site, target.name)
        if asking.method != "POST":
            return redirect(_in_language(asking, asking.place.prefix + _back(asking, asked(asking.query, "back"))))
        verdict = await self._keeper.judge(site, asking.client, asking.cookies)
        back = _back(asking)
        if verdict is Verdict.OPEN:
            return redirect(asking.place.prefix + back)
        if verdict is Verdict.REFUSED:
            return await self._show(asking, site, verdict.value, "", 403, back)
        say = language(asking.language).say
        try:
            fields = await read(receive)
        except TooLarge:
            return await self._show(asking, site, verdict.value, "", 413, back)
        back = _back(asking, field(fields, "back"))
        if not from_here(asking.headers) or not self._tokens.good(site.id, field(fields, "csrf")):
            return await self._show(asking, site, verdict.value, say("try_again"), 403, back)
        try:
            if verdict is Verdict.PASSWORD:
                return await self._password(asking, site, field(fields, "password"), back)
            return await self._mail(asking, site, field(fields, "email").strip())
        except TooMany:
            return await self._show(asking, site, verdict.value, say("too_many"), 429, back)

    async def close(self) -> None:
        """Wait for the mails that are being written down."""
        if self._mailing:
            await asyncio.wait(self._mailing)

    async def _password(self, asking: Asking, site: Site, given: str, back: str) -> Said:
        if not await self._keeper.password(site, asking.client, given):
            log.warning("a wrong password for a status page", page=site.id, client=asking.client_text)
            return await self._show(asking, site, "password", language(asking.language).say("gate_wrong"), 403, back)
        value, lifetime = self._keeper.remembering(site)
        return self._let_in(asking, site, Verdict.PASSWORD, value, lifetime, back)

    async def _mail(self, asking: Asking, site: Site, email: str) -> Said:
        """The same answer for everybody, in the same time: whether a link is mailed is seen by who gets it."""
        self._keeper.links.check(site.id, asking.client)
        self._keeper.links.count(site.id, asking.client)
        if self._mail_link is not None and email and len(self._mailing) < MAX_LINKS_UNDER_WAY:
            task = asyncio.create_task(self._post(site, email))
            self._mailing.add(task)
            task.add_done_callback(self._mailing.discard)
        return await self._show(asking, site, "check_mail", "", 200, "/")

    async def _post(self, site: Site, email: str) -> None:
        assert self._mail_link is not None
        beginning = f"{self._addresses.root(site)}/unlock/"
        try:
            name = await self._name_of(site)
            await self._mail_link(site.team_id, email, name, lambda id: (beginning, self._keeper.link(site, id)))
        except TocsinError:
            log.exception("a sign-in link for a status page could not be sent", page=site.id)

    async def _follow(self, asking: Asking, site: Site, link: str) -> Said:
        verdict = await self._keeper.judge(site, asking.client, asking.cookies)
        if verdict is Verdict.REFUSED:
            return await self._show(asking, site, verdict.value, "", 403, "/")
        user_id = await self._keeper.opened(site, link) if site.gate.require_sso else None
        if user_id is None:
            if verdict is Verdict.OPEN:
                return redirect(f"{asking.place.prefix}/")
            return await self._show(
                asking, site, verdict.value, language(asking.language).say("unknown_link"), 403, "/"
            )
        value, lifetime = self._keeper.session(site, user_id)
        return self._let_in(asking, site, Verdict.MEMBERS, value, lifetime, "/")

    def _let_in(
        self, asking: Asking, site: Site, verdict: Verdict, value: str, lifetime: timedelta, back: str
    ) -> Answer:  # fmt: skip
        line = cookie(
            self._keeper.cookie(site, verdict), value, path=asking.place.prefix,
            seconds=int(lifetime.total_seconds()), secure=self._addresses.secure,
        )  # fmt: skip
        return redirect(asking.place.prefix + back, 303, line)


def _back(asking: Asking, named: str = "") -> str:
    """Where they wanted to go in the first place, as the form or else their browser says: the path below this page, of
    a part of it that people read."""
    if not named:
        _, _, rest = asking.text(b"referer").partition("://")
        host, slash, path = rest.partition("/")
        below = f"/{path}".removeprefix(asking.place.prefix)
        named = below if slash and host.lower() == asking.text(b"host").lower() else ""
    path, _, query = named.partition("?")
    target = read_target(path, query.encode())
    return target.path if target is not None and target.kind in DRAWN else "/"


def _in_language(asking: Asking, path: str) -> str:
    """The gate's links to other languages lead here: the page that is asked for keeps what they chose."""
    if asking.chosen_language is None:
        return path
    return f"{path}{'&' if '?' in path else '?'}lang={asking.chosen_language}"
