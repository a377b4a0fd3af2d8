"""Alertmanager's webhook."""

from __future__ import annotations

from typing import Any

import pytest

from tests.inbound.sources.monitoring import alertmanager
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable, prometheus
from tocsin.inbound.sources.payload import MAX_STARTED


def read(body: object) -> list[Alert]:
    return prometheus.read(request(body), SourceSettings())


def test_each_alert_of_a_group_is_read_by_itself() -> None:
    first, second = read(alertmanager())
    assert first.alert_id == "1a30ba71cca2921f"
    assert first.title == "ProbeFailure on https://a.example.org"
    assert first.cause == "Probe of https://a.example.org fails"
    assert first.severity == "critical"
    assert first.url is not None
    assert first.url.startswith("http://prometheus.example.org:9090/graph?")
    assert first.facts == {
        "alertname": "ProbeFailure",
        "job": "http_checks",
        "severity": "critical",
        "instance": "https://a.example.org",
        "runbook_url": "https://wiki.example.org/probe",
        "description": "https://a.example.org has been down for over 5m.",
        "summary": "Probe of https://a.example.org fails",
    }
    assert second.alert_id == "27f7f0a3b1c85d04"


def test_the_group_is_the_common_cause() -> None:
    assert {alert.group_key for alert in read(alertmanager())} == {
        '{}/{severity="critical"}:{alertname="ProbeFailure"}'
    }


def test_one_alert_may_end_while_its_group_still_fires() -> None:
    body = alertmanager()
    body["alerts"][1]["status"] = "resolved"
    assert [alert.action for alert in read(body)] == ["started", "resolved"]


def test_without_a_fingerprint_an_alert_is_its_labels() -> None:
    firing, resolved = alertmanager(), alertmanager("resolved")
    for body in (firing, resolved):
        for alert in body["alerts"]:
            del alert["fingerprint"]
    resolved["alerts"][0]["labels"] = dict(reversed(resolved["alerts"][0]["labels"].items()))
    assert [a.alert_id for a in read(firing)] == [a.alert_id for a in read(resolved)]
    assert len({a.alert_id for a in read(firing)}) == 2


def test_an_alert_without_annotations_is_told_by_its_name() -> None:
    body = alertmanager(commonAnnotations={})
    for alert in body["alerts"]:
        del alert["annotations"]
    assert read(body)[0].cause == "ProbeFailure on https://a.example.org"


def test_what_alertmanager_left_out_is_counted() -> None:
    assert read(alertmanager(truncatedAlerts=38))[0].facts["more_alerts"] == "38"


@pytest.mark.slow
def test_ten_thousand_alerts_in_one_message_are_a_thousand_and_a_count() -> None:
    body = alertmanager()
    body["alerts"] = [{**body["alerts"][0], "fingerprint": f"{number:016x}"} for number in range(10_000)]
    found = read(body)
    assert len(found) == MAX_STARTED
    assert found[0].facts["more_alerts"] == "9000"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"alerts": None}, "`alerts`, a list, is missing"),
        ({"alerts": {"0": {}}}, "`alerts`, a list, is missing"),
        ({"alerts": ["x", 7]}, "must hold objects"),
        ({"alerts": [{"status": "on fire"}]}, "firing or resolved, not 'on fire'"),
    ],
)
def test_what_is_not_alertmanagers_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(alertmanager(**changes))
