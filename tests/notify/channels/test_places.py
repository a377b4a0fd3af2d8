"""What the channels to places share."""

from __future__ import annotations

import pytest

from tests.notify.channels.messages import page
from tocsin.notify.channels import places


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "https://", "https://a b", "http://x:0", "http://[::1", "//x/y"])
def test_what_is_no_web_address_is_refused_in_words(url: str) -> None:
    assert places.web_address_complaint(url)
    assert places.web_address_complaint("https://hooks.example.com:8443/a?b=c") is None


def test_a_message_in_plain_words_is_cut_where_the_provider_would_refuse_it() -> None:
    message = page(channel="x", address="y", notice={"cause": "c" * 50, "facts": [("A", "1"), ("B", ""), ("A", "2")]})
    assert places.plain(message, 1_000) == "c" * 50 + "\nA: 1\nA: 2"
    assert places.plain(message, 20) == "c" * 19 + "…"
    assert places.details(message) == {"A": "1"}
