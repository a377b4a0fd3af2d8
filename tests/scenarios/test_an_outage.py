"""The main job, told as stories: a site breaks, the right people hear of it, somebody takes it, it ends."""

from __future__ import annotations

import pytest

from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.storage import Tx

DOWN = "[Tocsin] Down: shop.example.com (Status 503)"


async def test_an_outage_from_alarm_to_recovery(world: World) -> None:
    monitor = await world.monitor("shop", recovery_period=60)
    await world.fast_forward(minutes=2)
    assert await world.status(monitor) == "up"
    assert world.new_mails() == []

    world.site("shop").down()
    await world.fast_forward(seconds=35)
    assert await world.status(monitor) == "down"
    assert world.new_mails() == [("alice", DOWN), ("bob", DOWN)]
    (incident,) = await world.incidents()
    assert incident["attributes"]["cause"] == "Status 503"
    assert incident["attributes"]["status"] == "Started"

    await world.answer(world.mail_to("bob@example.com")[0])
    assert (await world.incident(int(incident["id"])))["acknowledged_by"] == "Bob Builder"
    (told,) = world.new_mails()
    assert told[0] == "alice"
    assert "acknowledged" in told[1].lower()

    world.site("shop").up()
    await world.fast_forward(seconds=35)
    assert await world.status(monitor) == "validating"
    await world.fast_forward(seconds=90)
    assert await world.status(monitor) == "up"
    after = await world.incident(int(incident["id"]))
    assert (after["status"], after["resolved_by"]) == ("Resolved", None)
    resolved = world.new_mails()
    assert [to for to, _ in resolved] == ["alice", "bob"]
    await world.fast_forward(minutes=10)
    assert world.new_mails() == [], "nothing else happened"


@pytest.mark.slow
async def test_a_short_hiccup_wakes_nobody(world: World) -> None:
    monitor = await world.monitor("shop", confirmation_period=120)
    await world.fast_forward(minutes=1)
    world.site("shop").down()
    await world.fast_forward(seconds=70)
    (incident,) = await world.incidents()
    assert incident["attributes"]["status"] == "Unconfirmed"
    assert await world.status(monitor) == "up"
    world.site("shop").up()
    await world.fast_forward(minutes=5)
    assert world.new_mails() == []
    assert (await world.incident(int(incident["id"])))["status"] == "Resolved"
    sla = (await world.api("GET", f"/v2/monitors/{monitor}/sla")).json()["data"]["attributes"]
    assert (sla["availability"], sla["number_of_incidents"]) == (100, 0)


@pytest.mark.slow
async def test_an_outage_that_lasts_is_confirmed_and_then_paged(world: World) -> None:
    await world.monitor("shop", confirmation_period=120)
    await world.fast_forward(minutes=1)
    world.site("shop").down()
    await world.fast_forward(seconds=100)
    assert world.new_mails() == []
    await world.fast_forward(seconds=90)
    assert world.new_mails() == [("alice", DOWN), ("bob", DOWN)]


@pytest.mark.slow
async def test_the_rest_of_the_team_is_woken_when_the_first_does_not_answer(world: World) -> None:
    await world.on_call("alice")
    await world.monitor("shop", team_wait=300)
    await world.fast_forward(minutes=1)
    world.site("shop").down()
    await world.fast_forward(seconds=35)
    assert world.new_mails() == [("alice", DOWN)]
    await world.fast_forward(minutes=4)
    assert world.new_mails() == []
    await world.fast_forward(minutes=1, seconds=10)
    assert [to for to, _ in world.new_mails()] == ["bob"]
    await world.fast_forward(hours=1)
    assert world.new_mails() == []


@pytest.mark.slow
async def test_an_acknowledgement_stops_the_climb(world: World) -> None:
    await world.on_call("alice")
    incident = await world.outage("shop", team_wait=300)
    await world.answer(world.mail_to("alice@example.com")[0])
    await world.fast_forward(minutes=30)
    assert world.mail_to("bob@example.com") == []
    assert (await world.incident(incident))["status"] == "Acknowledged"


async def test_a_process_killed_in_the_middle_still_pages_the_right_person_on_time_once(world: World) -> None:
    await world.on_call("alice")
    await world.monitor("shop", team_wait=300)
    await world.fast_forward(minutes=1)
    world.site("shop").down()
    await world.fast_forward(seconds=35)
    assert world.new_mails() == [("alice", DOWN)]
    for _ in range(5):
        world.crash()
        await world.fast_forward(minutes=1)
    await world.fast_forward(seconds=30)
    assert [to for to, _ in world.new_mails()] == ["bob"]
    await world.fast_forward(minutes=10)
    assert world.new_mails() == []
    assert len(await world.incidents()) == 1


@pytest.mark.slow
async def test_a_page_that_came_due_while_the_process_was_dead_goes_out_at_once(world: World) -> None:
    await world.on_call("alice")
    await world.outage("shop", team_wait=300)
    world.new_mails()
    world.clock.wind(hours=2)
    world.crash()
    await world.fast_forward(seconds=5)
    assert [to for to, _ in world.new_mails()] == ["bob"]


@pytest.mark.slow
async def test_our_own_failure_is_nobodys_outage(world: World) -> None:
    monitor = await world.monitor("shop")
    await world.fast_forward(minutes=1)
    world.site("shop").unreachable_through_our_fault()
    await world.fast_forward(minutes=10)
    assert await world.status(monitor) == "up"
    assert await world.incidents() == []
    world.site("shop").up()
    await world.fast_forward(minutes=2)
    assert world.new_mails() == []
    sla = (await world.api("GET", f"/v2/monitors/{monitor}/sla")).json()["data"]["attributes"]
    assert sla["availability"] == 100


@pytest.mark.slow
async def test_a_mail_server_that_is_down_delays_a_page_and_loses_none(world: World) -> None:
    world.mailbox.answer_recipient = lambda address: "451 4.3.0 try later"
    incident = await world.outage("shop")
    await world.fast_forward(minutes=5)
    assert world.new_mails() == []
    world.mailbox.answer_recipient = lambda address: None
    await world.fast_forward(minutes=6)
    assert world.new_mails() == [("alice", DOWN), ("bob", DOWN)]
    timeline = (await world.api("GET", f"/v3/incidents/{incident}/timeline")).json()["data"]
    told = str([item["attributes"]["data"] for item in timeline])
    assert "451" in told
    assert "accepted" in told.lower()


@pytest.mark.slow
async def test_a_paused_monitor_pages_nobody_and_ends_its_incident(world: World) -> None:
    await world.on_call("alice")
    incident = await world.outage("shop", team_wait=300)
    (shown,) = await world.incidents()
    monitor = shown["relationships"]["monitor"]["data"]["id"]
    assert (await world.api("PATCH", f"/v2/monitors/{monitor}", {"paused": True})).status_code == 200
    await world.fast_forward(minutes=10)
    assert (await world.incident(incident))["status"] == "Resolved"
    assert not any("Down" in mail.subject for mail in world.mail_to("bob@example.com"))


@pytest.mark.slow
async def test_charlie_sees_nothing_of_it(world: World) -> None:
    incident = await world.outage("shop")
    for path in (f"/v3/incidents/{incident}", f"/v3/incidents/{incident}/timeline", "/v2/monitors/1"):
        assert (await world.api("GET", path, token="charlie")).status_code == 404
    for deed in ("acknowledge", "resolve", "reopen"):
        assert (await world.api("POST", f"/v3/incidents/{incident}/{deed}", token="charlie")).status_code == 404
    assert (await world.api("GET", "/v3/incidents", token="charlie")).json()["data"] == []
    assert (await world.incident(incident))["status"] == "Started"


@pytest.mark.slow
async def test_resolved_by_hand_while_still_broken_it_comes_back(world: World) -> None:
    incident = await world.outage("shop")
    await world.answer(world.mail_to("alice@example.com")[0], "resolve")
    assert (await world.incident(incident))["status"] == "Resolved"
    world.new_mails()
    await world.fast_forward(minutes=1)
    assert [subject for _, subject in world.new_mails()] == [DOWN, DOWN]
    assert len(await world.incidents()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("confirmation_period", [0, 60])
@pytest.mark.parametrize("acknowledged", [True, False])
async def test_a_new_outage_pages_although_a_reopened_incident_was_left_open(
    world: World, confirmation_period: int, acknowledged: bool
) -> None:
    monitor = await world.monitor("shop", confirmation_period=confirmation_period, recovery_period=0)
    await world.fast_forward(seconds=35)
    world.site("shop").down()
    await world.fast_forward(minutes=3)
    world.site("shop").up()
    await world.fast_forward(minutes=3)
    (incident,) = await world.incidents()
    assert incident["attributes"]["status"] == "Resolved"
    for deed in ["reopen", "acknowledge"][: 1 + acknowledged]:
        assert (await world.api("POST", f"/v3/incidents/{incident['id']}/{deed}")).status_code == 200
    await world.fast_forward(minutes=1)
    world.new_mails()

    world.site("shop").down()
    await world.fast_forward(minutes=3)
    again = DOWN.replace("Down", "Down again")
    assert world.new_mails() == [("alice", again), ("bob", again)]
    shown = await world.incident(int(incident["id"]))
    assert (shown["status"], shown["acknowledged_by"]) == ("Started", None)
    await world.fast_forward(minutes=10)
    assert world.new_mails() == [], "it is one outage, paged about once"

    world.site("shop").up()
    await world.fast_forward(minutes=4)
    assert await world.status(monitor) == "up"
    assert (await world.incident(int(incident["id"])))["status"] == "Resolved", "and the end ends it"


@pytest.mark.slow
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_reopened_incident_of_what_works_ends_by_itself_after_a_recovery_period(
    world: World, restarted: bool
) -> None:
    incident = await world.outage("shop", recovery_period=120)
    world.site("shop").up()
    await world.fast_forward(minutes=4)
    assert (await world.incident(incident))["status"] == "Resolved"
    assert (await world.api("POST", f"/v3/incidents/{incident}/reopen")).status_code == 200
    if restarted:
        world.crash()
    await world.fast_forward(seconds=60)
    assert (await world.incident(incident))["status"] == "Validating"
    world.new_mails()
    await world.fast_forward(minutes=4)
    shown = await world.incident(incident)
    assert (shown["status"], shown["resolved_by"]) == ("Resolved", None)
    assert [subject for _, subject in world.new_mails()] == [DOWN.replace("Down", "Resolved").partition(" (")[0]] * 2


@pytest.mark.slow
async def test_a_page_that_can_never_arrive_wakes_the_rest_of_the_team_at_once(world: World) -> None:
    await world.on_call("alice")
    world.mailbox.answer_recipient = lambda address: "550 5.1.1 no such user" if "alice" in address else None
    incident = await world.outage("shop", team_wait=3600)
    await world.fast_forward(seconds=30)
    assert world.new_mails() == [("bob", DOWN)]
    timeline = (await world.api("GET", f"/v3/incidents/{incident}/timeline")).json()["data"]
    assert "Next people alerted early" in [item["attributes"]["data"]["title"] for item in timeline]
    await world.fast_forward(hours=1, minutes=1)
    assert world.new_mails() == [], "nobody is paged twice for it"


@pytest.mark.slow
async def test_a_mail_server_that_refuses_us_by_policy_is_asked_again_until_it_is_mended(world: World) -> None:
    world.mailbox.answer_recipient = lambda address: "554 5.7.1 Relay access denied"
    await world.outage("shop")
    await world.fast_forward(minutes=5)
    assert world.new_mails() == []
    world.mailbox.answer_recipient = lambda address: None
    await world.fast_forward(minutes=6)
    assert world.new_mails() == [("alice", DOWN), ("bob", DOWN)]


@pytest.mark.slow
@pytest.mark.parametrize("team_wait", [None, 120])
async def test_whoever_joins_an_empty_team_during_an_outage_is_paged_within_a_minute(
    world: World, team_wait: int | None
) -> None:
    def found(tx: Tx) -> tuple[int, str]:
        team = accounts.ensure_team(tx, "Nobody yet")
        return team.id, accounts.create_token(tx, team_id=team.id, name="CI")

    team_id, world.tokens["empty"] = await world.database.write(found)
    answer = await world.api("POST", "/v3/incidents", {"name": "Fire", "team_wait": team_wait}, token="empty")
    path = f"/v3/incidents/{answer.json()['data']['id']}"
    await world.fast_forward(minutes=10)
    assert world.new_mails() == []
    timeline = (await world.api("GET", f"{path}/timeline", token="empty")).json()["data"]
    titles = [item["attributes"]["data"]["title"] for item in timeline]
    assert titles.count("Nobody to page") == 1, "it is said once, not each minute"

    def join(tx: Tx) -> None:
        user = accounts.create_user(tx, email="dora@example.com", name="Dora", password=None)
        accounts.join(tx, team_id, user.id)

    await world.database.write(join)
    await world.fast_forward(seconds=65)
    assert world.new_mails() == [("dora", "[Tocsin] Incident: Fire (Fire)")]
    await world.fast_forward(minutes=10)
    assert world.new_mails() == []


@pytest.mark.slow
async def test_a_mail_server_that_takes_nothing_shows_as_lag_and_one_dead_mailbox_does_not(world: World) -> None:
    world.mailbox.answer_recipient = lambda address: "451 4.3.0 try later"
    await world.outage("shop")
    await world.fast_forward(minutes=4)
    assert world.deliveries.lag_seconds > 200, "however punctually it is tried again"
    world.mailbox.answer_recipient = lambda address: "451 4.2.2 full" if address.startswith("bob") else None
    await world.fast_forward(minutes=6)
    assert world.deliveries.lag_seconds == 0, "Alice got hers: pages move"


@pytest.mark.slow
async def test_a_password_in_a_url_reaches_neither_mails_nor_incidents_nor_the_log(world: World) -> None:
    incident = await world.outage("shop", url="https://ann:hunter2@shop.example.com/")
    seen = str(await world.incident(incident))
    seen += (await world.api("GET", f"/v3/incidents/{incident}/timeline")).text
    seen += "".join(mail.html + mail.text + mail.subject for mail in world.mails())
    for table in ("audit_entries", "events", "deliveries"):
        rows = await world.database.read(lambda tx, t=table: tx.connection.exec_driver_sql(f"select * from {t}").all())
        seen += str(rows)
    assert "hunter2" not in seen
    assert "https://[hidden]@shop.example.com/" in seen
    shown = (await world.api("GET", "/v2/monitors/1")).json()["data"]["attributes"]["url"]
    assert shown == "https://ann:hunter2@shop.example.com/", "whoever manages the monitor gets back what was sent"


@pytest.mark.slow
async def test_who_answered_that_we_see_nothing_has_not_answered_the_outage_that_comes_to_light(world: World) -> None:
    await world.monitor("shop", recovery_period=60)
    await world.fast_forward(minutes=2)
    world.site("shop").unreachable_through_our_fault()
    await world.fast_forward(minutes=14)
    assert [name for name, _ in world.new_mails()] == ["alice", "bob"]
    await world.answer(world.mail_to("bob@example.com")[0])
    world.new_mails()
    world.site("shop").down()
    await world.fast_forward(seconds=100)
    again = DOWN.replace("Down", "Down again")
    assert world.new_mails() == [("alice", again), ("bob", again)]
    (incident,) = await world.incidents()
    assert incident["attributes"]["status"] == "Started"
    await world.fast_forward(minutes=2)
    assert again not in [subject for _, subject in world.new_mails()], "once"
