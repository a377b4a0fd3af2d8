"""What readers and programs get at a page's addresses: answers, headers, and nothing that is not theirs."""

from __future__ import annotations

import asyncio
import gc
import gzip
from typing import Any

import pytest

from tests.pages.reading import ACME, Public
from tocsin.kernel.answers import Answer, Packed
from tocsin.pages import app, rendering
from tocsin.pages.cache import Kept

pytestmark = pytest.mark.slow
OUTPUTS = {
    "/index.json": "application/json", "/feed.rss": "application/rss+xml", "/feed.atom": "application/atom+xml",
    "/maintenance.ics": "text/calendar", "/badge.svg": "image/svg+xml", "/api/v2/summary.json": "application/json",
    "/og.png": "image/png",
}  # fmt: skip


async def test_every_address_of_a_page_is_answered_with_its_media_type(public: Public) -> None:
    page = await public.open(subscribable=True)
    resource = await public.resource(page)
    report = await public.report(page, {resource: "downtime"}, public.clock.now())
    for path in ("", "/", "/maintenance", "/incidents", f"/incidents/{report}", "/subscribe"):
        answer = await public.ask(ACME + path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path, media_type in OUTPUTS.items():
        answer = await public.ask(ACME + path)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media_type), path
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-content-type-options"] == "nosniff"
    badge = await public.ask(f"{ACME}/badge/{resource}.svg")
    assert "Shop: down" in badge.text


async def test_what_is_not_there_is_the_same_whoever_asks_for_it(public: Public) -> None:
    await public.open(published=False)
    unpublished, unknown = await public.ask(ACME), await public.ask("/status/nobody")
    assert unpublished.status_code == unknown.status_code == 404
    assert unpublished.content == unknown.content
    assert (await public.ask(f"{ACME}/index.json")).content == unknown.content
    assert public.readings == 0, "strangers who guess never reach the database"


@pytest.mark.parametrize(
    "path", ["/nothing", "/incidents/99", "/badge/99.svg", "/logo", "/custom.css", "/a.php", "//x/"]
)
async def test_nothing_else_is_there(public: Public, path: str) -> None:
    await public.open()
    assert (await public.ask(ACME + path)).status_code == 404


async def test_hosts_lead_to_pages_and_to_nothing_else(public: Public) -> None:
    await public.open(custom_domain="status.acme.com", custom_javascript="alert(1)")
    for host in ("status.acme.com", "acme.tocsin.example"):
        assert "Acme" in (await public.ask("/", host=host)).text
        assert (await public.ask("/api/v2/summary.json", host=host)).json()["page"]["url"] == "https://status.acme.com"
        for path in ("/healthz", "/metrics", "/api/v2/monitors", "/answer/x"):
            assert (await public.ask(path, host=host)).status_code == 404
    assert (await public.ask("/", host="other.example")).text == "the rest of Tocsin"
    assert 'rel="canonical" href="https://status.acme.com/"' in (await public.ask(ACME)).text


async def test_a_script_of_the_pages_own_runs_at_its_own_domain_alone(public: Public) -> None:
    await public.open(custom_domain="status.acme.com", custom_javascript="own()", custom_css="b{}")
    own = await public.ask("/custom.js", host="status.acme.com")
    assert (own.text, own.headers["content-type"]) == ("own()", "text/javascript; charset=utf-8")
    assert (await public.ask(f"{ACME}/custom.js")).status_code == 404, "it would be a script of our own origin"
    assert (await public.ask("/custom.js", host="acme.tocsin.example")).status_code == 404
    css = await public.ask(f"{ACME}/custom.css?v=1")
    assert (css.text, css.headers["content-type"]) == ("b{}", "text/css; charset=utf-8")


async def test_methods_slashes_and_odd_queries(public: Public) -> None:
    await public.open()
    head = await public.ask(ACME, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 1_000
    refused = await public.ask(ACME, "DELETE")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await public.ask(f"{ACME}/incidents/", "POST")).status_code == 308
    moved = await public.ask(f"{ACME}/incidents/?month=2026-01")
    assert (moved.status_code, moved.headers["location"]) == (308, f"{ACME}/incidents?month=2026-01")
    assert (await public.ask("//evil.example/", host="acme.tocsin.example")).status_code == 404
    asked = await public.ask(f"{ACME}/feed.rss", "OPTIONS")
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
    drawn = public.pages.cache.drawn
    for query in ("?a=1", "?b=2", "?utm_source=x"):
        assert (await public.ask(ACME + query)).status_code == 200
    assert public.pages.cache.drawn == drawn, "unknown words in a query make no new entries"


async def test_representations_have_tags_of_their_own_and_are_not_sent_twice(public: Public) -> None:
    await public.open()
    async with public.browser() as browser:
        packed = await public.ask(ACME, client=browser, headers={"accept-encoding": "br, gzip;q=0.5"})
        plain = await public.ask(ACME, client=browser, headers={"accept-encoding": "gzip;q=0"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.text == plain.text
        tags = {packed.headers["etag"], plain.headers["etag"]}
        assert len(tags) == 2
        for given in (packed.headers["etag"], f'"x", W/{packed.headers["etag"]}', "*"):
            headers = {"accept-encoding": "gzip", "if-none-match": given}
            again = await public.ask(ACME, client=browser, headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == packed.headers["etag"]
            assert "content-length" not in again.headers
        other = {"accept-encoding": "gzip", "if-none-match": plain.headers["etag"]}
        assert (await public.ask(ACME, client=browser, headers=other)).status_code == 200
    assert packed.headers["vary"] == "accept-encoding, accept-language, cookie"
    assert packed.headers["cache-control"] == "public, max-age=5, stale-if-error=86400"


async def test_a_page_speaks_the_readers_language_and_remembers_a_choice(public: Public) -> None:
    await public.open()
    german = await public.ask(ACME, headers={"accept-language": "xx, de-AT;q=0.8"})
    assert '<html lang="de"' in german.text
    assert german.headers["etag"] != (await public.ask(ACME)).headers["etag"]
    async with public.browser() as browser:
        chosen = await public.ask(f"{ACME}?lang=fr", client=browser, headers={"accept-language": "de"})
        assert '<html lang="fr"' in chosen.text
        assert chosen.headers["cache-control"] == "private, no-store"
        assert "HttpOnly; SameSite=Lax; Secure" in chosen.headers["set-cookie"]
        later = await public.ask(f"{ACME}/incidents", client=browser, headers={"accept-language": "de"})
        assert '<html lang="fr"' in later.text
    assert "set-cookie" not in (await public.ask(f"{ACME}?lang=tlh")).headers


def policy(answer: Any) -> dict[str, str]:
    lines = answer.headers["content-security-policy"].split("; ")
    return {name: rest for name, _, rest in (line.partition(" ") for line in lines)}


async def test_a_strict_policy_widens_by_what_is_set_and_no_more(public: Public) -> None:
    page = await public.open()
    answer = await public.ask(ACME)
    strict = policy(answer)
    nonce = strict["style-src"].removeprefix("'self' 'nonce-").removesuffix("'")
    assert len(nonce) >= 20
    assert f'<style nonce="{nonce}">' in answer.text
    assert strict == {
        "default-src": "'none'", "style-src": f"'self' 'nonce-{nonce}'", "script-src": f"'self' 'nonce-{nonce}'",
        "img-src": "'self' data:", "connect-src": "'self'", "font-src": "'self'", "manifest-src": "'self'",
        "worker-src": "'self'", "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
    }  # fmt: skip
    await public.change(page, google_analytics_id="G-ABC123")
    wide = await public.ask(ACME)
    assert nonce not in wide.headers["content-security-policy"], "a new drawing has a new nonce"
    assert policy(wide)["script-src"].endswith("https://www.googletagmanager.com")
    assert "google-analytics.com" in policy(wide)["connect-src"]
    for value in ("'unsafe-inline'", "'unsafe-eval'", " * "):
        assert value not in wide.headers["content-security-policy"]


async def test_a_page_that_is_hidden_says_so_to_search_engines(public: Public) -> None:
    page = await public.open(custom_domain="status.acme.com")
    assert "x-robots-tag" not in (await public.ask(ACME)).headers
    assert "Disallow: /\n" not in (await public.ask("/robots.txt", host="status.acme.com")).text
    await public.change(page, hide_from_search_engines=True)
    assert (await public.ask(ACME)).headers["x-robots-tag"] == "noindex, nofollow"
    assert (await public.ask(f"{ACME}/feed.rss")).headers["x-robots-tag"] == "noindex, nofollow"
    assert "Disallow: /\n" in (await public.ask("/robots.txt", host="status.acme.com")).text


async def test_assets_are_kept_for_ever_but_the_worker_is_asked_for(public: Public) -> None:
    await public.open()
    home = (await public.ask(ACME)).text
    script = home.split('<script src="')[1].split('"')[0]
    answer = await public.ask(script)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    worker = await public.ask(f"{ACME}/assets/push.js")
    assert worker.headers["cache-control"] == "no-cache"
    assert worker.headers["service-worker-allowed"] == f"{ACME}/"
    lost = (await public.ask("/status/nobody")).text
    assert (await public.ask(lost.split('<script src="')[1].split('"')[0])).status_code == 200


async def test_what_is_the_same_for_ever_is_packed_once(public: Public, monkeypatch: pytest.MonkeyPatch) -> None:
    await public.open()
    script = (await public.ask(ACME)).text.split('<script src="')[1].split('"')[0]
    paths = script, "/widgets/status.js", "/widgets/announcement.js"
    before = [await public.ask(path) for path in paths]

    def packs(answer: Answer) -> Packed:
        raise AssertionError("strangers could have the event loop pack all day")

    for place in (app, rendering):
        monkeypatch.setattr(place, "pack", packs)
    for path, first in zip(paths, before, strict=True):
        again = await public.ask(path)
        assert (again.status_code, again.headers, again.content) == (200, first.headers, first.content)
        assert again.headers["content-encoding"] == "gzip"


async def test_widgets_stand_at_our_own_address_and_tell_of_public_pages(public: Public) -> None:
    page = await public.open(custom_domain="status.acme.com", announcement="We moved.", announcement_embed_visible=True)
    for name in ("announcement", "status"):
        script = await public.ask(f"/widgets/{name}.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert script.headers["access-control-allow-origin"] == "*"
        for id in (page, "acme"):
            facts = await public.ask(f"/widgets/{name}/{id}.json")
            assert facts.status_code == 200
            assert facts.headers["access-control-allow-origin"] == "*"
    assert (await public.ask(f"/widgets/announcement/{page}.json")).json()["text"] == "We moved."
    assert (await public.ask("/widgets/status.js", host="status.acme.com")).status_code == 404
    await public.change(page, password="kept-quiet", password_enabled=True)
    for path in (f"/widgets/status/{page}.json", "/widgets/status/99.json", "/widgets/other.js", "/widgets/"):
        assert (await public.ask(path)).status_code == 404


async def test_of_two_hosts_the_same_one_counts_on_both_ways(public: Public) -> None:
    await public.open(custom_domain="status.acme.com")
    own, ours = (b"host", b"status.acme.com"), (b"host", b"tocsin.example")
    await public.ask("/", host="status.acme.com", headers={"accept-encoding": ""})
    assert public.pages.ready(b"/", [own, (b"accept-encoding", b"")], []) is not None
    assert public.pages.ready(b"/", [ours, own, (b"accept-encoding", b"")], []) is None


async def test_what_strangers_send_and_what_was_thrown_away_fills_no_memory(public: Public) -> None:
    page = await public.open()
    usual, long = "de;q=0.5, en", "de, " + "x" * 2_000
    for wished in (usual, long):
        await public.ask(ACME, headers={"accept-language": wished})

    def at_sight(wished: str) -> bytes | None:
        lines = [(b"host", b"tocsin.example"), (b"accept-encoding", b"gzip, deflate"),
                 (b"accept-language", wished.encode())]  # fmt: skip
        return public.pages.ready(ACME.encode(), lines, [])

    assert at_sight(usual) is not None
    assert at_sight(long) is None
    public.pages.cache.forget(page)
    assert at_sight(usual) is None
    await asyncio.sleep(0)
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Kept)]


async def test_while_the_database_is_gone_readers_get_the_last_drawing_and_hear_how_old_it_is(public: Public) -> None:
    await public.open()
    before = await public.ask(ACME)
    public.broken = True
    await public.ring()
    public.clock.wind(minutes=10)
    await public.ask(ACME)
    late = await public.ask(ACME)
    assert (late.status_code, late.content) == (200, before.content)
    assert int(late.headers["age"]) >= 600
    assert late.headers["warning"].startswith("110")
    assert (await public.ask(f"{ACME}/feed.rss")).status_code == 200, "what is known is drawn in every form"
    never = await public.ask(f"{ACME}/incidents/1")
    assert never.status_code == 404
    public.broken = False
    public.clock.wind(seconds=2)
    await public.ask(ACME)
    await public.pages.cache.settled()
    assert "age" not in (await public.ask(ACME)).headers


async def test_a_page_that_was_never_read_cannot_be_shown_without_a_database(public: Public) -> None:
    await public.open()
    public.broken = True
    answer = await public.ask(ACME)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_page_of_a_telephone_fits_into_60_kilobytes(public: Public) -> None:
    page = await public.open()
    for number in range(30):
        await public.resource(page, public_name=f"Service {number}", widget_type="history")
    await public.ring()
    async with public.browser() as browser:
        answer = await public.ask(ACME, client=browser, headers={"accept-encoding": "gzip"})
        script = answer.text.split('<script src="')[1].split('"')[0]
        dressed = await public.ask(script, client=browser, headers={"accept-encoding": "gzip"})
    first_visit = len(gzip.compress(answer.content, mtime=0)) + len(gzip.compress(dressed.content, mtime=0))
    assert first_visit < 60_000
