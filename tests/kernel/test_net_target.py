"""URLs taken apart: libcurl must never see a host that we read differently."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.kernel.net.target import BadUrl, parse


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f.1", "127.0.0.1"),
     ("0251.254.169.254", "169.254.169.254"),
     ("0xA9FEA9FE", "169.254.169.254"), ("[::FFFF:1.2.3.4]", "::ffff:102:304"), ("1.2.3.4.", "1.2.3.4")],
)  # fmt: skip
def test_every_way_of_writing_an_address_is_recognised(host: str, address: str) -> None:
    target = parse(f"http://{host}/x")
    assert target.address == address
    assert target.host == address


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_a_number_is_the_address_that_libcurl_would_make_of_it(number: int) -> None:
    assert parse(f"http://{number}/").address == str(ipaddress.IPv4Address(number))


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/", "file:///etc/passwd", "http://", "http:///x", "http://a b/", "http://ex%41mple.com/",
     "http://[::1%25eth0]/", "http://example.com:99999/", "http://example.com:0/", "http://exa\\mple.com/",
     "gopher://x/", "http://1.2.3.4.5/", "http://" + "a" * 9000],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(BadUrl) as refused:
        parse(url)
    assert str(refused.value).endswith(".")


def test_credentials_leave_the_url_and_are_kept_apart() -> None:
    target = parse("https://us%40er:p%3Ass@Example.COM:8443/a?b=c#d")
    assert (target.username, target.password) == ("us@er", "p:ss")
    assert target.url == "https://example.com:8443/a?b=c"


def test_an_international_name_and_path_become_ascii() -> None:
    target = parse("https://bücher.example/ä b?q=ü")
    assert target.host == "xn--bcher-kva.example"
    assert target.url == "https://xn--bcher-kva.example/%C3%A4%20b?q=%C3%BC"


def test_what_is_escaped_already_stays_as_it_is() -> None:
    assert parse("http://example.com/a%2Fb?c=%20d&e=[1]").url == "http://example.com/a%2Fb?c=%20d&e=[1]"


@given(st.text(max_size=80))
def test_any_text_is_a_target_or_a_bad_url(text: str) -> None:
    for url in (text, f"http://{text}/"):
        try:
            target = parse(url)
        except BadUrl:
            continue
        assert target.url.isascii()
        assert parse(target.url).host == target.host
