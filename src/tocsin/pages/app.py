"""The public pages as an ASGI application: which page is asked for, whether the reader may see it, and the answer.

Unchanged open pages also go the short way (`ready`): whole answers from memory, without a scope or a task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote
from weakref import ref

import msgspec
import structlog

from tocsin.kernel.answers import HTML, JSON, Answer, Form, Packed, pack, takes_gzip
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError
from tocsin.kernel.vault import Vault
from tocsin.pages import drawing, headers
from tocsin.pages.addresses import PREFIX, WIDGETS, Addresses, Directory, Place
from tocsin.pages.agents import Agents, Telling
from tocsin.pages.asking import (
    LANGUAGE_COOKIE,
    LANGUAGE_KEPT_SECONDS,
    Asking,
    HeaderList,
    Receive,
    Scope,
    Send,
    cookie,
    plain,
    redirect,
    send_answer,
)
from tocsin.pages.cache import Cache, Gone, Kept, Reading
from tocsin.pages.clients import Clients
from tocsin.pages.forms import CutOff, FormTokens, TooLarge, field, from_here, read
from tocsin.pages.gate import Gatekeeper, Verdict
from tocsin.pages.outputs import robots_txt, widgets
from tocsin.pages.rendering import VOLATILE, Readers, Renderer, Where, asset, framed, widget
from tocsin.pages.slots import Busy
from tocsin.pages.targets import DEEDS, DRAWN, SHARED, Kind, Target
from tocsin.pages.targets import read as read_target
from tocsin.pages.unlocking import MailLink, Unlocking
from tocsin.pages.visiting import CONFIRM, UNSUBSCRIBE, Outcome, Visitors
from tocsin.pages.words import language
from tocsin.status_pages.model.views import Site

log = structlog.get_logger()

OPERATION_KEY = "tocsin.operation"
"""Where the metrics look for what a request was."""
PLACE_KEY = "tocsin.place"
MAX_SHORT = 4_096
"""Ways of asking (host, address, encodings, languages) whose answer is known at sight; then they are learnt anew."""
MAX_SHORT_BYTES = 500
"""Of one way of asking: browsers need less, and strangers fill our memory with no longer ones."""
_LINKS = {Kind.CONFIRM: CONFIRM, Kind.UNSUBSCRIBE: UNSUBSCRIBE}


Said = Answer | Packed | Kept
"""What an answer is: short words, a page for one reader, or one that is kept for all."""


class Pages:
    """See the module's docstring. Belongs to one event loop."""

    def __init__(
        self,
        readers: Readers,
        *,
        base_url: str,
        clock: Clock,
        vault: Vault,
        trusted_proxies: Sequence[str] = (),
        visitors: Visitors | None = None,
        is_member: Callable[[int, int], Awaitable[bool]] | None = None,
        mail_link: MailLink | None = None,
        push_key: str = "",
        telling: Callable[[Mapping[str, str]], Telling] | None = None,
    ) -> None:
        """`is_member(team id, user id)` and `mail_link` sign members in; without them nobody is. `push_key`: with which
        browsers subscribe; empty where they cannot. `telling` brings who speaks with agents."""
        self._readers = readers
        self._clock = clock
        self.addresses = Addresses(base_url)
        self.directory = Directory()
        self._clients = Clients(trusted_proxies)
        self.cache = Cache(clock, readers.reading)
        self._renderer = Renderer(readers)
        self._agents = Agents(self.cache, clock, telling)
        self._visitors = visitors
        self._push_key = push_key
        self._tokens = FormTokens(vault, clock)
        self._keeper = Gatekeeper(vault, clock, is_member)
        self._unlocking = Unlocking(
            self._keeper, self.addresses, self._tokens, self._show_gate, self._name_of, mail_link
        )
        self._short: dict[tuple[bytes | None, bytes, bytes | None, bytes | None], tuple[ref[Kept], bool]] = {}
        """What is known at sight, and whether packed; how long it is kept is the cache's to say."""
        self._missing: dict[tuple[str, str], Packed] = {}
        self.answered = 0
        """Requests answered so far, by either way."""

    # --- renewal ------------------------------------------------------------------------------------------------------

    def rung(self) -> None:
        """Something happened: every page may have changed."""
        self.cache.rung()

    async def renew_directory(self) -> None:
        """Read anew which pages there are and who may read them."""
        directory = Directory(await self._readers.directory())
        for id, site in self.directory.by_id.items():
            if directory.by_id.get(id) != site:
                self.cache.forget(id)
        self.directory = directory

    async def close(self) -> None:
        await self._unlocking.close()
        await self._agents.close()
        await self.cache.settled()
        self.cache.close()
        self._keeper.close()

    # --- the short way ------------------------------------------------------------------------------------------------

    def ready(self, url: bytes, lines: HeaderList, always: HeaderList) -> bytes | None:
        """The whole answer to a plain GET, when it is known and nothing has changed; None = go the long way."""
        host = encodings = wished = known = None
        for name, value in lines:
            if name == b"host":
                if host is not None:
                    return None  # two of them: the long way has the first
                host = value
            elif name == b"accept-encoding":
                encodings = value
            elif name == b"accept-language":
                wished = value
            elif name == b"if-none-match":
                known = value
            elif (name == b"cookie" and b"tocsin_" in value) or name in (b"content-length", b"transfer-encoding"):
                return None
        found = self._short.get((host, url, encodings, wished))
        kept = None if found is None else found[0]()
        if found is None or kept is None or not self.cache.current(kept, self._clock.monotonic()):
            return None
        self.answered += 1
        return (kept.packed.gzip if found[1] else kept.packed.plain).ready(always, known)

    def _learn(self, asking: Asking, site: Site, target: Target, kept: Kept) -> None:
        """Answer the same question at sight from now on, if it was asked in the usual way and by anybody."""
        prefix = asking.place.prefix
        url = asking.raw_path + (b"?" + asking.query if asking.query else b"")
        usual = (prefix + target.path).encode()
        if site.gate.closed or asking.method != "GET" or LANGUAGE_COOKIE in asking.cookies:
            return
        if url != usual and not (target.kind is Kind.HOME and url == prefix.encode()):
            return
        encodings = asking.header(b"accept-encoding")
        key = (asking.header(b"host"), url, encodings, asking.header(b"accept-language"))
        if sum(len(part or b"") for part in key) > MAX_SHORT_BYTES:
            return
        if len(self._short) >= MAX_SHORT:
            self._short.clear()
        self._short[key] = ref(kept), takes_gzip(encodings)

    # --- the long way -------------------------------------------------------------------------------------------------

    def takes(self, scope: Scope) -> bool:
        """Whether a request is for a public page, by its Host or its path."""
        path: str = scope["path"]
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        place = self.addresses.place(self.directory, host, path)
        if place is None and path.startswith(WIDGETS):
            place = Place(None, "", path)
        scope[PLACE_KEY] = place
        return place is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = "status_page"
        self.answered += 1
        peer = scope["client"][0] if scope.get("client") else None
        asking = Asking(scope, scope[PLACE_KEY], self._clients.of(peer, scope["headers"]))
        answer: Said
        try:
            answer = await self._answer(asking, receive)
        except Gone:
            answer = await self._not_found(asking)
        except Busy:
            answer = plain(503, "Too many ask for this just now. Try again in a moment.", ("retry-after", "1"))
        except TooLarge:
            answer = plain(413, "This form is too large, or it came too slowly.")
        except CutOff:
            answer = plain(400, "This form did not come whole.")
        except (TocsinError, TimeoutError) as error:
            log.warning("a status page could not be shown", why=str(error) or type(error).__name__)
            answer = plain(503, "This page cannot be shown just now. Try again in a moment.", ("retry-after", "5"))
        await self._send(asking, answer, send)

    async def _send(self, asking: Asking, answer: Said, send: Send) -> None:
        packed = answer.packed if isinstance(answer, Kept) else answer if isinstance(answer, Packed) else pack(answer)
        form = packed.form(asking.header(b"accept-encoding"))
        lines = self._age(answer) if isinstance(answer, Kept) else []
        if form.status == 200 or (form.status == 403 and _is_page(form)):  # a gate speaks the reader's language too
            lines += self._choice(asking)
        if lines and lines[-1][0] == b"set-cookie":
            fixed = [line for line in form.headers if line[0] != b"cache-control"]
            lines.append((b"cache-control", b"private, no-store"))
        else:
            fixed = form.headers
        head = asking.method == "HEAD"
        if form.status == 200 and asking.method in ("GET", "HEAD") and form.has(asking.header(b"if-none-match")):
            unchanged = [line for line in fixed if line[0] not in (b"content-length", b"content-encoding")]
            await send_answer(send, 304, [*unchanged, *lines], b"", head=head)
        else:
            await send_answer(send, form.status, [*fixed, *lines], form.body, head=head)

    def _age(self, kept: Kept) -> HeaderList:
        """What says that an answer is older than it should be (RFC 9111, 5.1; the warning is RFC 7234's)."""
        late = self.cache.late_seconds(kept)
        if late is None:
            return []
        return [(b"age", b"%d" % late), (b"warning", b'110 - "Response is Stale"')]

    def _choice(self, asking: Asking) -> HeaderList:
        """Keeps the language that the reader chose just now."""
        if asking.chosen_language is None:
            return []
        name, value = cookie(
            LANGUAGE_COOKIE, asking.chosen_language, path=asking.place.prefix, seconds=LANGUAGE_KEPT_SECONDS,
            secure=self.addresses.secure,
        )  # fmt: skip
        return [(name.encode(), value.encode())]

    async def _answer(self, asking: Asking, receive: Receive) -> Said:
        place = asking.place
        site = place.site
        if site is None:
            return await self._of_nobody(asking)
        whole = place.path.rstrip("/")
        if place.path != "/" and place.path.endswith("/") and read_target(whole, asking.query) is not None:
            query = f"?{asking.query.decode('latin-1')}" if asking.query else ""
            return redirect(place.prefix + quote(whole) + query, 308)
        target = read_target(place.path, asking.query)
        if target is None or (target.kind is Kind.JAVASCRIPT and not place.own_domain):
            raise Gone
        refused = None if target.kind is Kind.MCP else _refused_method(asking, site, target)
        if refused is not None:
            return refused
        if target.kind is Kind.ASSET:
            return asset(target.name, place.prefix) or await self._not_found(asking)
        if target.kind in _LINKS:
            return await self._follow_link(asking, site, target, receive)
        if target.kind is Kind.UNLOCK:
            return await self._unlocking.answer(asking, site, target, receive)
        if site.gate.closed:
            verdict = await self._keeper.judge(site, asking.client, asking.cookies)
            if verdict is not Verdict.OPEN:
                return await self._closed(asking, site, target, verdict)
        if target.kind is Kind.MCP:
            return await self._agents.answer(asking, site, self.addresses.root(site), receive)
        if asking.method == "POST":
            return await self._subscribe(asking, site, receive)
        return await self._read(asking, site, target)

    async def _read(self, asking: Asking, site: Site, target: Target) -> Kept:
        prefix = asking.place.prefix
        spoken = asking.language if target.kind in DRAWN else ""
        where = self._where(asking, site)
        kept = await self.cache.get(
            site, (site.id, prefix, target.path, spoken),
            lambda reading: self._renderer.make(site, reading, target, where), volatile=target.kind in VOLATILE,
        )  # fmt: skip
        self._learn(asking, site, target, kept)
        return kept

    def _where(self, asking: Asking, site: Site) -> Where:
        return Where(
            root=self.addresses.root(site), prefix=asking.place.prefix, language=asking.language,
            push_key=self._push_key, csrf=lambda: self._tokens.make(site.id),
        )  # fmt: skip

    # --- private pages ------------------------------------------------------------------------------------------------

    async def _closed(self, asking: Asking, site: Site, target: Target, verdict: Verdict) -> Said:
        """Everything of a closed page is closed: what people open shows the gate, what programs ask is refused. But
        crawlers take a refused robots.txt for leave to look everywhere (RFC 9309, 2.3.1.3): they are told."""
        if target.kind is Kind.ROBOTS:
            lines = (("cache-control", headers.CLOSED_PAGES), *headers.ALWAYS, *headers.UNINDEXED)
            return Answer(body=robots_txt.draw(hidden=True), media_type=robots_txt.MEDIA_TYPE, headers=lines)
        if target.kind not in DRAWN:
            return plain(403, "This status page is private.", *headers.UNINDEXED)
        where = self._where(asking, site)

        async def make(reading: Reading) -> Callable[[], Answer]:
            frame, name = framed(where), reading.view.settings.company_name
            policy = headers.policy(None, frame.nonce)
            return lambda: _for_one(
                drawing.draw_gate(frame, name, verdict.value, sign_in=self._sign_in(site)), 403, policy
            )

        # It says nothing of the page but its name, so it is drawn once for all who may not read.
        return await self.cache.get(site, (site.id, where.prefix, f"gate {verdict.value}", where.language), make)

    async def _show_gate(self, asking: Asking, site: Site, kind: str, error: str, status: int, back: str) -> Said:
        where, name = self._where(asking, site), await self._name_of(site)
        frame = framed(where)

        def draw() -> Answer:
            text = drawing.draw_gate(frame, name, kind, error, back, self._sign_in(site))
            return _for_one(text, status, headers.policy(None, frame.nonce))

        return await self.cache.once(draw)

    def _sign_in(self, site: Site) -> str:
        """Where members come in by their account instead of a mailed link."""
        return f"{self.addresses.base_url}/sign-in/page/{site.id}"

    async def member_link(self, page_id: int, user_id: int) -> str | None:
        """The address that lets a member whom the console knows into a page; None where that is none for them."""
        site = self.directory.by_id.get(page_id)
        if site is None or not site.published or not site.gate.require_sso:
            return None
        link = self._keeper.link(site, user_id)
        if await self._keeper.opened(site, link) is None:
            return None
        return f"{self.addresses.root(site)}/unlock/{link}"

    async def _name_of(self, site: Site) -> str:
        return (await self.cache.reading(site)).view.settings.company_name

    # --- visitors -----------------------------------------------------------------------------------------------------

    async def _subscribe(self, asking: Asking, site: Site, receive: Receive) -> Said:
        reading = await self.cache.reading(site)
        if self._visitors is None or not reading.view.settings.subscribable:
            raise Gone
        fields = await read(receive)
        wants_json = "application/json" in asking.text(b"accept")
        if not from_here(asking.headers) or not self._tokens.good(site.id, field(fields, "csrf")):
            form = {name: field(fields, name) for name in ("kind", "email", "address")}
            words = language(asking.language).say("try_again")
            outcome = Outcome(kind="form", status=403, form=form, errors={"base": words})
        else:
            outcome = await self._visitors.subscribe(site, fields, asking.language, asking.client_text)
        if wants_json:
            said = {"kind": outcome.kind, "errors": outcome.errors}
            return _json_for_one(outcome.status, said)
        frame = framed(self._where(asking, site), reading.pictures)

        def draw() -> Answer:
            if outcome.kind == "form":
                text = drawing.draw_subscribe(reading.view, frame, outcome.form, outcome.errors)
            else:
                text = drawing.draw_answer(reading.view, frame, outcome.kind, email=outcome.email)
            return _for_one(text, outcome.status, headers.policy(reading.view.settings, frame.nonce))

        return await self.cache.once(draw)

    async def _choices(self, reading: Reading, where: Where, outcome: Outcome) -> Said:
        frame = framed(where, reading.pictures)

        def draw() -> Answer:
            text = drawing.draw_choose(reading.view, frame, outcome.resource_ids, saved=outcome.saved)
            return _for_one(text, outcome.status, headers.policy(None, frame.nonce))

        return await self.cache.once(draw)

    async def _follow_link(self, asking: Asking, site: Site, target: Target, receive: Receive) -> Said:
        """Behind the links of our mails. Whoever holds one is let through the gate for this, and sees no more of the
        page; and as nobody else knows the link, a mail program may post to it (RFC 8058), without any token."""
        if self._visitors is None:
            raise Gone
        operation, token, client = _LINKS[target.kind], target.name, asking.client_text
        if asking.method != "POST":
            outcome = await self._visitors.look(site, operation, token, client)
        else:
            fields = await read(receive)
            if operation == UNSUBSCRIBE and field(fields, "deed") == "choose":
                outcome = await self._visitors.choose(site, token, fields, asking.language, client)
            else:
                outcome = await self._visitors.do(site, operation, token, client)
        where = self._where(asking, site)
        if outcome.kind == "choose":
            reading = await self.cache.reading(site)
            if not site.gate.closed and sum(len(section.resources) for section in reading.view.sections) > 1:
                return await self._choices(reading, where, outcome)
            outcome = Outcome(kind="unsubscribe")

        async def make(reading: Reading) -> Callable[[], Answer]:
            frame = framed(where, frozenset() if site.gate.closed else reading.pictures)
            view = None if site.gate.closed else reading.view
            name, policy = reading.view.settings.company_name, headers.policy(None, frame.nonce)
            return lambda: _for_one(
                drawing.draw_answer(view, frame, outcome.kind, company_name=name), outcome.status, policy
            )

        # It names nobody: the same for all whose link is in the same state.
        key = (site.id, where.prefix, f"{outcome.kind} {outcome.status}", where.language)
        return await self.cache.get(site, key, make)

    # --- what is nobody's ---------------------------------------------------------------------------------------------

    async def _of_nobody(self, asking: Asking) -> Said:
        path = asking.place.path
        if path.startswith(WIDGETS) and not asking.place.own_domain:
            return await self._widget(asking, path[len(WIDGETS) :])
        for beginning in (f"{PREFIX}/assets/", "/assets/"):
            if path.startswith(beginning) and asking.method in ("GET", "HEAD"):
                found = asset(path[len(beginning) :], PREFIX if beginning.startswith(PREFIX) else "")
                if found is not None:
                    return found
        return await self._not_found(asking)

    async def _not_found(self, asking: Asking) -> Said:
        """The same for what never was and for what is not published; drawn once, as it says nothing of anybody."""
        place = asking.place
        if place.site is not None and "." in place.path.rpartition("/")[2]:
            return plain(404, "There is no such address on this status page.")
        below = place.prefix or place.path
        key = (PREFIX if below.startswith(PREFIX) else "", asking.language)
        if key not in self._missing:
            frame = framed(Where(root=self.addresses.base_url, prefix=key[0], language=key[1]))
            text = drawing.draw_not_found(frame)
            self._missing[key] = pack(_for_one(text, 404, headers.policy(None, frame.nonce)))
        return self._missing[key]

    async def _widget(self, asking: Asking, name: str) -> Said:
        if asking.method == "OPTIONS":
            return plain(204, "", *headers.ANY_ORIGIN, ("access-control-allow-methods", "GET, HEAD"))
        if asking.method not in ("GET", "HEAD"):
            return plain(405, "Read this by GET.", ("allow", "GET, HEAD, OPTIONS"))
        lines = (*headers.ALWAYS, *headers.ANY_ORIGIN, ("cross-origin-resource-policy", "cross-origin"))
        if name in widgets.SCRIPTS:
            return widget(name)
        kind, _, id = name.removesuffix(".json").partition("/")
        by_id = self.directory.by_id.get(int(id)) if id.isascii() and id.isdigit() and len(id) < 19 else None
        site = by_id or self.directory.by_subdomain.get(id.lower())
        known = name.endswith(".json") and f"{kind}.js" in widgets.SCRIPTS
        if site is None or not site.published or site.gate.closed or not known:
            return plain(404, "There is no such public status page.", *headers.ANY_ORIGIN)
        root = self.addresses.root(site)
        more = (*lines, ("cache-control", headers.OPEN_PAGES), ("vary", "accept-encoding"))

        async def make(reading: Reading) -> Callable[[], Answer]:
            def draw() -> Answer:
                announced = kind == "announcement"
                body = widgets.announcement(reading.view) if announced else widgets.status(reading.view, root)
                return Answer(body=body, media_type=JSON, headers=more)

            return draw

        return await self.cache.get(site, (site.id, WIDGETS, kind, ""), make)


def _is_page(form: Form) -> bool:
    return (b"content-type", HTML.encode()) in form.headers


def _refused_method(asking: Asking, site: Site, target: Target) -> Answer | None:
    """What is said to a method that an address does not know; None when it does."""
    allowed = "GET, HEAD, POST" if target.kind in DEEDS else "GET, HEAD"
    if asking.method in ("GET", "HEAD") or (asking.method == "POST" and target.kind in DEEDS):
        return None
    if asking.method == "OPTIONS":
        lines: headers.Lines = (("allow", f"{allowed}, OPTIONS"),)
        if target.kind in SHARED and not site.gate.closed:
            lines += (*headers.ANY_ORIGIN, ("access-control-allow-methods", "GET, HEAD"))
        return plain(204, "", *lines)
    return plain(405, f"This address knows {allowed}.", ("allow", f"{allowed}, OPTIONS"))


def _for_one(text: str, status: int, policy: headers.Lines) -> Answer:
    """A page that is drawn for one reader, and kept by nobody."""
    keeping = ("cache-control", headers.CLOSED_PAGES)
    lines = (keeping, *headers.ALWAYS, *headers.UNINDEXED, *policy)
    return Answer(body=text.encode(), media_type=HTML, status=status, headers=lines)


def _json_for_one(status: int, said: Mapping[str, object]) -> Answer:
    """For the page's own script."""
    lines = (("cache-control", headers.CLOSED_PAGES), *headers.ALWAYS)
    return Answer(body=msgspec.json.encode(said), media_type=JSON, status=status, headers=lines)


__all__ = ["Pages", "Readers", "Visitors"]
