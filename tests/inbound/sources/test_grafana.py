"""Grafana's webhooks, of unified alerting and of the alerting before it."""

from __future__ import annotations

import pytest

from tests.inbound.sources.monitoring import grafana, grafana_legacy
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources import grafana as source


def read(body: object) -> list[Alert]:
    return source.read(request(body), SourceSettings())


def test_an_alert_of_unified_alerting() -> None:
    [alert] = read(grafana())
    assert alert.alert_id == "c6eadffa33fcdf37"
    assert alert.title == "High memory usage"
    assert alert.cause == "Memory is short in zone us-1"
    assert alert.url == "https://grafana.example.org/d/abc?viewPanel=2"
    assert alert.group_key == "{}:{}"
    assert alert.facts["zone"] == "us-1"
    assert alert.facts["values"] == "B = 44.23943737541908, C = 1"
    assert alert.facts["silence_url"].startswith("https://grafana.example.org/alerting/silence/new")
    assert "__alert_rule_uid__" not in alert.facts


def test_the_link_leads_to_the_rule_when_there_is_no_panel() -> None:
    body = grafana()
    body["alerts"][0]["panelURL"] = ""
    assert read(body)[0].url == "https://grafana.example.org/alerting/1afz29v7z/edit"


def test_a_legacy_rule() -> None:
    [alert] = read(grafana_legacy())
    assert alert.alert_id == "rule/1/3"
    assert alert.title == "Disk of db1"
    assert alert.cause == "The disk of db1 fills up"
    assert alert.facts["host"] == "db1"
    assert alert.facts["values"] == "High value = 100"


def test_a_legacy_rule_without_a_message_tells_what_it_measured() -> None:
    assert read(grafana_legacy(message=""))[0].cause == "High value = 100"


def test_no_data_is_a_trouble() -> None:
    assert read(grafana_legacy("no_data"))[0].action == "started"


@pytest.mark.parametrize("state", ["pending", "paused", "unknown"])
def test_a_state_that_is_neither_good_nor_bad_says_nothing(state: str) -> None:
    assert read(grafana_legacy(state)) == []


def test_a_custom_payload_is_refused_with_advice() -> None:
    with pytest.raises(Unreadable, match="custom payload"):
        read({"text": "High memory usage"})
    with pytest.raises(Unreadable, match="alerting, no_data or ok"):
        read(grafana_legacy("strange"))
