"""Certificates and domain names that run out: the rule, the registries' answers, and the incidents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.monitors.test_actions_monitors import BASE, Site
from tests.time import FakeClock
from tocsin.escalation.actions.policies import create_policy
from tocsin.incidents import actions as incidents
from tocsin.incidents.actions import author_of
from tocsin.kernel.clock import SystemClock, to_milliseconds
from tocsin.kernel.net import RealNet
from tocsin.monitors.actions.monitors import set_paused
from tocsin.monitors.model import Verdict
from tocsin.monitors.rules.expiry import ExpiryDeed, cause, host_of, judge_expiry, registrable_domain
from tocsin.monitors.rules.registration import rdap_bases, rdap_expiry, whois_expiry, whois_referral
from tocsin.monitors.worker import DomainWatch, Registries
from tocsin.storage import Database

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "warn_days", "is_open", "deed"),
    [
        (8, 7, False, None),
        (7, 7, False, ExpiryDeed.OPEN),
        (-3, 7, False, ExpiryDeed.OPEN),
        (5, 7, True, None),
        (90, 7, True, ExpiryDeed.RESOLVE),
        (5, None, True, ExpiryDeed.RESOLVE),
        (5, None, False, None),
    ],
)
def test_a_warning_comes_in_time_and_goes_with_the_renewal(
    days: int, warn_days: int | None, is_open: bool, deed: ExpiryDeed | None
) -> None:
    end = NOW + timedelta(days=days)
    assert judge_expiry(end, warn_days, NOW, incident_open=is_open, announced=None) is deed


def test_a_warning_that_somebody_resolved_does_not_come_back_for_the_same_end() -> None:
    end = NOW + timedelta(days=5)
    assert judge_expiry(end, 7, NOW, incident_open=False, announced=end) is None
    assert judge_expiry(end, 7, NOW, incident_open=False, announced=end - timedelta(days=365)) is ExpiryDeed.OPEN


@given(st.integers(-100, 400), st.sampled_from([None, 1, 2, 3, 7, 14, 30, 60]), st.booleans())
def test_an_incident_is_open_exactly_when_the_end_is_near(days: int, warn_days: int | None, is_open: bool) -> None:
    end = NOW + timedelta(days=days, hours=1)
    deed = judge_expiry(end, warn_days, NOW, incident_open=is_open, announced=None)
    after = deed is ExpiryDeed.OPEN or (is_open and deed is not ExpiryDeed.RESOLVE)
    assert after is (warn_days is not None and days + 1 / 24 <= warn_days)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (timedelta(days=7, hours=2), "TLS certificate expires in 7 days (2026-03-09)"),
        (timedelta(days=1), "TLS certificate expires in 1 day (2026-03-03)"),
        (timedelta(hours=5), "TLS certificate expires within a day (2026-03-02)"),
        (timedelta(days=-3), "TLS certificate expired 3 days ago (2026-02-27)"),
    ],
)
def test_the_cause_says_how_long_is_left_and_until_when(end: timedelta, words: str) -> None:
    assert cause("ssl_expiration", NOW + end, NOW) == words


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://shop.example.co.uk:8443/x", "example.co.uk"),
        ("https://example.com", "example.com"),
        ("https://a.b.user.github.io", "github.io"),
        ("http://127.0.0.1/", None),
        ("http://[::1]:80/", None),
        ("http://localhost", None),
    ],
)
def test_the_domain_is_the_name_that_somebody_registered(url: str, domain: str | None) -> None:
    assert registrable_domain(host_of(url)) == domain


@pytest.mark.parametrize(
    "line",
    [
        "   Registry Expiry Date: 2027-05-20T04:00:00Z",
        "Expiry date:  20-May-2027",
        "expire:       20.05.2027",
        "paid-till:     2027-05-20T04:00:00Z",
        "Expiration Time: 2027-05-20 04:00:00",
        "renewal date:          2027.05.20 14:00:00",
        "Registrar Registration Expiration Date: 2027-05-20T04:00:00+0000",
    ],
)
def test_whois_answers_in_many_forms_are_read(line: str) -> None:
    found = whois_expiry(f"% a registry\r\ndomain: example.test\r\n{line}\r\nstatus: ok\r\n")
    assert found is not None
    assert found.date().isoformat() == "2027-05-20"


def test_a_whois_answer_without_a_date_says_nothing() -> None:
    assert whois_expiry("domain: example.de\nStatus: connect\nexpires: soon\n") is None
    assert whois_referral("refer:        whois.nic.example\n") == "whois.nic.example"


@given(st.binary(max_size=300))
def test_no_answer_can_break_the_readers(answer: bytes) -> None:
    for read in (rdap_bases, rdap_expiry):
        try:
            read(answer)
        except ValueError:
            continue
    whois_expiry(answer.decode("utf-8", "replace"))


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"events": 5}', b'{"events": [7, {"eventAction": "expiration"}]}'])
def test_an_rdap_answer_of_another_shape_says_nothing(answer: bytes) -> None:
    assert rdap_expiry(answer) is None


# --- with incidents --------------------------------------------------------------------------------------------------


@pytest.fixture
def site(database: Database, clock: FakeClock) -> Site:
    return Site(database, clock)


def see_certificate(site: Site, days: float) -> None:
    end = to_milliseconds(site.clock.now() + timedelta(days=days))
    site.clock.wind(seconds=30)
    site.observe(Verdict.UP, certificate_expires_ms=end)


def test_a_certificate_near_its_end_opens_one_incident_that_its_renewal_resolves(site: Site) -> None:
    site.create(ssl_expiration=14)
    see_certificate(site, 20)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is None
    see_certificate(site, 10)
    opened = site.write(incidents.current, "monitor", site.id, "ssl_expiration")
    assert opened.cause == "TLS certificate expires in 9 days (2026-03-12)"
    see_certificate(site, 10)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration").id == opened.id
    see_certificate(site, 90)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is None
    assert site.incident is None


def test_a_warning_switched_on_later_uses_what_was_seen_before(site: Site) -> None:
    site.create()
    see_certificate(site, 10)
    site.update(ssl_expiration=30)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is not None
    site.update(ssl_expiration=None)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is None


def test_an_expiry_that_somebody_resolved_is_not_announced_again(site: Site) -> None:
    site.create(ssl_expiration=14)
    end = to_milliseconds(site.clock.now() + timedelta(days=10))
    site.observe(Verdict.UP, certificate_expires_ms=end)
    opened = site.write(incidents.current, "monitor", site.id, "ssl_expiration")
    author = site.write(author_of, site.team_id, "alice@example.com")
    site.write(incidents.resolve, opened.id, author, base_url=BASE)
    site.clock.wind(seconds=30)
    site.observe(Verdict.UP, certificate_expires_ms=end)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is None


def pause(site: Site, paused: bool) -> None:
    site.update(paused=paused)


def pause_as_a_group(site: Site, paused: bool) -> None:
    site.write(set_paused, [site.id], paused, BASE)


@pytest.mark.parametrize("turn", [pause, pause_as_a_group])
def test_a_warning_that_pausing_closed_comes_back_with_the_monitor(
    site: Site, turn: Callable[[Site, bool], None]
) -> None:
    site.create(ssl_expiration=14)
    see_certificate(site, 10)
    turn(site, True)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is None
    turn(site, False)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is not None


@pytest.mark.parametrize("turn", [pause, pause_as_a_group])
def test_a_warning_that_a_person_closed_stays_closed_after_a_pause(
    site: Site, turn: Callable[[Site, bool], None]
) -> None:
    site.create(ssl_expiration=14)
    see_certificate(site, 10)
    opened = site.write(incidents.current, "monitor", site.id, "ssl_expiration")
    author = site.write(author_of, site.team_id, "alice@example.com")
    site.write(incidents.resolve, opened.id, author, base_url=BASE)
    turn(site, True)
    turn(site, False)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is None


def test_a_warning_switched_off_and_on_again_comes_back(site: Site) -> None:
    site.create(ssl_expiration=14)
    see_certificate(site, 10)
    site.update(ssl_expiration=None)
    site.update(ssl_expiration=14)
    assert site.write(incidents.current, "monitor", site.id, "ssl_expiration") is not None


def test_the_expiration_policy_is_shared_by_the_monitors_of_a_domain(site: Site) -> None:
    day, night = (site.write(create_policy, site.team_id, None, {"name": name}).id for name in ("By day", "At night"))
    first = site.create(url="https://shop.example.com", expiration_policy_id=day)
    site.create(url="https://example.com", expiration_policy_id=night)
    site.id = first.id
    assert site.monitor.settings.expiration_policy_id == night


class Registry:
    """RDAP (HTTP) and WHOIS on loopback, with the end of `example.test` in their books."""

    def __init__(self) -> None:
        self.rdap_ends: datetime | None = None
        self.whois_ends: datetime | None = None
        self.asked: list[str] = []
        self.holds_up: asyncio.Event | None = None

    async def open(self) -> None:
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self._whois = await asyncio.start_server(self._serve_whois, "127.0.0.1", 0)
        self.http_port = self._http.sockets[0].getsockname()[1]
        self.whois_port = self._whois.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._http.close()
        self._whois.close()

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        await reader.readuntil(b"\r\n\r\n")
        self.asked.append(path)
        if self.holds_up is not None:
            await self.holds_up.wait()
        status, body = 200, {"services": [[["test"], [f"http://127.0.0.1:{self.http_port}/rdap/"]]]}
        if path.startswith("/rdap/") and self.rdap_ends is None:
            status, body = 404, {}
        elif path.startswith("/rdap/"):
            event = {"eventAction": "expiration", "eventDate": self.rdap_ends.isoformat()}  # type: ignore[union-attr]
            body = {"objectClassName": "domain", "events": [event]}  # type: ignore[dict-item]
        text = msgspec.json.encode(body)
        writer.write(b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))
        await writer.drain()
        writer.close()

    async def _serve_whois(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = (await reader.readline()).decode().strip()
        self.asked.append(f"whois {question}")
        if question == "test":
            writer.write(b"domain: TEST\nrefer: 127.0.0.1\n")
        elif self.whois_ends is not None:
            writer.write(f"Domain: {question}\nRegistry Expiry Date: {self.whois_ends.isoformat()}\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    registry = Registry()
    await registry.open()
    yield registry
    await registry.close()


@pytest.fixture
async def domains(registry: Registry, database: Database, clock: FakeClock) -> AsyncIterator[DomainWatch]:
    net = RealNet(SystemClock(), allow_private=True)
    net.start()
    registries = Registries(
        bootstrap_url=f"http://127.0.0.1:{registry.http_port}/dns.json", whois_root="127.0.0.1",
        whois_port=registry.whois_port,
    )  # fmt: skip
    yield DomainWatch(database, clock, net, BASE, registries)
    net.stop()


async def test_a_domain_near_its_end_opens_incidents_for_its_monitors_and_its_renewal_resolves_them(
    site: Site, registry: Registry, domains: DomainWatch
) -> None:
    registry.rdap_ends = site.clock.now() + timedelta(days=5)
    site.create(url="https://www.example.test", domain_expiration=7)
    site.create(url="https://shop.example.test", domain_expiration=2)
    www, shop = site.id - 1, site.id
    await domains.run_once()
    opened = site.write(incidents.current, "monitor", www, "domain_expiration")
    assert opened.cause == "Domain name expires in 5 days (2026-03-07)"
    assert site.write(incidents.current, "monitor", shop, "domain_expiration") is None
    assert registry.asked == ["/dns.json", "/rdap/domain/example.test"]
    registry.rdap_ends = site.clock.now() + timedelta(days=370)
    site.clock.wind(hours=23)
    await domains.run_once()
    assert len(registry.asked) == 2
    site.clock.wind(hours=1, minutes=1)
    await domains.run_once()
    assert site.write(incidents.current, "monitor", www, "domain_expiration") is None


async def test_a_registry_that_keeps_us_waiting_does_not_hold_up_the_others(
    site: Site, registry: Registry, domains: DomainWatch
) -> None:
    registry.rdap_ends = site.clock.now() + timedelta(days=5)
    registry.holds_up = asyncio.Event()
    impatient = DomainWatch(site.database, site.clock, domains._net, BASE, domains._registries,
                            look_up_timeout_seconds=0.2)  # fmt: skip
    site.create(url="https://www.example.test", domain_expiration=7)
    assert await impatient.run_once() == site.clock.now() + timedelta(hours=2)
    registry.holds_up.set()
    site.clock.wind(hours=2, seconds=1)
    await domains.run_once()
    assert site.write(incidents.current, "monitor", site.id, "domain_expiration") is not None


async def test_whois_is_asked_when_rdap_does_not_say(site: Site, registry: Registry, domains: DomainWatch) -> None:
    registry.whois_ends = site.clock.now() + timedelta(days=3)
    site.create(url="https://www.example.test", domain_expiration=7)
    await domains.run_once()
    assert registry.asked[-2:] == ["whois test", "whois example.test"]
    assert site.write(incidents.current, "monitor", site.id, "domain_expiration") is not None


async def test_a_registry_that_is_silent_is_asked_again_later_and_nobody_is_blamed(
    site: Site, registry: Registry, domains: DomainWatch
) -> None:
    site.create(url="https://www.example.test", domain_expiration=7)
    following = await domains.run_once()
    assert following == site.clock.now() + timedelta(hours=2)
    assert site.write(incidents.current, "monitor", site.id, "domain_expiration") is None
