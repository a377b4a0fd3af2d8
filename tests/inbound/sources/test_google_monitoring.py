"""Google Cloud Monitoring's webhook."""

from __future__ import annotations

import pytest

from tests.inbound.sources.clouds import google
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable, google_monitoring


def read(body: object) -> list[Alert]:
    return google_monitoring.read(request(body), SourceSettings())


def test_an_incident() -> None:
    [alert] = read(google())
    assert alert.alert_id == "0.mtdi83m6w8ao"
    assert alert.title == "CPU of the shop"
    assert alert.cause.startswith("CPU utilization for shop VM Instance is above")
    assert alert.severity == "Critical"
    assert alert.url == "https://console.cloud.google.com/monitoring/alerting/incidents/0.mtdi83m6w8ao?project=shop"
    assert alert.facts["zone"] == "europe-west3-a"
    assert alert.facts["instance_name"] == "web1"
    assert alert.facts["tier"] == "web"
    assert alert.facts["documentation"] == "What to do: wiki.example.org/cpu"


def test_states_are_read_in_any_case() -> None:
    assert read(google("OPEN"))[0].action == "started"
    assert read(google("CLOSED"))[0].action == "resolved"
    assert read(google("acknowledged"))[0].action == "acknowledged"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"version": "1.2"}, "`incident` is missing"),
        (google("ajar"), "open or closed, not 'ajar'"),
        (google(incident_id=None), "`incident.incident_id` is missing"),
    ],
)
def test_what_cannot_be_read_is_refused(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(body)
