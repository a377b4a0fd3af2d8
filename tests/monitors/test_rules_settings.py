"""What may be set on a monitor: each rule of the API, in its words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.monitors.model import RequestHeader, Settings
from tocsin.monitors.rules.kinds import KINDS
from tocsin.monitors.rules.settings import Errors, Limits, apply, default_name

URL = "https://shop.example.com"


def create(limits: Limits | None = None, **given: Any) -> tuple[Settings, Errors]:
    settings, _, errors = apply(Settings(), "", {"url": URL} | given, limits or Limits(), new=True)
    return settings, errors


def change(current: Settings, **given: Any) -> tuple[Settings, Errors]:
    settings, _, errors = apply(current, URL, given, Limits(), new=False)
    return settings, errors


def test_a_url_is_enough() -> None:
    settings, errors = create()
    assert errors == {}
    assert settings == Settings()


def test_terraforms_smallest_body_means_the_defaults() -> None:
    settings, errors = create(expiration_policy_id=None, monitor_type="status", http_method="GET", request_headers=None)
    assert (settings, errors) == (Settings(), {})


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"url": None}, {"url": ["can't be blank"]}),
        ({"url": "  "}, {"url": ["can't be blank"]}),
        ({"url": "example.com"}, {"base": ["URL is invalid."]}),
        ({"url": "ftp://example.com"}, {"base": ["URL is invalid."]}),
        ({"url": "https://"}, {"base": ["URL is invalid."]}),
        ({"url": "https://exa mple.com"}, {"base": ["URL is invalid."]}),
        ({"url": "https://example.com:99999"}, {"base": ["URL is invalid."]}),
        ({"url": "https://[::1"}, {"base": ["URL is invalid."]}),
        (
            {"monitor_type": "telnet"},
            {"monitor_type": [f"is invalid. Valid values are: {', '.join(KINDS)}"]},
        ),
        ({"request_body": "x"}, {"base": ["Request body must be empty when using the HEAD or GET HTTP method."]}),
        ({"http_method": "delete"}, {"http_method": ["is invalid. Valid values are: get, head, post, put, patch"]}),
        ({"request_timeout": 7}, {"request_timeout": ["is invalid. Valid values are: 1, 2, 3, 5, 10, 15, 30, 45, 60"]}),
        ({"check_frequency": 5}, {"check_frequency": ["must be between 10 and 86400"]}),
        (
            {"check_frequency": 10, "request_timeout": 15},
            {"check_frequency": ["must be greater than or equal to the request timeout"]},
        ),
        ({"confirmation_period": 86_401}, {"confirmation_period": ["must be between 0 and 86400"]}),
        ({"recovery_period": -1}, {"recovery_period": ["must be between 0 and 86400"]}),
        ({"regions": ["us", "mars"]}, {"regions": ["is invalid. Valid values are: us, eu, as, au"]}),
        ({"ssl_expiration": 4}, {"ssl_expiration": ["is invalid. Valid values are: 1, 2, 3, 7, 14, 30, 60"]}),
        ({"maintenance_timezone": "Gotham"}, {"maintenance_timezone": ["'Gotham' is not a time zone that we know"]}),
        ({"maintenance_from": "25:00:00", "maintenance_to": "1:00"}, {
            "maintenance_from": ["must be a time of day like 01:00:00"],
            "maintenance_to": ["must be a time of day like 01:00:00"],
        }),
        ({"maintenance_from": "01:00:00"}, {"maintenance_to": ["can't be blank"]}),
        ({"monitor_type": "keyword"}, {"required_keyword": ["can't be blank"]}),
        ({"monitor_type": "expected_status_code"}, {"expected_status_codes": ["can't be blank"]}),
        (
            {"monitor_type": "expected_status_code", "expected_status_codes": [301]},
            {"expected_status_codes": ["can't contain a 3xx status code when following redirects"]},
        ),
        ({"expected_status_codes": [99]}, {"expected_status_codes": ["must be HTTP status codes between 100 and 599"]}),
        ({"environment_variables": {"A": ""}}, {"environment_variables": ["must have non-empty names and values"]}),
        ({"ip_version": "ipv5"}, {"ip_version": ["is invalid. Valid values are: ipv4, ipv6"]}),
        ({"proxy_port": 70_000}, {"proxy_port": ["must be between 1 and 65535"]}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_the_words_of_the_api(sent: dict[str, Any], errors: Errors) -> None:
    assert create(**sent)[1] == errors


def test_a_type_that_is_not_known_is_all_that_is_complained_of() -> None:
    _, _, errors = apply(Settings(), "", {"url": "db.example.com", "monitor_type": "sonar"}, Limits(), new=True)
    assert list(errors) == ["monitor_type"]


@pytest.mark.parametrize(
    "sent",
    [
        {"monitor_type": "expected_status_code", "expected_status_codes": [301], "follow_redirects": False},
        {"http_method": "POST", "request_body": "x"},
        {"maintenance_from": "01:00", "maintenance_to": "02:00:00", "maintenance_timezone": "Berlin"},
        {"maintenance_timezone": "Europe/Berlin"},
        {"proxy_port": 0, "policy_id": 0},
        {"regions": []},
        {"url": "HTTP://user:pass@bücher.example:8080/a?b=c#d"},
    ],
)
def test_what_can_be_is_taken(sent: dict[str, Any]) -> None:
    assert create(**sent)[1] == {}


def test_methods_come_back_in_lower_case_and_lists_in_their_order() -> None:
    settings, _ = create(http_method="POST", regions=["eu", "us"], maintenance_days=["wed", "mon"])
    assert (settings.http_method, settings.regions) == ("post", ("eu", "us"))
    assert settings.maintenance_days == ("wed", "mon")


def test_nothing_becomes_null_where_null_can_be_and_the_default_where_it_cannot() -> None:
    full, _ = create(policy_id=5, proxy_port=3128, ssl_expiration=7, recovery_period=0, verify_ssl=False)
    settings, errors = change(full, policy_id=None, proxy_port=0, ssl_expiration=None, recovery_period=None,
                              verify_ssl=None)  # fmt: skip
    assert errors == {}
    assert (settings.policy_id, settings.proxy_port, settings.ssl_expiration) == (None, None, None)
    assert (settings.recovery_period, settings.verify_ssl) == (180, True)


def test_who_checks_often_gets_a_timeout_that_fits() -> None:
    assert create(check_frequency=10)[0].request_timeout == 10
    assert create(check_frequency=25)[0].request_timeout == 15
    assert create(Limits(min_check_frequency=1), check_frequency=1)[0].request_timeout == 1


def test_headers_are_merged_by_id_and_never_replaced() -> None:
    one, errors = create(request_headers=[{"name": "X-A", "value": "1"}, {"name": "X-B", "value": "2"}])
    assert errors == {}
    assert one.request_headers == (RequestHeader("1", "X-A", "1"), RequestHeader("2", "X-B", "2"))
    two, _ = change(one, request_headers=[{"id": "1", "_destroy": "true"}, {"name": "X-C", "value": "3"},
                                          {"id": "2", "value": "two"}])  # fmt: skip
    assert two.request_headers == (RequestHeader("3", "X-C", "3"), RequestHeader("2", "X-B", "two"))
    assert change(two, request_headers=None)[0].request_headers == two.request_headers
    assert change(two, request_headers=[])[0].request_headers == two.request_headers


def test_headers_that_are_mentioned_stand_in_the_order_of_the_request_and_others_keep_their_places() -> None:
    four, _ = create(request_headers=[{"name": name, "value": name} for name in "ABCD"])

    def after(*sent: dict[str, Any]) -> str:
        return "".join(header.name for header in change(four, request_headers=list(sent))[0].request_headers)

    new, gone = {"name": "N", "value": "n"}, {"id": "1", "_destroy": "true"}
    assert after({"id": "3", "value": "changed"}) == "ABCD"
    assert after(new) == "ABCDN"
    assert after(new, gone) == "NBCD"
    assert after({"id": "3"}, {"id": "1"}) == "CBAD"
    assert after({"id": "4"}, new, {"id": "2"}) == "ADCNB"
    assert after({"id": "3"}, {"id": "4"}, gone, {"id": "2", "_destroy": True}) == "CD"
    assert after({"id": "2"}, new, {"id": "3"}, {"id": "4"}, gone) == "BNCD"


def test_a_header_id_is_never_given_twice() -> None:
    one, _ = create(request_headers=[{"name": "X-A", "value": "1"}])
    none, _ = change(one, request_headers=[{"id": "1", "_destroy": True}])
    again, _ = change(none, request_headers=[{"name": "X-A", "value": "1"}])
    assert [header.id for header in again.request_headers] == ["2"]


@pytest.mark.parametrize(
    "header",
    [{"id": "77", "value": "x"}, {"name": "X A", "value": "1"}, {"name": "X-A", "value": "1\r\nHost: evil"},
     {"name": "", "value": "1"}],
)  # fmt: skip
def test_a_header_that_cannot_be_sent_is_refused(header: dict[str, Any]) -> None:
    assert list(create(request_headers=[header])[1]) == ["request_headers"]


def test_a_name_is_the_host_when_nobody_gives_one() -> None:
    assert default_name("https://api.my.company/health?x=1", Settings()) == "api.my.company"


@pytest.mark.parametrize(
    ("kind", "url", "port", "name"),
    [
        ("redis", "db.example.com", "6379", "redis db.example.com:6379"),
        ("mqtt", "::1", "1883", "mqtt [::1]:1883"),
        ("tcp", "db.example.com", "80,443", "db.example.com"),
        ("smtp", "::1", "25", "::1"),
        ("ssh", "::1", None, "ssh ::1"),
        ("ping", "db.example.com", "80", "db.example.com"),
        ("websocket", "wss://live.example.com/feed", None, "live.example.com"),
        ("playwright", "Sign in", None, "Sign in"),
    ],
)
def test_a_server_of_our_types_that_nobody_names_is_told_from_others_on_its_host(
    kind: str, url: str, port: str | None, name: str
) -> None:
    assert default_name(url, Settings(monitor_type=kind, port=port)) == name


sent = st.fixed_dictionaries({}, optional={
    "url": st.text(max_size=40), "monitor_type": st.text(max_size=10), "check_frequency": st.integers(),
    "request_timeout": st.integers(), "maintenance_from": st.text(max_size=9),
    "maintenance_timezone": st.text(max_size=9),
    "expected_status_codes": st.lists(st.integers(), max_size=4), "http_method": st.text(max_size=6),
    "request_headers": st.lists(st.fixed_dictionaries({}, optional={
        "id": st.text(max_size=2), "name": st.text(max_size=5), "value": st.text(max_size=5), "_destroy": st.booleans(),
    }), max_size=3),
})  # fmt: skip


@pytest.mark.slow
@given(sent)
def test_whatever_is_sent_is_either_accepted_or_explained(given: dict[str, Any]) -> None:
    settings, url, errors = apply(Settings(), "", given, Limits(), new=True)
    if not errors:
        assert url.lower().startswith(("http://", "https://"))
        again, _, errors = apply(settings, url, {}, Limits(), new=False)
        assert (again, errors) == (settings, {})
    assert all(texts for texts in errors.values())
