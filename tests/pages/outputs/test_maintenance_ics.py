"""Planned work in everybody's calendar: RFC 5545's rules, and what changes when the plan does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import icalendar
import msgspec

from tests.pages.outputs.feeds import ROOT, hostile
from tests.status_pages import samples
from tocsin.pages.outputs import maintenance_ics
from tocsin.status_pages.model.views import PageView


def events(view: PageView) -> list[Any]:
    text = maintenance_ics.draw(view, ROOT)
    assert text.startswith(b"BEGIN:VCALENDAR\r\n")
    assert text.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in text.split(b"\r\n"))
    calendar = icalendar.Calendar.from_ical(text)
    assert calendar["VERSION"] == "2.0"
    assert calendar["PRODID"]
    return list(calendar.walk("VEVENT"))


def test_each_maintenance_is_an_event_in_the_order_of_time() -> None:
    found = events(samples.shop())
    assert [str(event["SUMMARY"]) for event in found] == [
        "Renewal of certificates", "Network work in Frankfurt", "Database moves to new machines",
    ]  # fmt: skip
    planned = found[-1]
    assert planned["DTSTART"].dt == samples.NOW + 3 * samples.DAY
    assert planned["DTEND"].dt - planned["DTSTART"].dt == timedelta(hours=2)
    assert (planned["STATUS"], planned["TRANSP"]) == ("CONFIRMED", "TRANSPARENT")
    assert planned["URL"] == f"{ROOT}/maintenance/80"
    assert "Affected: API, Website" in planned["DESCRIPTION"]
    assert len({event["UID"] for event in found}) == 3


def test_a_change_keeps_the_uid_and_counts_up() -> None:
    before = samples.planned()
    after = msgspec.structs.replace(
        before, starts_at=before.starts_at + samples.DAY, ends_at=before.starts_at + 2 * samples.DAY,
        updated_at=before.updated_at + samples.MINUTE,
    )  # fmt: skip
    (old,), (new,) = events(samples.page(maintenance=(before,))), events(samples.page(maintenance=(after,)))
    assert new["UID"] == old["UID"]
    assert new["SEQUENCE"] > old["SEQUENCE"]
    assert new["DTSTAMP"].dt > old["DTSTAMP"].dt


def test_what_people_wrote_adds_no_line_of_its_own() -> None:
    view = hostile()
    planned = msgspec.structs.replace(view.maintenance[0], title="Work\r\nBEGIN:VALARM\r\nATTACH:x")
    (event,) = events(msgspec.structs.replace(view, maintenance=(planned,)))
    assert not event.subcomponents
    assert "ATTACH" not in event
    assert events(samples.page()) == []
