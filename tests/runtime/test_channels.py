"""What the operator has set decides which channels there are, and whether a provider can call us back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tocsin.kernel.vault import Vault
from tocsin.notify.channels import call, push, sms
from tocsin.runtime.channels import channel_settings, configured, push_key
from tocsin.runtime.settings import load

VAULT = Vault("a key for tests alone, of enough characters")
ACCOUNT = {"twilio_account_sid": "AC" + "0" * 32, "TOCSIN_TWILIO_AUTH_TOKEN": "secret-of-twilio"}


def channels(base_url: str = "https://tocsin.example.com", **given: str) -> frozenset[str]:
    return configured(settings(base_url, **given))


def settings(base_url: str = "https://tocsin.example.com", **given: str) -> dict[str, msgspec.Struct]:
    environment = {name: value for name, value in given.items() if name.isupper()}
    flags = {name: value for name, value in given.items() if not name.isupper()}
    return channel_settings(load(flags, environment, Path("/nonexistent")), VAULT, base_url)


def test_nothing_set_is_no_phone_and_push_wherever_browsers_subscribe() -> None:
    assert channels("http://192.0.2.7:8080").isdisjoint({"sms", "call", "push", "email"})
    assert "push" in channels()
    key = push_key(settings())
    assert len(key) == 87
    assert key == push_key(settings("http://localhost:8080"))
    assert push_key(settings("http://192.0.2.7")) == ""


def test_a_number_calls_and_texts_and_a_messaging_service_texts_alone() -> None:
    assert {"sms", "call"} <= channels(**ACCOUNT, twilio_from="+15005550006")
    service = channels(**ACCOUNT, twilio_messaging_service="MG" + "0" * 32)
    assert "sms" in service
    assert "call" not in service
    assert channels(**ACCOUNT).isdisjoint({"sms", "call"})
    assert channels(twilio_from="+15005550006", twilio_account_sid="AC1").isdisjoint({"sms", "call"})


@pytest.mark.parametrize(
    ("base_url", "reachable"),
    [
        ("https://tocsin.example.com", True), ("http://8.8.8.8:8080", True), ("http://localhost:8080", False),
        ("http://10.0.0.7", False), ("http://tocsin:8080", False), ("http://tocsin.local", False),
        ("http://[::1]", False),
    ],
)  # fmt: skip
def test_twilio_is_given_no_address_that_it_cannot_reach(base_url: str, reachable: bool) -> None:
    given = settings(base_url, **ACCOUNT, twilio_from="+15005550006")
    for kind, seconds in (("sms", sms.RECEIVED_WITHIN_SECONDS), ("call", call.RECEIVED_WITHIN_SECONDS)):
        found = given[kind]
        assert isinstance(found, sms.Settings | call.Settings)
        assert found.callbacks is reachable
        assert found.received_within_seconds == (seconds if reachable else None)
    assert "secret" not in repr(given)
    assert isinstance(given["push"], push.Settings)
