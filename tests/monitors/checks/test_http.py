"""What an answer means: up or down, and why in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.net import MAX_BODY_BYTES, Certificate, Failure, HttpResponse, Proxy
from tocsin.monitors.checks import checks, http, read_settings
from tocsin.monitors.model import MAX_EVIDENCE_BYTES, Verdict


def settings(kind: str = "status", **attributes: Any) -> http.Settings:
    read = read_settings(kind, {"url": "https://shop.example/", **attributes})
    assert isinstance(read, http.Settings)
    return read


def judge(kind: str, response: HttpResponse, **attributes: Any) -> tuple[Verdict, str | None]:
    found = http.outcome(settings(kind, **attributes), response)
    return found.verdict, found.cause


def page(status: int = 200, body: bytes = b"", *headers: bytes, truncated: bool = False) -> HttpResponse:
    return HttpResponse(status_code=status, body=body, header_lines=list(headers), truncated=truncated)


def test_the_four_http_types_are_found() -> None:
    for kind in ("status", "expected_status_code", "keyword", "keyword_absence"):
        assert checks()[kind] is http  # type: ignore[comparison-overlap]


@given(st.integers(100, 599))
def test_a_status_monitor_is_up_exactly_for_2xx(status: int) -> None:
    wanted = (Verdict.UP, None) if 200 <= status <= 299 else (Verdict.DOWN, f"Status {status}")
    assert judge("status", page(status)) == wanted


@given(st.integers(100, 599), st.lists(st.integers(100, 599), min_size=1, max_size=4))
def test_an_expected_status_is_one_of_the_list(status: int, codes: list[int]) -> None:
    verdict, cause = judge("expected_status_code", page(status), expected_status_codes=codes)
    assert (verdict is Verdict.UP) == (status in codes)
    assert (cause is None) == (status in codes)


def test_an_unexpected_status_says_what_was_expected() -> None:
    codes = [200, 301, 302]
    assert judge("expected_status_code", page(404), expected_status_codes=codes)[1] == (
        "Status 404, expected 200, 301 or 302"
    )


@pytest.mark.parametrize(
    ("kind", "response", "cause"),
    [
        ("keyword", page(200, b"welcome home"), None),
        ("keyword", page(200, b"goodbye"), "Keyword missing"),
        ("keyword", page(200, b"x", truncated=True), "Keyword missing in the first 2 MiB"),
        ("keyword", page(500, b"welcome"), "Status 500"),
        ("keyword_absence", page(200, b"goodbye"), None),
        ("keyword_absence", page(200, b"welcome"), "Keyword found"),
        ("keyword_absence", page(503, b"goodbye"), "Status 503"),
    ],
)
def test_a_keyword_counts_on_a_good_page_alone(kind: str, response: HttpResponse, cause: str | None) -> None:
    verdict = Verdict.UP if cause is None else Verdict.DOWN
    assert judge(kind, response, required_keyword="welcome") == (verdict, cause)


@pytest.mark.parametrize(
    "response",
    [
        page(200, "Grüße".encode()),
        page(200, "Grüße".encode("latin-1"), b"Content-Type: text/html; charset=ISO-8859-1\r\n"),
        page(200, b'<meta charset="iso-8859-1">' + "Grüße".encode("latin-1")),
        page(200, "Grüße".encode("utf-16")),
    ],
)
def test_a_keyword_is_found_in_the_pages_own_character_set(response: HttpResponse) -> None:
    assert judge("keyword", response, required_keyword="Grüße") == (Verdict.UP, None)


def test_an_unknown_character_set_breaks_nothing() -> None:
    response = page(200, b"abc", b"Content-Type: text/html; charset=klingon\r\n")
    assert judge("keyword", response, required_keyword="ä") == (Verdict.DOWN, "Keyword missing")


@pytest.mark.parametrize("failure", list(Failure))
def test_a_failure_is_down_unless_it_is_our_own(failure: Failure) -> None:
    verdict, cause = judge("status", HttpResponse(failure=failure, cause="Because"))
    assert verdict is (Verdict.UNKNOWN if failure is Failure.LOCAL else Verdict.DOWN)
    assert cause == "Because"


def test_a_failure_keeps_what_was_answered_as_evidence() -> None:
    body = b"x" * (MAX_EVIDENCE_BYTES + 1)
    response = HttpResponse(
        status_code=503, url="https://shop.example/x", remote_ip="192.0.2.1", body=body,
        header_lines=[b"HTTP/1.1 503 Oops\r\n", b"Retry-After: 5\r\n", b"\r\n"],
    )  # fmt: skip
    evidence = http.outcome(settings(), response).evidence
    assert evidence is not None
    assert (evidence.status_code, evidence.url, evidence.remote_ip) == (503, "https://shop.example/x", "192.0.2.1")
    assert evidence.headers == [("Retry-After", "5")]
    assert len(evidence.body) == MAX_EVIDENCE_BYTES
    assert evidence.body_truncated


def test_a_success_keeps_no_evidence_but_its_times_and_certificate() -> None:
    certificate = Certificate(not_before_ms=1, not_after_ms=2, subject="s", issuer="i")
    response = HttpResponse(status_code=200, total_time=0.5, connection_time=0.1, certificate=certificate)
    found = http.outcome(settings(), response)
    assert (found.evidence, found.response_time, found.connection_time, found.certificate_expires_ms) == (
        None, 0.5, 0.1, 2,
    )  # fmt: skip


def test_every_attribute_of_the_contract_reaches_the_request() -> None:
    request = http.request(
        settings(
            http_method="post", request_body="ä", request_headers=[{"id": "7", "name": "X-A", "value": "b"}],
            auth_username="joe", auth_password="p", follow_redirects=False, remember_cookies=False, verify_ssl=False,
            proxy_host="user:p@ss@proxy.example", proxy_port="3128", ip_version="ipv6", request_timeout=10,
        )
    )  # fmt: skip
    assert (request.method, request.body, request.headers) == ("POST", "ä".encode(), (("X-A", "b"),))
    assert (request.username, request.password) == ("joe", "p")
    assert (request.follow_redirects, request.remember_cookies, request.verify_tls) == (False, False, False)
    assert request.proxy == Proxy("proxy.example", 3128, "user", "p@ss")
    assert (request.ip_version, request.timeout_seconds) == ("ipv6", 10.0)


def test_nulls_and_attributes_of_other_concerns_are_no_obstacle() -> None:
    attributes = dict.fromkeys(
        ["request_body", "request_headers", "auth_username", "proxy_host", "proxy_port", "ip_version",
         "expected_status_codes", "required_keyword", "http_method", "request_timeout"]
    )  # fmt: skip
    request = http.request(settings(**attributes, pronounceable_name="Shop", check_frequency=30))
    assert (request.method, request.timeout_seconds, request.proxy, request.username) == ("GET", 30.0, None, None)


def test_only_keyword_monitors_hold_the_whole_page_in_memory() -> None:
    assert http.request(settings("keyword")).keep_body_bytes == MAX_BODY_BYTES
    assert http.request(settings("status")).keep_body_bytes == MAX_EVIDENCE_BYTES
