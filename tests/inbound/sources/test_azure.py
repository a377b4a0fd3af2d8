"""Azure Monitor's common alert schema."""

from __future__ import annotations

import pytest

from tests.inbound.sources.clouds import azure
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, SourceSettings
from tocsin.inbound.sources import Unreadable
from tocsin.inbound.sources import azure as source


def read(body: object) -> list[Alert]:
    return source.read(request(body), SourceSettings())


def test_a_metric_alert() -> None:
    [alert] = read(azure())
    assert alert.alert_id is not None
    assert alert.alert_id.endswith("/alerts/b9569717-bc32-442f-add5-83a997729330")
    assert alert.title == "CPU of web1"
    assert alert.cause == "Percentage CPU GreaterThan 25 (31.8)"
    assert alert.severity == "Sev1"
    assert alert.url is not None
    assert alert.url.startswith("https://portal.azure.com/#blade/")
    assert alert.url.endswith("%2Falerts%2Fb9569717-bc32-442f-add5-83a997729330")
    assert alert.facts["items"] == "web1"
    assert alert.facts["runbook"] == "https://wiki.example.org/cpu"


def test_a_description_is_the_cause_and_azures_own_link_the_link() -> None:
    link = "https://portal.azure.com/#view/Microsoft_Azure_Monitoring_Alerts/Issue"
    [alert] = read(azure(description="The shop is slow", investigationLink=link))
    assert alert.cause == "The shop is slow"
    assert alert.url == link


def test_without_an_alert_id_the_one_of_its_origin_is_taken() -> None:
    begun, ended = read(azure(alertId="")), read(azure("Resolved", alertId=""))
    assert begun[0].alert_id
    assert begun[0].alert_id == ended[0].alert_id


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"schemaId": "AzureMonitorMetricAlert", "data": {}}, "Enable the common alert schema"),
        (azure("Melted"), "Fired or Resolved, not 'melted'"),
        (azure(alertId=None, originAlertId=None), "`data.essentials.alertId` is missing"),
    ],
)
def test_what_cannot_be_read_is_refused_with_advice(body: object, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(body)
