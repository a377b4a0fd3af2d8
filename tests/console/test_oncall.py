"""The rooms of being on call: every page draws, every deed is done as the person, and others' are not there."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.visitor import form_token
from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.console.rooms.oncall import calendar
from tocsin.kernel.clock import to_wire
from tocsin.storage import Tx

pytestmark = pytest.mark.slow

EVIL = '"><script>alert(1)</script>'
PAGES = (
    "", "?view=week", "?view=list", "?on=2026-03-29&zone=Europe/Prague", "/override", "/events", "/layers",
    "/layers/new", "/rotation", "/cover", "/calendars", "/settings",
)  # fmt: skip


async def default(world: World) -> int:
    """The team's own schedule."""
    return int((await world.api("GET", "/v2/on-calls/default")).json()["data"]["id"])


async def who_is_on_call(world: World, days: float) -> list[str]:
    at = to_wire(world.clock.now() + timedelta(days=days))
    answer = (await world.api("GET", f"/v2/on-calls/default?date={at}")).json()
    return [each["meta"]["email"] for each in answer["data"]["relationships"]["on_call_users"]["data"]]


def wall(world: World, days: float) -> str:
    return (world.clock.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


async def with_everything(world: World) -> int:
    """A schedule with one of each thing, all named as badly as can be."""
    id = await default(world)
    now = world.clock.now()
    layer = {"users": ["alice@example.com", "bob@example.com"], "name": EVIL, "timezone": "Europe/Prague",
             "restrictions": [{"days": ["mon", "tue"], "time_from": "09:00", "time_to": "17:00"}]}  # fmt: skip
    stretch = {"starts_at": to_wire(now + timedelta(days=1)), "ends_at": to_wire(now + timedelta(days=2))}
    for path, body in (
        (f"/v2/on-calls/{id}/layers", layer),
        (f"/v2/on-calls/{id}/events", {**stretch, "users": ["bob@example.com"], "override": True}),
        (f"/v2/on-calls/{id}/cover-requests", {**stretch, "user_email": "bob@example.com", "message": EVIL}),
        (f"/v2/on-calls/{id}/imports", {"url": "https://calendar.example.com/x.ics", "name": EVIL}),
        ("/v2/on-call-feeds", {"calendar_id": id}),
    ):
        answer = await world.api("POST", path, body)
        assert answer.status_code in (200, 201), answer.text
    assert (await world.api("PATCH", f"/v2/on-calls/{id}", {"name": EVIL})).status_code == 200
    await world.settle()
    return id


async def test_every_page_draws_empty_and_full_and_lets_nothing_foreign_in(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    for page in ("/on-call", "/on-call/new", *(f"/on-call/{id}{page}" for page in PAGES)):
        assert (await alice.get(page)).status_code == 200, page
    await with_everything(world)
    event = (await world.api("GET", f"/v2/on-calls/{id}/events")).json()["events"][0]["id"]
    layer = (await world.api("GET", f"/v2/on-calls/{id}/layers")).json()["data"][0]["id"]
    more = (f"/on-call/{id}/events/{event}", f"/on-call/{id}/layers/{layer}")
    for page in ("/on-call", *(f"/on-call/{id}{page}" for page in PAGES), *more):
        shown = await alice.get(page)
        assert shown.status_code == 200, page
        assert "<script>alert" not in shown.text, page
        assert "style=" not in shown.text, page


async def test_gaps_say_nobody_and_the_list_says_who_is_next(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    hours = {"users": ["bob@example.com"], "timezone": "UTC", "handoff_time": "00:00",
             "restrictions": [{"time_from": "20:00", "time_to": "22:00"}]}  # fmt: skip
    assert (await world.api("POST", f"/v2/on-calls/{id}/layers", hours)).status_code == 201
    shown = (await alice.get(f"/on-call/{id}?zone=UTC")).text
    assert re.search(r'class="bar c0"><title>Nobody: ', shown)
    assert ">nobody</text>" in shown
    assert "Bob Builder until 22:00, then nobody" in unescape(shown)
    every = (await alice.get("/on-call")).text
    assert "Nobody is on call in" in every
    assert "Put somebody on call for that time" in every


async def test_an_override_needs_no_javascript(world: World) -> None:
    await world.on_call("alice")
    alice, id = await world.sign_in("alice"), await default(world)
    form = await alice.get(f"/on-call/{id}/override?from={wall(world, 1)}&to={wall(world, 2)}&zone=UTC")
    assert f'value="{wall(world, 1)}"' in form.text
    sent: dict[str, Any] = {"users": "bob@example.com", "starts_at": wall(world, 1), "ends_at": wall(world, 2)}
    done = await alice.post(f"/on-call/{id}/override", **sent, zone="UTC")
    assert done.status_code == 303
    assert await who_is_on_call(world, 1.5) == ["bob@example.com"]
    assert await who_is_on_call(world, 2.5) == ["alice@example.com"]
    assert "Alice Archer created an on-call event" in (await world.audit_log())[-1]

    event = (await world.api("GET", f"/v2/on-calls/{id}/events")).json()["events"][-1]["id"]
    path = f"/on-call/{id}/events/{event}"
    assert 'value="bob@example.com" selected' in (await alice.get(f"{path}?zone=UTC")).text
    assert (await alice.post(path, **sent | {"ends_at": wall(world, 3)}, zone="UTC")).status_code == 303
    assert await who_is_on_call(world, 2.5) == ["bob@example.com"]
    assert (await alice.post(f"{path}/delete")).status_code == 303
    assert await who_is_on_call(world, 1.5) == ["alice@example.com"]


async def test_several_people_are_put_on_call_together(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    assert "multiple" in (await alice.get(f"/on-call/{id}/override?several=1")).text
    both = {"users": ["alice@example.com", "bob@example.com"], "starts_at": wall(world, 1), "ends_at": wall(world, 2)}
    assert (await alice.post(f"/on-call/{id}/override", **both, zone="UTC")).status_code == 303
    assert await who_is_on_call(world, 1.5) == ["alice@example.com", "bob@example.com"]


async def test_a_wrong_override_comes_back_with_what_was_typed(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    backwards = {"users": "bob@example.com", "starts_at": wall(world, 2), "ends_at": wall(world, 1)}
    answer = await alice.post(f"/on-call/{id}/override", **backwards, zone="UTC")
    assert answer.status_code == 422
    assert "Must be after starts_at" in answer.text
    assert 'value="bob@example.com" selected' in answer.text
    nothing = await alice.post(f"/on-call/{id}/override", users="", starts_at="soon", ends_at="", zone="UTC")
    assert nothing.status_code == 422
    assert "Choose who takes over" in nothing.text


async def test_a_layer_is_seen_before_it_is_saved(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    layer = {
        "users": ["alice@example.com", "bob@example.com"], "rotation_length": "1", "rotation_interval": "day",
        "handoff_time": "09:00", "timezone": "UTC", "windows": "0",
    }  # fmt: skip
    added = await alice.post(f"/on-call/{id}/layers/new", **layer, do="user-add")
    assert added.status_code == 200
    assert added.text.count('name="users"') == 3
    assert "Bob Builder: " in added.text, "the next weeks are drawn"
    assert (await world.api("GET", f"/v2/on-calls/{id}/layers")).json()["data"] == []
    turned = await alice.post(f"/on-call/{id}/layers/new", **layer, do="user-up-1")
    assert turned.text.index('value="bob@example.com" selected') < turned.text.index('"alice@example.com" selected')
    hours = await alice.post(f"/on-call/{id}/layers/new", **layer, do="window-add")
    assert 'name="w0-from"' in hours.text

    windows = {"windows": "1", "w0-days": ["sat", "sun"], "w0-from": "08:00", "w0-to": "20:00"}
    assert (await alice.post(f"/on-call/{id}/layers/new", **layer | windows, do="save")).status_code == 303
    (made,) = (await world.api("GET", f"/v2/on-calls/{id}/layers")).json()["data"]
    assert made["attributes"]["users"] == ["alice@example.com", "bob@example.com"]
    assert made["attributes"]["restrictions"] == [{"days": ["sat", "sun"], "time_from": "08:00", "time_to": "20:00"}]
    path = f"/on-call/{id}/layers/{made['id']}"
    assert (await alice.post(path, **layer, do="save")).status_code == 303
    (changed,) = (await world.api("GET", f"/v2/on-calls/{id}/layers")).json()["data"]
    assert changed["attributes"]["restrictions"] == []
    wrong = await alice.post(path, **layer | {"timezone": "Nowhere", "users": "carol@example.com"}, do="save")
    assert wrong.status_code == 422
    assert "Is not a time zone that we know" in wrong.text
    assert (await alice.post(f"{path}/move", to="up")).status_code == 303
    assert (await alice.post(f"{path}/delete")).status_code == 303
    assert (await world.api("GET", f"/v2/on-calls/{id}/layers")).json()["data"] == []


async def test_a_rotation_as_the_api_has_it(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    sent = {"users": ["alice@example.com", ""], "rotation_length": "1", "rotation_interval": "day", "zone": "UTC",
            "starts_at": wall(world, 1), "ends_at": wall(world, 8), "do": "save"}  # fmt: skip
    assert (await alice.post(f"/on-call/{id}/rotation", **sent)).status_code == 303
    assert await who_is_on_call(world, 3) == ["alice@example.com"]
    assert "alice@example.com, 1 × day" in (await alice.get(f"/on-call/{id}/layers")).text


async def test_cover_is_asked_for_and_given(world: World) -> None:
    await world.on_call("alice")
    alice, bob, id = await world.sign_in("alice"), await world.sign_in("bob"), await default(world)
    asked = {
        "starts_at": wall(world, 1),
        "ends_at": wall(world, 2),
        "asked_user_email": "bob@example.com",
        "zone": "UTC",
    }
    for _ in range(3):
        assert (await alice.post(f"/on-call/{id}/cover", **asked)).status_code == 303
    requests = (await world.api("GET", f"/v2/on-calls/{id}/cover-requests")).json()["data"]
    third, second, first = (f"/on-call/{id}/cover/{each['id']}" for each in requests)
    assert f"{first}/accept" in (await bob.get(f"/on-call/{id}/cover")).text
    mine = (await alice.get(f"/on-call/{id}/cover")).text
    assert f"{first}/cancel" in mine
    assert f"{first}/accept" not in mine
    assert (await bob.post(f"{first}/accept")).status_code == 303
    assert await who_is_on_call(world, 1.5) == ["bob@example.com"]
    assert "Bob Builder accepted a cover request" in (await world.audit_log())[-1]
    assert (await bob.post(f"{second}/decline")).status_code == 303
    assert (await alice.post(f"{third}/cancel")).status_code == 303
    assert (await alice.post(f"{third}/explode")).status_code == 404
    states = [
        each["attributes"]["state"]
        for each in (await world.api("GET", f"/v2/on-calls/{id}/cover-requests")).json()["data"]
    ]
    assert states == ["cancelled", "declined", "accepted"]
    wrong = await alice.post(f"/on-call/{id}/cover", **asked | {"ends_at": "never"})
    assert wrong.status_code == 422
    assert "Say when" in wrong.text


async def test_feeds_and_imports_are_opened_and_closed(world: World) -> None:
    alice, id = await world.sign_in("alice"), await default(world)
    there = f"/on-call/{id}/calendars"
    for of in ("me", "schedule"):
        assert (await alice.post(f"{there}/feeds", of=of)).status_code == 303
    feeds = (await world.api("GET", "/v2/on-call-feeds")).json()["data"]
    shown = (await alice.get(there)).text
    for feed in feeds:
        assert feed["attributes"]["url"] in shown
        assert (await alice.post(f"{there}/feeds/{feed['id']}/delete")).status_code == 303
    assert (await world.api("GET", "/v2/on-call-feeds")).json()["data"] == []
    assert (await alice.post(f"{there}/imports", url="ftp://x", name="", timezone="")).status_code == 422
    sent = {"url": "https://calendar.example.com/x.ics", "name": "Elsewhere", "timezone": ""}
    assert (await alice.post(f"{there}/imports", **sent)).status_code == 303
    (made,) = (await world.api("GET", f"/v2/on-calls/{id}/imports")).json()["data"]
    assert (await alice.post(f"{there}/imports/{made['id']}/delete")).status_code == 303


async def test_a_schedule_is_made_renamed_and_deleted(world: World) -> None:
    alice = await world.sign_in("alice")
    assert (await alice.post("/on-call/new", name=" ")).status_code == 422
    made = await alice.post("/on-call/new", name="Second line")
    id = int(made.headers["location"].split("/")[2])
    assert made.headers["location"] == f"/on-call/{id}/layers/new"
    empty = (await alice.get(f"/on-call/{id}/layers/new")).text
    assert "Choose who takes turns" in empty
    assert "blank" not in empty, "nothing is wrong before anything was chosen"
    settings = {"name": "Third line", "handoff_notices": "true", "handoff_notice_minutes": "60"}
    assert (await alice.post(f"/on-call/{id}/settings", **settings)).status_code == 303
    kept = (await world.api("GET", f"/v2/on-calls/{id}")).json()["data"]["attributes"]
    assert (kept["name"], kept["handoff_notices"], kept["handoff_notice_minutes"]) == ("Third line", True, 60)
    assert (
        await alice.post(f"/on-call/{id}/settings", **settings | {"handoff_notice_minutes": "0"})
    ).status_code == 422
    assert (await alice.post(f"/on-call/{id}/delete")).status_code == 303
    assert (await alice.get(f"/on-call/{id}")).status_code == 404


async def test_another_teams_schedule_is_not_there(world: World) -> None:
    id = await with_everything(world)
    charlie = await world.sign_in("charlie")
    assert EVIL not in unescape((await charlie.get("/on-call")).text)
    for page in PAGES:
        assert (await charlie.get(f"/on-call/{id}{page}")).status_code == 404, page
    stretch = {"users": "charlie@example.com", "starts_at": wall(world, 1), "ends_at": wall(world, 2)}
    assert (await charlie.post(f"/on-call/{id}/override", **stretch)).status_code == 404
    assert (await charlie.post(f"/on-call/{id}/calendars/feeds", of="schedule")).status_code in (404, 422)
    feed = (await world.api("GET", "/v2/on-call-feeds")).json()["data"][0]["id"]
    assert (await charlie.post(f"/on-call/{id}/calendars/feeds/{feed}/delete")).status_code == 404


async def test_whoever_may_not_has_no_button_and_is_refused(world: World) -> None:
    id = await with_everything(world)
    stretch = {"users": "bob@example.com", "starts_at": wall(world, 3), "ends_at": wall(world, 4), "zone": "UTC"}
    await world.database.write(make_bob, Role.MEMBER)
    bob = await world.sign_in("bob")
    assert f"/on-call/{id}/override" not in (await bob.get(f"/on-call/{id}")).text
    assert (await bob.post(f"/on-call/{id}/override", **stretch)).status_code == 403
    await world.database.write(make_bob, Role.RESPONDER)
    assert f"/on-call/{id}/override" in (await bob.get(f"/on-call/{id}")).text
    assert (await bob.post(f"/on-call/{id}/override", **stretch)).status_code == 303
    assert "/layers/new" not in (await bob.get(f"/on-call/{id}/layers")).text
    layer = {"users": "bob@example.com", "timezone": "UTC", "rotation_length": "1", "rotation_interval": "week"}
    assert (await bob.post(f"/on-call/{id}/layers/new", **layer, do="save")).status_code == 403
    assert "/on-call/new" not in (await bob.get("/on-call")).text
    assert (await bob.post("/on-call/new", name="Mine")).status_code == 403


def make_bob(tx: Tx, role: Role) -> None:
    user = accounts.user_by_email(tx, "bob@example.com")
    assert user is not None
    accounts.change_role(tx, user.id, role.id, (accounts.ensure_team(tx, "Ops").id,))


async def test_no_form_works_without_its_token(world: World) -> None:
    id = await default(world)
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    theirs = form_token(await bob.get("/on-call"))
    posts = [
        "/settings", "/delete", "/override", "/events/1", "/events/1/delete", "/layers/new", "/layers/1",
        "/layers/1/delete", "/layers/1/move", "/rotation", "/cover", "/cover/1/accept", "/calendars/feeds",
        "/calendars/feeds/1/delete", "/calendars/imports", "/calendars/imports/1/delete",
    ]  # fmt: skip
    for path in ("/on-call/new", *(f"/on-call/{id}{each}" for each in posts)):
        for csrf in ("", theirs):
            assert (await alice.post(path, csrf=csrf, name="X")).status_code == 403, path


def test_weeks_are_laid_out_right_when_the_clocks_change() -> None:
    prague = ZoneInfo("Europe/Prague")
    ada = {"id": "1", "email": "ada@example.com", "first_name": "Ada", "last_name": "L"}
    people = calendar.people_of([ada], [])
    second = calendar.people_of([ada, {**ada, "email": "amy@example.com", "first_name": "Amy"}], [])
    assert [person.initials for person in second.values()] == ["AL", "AL2"]
    begins, ends = (calendar.midnight(date(2026, 3, day), prague) for day in (23, 30))
    assert ends - begins == timedelta(days=7) - timedelta(hours=1)
    handed_over = calendar.read("2026-03-29T12:00", prague)
    assert handed_over is not None
    plan = calendar.stretches(
        [
            {"starts_at": to_wire(begins), "ends_at": to_wire(handed_over), "users": ["ada@example.com"]},
            {"starts_at": to_wire(handed_over), "ends_at": to_wire(ends), "users": []},
        ],
        people,
    )
    days, bars = calendar.week(date(2026, 3, 23), plan, prague, begins)
    assert [day.clock_changes for day in days] == [""] * 6 + ["forward"]
    assert (bars[6].height, bars[7].y) == (12 * calendar.HOUR_PIXELS, 12 * calendar.HOUR_PIXELS), "noon is at noon"
    row = calendar.week_row(date(2026, 3, 23), plan, prague, begins)
    assert [(bar.x, bar.words) for bar in row.bars] == [(0, "Ada L"), (round(650 / 7, 3), "nobody")]
    afterwards = calendar.week_row(date(2026, 3, 23), plan, prague, handed_over)
    assert [bar.over for bar in afterwards.bars] == [True, False], "what is over calls for nothing"
    assert calendar.month_window(date(2026, 2, 1)) == (date(2026, 1, 26), date(2026, 3, 2))
    assert calendar.month_window(date(2027, 2, 1)) == (date(2027, 2, 1), date(2027, 3, 1))
    assert calendar.read("2026-03-29T02:30", prague) is not None
    assert calendar.read("tomorrow", prague) is None
