"""New Relic's workflows and notification channels."""

from __future__ import annotations

import pytest

from tests.inbound.sources.monitoring import new_relic, new_relic_channel
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources import new_relic as source

ALERTS_ALONE = SourceSettings()
WARNINGS_TOO = SourceSettings(alerting_rule="alert_and_warn")


def read(body: object, settings: SourceSettings = ALERTS_ALONE) -> list[Alert]:
    return source.read(request(body), settings)


def test_an_issue_of_a_workflow() -> None:
    [alert] = read(new_relic())
    assert alert.alert_id == "c5faa7e6-7b54-402d-af79-f99601e0278c"
    assert alert.title == "shop query result is > 1.0 for 1 minutes on 'Server low on storage'"
    assert alert.severity == "CRITICAL"
    assert alert.url == "https://radar-api.service.newrelic.com/accounts/1/issues/c5faa7e6?notifier=WEBHOOK"
    assert alert.facts == {
        "condition": "Server low on storage",
        "policy": "Golden Signals",
        "entities": "shop",
        "incidents": "1",
        "workflow": "page the team",
    }


def test_an_incident_of_a_notification_channel() -> None:
    [alert] = read(new_relic_channel())
    assert alert.alert_id == "1234"
    assert alert.title == "Server down"
    assert alert.cause == "Server down on db1"
    assert alert.facts["entities"] == "db1"


@pytest.mark.parametrize(
    ("state", "action"),
    [("CREATED", "started"), ("ACTIVATED", "started"), ("CLOSED", "resolved"), ("DEACTIVATED", "resolved")],
)
def test_what_a_state_means(state: str, action: str) -> None:
    assert [alert.action for alert in read(new_relic(state))] == [action]


def test_an_issue_that_somebody_has_taken_on_is_acknowledged() -> None:
    assert read(new_relic("ACTIVATED", "ISSUE_ACKNOWLEDGED"))[0].action == "acknowledged"
    assert read(new_relic("ACTIVATED", "ISSUE_UNACKNOWLEDGED", owner="Alice"))[0].action == "started"
    assert read(new_relic("ACTIVATED", "USER_ACTION", owner="Alice"))[0].action == "acknowledged"


def test_an_act_of_nobody_known_is_no_acknowledgement() -> None:
    """Whatever else a person did: paging must not stop for it."""
    assert read(new_relic("ACTIVATED", "USER_ACTION"))[0].action == "started"
    assert read(new_relic("ACTIVATED", "USER_ACTION", owner="N/A"))[0].action == "started"


@pytest.mark.parametrize("priority", ["HIGH", "MEDIUM", "LOW"])
def test_a_warning_opens_only_when_asked_for(priority: str) -> None:
    assert read(new_relic(priority=priority)) == []
    assert len(read(new_relic(priority=priority), WARNINGS_TOO)) == 1
    assert read(new_relic("CLOSED", priority=priority))[0].action == "resolved"


def test_a_priority_that_we_do_not_know_opens() -> None:
    assert len(read(new_relic(priority="DISASTER"))) == 1
    assert len(read(new_relic(priority=None))) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (new_relic("EXPLODED"), "CREATED, ACTIVATED, ACKNOWLEDGED or CLOSED"),
        (new_relic(id=None), "`id`, the issue's, is missing"),
        (new_relic(id=["x"]), "`id`, the issue's, is missing"),
    ],
)
def test_what_cannot_be_read_is_refused(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(body)
