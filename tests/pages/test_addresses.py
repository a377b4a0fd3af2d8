"""Which page a request is for, by its Host and its path, and what can be asked for below a page's address."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.pages.addresses import Addresses, Directory
from tocsin.pages.targets import Kind, read
from tocsin.status_pages.model.views import Gate, Site

ACME = Site(id=1, team_id=1, subdomain="acme", custom_domain="status.acme.com", published=True, gate=Gate())
DRAFT = Site(id=2, team_id=1, subdomain="draft", custom_domain="status.draft.com", published=False, gate=Gate())
UNDER_SCORE = Site(id=3, team_id=1, subdomain="a_b", custom_domain=None, published=True, gate=Gate())
DIRECTORY = Directory([ACME, DRAFT, UNDER_SCORE])
OURS = Addresses("https://tocsin.example.com")
LOCAL = Addresses("http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("addresses", "host", "path", "found"),
    [
        (OURS, "tocsin.example.com", "/status/acme", (1, "/status/acme", "/")),
        (OURS, "tocsin.example.com", "/status/acme/", (1, "/status/acme", "/")),
        (OURS, "tocsin.example.com", "/status/ACME/incidents/7", (1, "/status/acme", "/incidents/7")),
        (OURS, "anything.else", "/status/acme", (1, "/status/acme", "/")),
        (OURS, "acme.tocsin.example.com", "/feed.rss", (1, "", "/feed.rss")),
        (OURS, "Acme.Tocsin.Example.com.:443", "/", (1, "", "/")),
        (OURS, "a_b.tocsin.example.com", "/", (3, "", "/")),
        (OURS, "status.acme.com", "/api/v2/summary.json", (1, "", "/api/v2/summary.json")),
        (OURS, "STATUS.acme.com:8443", "/healthz", (1, "", "/healthz")),
        (OURS, "status.acme.com", "/status/a_b", (1, "", "/status/a_b")),
        (LOCAL, "acme.localhost:8080", "/", (1, "", "/")),
    ],
)
def test_a_page_is_found_by_path_by_name_and_by_domain(
    addresses: Addresses, host: str, path: str, found: tuple[int, str, str]
) -> None:
    place = addresses.place(DIRECTORY, host, path)
    assert place is not None
    assert place.site is not None
    assert (place.site.id, place.prefix, place.path) == found
    assert place.own_domain is host.lower().startswith("status.acme")


@pytest.mark.parametrize(
    ("host", "found"),
    [("tocsin.example.com", True), ("draft.tocsin.example.com:8080", True), ("10.0.0.7:8080", True), ("[::1]", True),
     ("localhost", True), ("", True), ("evil.example", False), ("tocsin.example.com.evil.example", False)],
)  # fmt: skip
def test_a_page_of_one_network_is_found_under_no_name_of_a_stranger(host: str, found: bool) -> None:
    """Their name could lead here, and their script read it with the browser of somebody inside."""
    inner = msgspec.structs.replace(ACME, gate=Gate(ip_allowlist=("10.0.0.0/8",)))
    place = OURS.place(Directory([inner]), host, "/status/acme")
    assert place is not None
    assert (place.site is not None) is found


@pytest.mark.parametrize("path", ["/status", "/status/", "/status/nobody", "/status/draft", "/status/draft/feed.rss"])
def test_what_is_not_published_is_as_unknown_as_what_never_was(path: str) -> None:
    place = OURS.place(DIRECTORY, "tocsin.example.com", path)
    assert place is not None
    assert place.site is None


def test_a_domain_is_found_as_browsers_write_it() -> None:
    umlaut = msgspec.structs.replace(ACME, custom_domain="stätus.example")
    place = OURS.place(Directory([umlaut]), "xn--sttus-hra.example", "/")
    assert place is not None
    assert place.own_domain


def test_no_page_takes_the_address_of_tocsin_itself() -> None:
    """Set before the base URL was: its API, its console and the links in pages must stay where they are."""
    usurper = msgspec.structs.replace(ACME, custom_domain="tocsin.example.com")
    for path in ("/api/v2/monitors", "/answer/x", "/healthz"):
        assert OURS.place(Directory([usurper]), "tocsin.example.com", path) is None


def test_the_domain_of_an_unpublished_page_serves_nothing_else_either() -> None:
    place = OURS.place(DIRECTORY, "status.draft.com", "/healthz")
    assert place is not None
    assert (place.site, place.own_domain) == (None, True)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("tocsin.example.com", "/"), ("tocsin.example.com", "/api/v2/monitors"), ("tocsin.example.com", "/statuses"),
        ("draft.tocsin.example.com", "/"), ("nobody.tocsin.example.com", "/"), ("acme.localhost", "/"),
        ("acme.tocsin.example.com.evil.com", "/"), ("x.acme.tocsin.example.com", "/"), ("", "/"), ("[::1]:8080", "/"),
    ],
)  # fmt: skip
def test_everything_else_is_the_rest_of_tocsin(host: str, path: str) -> None:
    assert OURS.place(DIRECTORY, host, path) is None


def test_a_page_has_one_canonical_address() -> None:
    assert OURS.root(ACME) == "https://status.acme.com"
    assert OURS.root(UNDER_SCORE) == "https://tocsin.example.com/status/a_b"
    assert LOCAL.root(ACME) == "http://status.acme.com:8080"
    assert LOCAL.root(UNDER_SCORE) == "http://127.0.0.1:8080/status/a_b"


@pytest.mark.parametrize(
    ("path", "query", "kind", "canonical"),
    [
        ("/", b"x=1&utm_source=mail", Kind.HOME, "/"),
        ("/incidents", b"", Kind.MONTH, "/incidents"),
        ("/incidents", b"a=b&month=2026-01", Kind.MONTH, "/incidents?month=2026-01"),
        ("/incidents", b"month=2026-13", Kind.MONTH, "/incidents"),
        ("/maintenance", b"month=2025-12&month=2026-02", Kind.MAINTENANCE, "/maintenance?month=2026-02"),
        ("/incidents/12", b"", Kind.REPORT, "/incidents/12"),
        ("/badge/7.svg", b"", Kind.BADGE, "/badge/7.svg"),
        ("/unsubscribe/abc.def", b"", Kind.UNSUBSCRIBE, "/unsubscribe/abc.def"),
        ("/api/v2/incidents/unresolved.json", b"", Kind.STATUSPAGE, "/api/v2/incidents/unresolved.json"),
        ("/dark-logo", b"", Kind.IMAGE, "/dark-logo"),
    ],
)
def test_two_ways_to_write_an_address_are_one_answer(path: str, query: bytes, kind: Kind, canonical: str) -> None:
    target = read(path, query)
    assert target is not None
    assert (target.kind, target.path) == (kind, canonical)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/incidents/01", "/incidents/-1", "/incidents/x", "/incidents/1/2", "/incidents/" + "9" * 19,
        "/badge/.svg", "/badge/7", "/api/v2/subscribers.json", "/api/v2/.json", "/api/v2/status-pages", "/assets/a/b",
        "/unsubscribe/", "/unsubscribe/" + "x" * 501, "/incidents/١",
    ],
)  # fmt: skip
def test_other_addresses_are_none(path: str) -> None:
    assert read(path) is None
