"""Stories about being on call: who is told of a hand-off, who covers for whom, and calendars that come and go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import icalendar
import pytest

from tests.notify.channels.services import Hook
from tests.notify.channels.web_server import running
from tests.world import BASE_URL, World
from tocsin.notify.channels import webhook

ON_CALLS = "/v2/on-calls/default"
ALICE, BOB = "alice@example.com", "bob@example.com"


async def rotate(world: World, **attributes: Any) -> dict[str, Any]:
    """Alice and Bob take turns, a day each, by the clock in Prague; it is Monday, 2026-03-02, 12:00 UTC."""
    body = {"users": [ALICE, BOB], "rotation_interval": "day", "timezone": "Prague", "handoff_time": "09:00"}
    answer = await world.api("POST", f"{ON_CALLS}/layers", body | attributes)
    assert answer.status_code == 201, answer.text
    await world.settle()
    found: dict[str, Any] = answer.json()["data"]
    return found


async def sleep(world: World, **parts: float) -> None:
    """So much time passes in which nothing else is due: a jump is a thousand times faster than to live through it."""
    world.clock.wind(**parts)
    await world.settle()


async def on_call(world: World, date: str | None = None) -> list[str]:
    answer = await world.api("GET", ON_CALLS if date is None else f"{ON_CALLS}?date={date}")
    people = answer.json()["data"]["relationships"]["on_call_users"]["data"]
    return [person["meta"]["email"].partition("@")[0] for person in people]


@pytest.mark.slow
async def test_both_hear_of_a_hand_off_by_mail_and_other_systems_by_webhook(world: World) -> None:
    hook = {"url": "https://hooks.example.com/on-call", "trigger_type": "on_call_change"}
    await world.api("POST", "/v2/outgoing-webhooks", hook)
    await rotate(world)
    assert world.new_mails() == [("alice", "[Tocsin] You are on call: Primary schedule")]
    await sleep(world, hours=19, minutes=59)
    assert world.new_mails() == []
    await sleep(world, minutes=2)
    assert world.new_mails() == [
        ("alice", "[Tocsin] You are off call: Primary schedule"),
        ("bob", "[Tocsin] You are on call: Primary schedule"),
    ]
    text = world.mail_to(BOB)[-1].text
    assert "Alice Archer" in text
    assert "Wed 2026-03-04 08:00 UTC" in text, "until when"
    bodies = [request.body for request in world.net.site("hooks.example.com").requests]
    assert b'"message":"Bob Builder is on-call now."' in bodies[-1]
    assert b'"emails":["bob@example.com"],"calendar_id":1,"calendar_name":null,"primary_calendar":true' in bodies[-1]
    assert len(bodies) == 2


async def test_places_that_want_to_hear_of_hand_offs_do(world: World) -> None:
    async with running(Hook()) as hook:
        world.providers = {"webhook": webhook.Settings()}
        world.crash()
        for name, wanted in (("Ops room", True), ("Alerts", False)):
            place = {"kind": "webhook", "name": name, "settings": {"url": f"{hook.url}/{name[:3]}"}}
            made = await world.api("POST", "/v2/notification-targets", place | {"on_call_notifications": wanted})
            assert made.status_code == 201, made.text
        await rotate(world)
        assert [body["data"]["headline"] for body in hook.bodies] == ["Alice Archer is on-call now."]
        await world.close()


@pytest.mark.slow
async def test_those_who_come_next_are_told_beforehand_once_and_nobody_at_all_if_so_chosen(world: World) -> None:
    await world.api("PATCH", ON_CALLS, {"handoff_notice_minutes": 90, "handoff_notices": False})
    await rotate(world)
    await sleep(world, hours=18, minutes=29)
    assert world.new_mails() == []
    await sleep(world, minutes=2)
    assert world.new_mails() == [("bob", "[Tocsin] You go on call in 89 minutes: Primary schedule")]
    world.crash()
    await sleep(world, hours=2)
    assert world.new_mails() == []
    assert await on_call(world) == ["bob"]


@pytest.mark.slow
async def test_in_the_night_of_the_change_the_right_person_is_paged_to_the_second(world: World) -> None:
    await rotate(world, timezone="Europe/Berlin", handoff_time="02:30", starts_at="2026-03-27T12:00:00Z")
    world.clock.set(datetime(2026, 3, 29, 0, 59, 57, tzinfo=UTC))  # 01:59:57, before 02:00 becomes 03:00
    await world.settle()
    world.new_mails()
    paged = []
    for name in ("before", "after"):
        answer = await world.api("POST", "/v3/incidents", {"name": name, "summary": name, "team_wait": 600})
        assert answer.status_code == 201, answer.text
        await world.fast_forward(seconds=4)
        paged += [(who, name) for who, subject in world.new_mails() if "Incident" in subject]
    assert paged == [("bob", "before"), ("alice", "after")]


@pytest.mark.slow
async def test_a_shift_is_covered_by_whoever_says_yes_first(world: World) -> None:
    await rotate(world)
    world.new_mails()
    asked = {"user_email": BOB, "starts_at": "2026-03-03T00:00:00Z", "ends_at": "2026-03-03T18:00:00Z",
             "message": "Dentist"}  # fmt: skip
    answer = await world.api("POST", f"{ON_CALLS}/cover-requests", asked)
    assert answer.status_code == 201, answer.text
    request = f"{ON_CALLS}/cover-requests/{answer.json()['data']['id']}"
    await world.settle()
    assert world.new_mails() == [("alice", "[Tocsin] Bob Builder asks for cover: Primary schedule")]
    assert "Dentist" in world.mail_to(ALICE)[-1].text
    own = await world.api("POST", f"{request}/accept", {"user_email": BOB})
    assert own.status_code == 422
    done = await world.api("POST", f"{request}/accept", {"user_email": ALICE})
    assert done.json()["data"]["attributes"]["state"] == "accepted"
    await world.settle()
    assert [who for who, _ in world.new_mails()] == ["alice", "bob"]
    days = [await on_call(world, f"2026-03-03T{hour}:00:00Z") for hour in ("07", "09", "17", "18")]
    assert days == [["alice"], ["alice"], ["alice"], ["bob"]]
    (event,) = (await world.api("GET", f"{ON_CALLS}/events")).json()["events"]
    assert (event["override"], event["starts_at"]) == (True, "2026-03-03T08:00:00Z"), "only what was Bob's"
    again = await world.api("POST", f"{request}/cancel", {"user_email": BOB})
    assert again.status_code == 409
    assert again.json() == {"errors": "This request was already accepted."}


@pytest.mark.slow
async def test_two_people_swap_their_shifts_or_one_says_no(world: World) -> None:
    await rotate(world)
    swap = {
        "user_email": ALICE, "asked_user_email": BOB, "starts_at": "2026-03-04T08:00:00Z",
        "ends_at": "2026-03-05T08:00:00Z", "swap_starts_at": "2026-03-05T08:00:00Z",
        "swap_ends_at": "2026-03-06T08:00:00Z",
    }  # fmt: skip
    wrong = await world.api("POST", f"{ON_CALLS}/cover-requests", {**swap, "swap_ends_at": "2026-03-05T07:00:00Z"})
    assert list(wrong.json()["errors"]) == ["swap_ends_at"]
    first = (await world.api("POST", f"{ON_CALLS}/cover-requests", swap)).json()["data"]["id"]
    await world.settle()
    world.new_mails()
    await world.api("POST", f"{ON_CALLS}/cover-requests/{first}/decline", {"user_email": BOB})
    await world.settle()
    assert world.new_mails() == [("alice", "[Tocsin] Bob Builder cannot cover for you: Primary schedule")]
    second = (await world.api("POST", f"{ON_CALLS}/cover-requests", swap)).json()["data"]["id"]
    await world.api("POST", f"{ON_CALLS}/cover-requests/{second}/accept", {"user_email": BOB})
    assert await on_call(world, "2026-03-04T12:00:00Z") == ["bob"]
    assert await on_call(world, "2026-03-05T12:00:00Z") == ["alice"]
    states = (await world.api("GET", f"{ON_CALLS}/cover-requests?state=accepted")).json()["data"]
    assert [each["id"] for each in states] == [second]


@pytest.mark.slow
async def test_a_request_that_nobody_answers_ends_with_its_stretch(world: World) -> None:
    await rotate(world)
    asked = {"user_email": ALICE, "starts_at": "2026-03-02T12:00:00Z", "ends_at": "2026-03-02T13:00:00Z"}
    made = (await world.api("POST", f"{ON_CALLS}/cover-requests", asked)).json()["data"]
    await world.settle()
    world.new_mails()
    await sleep(world, hours=1, minutes=1)
    assert world.new_mails() == [("alice", "[Tocsin] Nobody has covered for you: Primary schedule")]
    shown = (await world.api("GET", f"{ON_CALLS}/cover-requests/{made['id']}")).json()["data"]["attributes"]
    assert shown["state"] == "expired"


CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Elsewhere//EN\r
X-WR-TIMEZONE:Europe/Prague\r
BEGIN:VEVENT\r
UID:1\r
DTSTART;TZID=Europe/Prague:20260302T090000\r
DTEND;TZID=Europe/Prague:20260303T090000\r
RRULE:FREQ=DAILY;INTERVAL=2\r
SUMMARY:On call\r
ATTENDEE;CN=Bob:mailto:BOB@example.com\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2\r
DTSTART;VALUE=DATE:20260303\r
DTEND;VALUE=DATE:20260304\r
SUMMARY:Alice Archer - Tier 1\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:3\r
DTSTART;VALUE=DATE:20260303\r
DTEND;VALUE=DATE:20260304\r
SUMMARY:Carnival\r
END:VEVENT\r
END:VCALENDAR\r
"""


@pytest.mark.slow
async def test_a_calendar_kept_elsewhere_says_who_is_on_call_and_outlives_its_server(world: World) -> None:
    site = world.net.site("calendar.example.com")
    site.up(CALENDAR)
    made = await world.api("POST", f"{ON_CALLS}/imports", {"url": "webcal://calendar.example.com/secret.ics"})
    address = f"{ON_CALLS}/imports/{made.json()['data']['id']}"
    await world.settle()
    shown = (await world.api("GET", address)).json()["data"]["attributes"]
    assert shown["url"] == "https://calendar.example.com/secret.ics"
    assert "Carnival" in shown["warning"]
    assert shown["events_count"] > 200
    assert await on_call(world) == ["bob"]
    assert await on_call(world, "2026-03-03T00:00:00%2B01:00") == ["bob", "alice"]
    assert await on_call(world, "2026-03-03T09:00:00%2B01:00") == ["alice"]
    assert await on_call(world, "2026-03-30T08:30:00%2B02:00") == [], "at nine also in summer"
    assert await on_call(world, "2026-03-30T09:00:00%2B02:00") == ["bob"]
    site.down(500)
    await sleep(world, minutes=16)
    failing = (await world.api("GET", address)).json()["data"]["attributes"]
    assert failing["warning"] == "The calendar could not be fetched: its server answered with status 500."
    assert failing["read_at"] == shown["read_at"]
    assert await on_call(world) == ["bob"], "the last good copy stays in force"
    site.up(b"<html>Sign in</html>")
    await sleep(world, minutes=6)
    assert "iCal" in (await world.api("GET", address)).json()["data"]["attributes"]["warning"]
    site.up(CALENDAR.replace(b"BOB@", b"alice@"))
    await sleep(world, minutes=11)
    assert await on_call(world) == ["alice"]
    assert (await world.api("GET", address)).json()["data"]["attributes"]["warning"].startswith("Some events")
    log = " ".join(await world.audit_log())
    assert "secret.ics" not in log
    assert (await world.api("DELETE", address)).status_code == 204
    assert await on_call(world) == []


@pytest.mark.slow
@pytest.mark.parametrize(("wanted", "title"), [
    ({"calendar_id": "default"}, "Alice Archer (Primary schedule)"),
    ({"user_email": ALICE}, "On call: Primary schedule"),
])  # fmt: skip
async def test_a_plan_is_read_by_calendar_programs_at_a_secret_address_until_it_is_revoked(
    world: World, wanted: dict[str, Any], title: str
) -> None:
    await rotate(world)
    made = (await world.api("POST", "/v2/on-call-feeds", wanted)).json()["data"]
    url = made["attributes"]["url"]
    assert url.startswith(f"{BASE_URL}/on-call/feeds/")
    answer = await world.feed(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert len(events) == (180 if "calendar_id" in wanted else 90)
    assert str(events[0]["SUMMARY"]) == title
    shifts = [each for each in events if "alice" in str(each["ATTENDEE"])]
    assert shifts[1]["DTSTART"].dt.isoformat() == "2026-03-04T08:00:00+00:00"
    assert (await world.feed(url.replace(".ics", "x.ics"))).status_code == 404
    assert (await world.api("DELETE", f"/v2/on-call-feeds/{made['id']}")).status_code == 204
    assert (await world.feed(url)).status_code == 404
