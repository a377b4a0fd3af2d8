"""Datadog's webhooks integration."""

from __future__ import annotations

import pytest

from tests.inbound.sources.monitoring import datadog, datadog_default
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources import datadog as source

ALERTS_ALONE = SourceSettings()
WARNINGS_TOO = SourceSettings(alerting_rule="alert_and_warn")


def read(body: object, settings: SourceSettings = ALERTS_ALONE) -> list[Alert]:
    return source.read(request(body), settings)


def test_our_payload() -> None:
    [alert] = read(datadog())
    assert alert.alert_id == "6409872305218236912"
    assert alert.title == "Host is down"
    assert alert.cause == "system.load.1 over host:ip-012345 was > 4 on average during the last 5m."
    assert alert.severity == "P1"
    assert alert.url == "https://app.datadoghq.com/monitors/221164084?event_id=8306082202796025694"
    assert alert.facts["scope"] == "host:ip-012345"
    assert alert.facts["monitor_id"] == "221164084"


def test_variables_without_a_value_are_left_out() -> None:
    [alert] = read(datadog())
    assert "host" not in alert.facts
    assert "snapshot_url" not in alert.facts


@pytest.mark.parametrize("transition", ["Triggered", "Re-Triggered", "No Data", "Re-No Data", "Renotify"])
def test_these_transitions_open(transition: str) -> None:
    assert [alert.action for alert in read(datadog(transition))] == ["started"]


@pytest.mark.parametrize("transition", ["Warn", "Re-Warn"])
def test_a_warning_opens_only_when_asked_for(transition: str) -> None:
    assert read(datadog(transition, "warning")) == []
    assert [alert.action for alert in read(datadog(transition, "warning"), WARNINGS_TOO)] == ["started"]


def test_a_reminder_of_a_warning_is_a_warning() -> None:
    assert read(datadog("Renotify", "warning")) == []
    assert len(read(datadog("Renotify", "warning"), WARNINGS_TOO)) == 1


def test_recovery_ends_it_whatever_it_was() -> None:
    assert [alert.action for alert in read(datadog("Recovered", "success"))] == ["resolved"]
    assert [alert.action for alert in read(datadog("Recovered", "success"), WARNINGS_TOO)] == ["resolved"]


def test_without_a_cycle_key_the_aggregation_key_is_the_id_then_monitor_and_scope() -> None:
    assert read(datadog(alert_cycle_key="$ALERT_CYCLE_KEY"))[0].alert_id == "9bd4ac313a4d1e8fae2482df7b77628"
    bare = datadog(alert_cycle_key="", aggreg_key="null")
    assert read(bare)[0].alert_id == "221164084/host:ip-012345"


def test_the_default_payload_is_known_by_its_title() -> None:
    [alert] = read(datadog_default())
    assert alert.title == "Host is down"
    assert alert.alert_id == "title/Host is down/{host:ip-012345}"
    assert alert.cause == "%%%\nLoad is high.\n%%%"


def test_a_long_title_is_one_trouble_whatever_stands_before_it() -> None:
    """`No Data` is shorter than `Recovered`: a title must not be cut before its transition is taken off."""
    begun = {"title": "[No Data on {host:db1}] " + "Disk " * 60, "body": "x"}
    ended = {"title": "[Recovered on {host:db1}] " + "Disk " * 60, "body": "x"}
    assert read(begun)[0].alert_id == read(ended)[0].alert_id


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (datadog("Exploded"), "must be Triggered"),
        ({"title": "Host is down"}, "docs/inbound/datadog.md"),
        ({"alert_transition": "$ALERT_TRANSITION"}, "docs/inbound/datadog.md"),
        (b"payload=%7B%22a%22%3A1%7D", "Encode as form"),
    ],
)
def test_what_cannot_be_read_is_refused_with_advice(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(body)
