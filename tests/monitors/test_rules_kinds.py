"""What each type of monitor needs, in the words of the API (contract part 1, 3.1 and 3.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.net.dnswire import question
from tocsin.monitors.checks import checks
from tocsin.monitors.model import Settings
from tocsin.monitors.rules.kinds import KINDS, is_domain, is_host, port_complaint, read_ports, siblings
from tocsin.monitors.rules.settings import Errors, Limits, apply
from tocsin.monitors.store.monitors import settings_of

JSON = [{"source": "json", "property": "status", "comparison": "equals", "target": "ok"}]
SMALLEST: dict[str, dict[str, Any]] = {
    "status": {"url": "https://example.com"},
    "expected_status_code": {"url": "https://example.com", "expected_status_codes": [204]},
    "keyword": {"url": "https://example.com", "required_keyword": "Open"},
    "keyword_absence": {"url": "https://example.com", "required_keyword": "Oops"},
    "json": {"url": "https://example.com/health", "assertions": JSON},
    "ping": {"url": "example.com"},
    "tcp": {"url": "example.com", "port": "443"},
    "udp": {"url": "example.com", "port": "53", "required_keyword": "pong"},
    "smtp": {"url": "mail.example.com", "port": "25,465,587"},
    "pop": {"url": "mail.example.com", "port": "110,995"},
    "imap": {"url": "mail.example.com", "port": "993"},
    "dns": {"url": "1.1.1.1", "request_body": "example.com"},
    "playwright": {"scenario_name": "Checkout", "playwright_script": "test('x', async () => {})"},
    "websocket": {"url": "wss://example.com/live"},
    "grpc": {"url": "example.com", "port": "50051"},
    "redis": {"url": "cache.internal"},
    "postgres": {"url": "db.internal"},
    "mysql": {"url": "db.internal"},
    "mqtt": {"url": "broker.internal"},
    "ssh": {"url": "example.com"},
    "ntp": {"url": "pool.ntp.example"},
}


def create(kind: str, **given: Any) -> tuple[Settings, str, Errors]:
    return apply(Settings(), "", {"monitor_type": kind, **SMALLEST[kind], **given}, Limits(), new=True)


def test_every_type_of_the_contract_is_here_and_ours_besides() -> None:
    assert list(KINDS)[:12] == [
        "status", "expected_status_code", "keyword", "keyword_absence", "ping", "tcp", "udp", "smtp", "pop", "imap",
        "dns", "playwright",
    ]  # fmt: skip
    assert SMALLEST.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", SMALLEST)
def test_the_smallest_of_each_type_is_taken_and_has_a_url(kind: str) -> None:
    settings, url, errors = create(kind)
    assert errors == {}
    assert url
    assert KINDS[kind].seconds(settings.request_timeout) <= settings.check_frequency
    again = apply(settings, url, {}, Limits(), new=False)
    assert again == (settings, url, {})


@pytest.mark.parametrize("kind", SMALLEST)
def test_what_a_type_cannot_do_without_is_asked_for_by_name(kind: str) -> None:
    for name in KINDS[kind].required:
        assert create(kind, **{name: None})[2] == {name: ["can't be blank"]}
    assert create(kind, url=None, scenario_name=None)[2]["url"] == ["can't be blank"]


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.target == "host"])
@pytest.mark.parametrize("url", ["https://example.com", "example.com:443", "exa mple.com", "example..com", "1.2.3.400"])
def test_a_server_is_named_by_its_host_alone(kind: str, url: str) -> None:
    errors = create(kind, url=url)[2]
    assert errors["base"] == ["URL is invalid."]
    assert "host name or an IP address" in errors["url"][0]


@pytest.mark.parametrize(
    "url", ["example.com", "EXAMPLE.com.", "10.0.0.1", "::1", "[2001:db8::1]", "bücher.example", "a_b.internal", "db"]
)
def test_a_host_may_be_a_name_an_address_or_an_international_name(url: str) -> None:
    assert is_host(url)


def test_a_websocket_is_named_by_its_whole_url() -> None:
    assert create("websocket", url="https://example.com")[2]["url"] == [
        "must begin with ws:// or wss://, e.g. wss://example.com/live"
    ]


@pytest.mark.parametrize("kind", ["ping", "tcp", "smtp", "dns"])
def test_servers_count_their_patience_in_milliseconds(kind: str) -> None:
    assert create(kind)[0].request_timeout == 5_000
    assert create(kind, request_timeout=500)[2] == {}
    assert create(kind, request_timeout=5)[2] == {
        "request_timeout": ["is invalid. Valid values are: 500, 1000, 2000, 3000, 5000"]
    }


def test_a_check_may_take_no_longer_than_the_time_between_two_in_the_same_unit() -> None:
    assert create("tcp", check_frequency=10, request_timeout=5_000)[2] == {}
    every_second = Limits(min_check_frequency=1)
    sent = {"monitor_type": "tcp", **SMALLEST["tcp"], "check_frequency": 1}
    assert apply(Settings(), "", sent, every_second, new=True)[0].request_timeout == 1_000
    _, _, errors = apply(Settings(), "", sent | {"request_timeout": 2_000}, every_second, new=True)
    assert errors == {"check_frequency": ["must be greater than or equal to the request timeout"]}
    assert create("playwright", request_timeout=900)[2] == {
        "check_frequency": ["must be greater than or equal to the request timeout"]
    }


def test_a_null_timeout_is_the_types_own_default_again() -> None:
    settings, url, _ = create("tcp", request_timeout=500)
    assert apply(settings, url, {"request_timeout": None}, Limits(), new=False)[0].request_timeout == 5_000


def test_a_monitor_never_leaves_its_family() -> None:
    settings, url, _ = create("status")
    for kind in ("ping", "playwright"):
        _, _, errors = apply(settings, url, {"monitor_type": kind, **SMALLEST[kind]}, Limits(), new=False)
        assert errors == {"monitor_type": [f"is invalid. Valid values are: {', '.join(siblings('status'))}"]}
    changed, _, errors = apply(settings, url, {"monitor_type": "keyword", "required_keyword": "x"}, Limits(), new=False)
    assert (changed.monitor_type, errors) == ("keyword", {})


def test_turning_into_a_sibling_asks_for_what_that_needs() -> None:
    settings, url, _ = create("ping")
    assert apply(settings, url, {"monitor_type": "tcp"}, Limits(), new=False)[2] == {"port": ["can't be blank"]}
    _, _, errors = apply(settings, url, {"monitor_type": "websocket"}, Limits(), new=False)
    assert errors["base"] == ["URL is invalid."]


def test_a_scenarios_name_is_its_url_whichever_is_given() -> None:
    script = {"playwright_script": "x"}
    for sent in ({"url": "Checkout"}, {"scenario_name": "Checkout"}, {"url": "Checkout", "scenario_name": "Checkout"}):
        sent = {"monitor_type": "playwright", **script, **sent}
        _, url, errors = apply(Settings(), "", sent, Limits(), new=True)
        assert (url, errors) == ("Checkout", {})
    assert create("playwright", url="Other")[2] == {"scenario_name": ["must be the same as url when both are given"]}
    settings, url, _ = create("playwright")
    assert apply(settings, url, {"scenario_name": "Renamed"}, Limits(), new=False)[1] == "Renamed"


def test_only_a_browser_check_has_a_scenario() -> None:
    assert create("status", scenario_name="x")[2] == {"scenario_name": ["is for monitors of the type playwright alone"]}
    assert create("status", scenario_name="")[2] == {}


@pytest.mark.parametrize(
    ("kind", "port", "fine"),
    [("tcp", "443", True), ("tcp", "80,443", True), ("smtp", "25, 465", True), ("smtp", "25,25", False),
     ("smtp", "", False), ("tcp", "0", False), ("tcp", "65536", False), ("tcp", "http", False),
     ("status", "anything", True), ("smtp", ",".join(map(str, range(1, 12))), False)],
)  # fmt: skip
def test_ports_are_numbers_and_several_only_where_the_type_takes_several(kind: str, port: str, fine: bool) -> None:
    assert (port_complaint(KINDS[kind], port) is None) is fine


@given(st.lists(st.integers(1, 65_535), min_size=1, max_size=5))
def test_ports_are_read_as_they_are_written(ports: list[int]) -> None:
    assert read_ports(",".join(map(str, ports))) == tuple(ports)


@given(st.text(max_size=20))
def test_any_text_is_a_host_or_not_without_an_accident(text: str) -> None:
    assert is_host(text) in (True, False)


def test_every_type_that_can_be_set_up_can_be_checked() -> None:
    assert checks().keys() == KINDS.keys()


def test_every_check_is_of_a_type_that_can_be_set_up_and_reads_only_what_it_is_given() -> None:
    for kind, module in checks().items():
        assert kind in KINDS
        settings, url, _ = create(kind)
        known = settings_of(settings, url).keys() | {"monitor_type"}
        assert set(module.Settings.__struct_fields__) <= known, kind


@pytest.mark.parametrize(
    "name",
    [
        "example.com",
        "example.com.",
        ".",
        "*.example.com",
        "_dmarc.example.com",
        "0/25.2.0.192.in-addr.arpa",
        "bücher.de",
    ],
)
def test_a_name_server_may_be_asked_for_any_domain(name: str) -> None:
    assert is_domain(name)
    assert create("dns", request_body=name)[2] == {}
    assert question(name, "A")


@pytest.mark.parametrize(
    "name", ["a..b", "x" * 64 + ".com", "exa mple.com", "https://example.com/", "ex\nample", "a." * 200]
)
def test_what_is_no_domain_is_refused_before_it_pages_anybody(name: str) -> None:
    assert create("dns", request_body=name)[2] == {
        "request_body": ["must be the domain that is asked for, e.g. example.com"]
    }


@pytest.mark.slow
@given(st.text(max_size=80))
def test_a_name_server_can_really_be_asked_for_whatever_is_taken(name: str) -> None:
    if is_domain(name):
        assert question(name, "MX")


def test_a_body_that_no_datagram_can_carry_is_refused() -> None:
    assert create("udp", request_body="x" * 65_507)[2] == {}
    too_long = {"request_body": ["is too long for a datagram (maximum is 65507 bytes)"]}
    assert create("udp", request_body="ä" * 32_754)[2] == too_long


@pytest.mark.parametrize("url", ["ws://" + "a" * 70 + "/", "ws://ex%41mple/", "ws://1.2.3/"])
def test_a_websocket_needs_a_host_that_can_be_found(url: str) -> None:
    assert "url" in create("websocket", url=url)[2]
