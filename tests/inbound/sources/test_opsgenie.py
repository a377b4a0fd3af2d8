"""Opsgenie's Alert API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.inbound.sources.pagers import opsgenie
from tests.inbound.sources.samples import request
from tocsin.inbound.model import Alert, Received, SourceSettings
from tocsin.inbound.sources import Unreadable, own_answer, sources
from tocsin.inbound.sources import opsgenie as source


def read(received: Received) -> list[Alert]:
    return source.read(received, SourceSettings())


def answer(received: Received) -> Any:
    return own_answer(sources()["opsgenie"], received, read(received))


def test_create() -> None:
    [alert] = read(request(opsgenie(), path="v2/alerts"))
    assert alert.alert_id == "Life is too short for no alias"
    assert alert.title == "An example alert message"
    assert alert.cause == "Every alert needs a description"
    assert alert.severity == "P1"
    assert alert.facts["key1"] == "value1"
    assert alert.facts["tags"] == "OverwriteQuietHours, Critical"
    assert alert.facts["entity"] == "An example entity"


def test_create_works_at_the_bare_address_too() -> None:
    assert read(request(opsgenie()))[0].action == "started"


@pytest.mark.parametrize("alias", ["disk-7", "srv01/mysql", "a b", "close"])
@pytest.mark.parametrize(("verb", "action"), [("close", "resolved"), ("acknowledge", "acknowledged")])
def test_close_and_acknowledge_by_alias(alias: str, verb: str, action: str) -> None:
    [alert] = read(request(b"", path=f"v2/alerts/{alias}/{verb}"))
    assert (alert.action, alert.alert_id) == (action, alias)


def test_who_did_it_is_told() -> None:
    [alert] = read(request({"user": "Alice", "note": "Disk replaced"}, path="v2/alerts/disk-7/close"))
    assert alert.cause == "Disk replaced"
    assert alert.facts["user"] == "Alice"


def test_delete_closes() -> None:
    [alert] = read(request(b"", path="v2/alerts/disk-7", method="DELETE"))
    assert (alert.action, alert.alert_id) == ("resolved", "disk-7")


@pytest.mark.parametrize("verb", ["notes", "tags", "snooze", "unacknowledge", "assign"])
def test_what_we_do_not_hold_is_taken_and_changes_nothing(verb: str) -> None:
    received = request({"note": "x"}, path=f"v2/alerts/disk-7/{verb}")
    assert read(received) == []
    assert answer(received)[0] == 202


def test_the_answer_is_opsgenies() -> None:
    status, told = answer(request(opsgenie(), path="v2/alerts"))
    assert status == 202
    assert told["result"] == "Request will be processed"
    assert UUID(told["requestId"])
    assert isinstance(told["took"], float)


def test_without_an_alias_an_alert_is_known_by_its_request() -> None:
    one = request(opsgenie(alias=None), path="v2/alerts")
    other = msgspec.structs.replace(one, at=one.at + timedelta(milliseconds=1))
    assert read(one)[0].alert_id == answer(one)[1]["requestId"]
    assert read(one)[0].alert_id != read(other)[0].alert_id


@pytest.mark.parametrize(
    ("received", "words"),
    [
        (request(opsgenie(message=""), path="v2/alerts"), "`message` is required"),
        (request({}, path="v2/teams"), "the path must be v2/alerts"),
        (request({}, path="v2/alerts/disk-7"), "close or acknowledge of an alert"),
        (request(b"{", path="v2/alerts/disk-7/close"), "not JSON"),
    ],
)
def test_what_cannot_be_done_is_refused(received: Received, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(received)
