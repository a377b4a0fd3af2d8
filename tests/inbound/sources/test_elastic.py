"""Kibana's webhook connector and Watcher."""

from __future__ import annotations

import pytest

from tests.inbound.sources.monitoring import kibana, watcher
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable, elastic


def read(body: object) -> list[Alert]:
    return elastic.read(request(body), SourceSettings())


def test_an_alert_of_a_rule() -> None:
    [alert] = read(kibana())
    assert alert.alert_id == "6f9e3a50-1c1b-11ee-9b5d-5f1f3d1c2a77/db1"
    assert alert.title == "Disk usage"
    assert alert.cause == "disk.used is 97 on db1, threshold is 90"
    assert alert.severity == "critical"
    assert alert.url is not None
    assert alert.url.startswith("https://kibana.example.org/app/management/")
    assert alert.facts["tags"] == "disk,production"


@pytest.mark.parametrize("group", ["threshold met", "query matched", "metrics.threshold.fired", "default"])
def test_every_group_but_recovered_means_trouble(group: str) -> None:
    assert read(kibana(group))[0].action == "started"


def test_a_body_in_kibanas_own_names_is_read_as_well() -> None:
    [alert] = read(
        {
            "rule": {"id": "r1", "name": "Disk usage", "url": "https://kibana.example.org/r1"},
            "alert": {"id": "db1", "actionGroup": "recovered"},
            "context": {"reason": "97 percent"},
        }
    )
    assert (alert.action, alert.alert_id, alert.cause) == ("resolved", "r1/db1", "97 percent")


def test_a_watch_is_one_trouble() -> None:
    [alert] = read(watcher())
    assert (alert.alert_id, alert.title, alert.cause) == (
        "log_errors",
        "Errors in the log",
        "417 errors in five minutes",
    )
    assert read(watcher("acknowledged"))[0].action == "acknowledged"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (kibana(""), "`action_group`, filled by {{alert.actionGroup}}, is missing"),
        (kibana("{{alert.actionGroup}}"), "`action_group`, filled by"),
        (kibana(rule_id=""), "`rule_id`, filled by {{rule.id}}, is missing"),
    ],
)
def test_what_cannot_be_read_is_refused(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words.replace("{", r"\{")):
        read(body)
