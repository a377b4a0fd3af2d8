"""PagerDuty's Events API v2."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.inbound.sources.pagers import pagerduty
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable, own_answer, sources
from tocsin.inbound.sources import pagerduty as source


def read(received: Received) -> list[Alert]:
    return source.read(received, SourceSettings())


def answer(received: Received) -> Any:
    return own_answer(sources()["pagerduty"], received, read(received))


def test_a_trigger() -> None:
    [alert] = read(request(pagerduty()))
    assert alert.alert_id == "srv01/mysql"
    assert alert.title == "DISK at 99% on machine prod-datapipe03.example.com"
    assert alert.severity == "critical"
    assert alert.url == "https://monitoring.example.com"
    assert alert.facts == {
        "source": "prod-datapipe03.example.com",
        "component": "mysql",
        "group": "prod-datapipe",
        "class": "disk",
        "client": "Sample Monitoring Service",
        "free space": "1%",
        "ping time": "1500ms",
        "load avg": "0.75",
        "An example link.": "http://pagerduty.example.com",
    }


def test_the_routing_key_is_a_secret_and_no_fact() -> None:
    [alert] = read(request(pagerduty()))
    assert "e93facc04764012d7bfb002500d5d1a6" not in str(alert)


def test_details_may_be_nested_or_a_plain_text() -> None:
    nested = pagerduty()
    nested["payload"]["custom_details"] = {"disk": {"free": "1%"}, "hosts": ["a", "b"]}
    assert read(request(nested))[0].facts["disk"] == '{"free":"1%"}'
    plain = pagerduty()
    plain["payload"]["custom_details"] = "ran out"
    assert read(request(plain))[0].facts["custom_details"] == "ran out"


def test_the_answer_is_pagerdutys() -> None:
    expected = (202, {"status": "success", "message": "Event processed", "dedup_key": "srv01/mysql"})
    assert answer(request(pagerduty())) == expected
    assert answer(request(pagerduty("resolve"))) == expected


def test_a_trigger_without_a_key_gets_one_that_ends_it() -> None:
    triggered = request(pagerduty(dedup_key=None))
    [begun] = read(triggered)
    _, told = answer(triggered)
    assert len(told["dedup_key"]) == 32
    [ended] = read(request(pagerduty("resolve", dedup_key=told["dedup_key"])))
    assert ended.alert_id == begun.alert_id


def test_two_triggers_without_a_key_are_two_troubles() -> None:
    one = request(pagerduty(dedup_key=None))
    other = msgspec.structs.replace(one, at=one.at + timedelta(milliseconds=1))
    assert read(one)[0].alert_id != read(other)[0].alert_id


def test_a_key_longer_than_we_hold_is_answered_as_it_was_sent() -> None:
    key = "k" * 400
    [begun] = read(request(pagerduty(dedup_key=key)))
    [ended] = read(request(pagerduty("resolve", dedup_key=key)))
    assert begun.alert_id == ended.alert_id
    assert answer(request(pagerduty(dedup_key=key)))[1]["dedup_key"] == key


def test_a_change_event_is_taken_and_opens_nothing() -> None:
    change = request({"routing_key": "x", "payload": {"summary": "Deployed"}}, path="v2/change/enqueue")
    assert read(change) == []
    assert answer(change) == (202, {"status": "success", "message": "Change event processed"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (pagerduty("explode"), "trigger, acknowledge or resolve, not 'explode'"),
        (pagerduty("resolve", dedup_key=None), "`dedup_key` is required to resolve"),
        (pagerduty(payload={"source": "x"}), "`payload.summary` is required to trigger"),
        (pagerduty(payload=None), "`payload.summary` is required to trigger"),
    ],
)
def test_what_pagerduty_would_refuse_is_refused(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(request(body))
